"""What a project says of how its history is judged: `meta.expect` and `meta.events` of a metric, and what is taught.

Add a new wish to `Rules`, to its reader here, and to blocks/dbt/meta_models.py, which checks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal, TypeAlias

from blocks.records import Record

Block: TypeAlias = Literal["never", "gross", "unusual"]
MIN_HISTORY, WARNED_RUNS = 8, 30


class Event(Record):
    """Days of which something else is known than what is usual, both ends included."""

    name: str
    first: date
    last: date


class Rules(Record):
    """How one metric is judged.

    sensitivity: 2 makes the usual range half as wide. block: what holds a release back; until `WARNED_RUNS` runs are
    known, only what is gross does. min_history: alike buckets before anything is said. restated: the share of the past
    that may change. seeds: the dbt seeds that hold more events.
    """

    sensitivity: float = 1.0
    block: Block = "gross"
    min_history: int = MIN_HISTORY
    restated: float = 0.01
    events: tuple[Event, ...] = ()
    seeds: tuple[str, ...] = ()

    def find_event(self, day: date) -> str:
        """The name of the event on a day; empty if there is none."""
        return next((each.name for each in self.events if each.first <= day <= each.last), "")

    def holds_back(self, level: str, runs: int) -> bool:
        """Whether a finding of a level holds a release back. runs: how many are known."""
        if self.block == "never":
            return False
        return level == "gross" or (level == "unusual" and self.block == "unusual" and runs >= WARNED_RUNS)


class Lesson(Record):
    """What a person said is expected. check: the check's scope and name, or "" for all of these marts.

    days: buckets that this is said of; until: every bucket up to this day, too. origin: where and when, for readers.
    """

    scope: str
    check: str = ""
    days: tuple[date, ...] = ()
    until: date | None = None
    origin: str

    def covers(self, scope: str, check: str, day: date) -> bool:
        """Whether a bucket that a check found is one of those."""
        own = scope == self.scope and self.check in ("", check)
        return own and (day in self.days or (self.until is not None and day <= self.until))


def read_rules(meta: Mapping[str, object], block: Block = "gross") -> Rules:
    """The rules in a metric's meta; what can't be read there is left at its default, and `check` says so.

    block: what it is where the meta does not say.
    """
    expect = meta.get("expect")
    given = dict(expect) if isinstance(expect, Mapping) else {}
    if isinstance(said := given.get("block"), bool):
        given["block"] = "unusual" if said else "never"
    listed = meta.get("events")
    events = [each for each in (listed if isinstance(listed, list) else ()) if isinstance(each, Mapping)]
    found: dict[str, object] = {"block": block}
    for name, value in given.items():
        if name in Rules.model_fields and name not in ("events", "seeds"):
            found |= _accept({name: value})
    known = [event for each in events if "seed" not in each and (event := read_event(each))]
    seeds = tuple(str(each["seed"]) for each in events if "seed" in each)
    return Rules.model_validate({**found, "events": tuple(known), "seeds": seeds})


def _accept(field: dict[str, object]) -> dict[str, object]:
    try:
        Rules.model_validate(field)
    except ValueError:
        return {}
    return field


def read_event(event: Mapping[str, object]) -> Event | None:
    """An event as it is declared; None if it names no day."""
    try:
        first = event.get("from", event.get("on"))
        name = str(event.get("name", "an event"))[:100]
        return Event.model_validate({"name": name, "first": first, "last": event.get("to", first)})
    except ValueError:
        return None
