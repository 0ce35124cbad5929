"""The checks of a ticket's fields, one by one; every gap is kept. It reads no tracker and writes nothing."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from typing import TypeVar

from tasks.markdown import code, line, listed

LONGEST_LIST = 50
_AROUND = " \t\"'“”‘’«»"
Choice = TypeVar("Choice", bound=Enum)


class Form:
    """A ticket's fields under check. gaps: what is missing or wrong, as lines of Markdown."""

    def __init__(self, fields: Mapping[str, object]) -> None:
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
        self.gap(
            field,
            f"{code(found)} is not known{_like(found, {name: name for name in kind.__members__})} {remedy}",
        )
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

    def names(
        self,
        field: str,
        known: Sequence[str],
        labels: Mapping[str, str] | None = None,
        optional: bool = False,
        unusable: Mapping[str, str] | None = None,
    ) -> tuple[str, ...]:
        """Known names, each once, from a list or from text with commas or lines.

        labels: name → what dashboards call it, which people write as well.
        unusable: names that exist but can't be had → why.
        """
        words = self._words(field)
        if not words and words is not None and not optional:
            self.gap(field, f"is missing. Known: {listed(known)}.")
        spellings = _Spellings(known, labels or {})
        chosen = {word: spellings.find(word) for word in words or ()}
        unknown = [word for word, names in chosen.items() if not names]
        refused = _Spellings(tuple(unusable or ()), {})
        for word in unknown:
            if reasons := [(unusable or {})[name] for name in refused.find(word)]:
                self.gap(
                    field, f"{code(word)} is known, but can't be shown, because {code(reasons[0], 300)}."
                )
            else:
                self.gap(field, f"{code(word)} is not known{_like(word, spellings.names)}")
        if unknown:
            self.gap(field, f"can be: {listed(known)}.")
        return tuple(dict.fromkeys(name for names in chosen.values() for name in names))

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


class _Spellings:
    """How people may write known names. names: spelling → name; a label that two names share is none of them."""

    def __init__(self, known: Sequence[str], labels: Mapping[str, str]) -> None:
        shown = [(_spelled(labels[name]), name) for name in known if name in labels]
        shared = Counter(spelling for spelling, _ in shown)
        self.names = {spelling: name for spelling, name in shown if shared[spelling] == 1}
        self.names |= {_spelled(name): name for name in known} | {name: name for name in known}

    def find(self, text: str) -> list[str]:
        """The names that a text means: one, or several with `and` between them; none if one is not known."""
        if name := self._find_one(text):
            return [name]
        found = [self._find_one(part) for part in re.split(r"\s(?:and|&)\s", text)]
        return [name for name in found if name] if all(found) else []

    def _find_one(self, text: str) -> str | None:
        bare = text.strip(_AROUND).removesuffix(".").strip(_AROUND)
        without_by = re.sub(r"^by\s+", "", bare, flags=re.IGNORECASE)
        forms = (text, _spelled(text), _spelled(bare), _spelled(without_by))
        return next((self.names[form] for form in forms if form in self.names), None)


def _spelled(text: str) -> str:
    return re.sub(r"[\s-]+", "_", text.casefold())


def _like(text: str, names: Mapping[str, object]) -> str:
    """A hint at what may be meant. names: spelling → name."""
    spelled = {_spelled(spelling): name for spelling, name in names.items()}
    found = difflib.get_close_matches(_spelled(text[:100]), spelled, n=2, cutoff=0.6)
    meant = dict.fromkeys(str(spelled[each]) for each in found)
    return f"; did you mean {' or '.join(map(code, meant))}?" if meant else "."
