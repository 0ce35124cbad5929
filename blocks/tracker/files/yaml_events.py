"""A ticket's values from libyaml's events: as the reader that edits has them, in a thirtieth of its time.

Not here: where a value stands, and what is wrong with a text that is no YAML (ticket_reader.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

NODES, DEPTH = 20_000, 20
TOO_LARGE = "it has too many parts, or parts nested too deeply"
ALIAS = "aliases (*name) are not read"
BAD_NAME = "a name is written twice, or is no word"
NO_MAPPING = "it is not a list of `name: value` lines"
NULLS = ("", "~", "null", "Null", "NULL")


class UnreadableError(ValueError):
    """Why a ticket's file can't be read or edited: for its owner, without its content."""


def read_events(text: str) -> dict[str, object] | None:
    """A ticket as text, lists and mappings; None where libyaml is not there, or takes the text for no YAML.

    Raises UnreadableError for what compose() and to_plain_value() refuse.
    """
    if not yaml.__with_libyaml__:
        return None
    try:
        return _EventReader(yaml.parse(text, Loader=yaml.CLoader)).read()
    except yaml.YAMLError:  # ruamel knows a later YAML, and says what is wrong with this
        return None


class _EventReader:
    """Reads one document; stops where it has too many parts."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events, self._count = events, 0

    def read(self) -> dict[str, object]:
        """The document's value."""
        next(self._events)  # the stream's beginning
        found = []
        for _ in self._read_until(yaml.StreamEndEvent):
            found.append(self._read_value(next(self._events), 1))
            next(self._events)  # the document's end
        value = found[0] if len(found) == 1 else None
        if not isinstance(value, dict):
            raise UnreadableError(NO_MAPPING)
        return value

    def _read_value(self, event: yaml.Event, depth: int) -> object:
        self._count += 1
        if self._count > NODES or depth > DEPTH:
            raise UnreadableError(TOO_LARGE)
        if isinstance(event, yaml.ScalarEvent):
            return None if _is_null(event) else event.value.rstrip()
        if isinstance(event, yaml.SequenceStartEvent):
            return [self._read_value(each, depth + 1) for each in self._read_until(yaml.SequenceEndEvent)]
        if not isinstance(event, yaml.MappingStartEvent):
            raise UnreadableError(f"{_name_line(event)}{ALIAS}")
        result: dict[str, object] = {}
        for name in self._read_until(yaml.MappingEndEvent):
            self._count += 1
            if not isinstance(name, yaml.ScalarEvent) or name.value in result:
                raise UnreadableError(f"{_name_line(name)}{BAD_NAME}")
            result[name.value] = self._read_value(next(self._events), depth + 1)
        return result

    def _read_until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        while not isinstance(event := next(self._events), end):
            yield event


def _name_line(event: yaml.Event) -> str:
    return f"line {event.start_mark.line + 1}: " if event.start_mark else ""


def _is_null(event: yaml.ScalarEvent) -> bool:
    """True for an empty value, or a word that stands for one; a text in quotes is none."""
    if event.tag:
        return str(event.tag).endswith(":null")
    return bool(event.implicit[0]) and event.value in NULLS
