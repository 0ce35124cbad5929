"""The lines that an incomplete ticket is given to paste: what was understood, and blanks with what they may hold.

They are read back alike from a description and from a ticket's file: what stands behind a `#` is advice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from blocks.records import Analysis, Priority
from blocks.wishes import Wishes
from tasks.fields import Form
from tasks.request_shape import Names

MOST_LISTED = 12


def list_paste_lines(
    form: Form, found: Mapping[str, object], dimensions: Sequence[str], catalogue: Names
) -> tuple[str, ...]:
    """A line for each part of a request. found: part → what was understood of it."""
    advice = {
        "analysis": f"one of: {', '.join(Analysis)}",
        "metrics": _advise_names(catalogue.metric_names()),
        "dimensions": _advise_names(dimensions),
        "data_sources": _advise_names(catalogue.list_source_names()),
        "deadline": "a date, as 2026-07-31",
    }
    if not catalogue.list_source_names():
        del advice["data_sources"]
    rest = {"requester": "one of: your name", "priority": f"one of: {', '.join(Priority.__members__)}"}
    advice |= {field: words for field, words in rest.items() if field in form.gap_fields}
    shown = {**found, "data_sources": found.get("sources")}
    wishes = found.get("wishes")
    wished = wishes.list_lines() if isinstance(wishes, Wishes) else {}
    return (
        *(_show(field, shown.get(field), form, words) for field, words in advice.items()),
        *(f"{field}: {text}" for field, text in wished.items()),
    )


def _advise_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_LISTED:,} more" if len(names) > MOST_LISTED else ""
    return f"one or more of: {', '.join(names[:MOST_LISTED])}{more}"


def _show(field: str, value: object, form: Form, advice: str) -> str:
    text = ", ".join(value) if isinstance(value, tuple) else ""
    if isinstance(value, date | Analysis):
        text = str(value)
    if text and field not in form.gap_fields:
        return f"{field}: {text}"
    if text:
        advice = advice.replace("one or more of", "more of")
    return f"{field}: {text}  # {advice}"
