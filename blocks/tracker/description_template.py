"""A request written in a ticket's description, for projects without fields for it.

Each line names a part, as in `Metrics: net_revenue, orders`; it may be a bullet, bold, a table's row, or a heading
with its values below. Everything else is free text. The text is plain: whatever markup it had was read before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMES: Mapping[str, tuple[str, ...]] = {
    "analysis": ("analysis", "analysis type", "type of analysis"),
    "metrics": ("metrics", "metric", "required metrics"),
    "dimensions": ("dimensions", "dimension"),
    "data_sources": ("data sources", "data source", "sources", "source"),
    "deadline": ("deadline", "due", "due date", "needed by"),
    "requester": ("requester", "requested by"),
}
_FIELDS = {name: field for field, names in NAMES.items() for name in names}
_LEAD = re.compile(r"^[\s>•*|-]+|^#{1,6}\s+")
MOST_LINES, LONGEST = 2_000, 2_000


def read_template(text: str) -> dict[str, str]:
    """The parts of a request that a description names; the first of a name counts."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    free = False  # below a heading, any line is a value; below a name and a colon, bullets are
    for line in text.split("\n")[:MOST_LINES]:
        line, bullet, head = line[:LONGEST], line.lstrip()[:2] == "- ", line.lstrip()[:1] == "#"
        name, _, value = _split(line)
        if name in _FIELDS:
            fresh = _FIELDS[name] not in found
            current = found.setdefault(_FIELDS[name], []) if fresh else None
            free = head
            if value and current is not None:
                current.append(value)
                current = None
        elif head or (current and not line.strip()):
            current = None
        elif current is not None and (bullet or free) and _plain(line):
            current.append(_plain(line))
    return {field: "\n".join(values) for field, values in found.items() if values}


def _split(line: str) -> tuple[str, str, str]:
    """The name that a line starts with, as it is known here, and what comes after a colon or a cell's border."""
    name, sign, value = re.sub("[:|]", "\0", _LEAD.sub("", line.strip()), count=1).partition("\0")
    return re.sub(r"[\s_-]+", " ", _plain(name)).casefold(), sign, _plain(value)


def _plain(text: str) -> str:
    return _LEAD.sub("", text.strip()).replace("`", "").strip(" \t*|")
