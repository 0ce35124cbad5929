"""A request written in a ticket's description, for projects without fields for it.

A part of the request is named on a line, as in `Metrics: net_revenue, orders`, with its values behind the name or
below it: as lines, as bullets, or under a heading. Tables have a part in each row, or one in each column. Everything
else is free text, and so are quoted lines and text that is struck out. The text is plain: see `rich_text`. To let
people call a part something else, add the name to `NAMES`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

NAMES: Mapping[str, tuple[str, ...]] = {
    "analysis": ("analysis", "analysis type", "type of analysis", "kind of analysis"),
    "metrics": ("metrics", "metric", "kpis", "kpi", "measures", "measure", "key figures"),
    "dimensions": (
        "dimensions",
        "dimension",
        "by",
        "slice by",
        "split by",
        "group by",
        "break down by",
        "broken down by",
        "breakdown",
        "breakdown by",
    ),
    "data_sources": ("data sources", "data source", "sources", "source", "source systems", "source system"),
    "deadline": ("deadline", "due", "due date", "due by", "needed by", "required by"),
    "requester": ("requester", "requestor", "requested by", "asked by"),
}
LISTS = ("metrics", "dimensions", "data_sources")  # the other parts have one value
MOST_LINES, LONGEST = 2_000, 2_000
_FIELDS = {name: field for field, names in NAMES.items() for name in names}
_FILLERS = {"required", "requested", "needed", "wanted", "the", "our", "my"}
_BULLET = re.compile(r"^\s*(?:(?:[-*+•◦▪–]|\d{1,2}[.)](?=\s+\D))\s+(?:\[[ xX]?\]\s+)?|\[[ xX]?\]\s+)")
_HEADING = re.compile(r"\s*#{1,6}\s+")
_SHORTCODE = re.compile(r"^(?::\w{1,40}:\s*)+")  # an emoji, as in :bar_chart:
_STRUCK = re.compile(r"~~[^~\n]{1,1000}~~")
_SEPARATOR = re.compile(r"((?:[^:|()]|\([^()]*\))*?)\s*(?:[:|]|\s[-–—=]\s)(.*)")


def read_template(text: str) -> dict[str, str]:
    """The parts of a request that a description names, a value a line; the first naming of a part counts."""
    reader = _TemplateReader()
    lines = [_clean(line[:LONGEST]) for line in text.split("\n")[:MOST_LINES]]
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.lstrip().startswith("|"):
            reader.read_row(_split_cells(line), has_rule=_is_rule(below))
        elif not line.startswith(">"):
            reader.read_line(_Line.parse(line))
    return {field: "\n".join(values) for field, values in reader.found.items() if values}


def find_field(name: str) -> str | None:
    """The part of a request that people call this, whatever stands around the words: numbers, stars, `(required)`."""
    without_brackets = re.sub(r"\([^()]*\)", " ", name.casefold())
    fields = {_find_words(each) for each in re.split(r"/|&|\band\b|\bor\b", without_brackets)}
    return fields.pop() if len(fields) == 1 else None


def _find_words(text: str) -> str | None:
    words = re.findall(r"[^\W_]+", text)
    while words and words[0].isdigit():
        words = words[1:]
    shorter = [word for word in words if word not in _FILLERS]
    return _FIELDS.get(" ".join(words)) or _FIELDS.get(" ".join(shorter))


def _clean(line: str) -> str:
    """A line without signs that nobody sees, and without what is struck out."""
    kept = (" " if unicodedata.category(sign) == "Zs" else sign for sign in line if not _is_invisible(sign))
    return _STRUCK.sub("", "".join(kept).replace("：", ":").replace("｜", "|"))


def _is_invisible(sign: str) -> bool:
    return unicodedata.category(sign) == "Cf" or sign == "\N{VARIATION SELECTOR-16}"


def _strip_marks(text: str) -> str:
    """A value without the signs of code, emphasis and tables around it."""
    return text.replace("`", "").strip(" \t*|")


def _split_cells(row: str) -> list[str]:
    return [_strip_marks(_BULLET.sub("", cell)) for cell in row.strip().strip("|").split("|")]


def _is_rule(line: str) -> bool:
    """True for the line below a table's head."""
    return bool(re.fullmatch(r"\s*\|?[\s:|-]*-{3,}[\s:|-]*", line))


