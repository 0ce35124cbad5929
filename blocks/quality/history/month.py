"""Days of the month that differ from their neighbours every month: the first, the last, pay days.

A place in the month counts once its last days, at least four, were all off the rule of the week in the same direction
(of six one may be not): by chance hardly any place of a series is. Where several say the same of one day, the one that
held most often explains it, and the others have only the days that are left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from statistics import median

FEWEST, CYCLES, REMEMBERED = 4, 6, 12
"""Cycles before anything is learnt; from how many it is; by how many it is told which place explains a day best."""
FAR = 1.5  # widths: what counts as off the rule
FROM_END = 3


@dataclass(frozen=True)
class Effect:
    """How far a place's days are off the rule of the week, and how far off that they are used to be."""

    offset: float
    width: float


@cache
def list_places(day: date, is_first: bool) -> tuple[str, ...]:
    """A day's places in its month. is_first: the series has none before it in this month."""
    found = [f"day {day.day}"]
    found += [f"end {back}" for back in range(FROM_END) if _is_last(day + timedelta(days=back))]
    if is_first:
        found.append("first of the series")
    if day.weekday() < 5 and _is_last(day, timedelta(days=3 if day.weekday() == 4 else 1)):
        found.append("last weekday")
    return tuple(found)


def _is_last(day: date, step: timedelta = timedelta(days=1)) -> bool:
    return (day + step).month != day.month


def find_effects(
    places: Mapping[str, Sequence[int]], errors: Sequence[float | None], first: int, at: int, width: float
) -> dict[str, Effect]:
    """What places in the month explain, by name, in the order in which they do.

    places: the numbers of their buckets, in order; errors: of the rule of the week, by number; first, at: those from
    the one on and before the other count; width: how far off the rule is used to be.
    """
    own = {
        name: [
            (number, error)
            for number in numbers
            if first <= number < at and (error := errors[number]) is not None
        ]
        for name, numbers in places.items()
    }
    found: dict[str, Effect] = {}
    explained: set[int] = set()
    while True:
        left = {
            name: [each for each in known if each[0] not in explained]
            for name, known in own.items()
            if name not in found
        }
        scores = {name: _score([error for _, error in known], FAR * width) for name, known in left.items()}
        best = max(scores, key=lambda name: (scores[name], name), default="")
        if not best or scores[best] <= 0:
            return found
        last = [error for _, error in left[best][-CYCLES:]]
        offset = median(last)
        found[best] = Effect(offset, max(1.4826 * median(abs(error - offset) for error in last), width))
        explained |= {number for number, _ in left[best]}


def _score(errors: Sequence[float], far: float) -> int:
    """How often a place held, less twice how often it did not; 0 where it may be chance."""
    last = errors[-CYCLES:]
    if len(last) < FEWEST:
        return 0
    side = 1 if median(last) > 0 else -1
    hits = [side * error >= far for error in errors[-REMEMBERED:]]
    missed = hits[-len(last) :].count(False)
    if missed > len(last) // CYCLES:
        return 0
    return max(1, hits.count(True) - 2 * hits.count(False))


def find_effect(names: Collection[str], effects: Mapping[str, Effect]) -> Effect | None:
    """What explains a day of these places; None where nothing does."""
    return next((effect for name, effect in effects.items() if name in names), None)
