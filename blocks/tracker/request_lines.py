"""A line of a request, taken apart: bullet, heading, the part that it names, the value behind the name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from blocks.tracker.request_names import NAMES, find_field

LONGEST_NAME = 120
_BULLET = re.compile(
    r"^\s*(?:"
    r"(?:[-*+•◦▪■●○‣∙·–—➤►✓✔→]|\(?\d{1,2}[.)](?=\s+\D)|\d{1,2}\s+[-–—](?=\s+[^\W\d])|\(?(?:[a-zA-Z]|[ivxIVX]{1,4})[.)]|[Qq]\d{1,2}[.:)])\s+"
    r"(?:\[[ xX]?\]\s+)?"
    r"|\[[ xX]?\]\s+|[☐☑☒✅•●▪]\s*)"
)
_BOX = re.compile(r"(?:\[([ xX]?)\](?!\()|([☐☑☒✅]))\s*")
_HEADING = re.compile(r"\s*#{1,6}(?:\s+|$)")
_STEP = re.compile(  # before a name, as in `Step 2: Metrics`
    r"(?:step|section|part|question|field|schritt|abschnitt|teil|frage|feld)\s*\d{0,2}\s*[:.)–—-]\s*(?=\w)",
    re.IGNORECASE,
)
_ALIGNED = re.compile(r"\s{2,}")
_SHORTCODE = re.compile(r"^(?::\w{1,40}:\s*)+")  # an emoji, as in :bar_chart:
_STRUCK = re.compile(r"~~[^~\n]{1,1000}~~|<(del|s|strike)>[^<\n]{0,1000}</\1>")
_SEPARATOR = re.compile(r"\s*(?:[:|=]+>?|\t|\s[-–—]+>?\s|->|→|\?+(?=\s|$))\s*")
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_UNDERLINED = re.compile(r"(?<![A-Za-z0-9])__|__(?![A-Za-z0-9])")  # not that within a name
_ADDRESS = re.compile(r"\s*\((?:https?|mailto):[^()\s]*\)")
_ADVICE = re.compile(
    r"(?<=\S)\s{2,}#\s.*$|(?<=:)\s+#\s.*$|(?<=\S)\s#\s(?:one of|one or more of|more of|a date)\b.*$"
)
_ANY_NAME = "|".join(
    sorted((re.escape(name) for names in NAMES.values() for name in names), key=len, reverse=True)
)
_INNER_NAME = re.compile(rf"(?<![\w/.-])(?:{_ANY_NAME})\s*:(?!//)", re.IGNORECASE)


def clean_line(line: str) -> str:
    """A line with plain signs, without what is struck out, and without advice behind a `#`."""
    plain = line.replace("：", ":").replace("｜", "|").replace("，", ",").replace("；", ";")
    return _ADVICE.sub("", _STRUCK.sub("", plain))


def strip_marks(text: str) -> str:
    """A value without the signs of code, emphasis, tables and links around it."""
    shown = _ADDRESS.sub("", text).replace("`", "")
    return _UNDERLINED.sub("", shown.replace("**", "")).strip(" \t*|")


def strip_bullet(text: str) -> str:
    """Text without the bullet, number or box before it."""
    return _BULLET.sub("", text)


def drop_unticked(text: str, single: bool) -> str:
    """A value with boxes in it, as `[ ] kpi [x] trend`, as what is ticked.

    Where no box is ticked, all of a list may be meant, but nothing of a part that has a single value.
    """
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return text
    ends = [*(box.start() for box in boxes[1:]), len(text)]
    items = [
        (_is_ticked(box), text[box.end() : end].strip(" ,;")) for box, end in zip(boxes, ends, strict=True)
    ]
    ticked = [item for is_ticked, item in items if is_ticked]
    chosen = ticked or ([] if single else [item for _, item in items])
    return ", ".join(each for each in (text[: boxes[0].start()].strip(" ,;"), *chosen) if each)


def _is_ticked(box: re.Match[str]) -> bool:
    return bool(box[1] and box[1].strip()) or box[2] in ("☑", "☒", "✅")


@dataclass(frozen=True)
class Line:
    """A line outside of tables. name: what stands before a separator; field: the part that it names, else the line.

    ticked: of the box before it; None without one.
    """

    heading: bool
    bullet: bool
    text: str
    field: str | None
    separated: bool = False
    name: str = ""
    value: str = ""
    ticked: bool | None = None

    @classmethod
    def parse(cls, line: str) -> Line:
        """Take a line apart."""
        bullet, heading = _BULLET.match(line), _HEADING.match(line)
        start = heading or bullet
        text = _SHORTCODE.sub("", line[start.end() :] if start else line).strip()
        if (step := _STEP.match(text)) and find_field(_SEPARATOR.split(text[step.end() :], 1)[0]):
            text = text[step.end() :]
        marks = (bool(heading), bool(bullet))
        box = _BOX.search(bullet[0]) if bullet and not heading else None
        ticked = _is_ticked(box) if box else None
        found = _SEPARATOR.search(_BRACKETED.sub(lambda each: "x" * len(each[0]), text[:LONGEST_NAME]))
        aligned = _ALIGNED.search(text[:LONGEST_NAME])
        if aligned and (not found or aligned.start() < found.start()) and find_field(text[: aligned.start()]):
            found = aligned
        if not found or not found.start():
            return cls(*marks, strip_marks(text), find_field(text), ticked=ticked)
        name, value = text[: found.start()], strip_marks(text[found.end() :])
        if field := find_field(name):
            return cls(*marks, strip_marks(text), field, True, name, value, ticked)
        whole = find_field(text) if not value else None
        return cls(*marks, strip_marks(text), whole, False, strip_marks(name), value, ticked)


def split_parts(line: str) -> Iterator[str]:
    """A line that names several parts, as `Metrics: orders; by: country`, as a line for each."""
    starts = [found.start() for found in _INNER_NAME.finditer(line)]
    first = Line.parse(line)
    cuts = [start for start in starts[1:] if first.field and first.separated]
    for start, end in zip([0, *cuts], [*cuts, len(line)], strict=True):
        yield line[start:end].rstrip(" ;,|.") if end < len(line) else line[start:end]
