"""What DuckDB's errors say, without the values of rows: for whoever uses it, as warehouse or as a tool."""

from __future__ import annotations

from blocks.errors import mask_values

_ABOUT_DATA = ("Conversion", "Constraint", "Out of Range", "Invalid Input", "Data")
_STREAMED = (
    "Invalid Input Error: Attempting to execute an unsuccessful"  # what went wrong stands in the next line
)


def describe_duckdb_error(error: BaseException) -> str:
    """Its first line, which holds no SQL; where it is about data, without what is quoted and without digits."""
    lines = str(error).splitlines() or [type(error).__name__]
    answer = lines[0]
    if answer.startswith(_STREAMED) and len(lines) > 1:
        answer = lines[1].removeprefix("Error: ")
    kind, separator, _ = answer.partition(" Error: ")
    if separator and kind in _ABOUT_DATA:
        return "".join("…" if letter.isdigit() else letter for letter in mask_values(answer))
    return answer
