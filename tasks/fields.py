"""The checks of a ticket's fields, one by one; every gap is kept. It reads no tracker and writes nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from typing import Any, TypeVar

from tasks.markdown import code, line, listed

LONGEST_LIST = 50
Choice = TypeVar("Choice", bound=Enum)


class Form:
    """A ticket's fields under check. gaps: what is missing or wrong, as lines of Markdown."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields, self.gaps = fields, list[str]()

    def gap(self, field: str, text: str) -> None:
        """Note that something is missing or wrong."""
        self.gaps.append(f"**{field.replace('_', ' ')}** {text}")

    def text(self, field: str, remedy: str, limit: int = 200) -> str | None:
        """A line of text, or None and a gap; an empty remedy makes the field optional."""
        value = self.fields.get(field)
        if value is not None and not isinstance(value, str):
            self.gap(field, f"must be text, not a list or a table. {remedy}".rstrip())
        elif found := line(value or "", limit):
            return found
        elif remedy:
            self.gap(field, f"is missing. {remedy}")
        return None

    def choice(self, field: str, kind: type[Choice], default: Choice | None = None) -> Choice | None:
        """One of a few words; absent means the default, if there is one."""
        remedy = f"Write one of {listed(kind.__members__)}."
        found = self.text(field, "" if default else remedy)
        if found is None:
            return default
        if found.casefold() in kind.__members__:
            return kind[found.casefold()]
        self.gap(field, f"{code(found)} is not known{_like(found, kind.__members__)} {remedy}")
        return None

    def day(self, field: str) -> date | None:
        """A date as 2026-07-31."""
        remedy = "Write a date as `2026-07-31` (year, month, day)."
        found = self.text(field, remedy)
        try:
            if found and not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", found):
                raise ValueError  # noqa: TRY301
            return date.fromisoformat(found) if found else None
        except ValueError:
            self.gap(field, f"{code(found)} is not a date. {remedy}")
            return None

    def names(self, field: str, known: Sequence[str], optional: bool = False) -> tuple[str, ...]:
        """Known names, each once, from a list or from text with commas or lines."""
        words = self._words(field)
        if not words and words is not None and not optional:
            self.gap(field, f"is missing. Known: {listed(known)}.")
        spelled = {_spelled(name): name for name in known} | {name: name for name in known}
        chosen = {word: spelled.get(word) or spelled.get(_spelled(word)) for word in words or ()}
        unknown = [word for word, name in chosen.items() if name is None]
        for word in unknown:
            self.gap(field, f"{code(word)} is not known{_like(word, known)}")
        if unknown:
            self.gap(field, f"can be: {listed(known)}.")
        return tuple(dict.fromkeys(name for name in chosen.values() if name))

    def _words(self, field: str) -> list[str] | None:
        value = self.fields.get(field)
        items = re.split("[,;\n]", value) if isinstance(value, str) else value or []
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            self.gap(field, "must be names, as a list or with commas between them.")
            return None
        words = [word for item in items if (word := line(item, 100).lstrip("-*• ").strip())]
        if len(words) > LONGEST_LIST:
            self.gap(field, f"has {len(words):,} entries; write {LONGEST_LIST} at most.")
        return words[:LONGEST_LIST]


def _spelled(text: str) -> str:
    return re.sub(r"[\s-]+", "_", text.casefold())


def _like(text: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    by_spelling = {_spelled(name): name for name in known}
    found = difflib.get_close_matches(_spelled(text[:100]), by_spelling, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(code(by_spelling[each]) for each in found)}?" if found else "."
