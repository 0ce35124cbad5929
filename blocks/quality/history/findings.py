"""What a judgement of a mart's history is made of: what is known, which buckets are looked at, and the check at last.

Texts say what was found, what is usual and between what, bucket by bucket.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from statistics import median
from types import MappingProxyType

from blocks.metrics import Metric
from blocks.quality.history.expectation import Expectation
from blocks.quality.history.record import Sight
from blocks.quality.history.rules import Lesson, Rules
from blocks.quality.history.series import Series
from blocks.records import Check
from blocks.site.periods import find_bucket, start

KIND = "history"
MOST_JUDGED, MOST_SHOWN = 60, 10
NOISE = 1e-6  # a bucket whose value differs by less is not a changed one
LAST, MOVING, MATURING = 7, 0.02, 0.1
"""A figure goes on moving if most of the last buckets are off what the run before saw by so much, as those long ago are
not, or half of all buckets off what was first seen of them."""
HELD_DAYS, SETTLED, ALIKE = 7, {"day": 5}, math.log(2)
"""A new level is usual once readers were held back for so many days, and so many buckets in a row (2 of coarser ones)
are off in the same direction, by factors that are no further apart than this."""
FARTHER = 3
"""A level beyond every bucket of the past by such a factor, as prices in cents are, is none that time makes usual."""
PICTURE, BARS = 14, "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Past:
    """What is known besides the two series.

    complete: whether a bucket is over; holidays: by day; runs: how many runs recorded the dataset; firsts: metric →
    its buckets as they were first seen; moved: metric → the shares of the past that earlier runs changed. sights: what
    those runs saw, oldest first. held_days: how long readers have been held back by now. is_first: readers see nothing
    yet, and the newest buckets are held to those before.
    """

    complete: Callable[[date], bool]
    holidays: Mapping[date, str] = field(default_factory=dict)
    runs: int = 0
    firsts: Mapping[str, Mapping[date, float]] = field(default_factory=dict)
    moved: Mapping[str, Sequence[float]] = field(default_factory=dict)
    lessons: Sequence[Lesson] = ()
    sights: Sequence[Sight] = ()
    held_days: int = 0
    is_first: bool = False


def write_number(value: float) -> str:
    """A figure for people: whole from a hundred on, else with what tells it from others."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def write_share(value: float) -> str:
    """A part of a whole, for people."""
    return f"{min(max(value, 0), 1):.1%}"


@dataclass(frozen=True)
class Finding:
    """A bucket's value and what is usual. level: usual, unusual or gross; about: what it is of, where not of all.

    is_settled: it is part of a new level that has lasted, and that readers get to see; is_stuck: of one that is farther
    off than ever, and waits for somebody's word.
    """

    day: date
    value: float
    expected: Expectation
    level: str
    about: str = ""
    write: Callable[[float], str] = write_number
    is_settled: bool = False
    is_stuck: bool = False

    @property
    def is_far(self) -> bool:
        """Whether it is grossly off, or nobody brought it."""
        return self.level == "gross" or (self.value == 0 and self.expected.judge(0.0) == "gross")

    @property
    def distance(self) -> float:
        """How far off the value is, in widths of the range."""
        expected = self.expected
        return abs(self.value - expected.usual) / max(expected.high - expected.low, 1e-9)

    def describe(self) -> str:
        """The finding in a line."""
        expected, write = self.expected, self.write
        about = f"{self.about}: " if self.about else ""
        between = f"{write(expected.low)} to {write(expected.high)}"
        if self.level == "usual":
            return f"{about}{self.day}: {write(self.value)}; {between} is usual"
        level = ""
        if self.is_settled:
            level = f", a new level: held back for {HELD_DAYS} days, and shown to readers since, as nobody mended it"
        elif self.is_stuck:
            level = f", a new level, {FARTHER} times farther off than any before:"
            level += " held back until somebody says `expected`"
        usual = f"{write(expected.usual)} is usual ({between})"
        return f"{about}{self.day}: {write(self.value)} where {usual}{level}"


def list_judged(
    before: Mapping[date, float], after: Mapping[date, float], candidate: Series, past: Past
) -> list[date]:
    """Complete buckets that readers have not seen, or not like this; the newest ones."""
    days = {day for day in after if day not in before or is_different(before[day], after[day])}
    days |= before.keys() - after.keys()
    newest = max(before, default=None)
    if newest and candidate.newest:
        days |= set(_list_buckets(newest, candidate.newest, candidate.dataset.grain)) - after.keys()
    return sorted(day for day in days if day != date.min and past.complete(day))[-MOST_JUDGED:]


def _list_buckets(first: date, last: date, grain: str) -> list[date]:
    """The buckets after one up to another, or the last so many of them."""
    end = find_bucket(last, grain)
    begin = max(find_bucket(first, grain) + 1, end - MOST_JUDGED)
    return [start(number, grain) for number in range(begin, end + 1)]


def is_different(one: float, other: float) -> bool:
    """Whether a bucket changed."""
    return abs(one - other) > NOISE * max(abs(one), abs(other), 1e-9)


