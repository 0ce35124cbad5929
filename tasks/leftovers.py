"""What a ticket says that was not read as a value: unknown parts, a part that is named twice, text beside a value.

Each becomes a gap, so that nothing is dropped in silence. Free text below a list, or apart from the request, is one
only if it is a known name.
"""

from __future__ import annotations

from collections.abc import Mapping

from blocks.tracker.request_names import NAMES
from tasks.fields import Form
from tasks.markdown import code, listed
from tasks.spellings import Spellings

_REMEDY = {
    "twice": "is named twice; {text} was not read. Keep one of both.",
    "beside": "was read, but not {text} beside it. Write several values with commas, and remarks below the request.",
    "below": "was read without {text} below it. Write it into the list, or further away from it.",
    "field": "is {text} in the description, but another in the ticket's field. Make them the same, or remove one.",
}


def check_leftovers(form: Form, known: Mapping[str, Spellings]) -> None:
    """Note a gap for each text that was not read. known: part of a request → the names that it may have."""
    entries = form.fields.get("unplaced")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            _check_entry(form, entry, known)


def _check_entry(form: Form, entry: Mapping[str, object], known: Mapping[str, Spellings]) -> None:
    field, text, reason = entry.get("field"), str(entry.get("text", "")), entry.get("reason")
    if reason == "after":
        likely = [part for part, names in known.items() if _is_known(text, names)]
        if likely:
            name = code(entry.get("name", ""))
            form.add_gap(
                "request",
                f"has no part {name}; {code(text)} was not read. Did you mean {code(_show(likely[0]))}?",
            )
    elif reason == "unknown":
        name = code(entry.get("name", ""))
        hint = f"Did you mean {code(_show(field))}?" if field else f"Parts are: {listed(map(_show, NAMES))}."
        form.add_gap("request", f"has no part {name}; {code(text)} was not read. {hint}")
    elif reason != "below" or _is_known(text, known.get(str(field))):
        remedy = _REMEDY.get(str(reason), _REMEDY["beside"])
        form.add_gap(str(field), remedy.format(text=code(text)))


def _show(field: object) -> str:
    return str(field).replace("_", " ")


def _is_known(text: str, names: Spellings | None) -> bool:
    """True if any of a text's words is a known name."""
    return names is not None and any(names.find(word) for word in names.split(text.replace("\n", ",")))
