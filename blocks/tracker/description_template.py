"""A request written in a ticket's description, for projects without fields for it.

A part of the request is named on a line, as in `Metrics: net_revenue, orders`, with its values behind the name or
below it: as lines, as bullets, as paragraphs, or under a heading. Tables have a part in each row, or in each column.
Everything else is free text, and so are quoted lines and text that is struck out. What looks like a part of the
request but can't be placed comes along as `Unplaced`, for the ticket to be asked about. The text is plain: see
`rich_text`. What people call a part is in `request_names`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as make_field
from typing import Literal

from blocks.tracker.request_lines import (
    Line,
    clean_line,
    drop_unticked,
    split_parts,
    strip_bullet,
    strip_marks,
)
from blocks.tracker.request_names import LISTS, find_near_field, is_remark
from blocks.tracker.request_names import NAMES as NAMES
from blocks.tracker.request_names import find_field as find_field
from blocks.tracker.request_tables import read_table
from blocks.tracker.rich_text.plain_text import remove_invisible, split_row

MOST_LINES, LONGEST, MOST_UNPLACED = 2_000, 2_000, 50
MOST_FREE, LONGEST_FREE = 200, 300  # lines of free text, and their signs, in which known names are looked for
_MAIL = re.compile(
    r"\s*-{2,}\s*(?:original message|forwarded message|ursprüngliche nachricht|weitergeleitete nachricht)\b",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s*(?:-{3,}|={3,}|_{3,}|\*{3,}|~{3,})\s*")
_CLOSING = re.compile(
    r"(?:(?:many |kind |best |warm )?"
    r"(?:thanks|thank you|thx|regards|cheers|wishes|best|hi|hello|dear|br|pls|please|danke)\b"
    r"|-- ?$|@)",
    re.IGNORECASE,
)
_END = re.compile(
    r"(?:(?:many|kind|best|warm|viele|liebe|beste|vielen) )?"
    r"(?:thanks|thank you|thx|regards|cheers|wishes|danke|dank|gruß|grüße|mfg)\b|--",
    re.IGNORECASE,
)
_BY = re.compile(
    r"(?:by|per|(?:split|sliced|grouped|broken down|cut) (?:by|on|per)|for each|pro|je"
    r"|(?:(?:aufgeschlüsselt|aufgeteilt|gegliedert|gruppiert) )?nach)[\s-]+(\S.{0,100})",
    re.IGNORECASE,
)
Reason = Literal["twice", "beside", "below", "unknown", "after", "field", "free"]


@dataclass(frozen=True)
class Unplaced:
    """Text of a description that was not read as a value, though it may be meant as one.

    field: the part that it may belong to, if any; name: how it is called there. reason: `twice`, the part has values
    already; `beside`, behind a value; `below`, after the values (free text, unless it is a known name); `unknown`,
    no part has that name; `after`, the same, but before the request or apart from it (free text, unless it is a
    known name);
    `field`, a field of the ticket says something else; `free`, free text, asked about if it is a list of known names.
    """

    field: str | None
    name: str
    text: str
    reason: Reason


@dataclass(frozen=True)
class Reading:
    """What a description says of a request. fields: part → values, one a line.

    free: the lines around them that are not read, but for remarks and what stands below a closing; none if no part is
    named.
    """

    fields: dict[str, str]
    unplaced: tuple[Unplaced, ...] = ()
    free: tuple[str, ...] = ()


def read_template(text: str) -> dict[str, str]:
    """The parts of a request that a description names, a value a line; the first naming of a part counts."""
    return read_request(text).fields


def read_request(text: str) -> Reading:
    """The parts of a request that a description names, and what of it could not be placed."""
    reader = _TemplateReader()
    lines = remove_invisible(text[: MOST_LINES * LONGEST]).split("\n")[:MOST_LINES]
    table: list[str] = []
    for line in list_own_lines(lines):
        if line.startswith("|"):
            table.append(line)
            continue
        reader.read_rows(table)
        table = []
        for part in split_parts(line):
            reader.read_line(Line.parse(part))
    reader.read_rows(table)
    unplaced = tuple(reader.list_unplaced())[:MOST_UNPLACED]  # which ends the last part, and its boxes
    fields = {name: "\n".join(values) for name, values in reader.found.items() if values}
    return Reading(fields, unplaced, tuple(reader.free[:MOST_FREE]) if fields else ())


def list_own_lines(lines: Sequence[str]) -> Iterator[str]:
    """The writer's own lines, without quoted ones and what stands below the head of an older mail."""
    for line in lines:
        if _MAIL.match(line):
            return
        cleaned = clean_line("" if _RULE.fullmatch(line) else line[:LONGEST])
        if not strip_bullet(cleaned).lstrip().startswith(">"):
            yield cleaned.strip() if cleaned.lstrip().startswith("|") else cleaned