def choose_past(
    metric: Metric, live: Series, before: Mapping[date, float], after: Mapping[date, float], past: Past
) -> dict[date, float]:
    """What readers have seen, by bucket; of a metric that goes on moving, what they saw first.

    One that is final only later is such a one, and one whose last buckets are not as they were in the run before.
    Their newest bucket is left out where it has changed since: it may not have been over.
    """
    known = {day: value for day, value in before.items() if past.complete(day)}
    newest = live.newest
    if newest in known and newest in after and is_different(known[newest], after[newest]):
        del known[newest]
    firsts = past.firsts.get(metric.name, {})
    seen = {day: value for day, value in firsts.items() if day in known}
    drifts = [_measure_change(known[day], value) for day, value in seen.items()]
    matures = bool(metric.maturity_days) or metric.grows
    matures |= bool(drifts) and median(drifts) > MATURING
    matures |= moves_when_young(
        {day: _measure_change(known[day], after[day]) for day in known if day in after}, MOVING
    )
    return seen if matures else known


def moves_when_young(changes: Mapping[date, float], bound: float) -> bool:
    """Whether most of the last buckets changed by more than so much, and of the first quarter hardly any."""
    days = sorted(changes)
    young, old = days[-LAST:], days[: len(days) // 4]
    return (
        len(old) >= LAST
        and median(changes[day] for day in young) > bound
        and median(changes[day] for day in old) <= bound / 10
    )


def _measure_change(one: float, other: float) -> float:
    """By which part of the larger two values differ."""
    return abs(one - other) / max(abs(one), abs(other), 1e-9)


def report(
    mart: str,
    name: str,
    judged: Sequence[Finding],
    rules: Rules,
    past: Past,
    known: Mapping[date, float] = MappingProxyType({}),
    grain: str = "",
) -> Check:
    """The check: its worst bucket first, then the others. known: what a picture shows of the past; empty: none.

    Of a mart that readers see nothing of, only what is far off is said.
    """
    judged = _release_new_level(judged, grain, past, known)
    found = [each for each in judged if each.level != "usual"]
    if past.is_first:
        found = [each for each in found if each.is_far]
    taught = {
        each.day: origin for each in found if (origin := find_lesson(past.lessons, mart, name, each.day))
    }
    held = [
        each
        for each in found
        if each.day not in taught and not each.is_settled and rules.holds_back(each.level, past.runs)
    ]
    shown = sorted(found, key=lambda each: (each not in held, each.level != "gross", -each.distance))
    worst = shown[0] if shown else judged[-1]
    lines = tuple(each.describe() for each in shown[:MOST_SHOWN])
    if found and not held and len(taught) == len(found):
        lines = (*lines, f"expected: {next(iter(taught.values()))}")
    more = f"; {len(found) - 1} more" if len(found) > 1 else ""
    picture = _draw([*_list_last_values(known, worst.day), worst.value]) if known and not worst.about else ""
    return Check(
        scope=mart,
        name=name,
        kind=KIND,
        passed=not held,
        warned=bool(found),
        observed=f"{worst.describe()}{more}{f' {picture}' if picture else ''}",
        evidence=lines if len(shown) > 1 or taught else (),
        days=tuple(sorted({each.day for each in found})),
        figures=(
            ("observed", worst.value),
            ("expected", worst.expected.usual),
            ("low", worst.expected.low),
            ("high", worst.expected.high),
        ),
    )


def _release_new_level(
    judged: Sequence[Finding], grain: str, past: Past, known: Mapping[date, float]
) -> Sequence[Finding]:
    """The findings, with what has become a new level no longer gross: people had a week to say that it is a fault.

    Not one that is farther off than any bucket of the past by a factor: that waits for a word, however long it lasts.
    grain: of the buckets; empty for what has no level, as how many values are missing. known: the past, where there is
    one in the same measure.
    """
    if not grain or past.held_days < HELD_DAYS:
        return judged
    found = list(judged)
    for about in {each.about for each in judged}:
        places = sorted(
            (place for place, each in enumerate(found) if each.about == about),
            key=lambda place: found[place].day,
        )
        level = _find_level([found[place] for place in places], grain)
        own = places[len(places) - level :]
        if level and is_beyond(median(found[place].value for place in own), known.values()):
            for place in own:
                found[place] = replace(found[place], is_stuck=True)
            continue
        for place in own:
            found[place] = replace(found[place], level="unusual", is_settled=True)
    return found


def is_beyond(value: float, past: Collection[float]) -> bool:
    """Whether a value is off every one of the past by a factor of `FARTHER`; of a past with both signs, above only."""
    if not past:
        return False
    return abs(value) > FARTHER * max(map(abs, past)) or 0 <= FARTHER * value < min(past)


def _find_level(findings: Sequence[Finding], grain: str) -> int:
    """How many of the last findings are a level of their own; 0 if too few are."""
    factors: list[float] = []
    for each in reversed(findings):
        usual = each.expected.usual
        if each.level == "usual" or usual == 0 or each.value / usual <= 0:
            break
        factor = math.log(each.value / usual)
        if any(factor * other <= 0 or abs(factor - other) > ALIKE for other in factors):
            break
        factors.append(factor)
    return len(factors) if len(factors) >= SETTLED.get(grain, 2) else 0


def find_lesson(lessons: Iterable[Lesson], mart: str, name: str, day: date) -> str:
    """What was said of a check's bucket; empty if nothing was."""
    return next((each.origin for each in lessons if each.covers(mart, name, day)), "")


def _list_last_values(known: Mapping[date, float], day: date) -> list[float]:
    return [known[each] for each in sorted(known) if each < day][-PICTURE:]


def _draw(values: Sequence[float]) -> str:
    """Values as a row of bars, from zero or the least."""
    low, high = min(0.0, *values), max(values)
    if high <= low:
        return ""
    return "".join(
        BARS[min(len(BARS) - 1, int((value - low) / (high - low) * len(BARS)))] for value in values
    )
