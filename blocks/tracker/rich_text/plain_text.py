"""How plain text shows what rich text had; the readers of all kinds of rich text agree on it."""

from __future__ import annotations

from collections.abc import Sequence

BULLET, HEADING = "- ", "### "


def quote_lines(text: str) -> str:
    """The text as a quotation: each line after `> `."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def join_cell(lines: Sequence[str]) -> str:
    """The lines of a table's cell as one line: commas between them, no bullets."""
    words = (" ".join(line.strip().removeprefix(BULLET).split()) for line in lines)
    return ", ".join(text for word in words if (text := word.rstrip(",;").rstrip()))


def table_row(cells: Sequence[str], head: bool = False) -> str:
    """A row of a table with pipes; a head has the line below it that Markdown asks for."""
    row = f"| {' | '.join(cells)} |"
    return f"{row}\n| {' | '.join('---' for _ in cells)} |" if head else row
