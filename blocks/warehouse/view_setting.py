"""One thing that an administrator put on a readers' view, and what is on all of them (view_settings.py)."""

from __future__ import annotations

from typing import NamedTuple


class ViewSetting(NamedTuple):
    """One thing on a view. column: empty for the whole view; name, value: as the vendor's SQL has them."""

    kind: str
    column: str = ""
    name: str = ""
    value: str = ""


Settings = dict[str, frozenset[ViewSetting]]
"""View → what is on it."""
