"""How plain text shows what rich text had; the readers of all kinds of rich text agree on it."""

from __future__ import annotations

import re
from collections.abc import Sequence

BULLET, HEADING = "- ", "### "
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BLANKS = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000\u2800\u3164]")
_INVISIBLE = re.compile(  # formats and directions, soft hyphens, variation selectors, tags, control characters
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef]"
)


def remove_invisible(text: str) -> str:
    """Text without signs that nobody sees; each kind of blank is one blank, each kind of line end one line end."""
    return _INVISIBLE.sub("", _BLANKS.sub(" ", _BREAKS.sub("\n", text)))


def quote_lines(text: str) -> str:
    """The text as a quotation: each line after `> `."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def show_link(words: str, url: str) -> str:
    """A link's words with its address behind them, unless the words are the address."""
    if not re.match("(?:https?|mailto):", url, re.IGNORECASE):
        return words
    bare = re.sub("^mailto:", "", url, flags=re.IGNORECASE).rstrip("/")
    return (
        f"{words} ({url})"
        if words and words.strip().rstrip("/") not in (url.rstrip("/"), bare)
        else words or url
    )


def join_cell(lines: Sequence[str]) -> str:
    """The lines of a table's cell as one line: commas between them, no bullets or headings; no quoted lines."""
    words = (" ".join(line.strip().removeprefix(BULLET).removeprefix(HEADING).split()) for line in lines)
    own = (word for word in words if not word.startswith(">"))
    return ", ".join(text for word in own if (text := word.rstrip(",;").rstrip())).replace("|", "\\|")


def split_row(row: str) -> list[str]:
    """The cells of a table's row with pipes."""
    inner = re.sub(r"(?<!\\)\|$", "", row.strip().removeprefix("|"))
    return [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", inner)]


def write_table_row(cells: Sequence[str], head: bool = False) -> str:
    """A row of a table with pipes; a head has the line below it that Markdown asks for."""
    row = f"| {' | '.join(cells)} |"
    return f"{row}\n| {' | '.join('---' for _ in cells)} |" if head else row
