"""A metric that is written with its split, all in one part: `net revenue by country and segment per month`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from blocks.records import GRAINS
from blocks.tracker.request_lines import strip_bullet, strip_marks
from tasks.fields import Form
from tasks.spellings import Spellings
from tasks.wishes import GRAIN_WORDS

_SPLIT = re.compile(
    r"\s+(?:(?:split|sliced|grouped|broken down|aufgeschlüsselt)\s+)?(by|nach|per|pro|je)\s+", re.IGNORECASE
)
_BETWEEN = re.compile(r"\s*,\s*|\s+(?:and|und|&)\s+", re.IGNORECASE)
_GRAINS = Spellings(GRAINS, GRAIN_WORDS)


class _Split(NamedTuple):
    """The metrics of a line as they are written, and what they are split by."""

    metrics: str
    dimensions: tuple[str, ...] = ()
    grain: str = ""


def place_splits(form: Form, metrics: Spellings, dimensions: Spellings) -> None:
    """Move what the metrics are split by to the parts that it belongs to.

    Only if all of its words are known, all lines say the same, and so do the other parts; else it stays where it is,
    and is asked about. `per` stands before times alone: orders per customer may be a ratio.
    """
    lines = list(_list_lines(form.fields.get("metrics")))
    read = [_read_line(each, metrics, dimensions) for each in lines]
    found = [each for each in read if each]
    splits = {(each.dimensions, each.grain) for each in found}
    if len(found) < len(lines) or len(splits) != 1:
        return
    ((names, grain),) = splits
    written = {
        name
        for each in _list_lines(form.fields.get("dimensions"))
        for word in each.split(",")
        for name in dimensions.find(word)
    }
    given = str(form.fields.get("grain") or "")
    if (names and form.fields.get("dimensions") and not written.issuperset(names)) or (
        grain and given and _GRAINS.find(given) != [grain]
    ):
        return
    form.fields["metrics"] = "\n".join(each.metrics for each in found)
    if names and not written:
        form.fields["dimensions"] = list(names)
    if grain:
        form.fields["grain"] = grain


def _list_lines(value: object) -> Iterator[str]:
    items = value if isinstance(value, list) else [value]
    for item in items:
        for each in re.split("[;\n]", item) if isinstance(item, str) else ():
            if text := strip_marks(strip_bullet(each)).strip(" ."):
                yield text


def _read_line(text: str, metrics: Spellings, dimensions: Spellings) -> _Split | None:
    """Read a line; None if a part of its split is not known. A metric's own name may have `by` in it."""
    head, *rest = _SPLIT.split(text)
    if metrics.find(text) or not rest:
        return _Split(text)
    if not all(map(metrics.find, metrics.split(head))):
        return None
    names, grains = list[str](), set[str]()
    for before, words in zip(rest[::2], rest[1::2], strict=True):
        for word in filter(None, _BETWEEN.split(words)):
            grain = _GRAINS.find(word)
            found = dimensions.find(word) if not grain and before.lower() in ("by", "nach") else []
            if not grain and not found:
                return None
            names += found
            grains.update(grain)
    if len(grains) > 1:
        return None
    return _Split(head, tuple(dict.fromkeys(names)), next(iter(grains), ""))