def _is_rule(line: str) -> bool:
    """True for the line below a table's head."""
    return bool(re.fullmatch(r"\|?[\s:|-]*-{3,}[\s:|-]*", line))


def _is_short(text: str) -> bool:
    """True for what may be a list of names, and is no sentence."""
    return not _CLOSING.match(text) and all(len(each.split()) <= 4 for each in re.split("[,;]", text))


def _split_words(values: Sequence[str]) -> set[str]:
    parts = re.split(r"[,;\n]|\s(?:and|&)\s", "\n".join(values).casefold())
    return {" ".join(re.findall(r"\w+", part)) for part in parts} - {""}


@dataclass
class _OpenPart:
    """A part whose values may follow. named: how its name was written; values_as: how its first value was.

    ticked, unticked: values with a box before them; once one is ticked, the others are not meant.
    """

    field: str
    name: str
    values: list[str]
    named: Literal["heading", "colon", "bare"]
    bullet: bool
    values_as: Literal["bullets", "lines", "paragraphs"] | None = None
    after_gap: bool = False
    ticked: list[str] = make_field(default_factory=list)
    unticked: list[str] = make_field(default_factory=list)
    inside: _OpenPart | None = None  # the part that was open when this one was named

    @property
    def is_list(self) -> bool:
        return self.field in LISTS

    def can_be_name(self, line: Line) -> bool:
        """False for a value that is spelled like a part of a request, as a dimension called `source`."""
        if line.separated or line.heading:
            return True
        if line.ticked is not None and (self.ticked or self.unticked or not self.values):
            return False
        if self.named == "bare" and self.bullet == line.bullet:
            return True
        return self.values_as == "bullets" and not line.bullet


