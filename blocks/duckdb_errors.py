"""What DuckDB's errors say, without the values of rows: for whoever uses it, as warehouse or as a tool."""

from __future__ import annotations

import re

_ABOUT_DATA = r"\b(?:Conversion|Constraint|Out of Range|Invalid Input|Data) Error: "
_STREAMED = (
    "Invalid Input Error: Attempting to execute an unsuccessful"  # what went wrong stands in the next line
)
_MESSAGE = re.compile(
    rf"({_ABOUT_DATA})(?!CSV Error|Error when sniffing|Malformed JSON in|No magic bytes)"
    r"(.*?)(?=\n\s*LINE \d+:|\n\s*compiled code at|\Z)",
    re.DOTALL,
)
"""Kind and text of a message about data, but for those that say what is wrong with a file on many lines."""
_LINE_OF_FILE = re.compile(
    r"\n[ \t]*Original Line:.*?"
    r"(?=\n[ \t]*(?:Error when|Expected Number|Value with|Invalid unicode|Maximum line|Possible|Column |compiled code)"
    r"|\Z)",
    re.DOTALL,
)
_CONVERTED = re.compile(r"(Could not convert string )(?:\".*?\"|'.*?')(?= to )", re.DOTALL)
_QUOTED = re.compile(r"(?<!\w)['\"\[](?:.*['\"\]](?!\w)|.*)", re.DOTALL)


def hide_values(message: str) -> str:
    """A message of DuckDB's, or one around it, without what may be a value or a line of a file.

    Values are not escaped in it: all from the first quote to the last goes.
    """
    message = _CONVERTED.sub(r"\1'…'", _LINE_OF_FILE.sub("", message))
    return _MESSAGE.sub(lambda found: found[1] + _hide_text(found[2]), message)


def describe_duckdb_error(error: BaseException) -> str:
    """Its first line, which holds no SQL; where it is about data, without what is quoted and without digits."""
    text = str(error) or type(error).__name__
    if text.startswith(_STREAMED):
        text = text.partition("\n")[2].removeprefix("Error: ") or text
    line = hide_values(text).splitlines()[0]
    return _hide_digits(line) if re.match(_ABOUT_DATA, line) else line


def _hide_text(text: str) -> str:
    """The first line that is left without what is quoted: below stands the value that could not be parsed."""
    return _hide_digits(_QUOTED.sub("'…'", text).partition("\n")[0])


def _hide_digits(text: str) -> str:
    return "".join("…" if letter.isdigit() else letter for letter in text)
