"""The checks of a ticket's fields, one by one; every gap is kept. It reads no tracker and writes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from enum import Enum
from typing import TypeVar

from blocks.tracker.request_lines import strip_bullet, strip_marks
from blocks.tracker.rich_text.plain_text import remove_invisible
from blocks.wishes import quote_value
from tasks.dates import read_days
from tasks.markdown import code, line, listed
from tasks.spellings import Spellings

LONGEST_LIST, LONGEST_VALUE = 50, 10_000
NOTHING = frozenset(("none", "n/a", "na", "no", "nothing", "not needed", "keine", "nichts", "-", "–", "—"))
"""What people write where they want none of what may be left out."""
Choice = TypeVar("Choice", bound=Enum)


class Form:
    """A ticket's fields under check. gaps: what is missing or wrong, as lines of Markdown; gap_fields: of what."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.fields = {name: _clean(value) for name, value in fields.items()}
        self.gaps, self.gap_fields = list[str](), set[str]()

    def add_gap(self, field: str, text: str) -> None:
        """Note that something is missing or wrong."""
        self.gap_fields.add(field)
        self.gaps.append(f"**{field.replace('_', ' ')}** {text}")

    def read_text(self, field: str, remedy: str, limit: int = 200) -> str | None:
        """A line of text, or None and a gap; an empty remedy makes the field optional."""
        value = self.fields.get(field)
        if value is not None and not isinstance(value, str):
            self.add_gap(field, f"must be text, not a list or a table. {remedy}".rstrip())
        elif found := line(value or "", limit):
            return found
        elif remedy:
            self.add_gap(field, f"is missing. {remedy}")
        return None

    def read_choice(self, field: str, kind: type[Choice], default: Choice | None = None) -> Choice | None:
        """One of a few words; absent means the default, if there is one."""
        remedy = f"Write one of {listed(kind.__members__)}."
        found = self.read_text(field, "" if default else remedy)
        if found is None:
            return default
        words = found.casefold().strip("\"'“”‘’`*_. ")
        if words in kind.__members__:
            return kind[words]
        like = _suggest(Spellings(tuple(kind.__members__), {}).suggest(found))
        self.add_gap(field, f"{code(found)} is not known{like} {remedy}")
        return None

    def read_day(self, field: str) -> date | None:
        """A date in one of the usual forms; one that can be read in two ways is a gap with both."""
        remedy = "Write a date as `2026-07-31` (year, month, day)."
        found = self.read_text(field, remedy)
        days = read_days(found) if found else ()
        if found and not days:
            others = [f"{code(day)} is a {day:%A}" for day in read_days(found, any_weekday=True)]
            self.add_gap(
                field, f"{code(found)} is not a date{': ' if others else ''}{', '.join(others)}. {remedy}"
            )
        elif len(days) > 1:
            self.add_gap(
                field, f"{code(found)} can be {' or '.join(map(code, days))}. Write it as one of these."
            )
        return days[0] if len(days) == 1 else None

    def read_names(
        self,
        field: str,
        spellings: Spellings,
        optional: bool = False,
        unusable: Mapping[str, str] | None = None,
        unusable_labels: Mapping[str, str] | None = None,
    ) -> tuple[str, ...]:
        """Known names, each once, from a list or from text with commas or lines.

        unusable: names that exist but can't be had → why; unusable_labels: what they are called.
        """
        known = spellings.known
        words = self._read_words(field, spellings)
        if optional and words and all(word.casefold().strip(" .") in NOTHING for word in words):
            return ()
        if not words and words is not None and not optional:
            self.add_gap(field, f"is missing. Known: {listed(known)}.")
        chosen = {word: spellings.find(word) for word in words or ()}
        unknown = [word for word, names in chosen.items() if not names]
        refused = Spellings(tuple(unusable or ()), unusable_labels or {})
        for word in unknown:
            if reasons := [(unusable or {})[name] for name in refused.find(word)]:
                self.add_gap(field, say_unusable(word, reasons[0]))
            elif shared := spellings.find_shared(word):
                self.add_gap(
                    field, f"{code(word)} can be {' or '.join(map(code, shared))}. Write one of these."
                )
            else:
                self.add_gap(field, f"{code(word)} is not known{_suggest(spellings.suggest(word))}")
        if unknown:
            self.add_gap(field, f"can be: {listed(known)}.")
        return tuple(dict.fromkeys(name for names in chosen.values() for name in names))

    def read_words(self, field: str) -> list[str]:
        """The words of a field that may hold anything; what is no text is shown as it is."""
        value = self.fields.get(field)
        if value is not None and not isinstance(value, str | list):
            return [line(value, 100)]
        items = [str(each) for each in value] if isinstance(value, list) else [value or ""]
        parts = re.split(r"[,;\n]|\s(?:→|->|>|then)\s", "\n".join(items))
        words = (line(strip_marks(strip_bullet(part)), 100) for part in parts)
        return [word for word in words if word][:LONGEST_LIST]

    def read_entries(self, field: str) -> list[str]:
        """The entries of a field whose entries have a syntax of their own: a line each, or with `;` between them.

        A mapping, as a ticket's file may have it, has an entry for each of its names.
        """
        value = self.fields.get(field)
        if isinstance(value, dict):
            value = [_write_entry(name, each) for name, each in value.items()]
        items = [_write_text(each) for each in value] if isinstance(value, list) else [_write_text(value)]
        parts = [part for each in items for part in _split_entries(each)]
        words = (line(strip_marks(strip_bullet(part)), 500) for part in parts)
        return [word for word in words if word][:LONGEST_LIST]

    def _read_words(self, field: str, spellings: Spellings) -> list[str] | None:
        value = self.fields.get(field)
        items = [value] if isinstance(value, str) else value or []
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            self.add_gap(field, "must be names, as a list or with commas between them.")
            return None
        lines = [each for item in items for each in re.split("[;\n]", item) if not each.startswith(">")]
        parts = [part for each in lines for part in spellings.split(strip_marks(strip_bullet(each)))]
        words = [word for part in parts if (word := line(part, 100).strip(" -*•"))]
        if len(words) > LONGEST_LIST:
            self.add_gap(field, f"has {len(words):,} entries; write {LONGEST_LIST} at most.")
        return words[:LONGEST_LIST]


def say_unusable(words: str, reason: str) -> str:
    """That a metric is declared and can't be shown, as Markdown; words: what a ticket calls it."""
    return f"{code(words)} is known, but can't be shown, because {code(reason, 300)}."


def _split_entries(text: str) -> list[str]:
    """The parts between semicolons and line ends, but for those in double quotes."""
    return re.findall(r'(?:"[^"\n]*"|[^;\n"]|")+', text)


def _write_entry(name: object, value: object) -> str:
    values = value if isinstance(value, list) else [value]
    return f"{_write_text(name)} = {', '.join(quote_value(_write_text(each)) for each in values)}"


def _write_text(value: object) -> str:
    return remove_invisible(str(value)[:LONGEST_VALUE]) if value is not None else ""


def _clean(value: object) -> object:
    """Text without signs that nobody sees; other values as they are."""
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return remove_invisible(value[:LONGEST_VALUE]) if isinstance(value, str) else value


def _suggest(names: Sequence[str]) -> str:
    """A hint at what may be meant."""
    return f"; did you mean {' or '.join(map(code, names))}?" if names else "."
