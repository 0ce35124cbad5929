"""What a ticket says that was not read as a value: unknown parts, a part that is named twice, text beside a value.

Each becomes a gap, so that nothing is dropped in silence. Free text below a list, or apart from the request, is one
only if it is a known name; of all other free text, a line that lists known names, or is split by one, that the request
does not ask for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

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
_PARTS = "|".join(
    sorted((re.escape(name) for names in NAMES.values() for name in names), key=len, reverse=True)
)
_LABEL = re.compile(  # what stands before the names of a line
    rf"^.*[:;?=|\])]|^.*?(?:\s[-–—]\s|[—➜→]|->|=>|➡)|^\W*(?:{_PARTS})\b\W+", re.IGNORECASE
)
_SPLIT_BY = re.compile(r"\b(?:by|per|nach|je|pro|across)\s+(?=([\w.-]+(?:\s+[\w.-]+){0,3}))", re.IGNORECASE)
_GOES_ON = re.compile(
    r"\s*(?:$|[.,;:!?)/&]|(?:and|or|und|oder|plus|then|as well|please|bitte)\b)", re.IGNORECASE
)
_TIMES = frozenset(("day", "week", "month", "quarter", "year"))


def check_leftovers(form: Form, known: Mapping[str, Spellings], asked: Collection[str] = ()) -> None:
    """Note a gap for each text that was not read. known: part of a request → the names that it may have.

    asked: the names that the request has, so that free text may repeat them.
    """
    entries = form.fields.get("unplaced")
    listed_entries = [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    said = {*asked, *_TIMES}
    for entry in listed_entries:
        before = len(form.gaps)
        if entry.get("reason") != "free":
            _check_entry(form, entry, known)
        if len(form.gaps) > before:
            said |= {name for _, name in _find_names(str(entry.get("text", "")), known)}
    for entry in listed_entries:
        if entry.get("reason") == "free":
            _check_free_text(form, str(entry.get("text", "")), known, said)


def _check_free_text(form: Form, text: str, known: Mapping[str, Spellings], said: set[str]) -> None:
    names = [(part, name) for part, name in _find_names(text, known) if name not in said]
    if not names:
        return
    said |= {name for _, name in names}
    line = f"{_show(names[0][0])}: {', '.join(name for part, name in names if part == names[0][0])}"
    form.add_gap(
        "request",
        f"was read without {code(text)}. If it is meant, write {code(line)}; "
        f"remarks stand below a heading {code('Notes')}.",
    )


def _find_names(text: str, known: Mapping[str, Spellings]) -> Iterator[tuple[str, str]]:
    """The part and name of each known name of a line that lists them, or that is split by them."""
    bare = text.strip("()[]{} .\t")
    for words in dict.fromkeys((bare, _LABEL.sub("", bare))):
        found = [_find_part(word, known) for word in re.split(r"[,;/]", words) if word.strip()]
        if found and all(found):
            yield from (each for part in found for each in part)
            return
    for match in _SPLIT_BY.finditer(text):
        following = match[1].split()
        for count in range(len(following), 0, -1):
            names = known["dimensions"].find(" ".join(following[:count]).rstrip(".,;:!?"))
            end = match.start(1) + sum(map(len, following[:count])) + count - 1
            if names and _GOES_ON.match(text, end - (1 if text[end - 1 : end] in ".,;:!?" else 0)):
                yield from (("dimensions", name) for name in names)
                break


def _find_part(word: str, known: Mapping[str, Spellings]) -> list[tuple[str, str]]:
    return next(
        ([(part, name) for name in names] for part, each in known.items() if (names := each.find(word))), []
    )


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
