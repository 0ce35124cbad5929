"""What a bucket's value is expected to be, from the values before it, and how far off it may be.

The centre is the median of the last alike buckets (same weekday, same day of the month) moved by how far the last
buckets are off such medians of theirs, as these are now: after a step in level both are new, and nothing counts twice.
A day of the month that is off that every month (month.py) is moved by as much.
The width is how far this rule was off in the past, above all on alike buckets: on Sundays it may be
off by more. Everything is computed on a scale that is linear around zero and logarithmic far from it, so that half and
double are as far off, and zero and negatives have a place.
Add another way of being alike in calendar.py.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from blocks.quality.history.calendar import Season, list_seasons
from blocks.quality.history.month import Effect, find_effect, find_effects, list_places
from blocks.quality.history.rules import MIN_HISTORY

ALIKE, LEVEL, SPREAD, YEAR = 6, 10, 250, 366
"""How many buckets the centre, the level, the width and the places in the month are taken from."""
FEWEST_ERRORS, FEWEST_ALIKE = 20, 4
FEWEST_OWN, SHRUNK = (
    5,
    10,
)  # a kind of bucket has a width of its own, as far as more than so many of it say it
FLAT = 0.05  # of the usual size; below it values are counted, not compared by their ratio
LEAST_WIDTH = 0.05
UNUSUAL, RARELY = 3.0, 0.98
GROSS, BEYOND, TWICE = 4.5, math.log(1.22), math.log(2)
"""Unusual is 3 widths off, and further than 98 of 100 times before in that direction; gross is 4.5 widths off, further
than ever before by a factor of 1.22, and at least by a factor of two. As `python -m tests.benchmarks history` tried."""


@dataclass(frozen=True)
class Expectation:
    """What is usual for one bucket. low, high: beyond them a value is unusual; lowest, highest: grossly so.

    cycles: how many alike buckets it is made from.
    """

    usual: float
    low: float
    high: float
    lowest: float
    highest: float
    cycles: int

    def judge(self, value: float) -> str:
        """`usual`, `unusual` or `gross`."""
        if value < self.lowest or value > self.highest:
            return "gross"
        return "unusual" if value < self.low or value > self.high else "usual"


class Usual:
    """The past of one series, and what it lets expect.

    values: by bucket; extraordinary: buckets, such as holidays, that say nothing of others; sensitivity: 2 makes the
    range half as wide, 0.5 twice.
    """

    def __init__(
        self,
        values: Mapping[date, float],
        grain: str,
        extraordinary: Collection[date] = (),
        sensitivity: float = 1.0,
    ) -> None:
        self._days = sorted(day for day in values if day not in extraordinary)
        self._negative = any(value < 0 for value in values.values())
        self._unit = _find_unit([values[day] for day in self._days])
        scaled = [math.asinh(values[day] / self._unit) for day in self._days]
        self._sensitivity = sensitivity
        fitted = []
        for season in list_seasons(grain, len(self._days)):
            fit = _Fit(season, has_months=grain == "day")
            for day, value in zip(self._days, scaled, strict=True):
                fit.add(day, value)
            fitted.append(fit)
        able = [fit for fit in fitted if fit.cycles > MIN_HISTORY] or fitted[:1]
        self._fit = min(able, key=lambda fit: fit.find_spread(len(self._days)) or math.inf)
        self._extraordinary = extraordinary

    def learn(self, day: date, value: float) -> None:
        """Count a bucket that comes after all others among the past."""
        if day not in self._extraordinary and day > max(self._days, default=date.min):
            self._days.append(day)
            self._fit.add(day, math.asinh(value / self._unit))

    @property
    def spread(self) -> float:
        """The median of how far off the rule was."""
        return self._fit.find_spread(len(self._days))

    def list_errors(self) -> dict[date, float]:
        """How far off the rule was in the past, by bucket, in widths."""
        found = self._fit.list_relative_errors(len(self._days))
        return {self._days[place]: error for place, error in found.items()}

    def measure_error(self, day: date, value: float) -> tuple[float, float]:
        """How far off a bucket's value is from what came before it, on a scale where a factor is a distance; the width.

        0, 1 where nothing can be expected.
        """
        at = bisect_left(self._days, day)
        centre, _ = self._fit.find_expected(day, at)
        if centre is None:
            return 0.0, 1.0
        return math.asinh(value / self._unit) - centre, self._fit.find_width(day, at)

    def expect(self, day: date, min_history: int) -> Expectation | None:
        """What is usual for a bucket, from what came before it; None as long as too little did."""
        at = bisect_left(self._days, day)
        centre, cycles = self._fit.find_expected(day, at)
        errors = self._fit.list_relative_errors(at).values()
        if centre is None or cycles < min_history or len(errors) < FEWEST_ERRORS:
            return None
        width = self._fit.find_width(day, at)
        below = sorted(-error for error in errors if error < 0)
        above = sorted(error for error in errors if error > 0)

        def write(offset: float) -> float:
            value = math.sinh(min(max(centre + offset, -600), 600)) * self._unit
            return value if self._negative else max(0.0, value)

        return Expectation(
            usual=write(0),
            low=write(-self._find_unusual_distance(width, below)),
            high=write(self._find_unusual_distance(width, above)),
            lowest=write(-self._find_gross_distance(width, below)),
            highest=write(self._find_gross_distance(width, above)),
            cycles=cycles,
        )

    def _find_unusual_distance(self, width: float, errors: Sequence[float]) -> float:
        """How far off in one direction is unusual. errors: of the past in this direction, in order and in widths."""
        rare = errors[min(len(errors) - 1, int(len(errors) * RARELY))] if errors else 0.0
        return width * max(UNUSUAL, rare) / self._sensitivity

    def _find_gross_distance(self, width: float, errors: Sequence[float]) -> float:
        worst = errors[-1] if errors else 0.0
        return max(max(GROSS * width, worst * width + BEYOND) / self._sensitivity, TWICE)


class _Fit:
    """The rule with one way of being alike, and how far off it was at each bucket of the past."""

    def __init__(self, season: Season, has_months: bool = False) -> None:
        self._season, self._has_months = season, has_months
        self._days: list[date] = []
        self._months: list[tuple[str, ...]] = []  # each bucket's places in its month
        self._by_month: dict[str, list[int]] = {}
        self._effects: tuple[int, dict[str, Effect]] = (-1, {})
        self._places: dict[int, list[int]] = {}
        self._widths: tuple[int, float, dict[int, float]] = (-1, LEAST_WIDTH, {})
        self._values: list[float] = []
        self._kinds: list[int] = []
        self._bases: dict[int, float | None] = {}  # the median of the last alike buckets, by kind
        self._errors: list[float | None] = []  # from that, moved by the level

    @property
    def cycles(self) -> int:
        """How many buckets of a kind there are, of the kind with fewest but one: the 31st is not in all months."""
        sizes = sorted(len(places) for places in self._places.values())
        return sizes[min(1, len(sizes) - 1)] if sizes else 0

    def add(self, day: date, value: float) -> None:
        """Count one more bucket, with its value on the scale."""
        at, kind = len(self._values), self._season(day)
        centre, _ = self._find_base(day, at)
        self._errors.append(None if centre is None else value - centre)
        self._places.setdefault(kind, []).append(at)
        self._kinds.append(kind)
        self._values.append(value)
        self._months.append(self._list_months(day, at))
        self._days.append(day)
        for name in self._months[-1]:
            self._by_month.setdefault(name, []).append(at)
        self._bases[kind], _ = self._find_seasonal_value(kind)

    def find_expected(self, day: date, at: int) -> tuple[float | None, int]:
        """The expected value on the scale for a bucket that comes after the first `at`, and from how many."""
        centre, cycles = self._find_base(day, at)
        effect = self._find_effect(day, at)
        return (centre + effect.offset if centre is not None and effect else centre), cycles

    def _find_base(self, day: date, at: int) -> tuple[float | None, int]:
        """As `find_expected`, without what its place in the month does."""
        kind = self._season(day)
        is_end = at == len(self._values)
        base, cycles = self._find_seasonal_value(kind, None if is_end else at)
        level = self._find_level(at, self._bases if is_end else self._list_bases(at))
        return (None, 0) if base is None or level is None else (base + level, cycles)

    def list_errors_before(self, at: int) -> list[float]:
        """How far off the rule was before a place."""
        return [
            error
            for place in range(max(0, at - SPREAD), at)
            if (error := self._find_error(place, at)) is not None
        ]

    def _find_error(self, place: int, at: int) -> float | None:
        """How far off the rule was at a place, by what is known before another of its month."""
        error, effects = self._errors[place], self._list_effects(at)
        effect = find_effect(self._months[place], effects) if effects else None
        return error - effect.offset if error is not None and effect else error

    def _list_months(self, day: date, at: int) -> tuple[str, ...]:
        if not self._has_months:
            return ()
        is_first = at > 0 and self._days[at - 1].month != day.month
        return list_places(day, is_first)

    def _find_effect(self, day: date, at: int) -> Effect | None:
        effects = self._list_effects(at)
        return find_effect(self._list_months(day, at), effects) if effects else None

    def _list_effects(self, at: int) -> dict[str, Effect]:
        """What places in the month do, as far as is known before a place."""
        if self._effects[0] != at:
            first = max(0, at - YEAR)
            known = [error for error in self._errors[first:at] if error is not None]
            self._effects = (at, find_effects(self._by_month, self._errors, first, at, _measure_width(known)))
        return self._effects[1]

    def list_relative_errors(self, at: int) -> dict[int, float]:
        """How far off the rule was before a place, by place, in widths of the kind of bucket."""
        whole, own = self._find_widths(at)
        effects = self._list_effects(at)
        found = {}
        for kind, places in self._places.items():
            width = own.get(kind, whole)
            for place in places:
                if at - SPREAD <= place < at and (error := self._find_error(place, at)) is not None:
                    effect = find_effect(self._months[place], effects) if effects else None
                    found[place] = error / (max(width, effect.width) if effect else width)
        return found

    def find_width(self, day: date, at: int) -> float:
        """How far off the rule is used to be on buckets like this one."""
        whole, own = self._find_widths(at)
        effect, width = self._find_effect(day, at), own.get(self._season(day), whole)
        return max(width, effect.width) if effect else width

    def _find_widths(self, at: int) -> tuple[float, dict[int, float]]:
        """How far off the rule was before a place: on all buckets, and on those of each kind, shrunk towards that."""
        if self._widths[0] != at:
            whole = _measure_width(self.list_errors_before(at))
            own = {}
            for kind, places in self._places.items():
                errors = [self._find_error(place, at) for place in places if at - SPREAD <= place < at]
                known = [error for error in errors if error is not None]
                if len(known) >= FEWEST_OWN:
                    count, width = len(known), _measure_width(known)
                    own[kind] = math.sqrt((count * width**2 + SHRUNK * whole**2) / (count + SHRUNK))
            self._widths = (at, whole, own)
        return self._widths[1:]

    def find_spread(self, at: int) -> float:
        """The median of how far off it was; 0 if it never could say."""
        errors = self.list_errors_before(at)
        return median(abs(error) for error in errors) if errors else 0

    def _find_seasonal_value(self, kind: int, at: int | None = None) -> tuple[float | None, int]:
        places = self._places.get(kind, [])
        if at is not None:
            places = places[: bisect_left(places, at)]
        last = [self._values[place] for place in places[-ALIKE:]]
        return (median(last) if len(last) >= FEWEST_ALIKE else None), len(places)

    def _list_bases(self, at: int) -> dict[int, float | None]:
        last = set(self._kinds[max(0, at - LEVEL) : at])
        return {kind: self._find_seasonal_value(kind, at)[0] for kind in last}

    def _find_level(self, at: int, bases: Mapping[int, float | None]) -> float | None:
        """How far the last buckets before a place are off the medians of their kinds."""
        last = [
            self._values[place] - base
            for place in range(max(0, at - LEVEL), at)
            if (base := bases[self._kinds[place]]) is not None
        ]
        return median(last) if len(last) >= FEWEST_ALIKE else None


def _measure_width(errors: Sequence[float]) -> float:
    return max(1.4826 * median(map(abs, errors)), LEAST_WIDTH) if errors else LEAST_WIDTH


def _find_unit(values: Sequence[float]) -> float:
    """Where the scale turns from linear to logarithmic: a part of the usual size."""
    sizes = [abs(value) for value in values if value]
    return FLAT * median(sizes) if sizes else 1.0