@dataclass
class _TemplateReader:
    """Collects the values of each part, line by line."""

    found: dict[str, list[str]] = make_field(default_factory=dict)
    free: list[str] = make_field(default_factory=list)
    _in_remarks: bool = False  # below a heading of remarks, or a closing
    _again: dict[str, list[str]] = make_field(default_factory=dict)
    _unplaced: list[Unplaced] = make_field(default_factory=list)
    _open: _OpenPart | None = None
    _closed: _OpenPart | None = None  # the last list, while free text below may be meant as its values
    _has_text_below: bool = False  # free text stands below that list
    _maybe: list[Unplaced] = make_field(default_factory=list)  # unknown names since the last part
    _in_other_section: bool = False
    _apart: bool = False  # an empty line or a heading stands between this line and the last part

    def read_rows(self, lines: Sequence[str]) -> None:
        """A whole table."""
        if not lines:
            return
        self._close()
        rules = [number for number, line in enumerate(lines) if _is_rule(line)]
        rows = [
            [strip_marks(strip_bullet(cell)) for cell in split_row(line)]
            for number, line in enumerate(lines)
            if number not in rules
        ]
        read = list(read_table(rows, has_rule=rules[:1] == [1]))
        used = {text for cell in read for text in (cell.name, cell.text)}
        for row in rows:
            if used.isdisjoint(row):
                self._keep_free(": ".join(filter(None, row)))
        for cell in read:
            if cell.field is None:
                self._unplaced.append(Unplaced(find_near_field(cell.name), cell.name, cell.text, "unknown"))
            elif cell.extra:
                self._unplaced.append(Unplaced(cell.field, cell.name, cell.text, "beside"))
            elif cell.text:
                self._add_cell(cell.field, cell.text)

    def read_line(self, line: Line) -> None:
        """A line outside of tables."""
        part = self._open
        if not line.text and not line.field and not line.heading:
            self._read_gap()
        elif line.field and (part is None or part.can_be_name(line)):
            self._start(line, line.field)
        elif line.heading:
            self._close()
            self._closed = None  # what is below another heading belongs there
            self._in_remarks = bool(line.text) and is_remark(line.text)
            self._in_other_section = self._apart = True
        elif part is not None:
            self._read_value(part, line)
        else:
            self._read_free_text(line)

    def list_unplaced(self) -> Iterator[Unplaced]:
        """What could not be placed, what may be free text last.

        A part that is named twice with the same values is no trouble.
        """
        self._close()
        for name, values in self._again.items():
            if _split_words(values) - _split_words(self.found.get(name, ())):
                yield Unplaced(name, name, ", ".join(values), "twice")
        yield from sorted((*self._unplaced, *self._maybe), key=lambda each: each.reason in ("below", "after"))

    def _find_values(self, name: str) -> list[str]:
        """Where the values of a part go; to the side if it has some already."""
        if self.found.get(name):
            return self._again.setdefault(name, [])
        return self.found.setdefault(name, [])

    def _add_cell(self, name: str, text: str) -> None:
        if name in LISTS or not self.found.get(name):
            self.found.setdefault(name, []).append(text)
        else:
            self._again.setdefault(name, []).append(text)

    def _start(self, line: Line, name: str) -> None:
        inside = self._open
        self._close()
        self._in_other_section = self._apart = self._in_remarks = False
        between = bool(self.found)
        self._unplaced += [
            replace(each, reason="unknown") if between and not each.field else each for each in self._maybe
        ]
        self._maybe = []
        named: Literal["heading", "colon", "bare"] = (
            "heading" if line.heading else "colon" if line.separated else "bare"
        )
        self._open = _OpenPart(name, line.text, self._find_values(name), named, line.bullet, inside=inside)
        if value := drop_unticked(line.value, single=not self._open.is_list):
            self._open.values.append(value)
            if not value.endswith(","):
                self._close()

    def _close(self) -> None:
        """End the open part. A name without values that stood in a list may have been one of its values."""
        part, self._open = self._open, None
        if part and part.ticked:
            part.values[:] = [
                each for each in part.values if each not in part.unticked or each in part.ticked
            ]
        self._closed = part if part and part.values and part.is_list else None
        self._has_text_below = False
        if part and part.inside and part.named == "bare" and not part.values:
            self._unplaced.append(Unplaced(part.inside.field, part.inside.name, part.name, "below"))

    def _read_gap(self) -> None:
        """An empty line ends a paragraph of values; it does not end a list, or what is below a heading."""
        part, self._apart = self._open, True
        if part and part.values_as == "lines" and part.named != "heading":
            self._close()
        elif part:
            part.after_gap = True

    def _read_value(self, part: _OpenPart, line: Line) -> None:
        if part.values and part.after_gap and not line.bullet and _END.match(line.text):
            self._close()
            self._closed = None
            self._read_free_text(line)
            return
        goes_on = part.named == "heading" or line.bullet or part.values_as == "paragraphs"
        if not goes_on and part.values_as == "bullets":
            self._unplaced.append(Unplaced(part.field, part.name, line.text, "below"))
            self._keep_free(line.text)
            if part.after_gap:  # free text; directly below a bullet it is a remark about it
                self._close()
                self._has_text_below = True
            return
        if part.named != "heading" and not line.bullet and part.after_gap and not _is_short(line.text):
            self._close()
            self._keep_free(line.text)
            return
        if line.ticked is not None:
            (part.ticked if line.ticked else part.unticked).append(line.text)
            if not line.ticked and not part.is_list:
                return
        part.values.append(line.text)
        shown: Literal["bullets", "lines", "paragraphs"] = "paragraphs" if part.after_gap else "lines"
        part.values_as = part.values_as or ("bullets" if line.bullet else shown)
        if not part.is_list and line.ticked is None:
            self._close()

    def _may_split(self) -> bool:
        return bool(self.found) and not self._in_remarks

    def _keep_free(self, text: str) -> None:
        if text and not self._in_remarks and len(text) <= LONGEST_FREE:
            self.free.append(text)

    def _read_free_text(self, line: Line) -> None:
        """Text that is no part of the request, unless it looks like one."""
        self._in_remarks = self._in_remarks or bool(_END.match(line.text))
        if not is_remark(line.name or line.text):
            self._keep_free(line.text)
        first, self._has_text_below = not self._has_text_below, True
        near = find_near_field(line.name) if line.value else None
        if near:
            self._unplaced.append(Unplaced(near, line.name, line.value, "unknown"))
        elif line.value and self._can_be_name(line):
            loose = self._apart or not self.found or _CLOSING.match(line.name)
            reason: Reason = "after" if loose else "unknown"
            self._maybe.append(Unplaced(None, line.name, line.value, reason))
        elif self._may_split() and (by := _BY.fullmatch(line.text)) and _is_short(line.text):
            self._maybe.append(Unplaced("dimensions", line.text, by[1], "after"))
        elif (part := self._closed) and (line.bullet or first or (not self._apart and _is_short(line.text))):
            self._unplaced.append(Unplaced(part.field, part.name, line.text, "below"))

    def _can_be_name(self, line: Line) -> bool:
        words = line.name.split()
        return not self._in_other_section and 0 < len(words) <= 3 and not is_remark(line.name)
