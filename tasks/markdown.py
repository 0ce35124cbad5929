"""Pieces of Markdown. Text from tickets, files and databases goes in through these functions only.

In a code span nothing is a heading, a link, a mention or the end of a table's cell, once it has no backtick,
pipe or line break: those become look-alikes, control and direction characters become blanks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from blocks.site.number_format import write_exact

LONGEST_CELL = 200
_HARMLESS = re.compile(r"(?!www\.)[\w .,;:%/()=+≤≥→·-]*")
_LOOK_ALIKES = str.maketrans({"`": "'", "|": "¦"})


class Markdown(str):
    """Text that is Markdown already; any other text in a table is quoted where it has to be."""

    __slots__ = ()


def line(text: object, limit: int) -> str:
    """A text as one clipped line without control, format (direction) or unassigned characters."""
    start = str(text)[: limit * 4]
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in start)
    words = " ".join(shown.split())
    return words if len(words) <= limit and len(start) == len(str(text)) else words[: limit - 1] + "…"


def count_of(number: int, noun: str) -> str:
    """A number with its noun, as in `1 ticket`, `1,200 rows`."""
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"


def code(text: object, limit: int = 80) -> Markdown:
    """Untrusted text, quoted so that it stays inside its quotes."""
    return Markdown(f"`{line(text, limit).translate(_LOOK_ALIKES) or '(empty)'}`")


def listed(names: Iterable[object], limit: int = 30) -> Markdown:
    """Names as code spans, the first ones of many."""
    names = tuple(names)
    more = f" and {len(names) - limit:,} more" if len(names) > limit else ""
    return Markdown((", ".join(code(name) for name in names[:limit]) or "none") + more)


def link(words: str, url: str) -> Markdown:
    """A link with words of ours to an address that can't end it early; other schemes are only quoted."""
    safe = quote(line(url, 2_000), safe="/:?&=#%+,;@~-._")
    return Markdown(f"[{words}](<{safe}>)") if re.match("(https?|file):", safe) else code(url, LONGEST_CELL)


def write_figure(value: float | None, form: str) -> Markdown | None:
    """A metric's figure in full, as its format has it, a whole number without decimals; None for none."""
    text = f"{value:,.0f}" if form == "number" and value == round(value or 0) else write_exact(value, form)
    return None if text is None else Markdown(text)


def bullets(lines: Iterable[str]) -> Markdown:
    """A list of lines that are Markdown already."""
    return Markdown("\n".join(f"- {each}" for each in lines))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Markdown:
    """A table; whole numbers get their thousands separated, None is an empty cell."""
    lines = [head, ["---"] * len(head), *([_cell(each) for each in row] for row in rows)]
    return Markdown("\n".join(f"| {' | '.join(each)} |" for each in lines))


def _cell(value: object) -> str:
    if isinstance(value, Markdown):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    words = "" if value is None else line(value, LONGEST_CELL)
    return words if _HARMLESS.fullmatch(words) and "//" not in words else code(words, LONGEST_CELL)