@dataclass(frozen=True)
class _Line:
    """A line outside of tables. field: the part that it names; separated: by a colon from its value."""

    heading: bool
    bullet: bool
    text: str
    field: str | None
    separated: bool
    value: str

    @classmethod
    def parse(cls, line: str) -> _Line:
        bullet, heading = _BULLET.match(line), _HEADING.match(line)
        start = heading or bullet
        text = _SHORTCODE.sub("", line[start.end() :] if start else line.strip())
        found = _SEPARATOR.fullmatch(text)
        field = find_field(found[1]) if found else None
        if found and field:
            return cls(bool(heading), bool(bullet), text, field, True, _strip_marks(found[2]))
        return cls(bool(heading), bool(bullet), _strip_marks(text), find_field(text), False, "")


@dataclass
class _OpenPart:
    """A part whose values may follow. named: how its name was written; values_as: how its first value was."""

    values: list[str]
    is_list: bool
    named: Literal["heading", "colon", "bare"]
    bullet: bool
    values_as: Literal["bullets", "lines"] | None = None
    after_gap: bool = False

    def takes_as_name(self, line: _Line) -> bool:
        """False for a value that is spelled like a part of a request, as a dimension called `source`."""
        if line.separated or line.heading:
            return True
        if self.named == "bare" and self.bullet == line.bullet:
            return True
        return self.values_as == "bullets" and not line.bullet


class _TemplateReader:
    """Collects the values of each part, line by line."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self._open: _OpenPart | None = None
        self._columns: list[tuple[str, list[str]] | None] = []

    def read_row(self, cells: Sequence[str], has_rule: bool) -> None:
        """A row of a table: names of parts in its cells make it a head, one in front makes it a part."""
        self._open = None
        if _is_rule("|".join(cells)):
            return
        fields = [find_field(cell) for cell in cells]
        named = [field for field in fields if field]
        if len(named) == len([cell for cell in cells if cell]) and len(set(named)) >= (2 if has_rule else 3):
            self._columns = [(field, self._values_of(field)) if field else None for field in fields]
        elif self._columns:
            for column, cell in zip(self._columns, cells, strict=False):
                if column and cell and (column[0] in LISTS or not column[1]):
                    column[1].append(cell)
        elif (
            named and fields.index(named[0]) < 2
        ):  # after a number, or in front; what follows its value are remarks
            value = next(iter(cells[fields.index(named[0]) + 1 :]), "")
            self._values_of(named[0]).extend([value] if value else [])

    def read_line(self, line: _Line) -> None:
        """A line outside of tables."""
        self._columns = []
        part = self._open
        if not line.text:
            self._read_gap()
        elif line.field and (part is None or part.takes_as_name(line)):
            self._start(line, line.field)
        elif line.heading:
            self._open = None
        elif part is not None:
            self._read_value(part, line)

    def _values_of(self, field: str) -> list[str]:
        """Where the values of a part go; nowhere if it has some already."""
        return [] if self.found.get(field) else self.found.setdefault(field, [])

    def _start(self, line: _Line, field: str) -> None:
        values = self._values_of(field)
        named: Literal["heading", "colon", "bare"] = (
            "heading" if line.heading else "colon" if line.separated else "bare"
        )
        self._open = _OpenPart(values, field in LISTS, named, line.bullet)
        if line.value:
            values.append(line.value)
            if not line.value.endswith(","):
                self._open = None

    def _read_gap(self) -> None:
        """An empty line ends a paragraph of values; it does not end a list, or what is below a heading."""
        if self._open and self._open.values_as == "lines" and self._open.named != "heading":
            self._open = None
        elif self._open:
            self._open.after_gap = True

    def _read_value(self, part: _OpenPart, line: _Line) -> None:
        below_heading = part.named == "heading"
        if not line.bullet and not below_heading and (part.values_as == "bullets" or part.after_gap):
            if part.after_gap:  # free text; directly below a bullet it is a remark about it
                self._open = None
            return
        part.values.append(line.text)
        part.values_as = part.values_as or ("bullets" if line.bullet else "lines")
        if not part.is_list:
            self._open = None
