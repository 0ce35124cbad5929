"""What a bucket's value is expected to be, from the values before it, and how far off it may be.

The centre is the median of the last alike buckets (same weekday, same day of the month) moved by how far the last
buckets were off; the width is how far this rule was off in the past. Everything is computed on a scale that is linear
around zero and logarithmic far from it, so that half and double are as far off, and zero and negatives have a place.
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

ALIKE, LEVEL, SPREAD = 6, 10, 250
"""How many buckets the centre, the level and the width are taken from."""
FEWEST_ERRORS, FEWEST_ALIKE = 20, 3
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
            fit = _Fit(season)
            for day, value in zip(self._days, scaled, strict=True):
                fit.add(day, value)
            fitted.append(fit)
        self._fit = min(fitted, key=lambda fit: fit.find_spread(len(self._days)) or math.inf)
        self._extraordinary = extraordinary

    def learn(self, day: date, value: float) -> None:
        """Count a bucket that comes after all others among the past."""
        if day not in self._extraordinary and day > max(self._days, default=date.min):
            self._days.append(day)
            self._fit.add(day, math.asinh(value / self._unit))

    def expect(self, day: date, min_history: int) -> Expectation | None:
        """What is usual for a bucket, from what came before it; None as long as too little did."""
        at = bisect_left(self._days, day)
        centre, cycles = self._fit.find_expected(day, at)
        errors = self._fit.list_errors_before(at)
        if centre is None or cycles < min_history or len(errors) < FEWEST_ERRORS:
            return None
        width = max(1.4826 * median(abs(error) for error in errors), LEAST_WIDTH)
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
        """How far off in one direction is unusual. errors: those of the past in this direction, in order."""
        rare = errors[min(len(errors) - 1, int(len(errors) * RARELY))] if errors else 0.0
        return max(UNUSUAL * width, rare) / self._sensitivity

    def _find_gross_distance(self, width: float, errors: Sequence[float]) -> float:
        worst = errors[-1] if errors else 0.0
        return max(max(GROSS * width, worst + BEYOND) / self._sensitivity, TWICE)


class _Fit:
    """The rule with one way of being alike, and how far off it was at each bucket of the past."""

    def __init__(self, season: Season) -> None:
        self._season = season
        self._places: dict[int, list[int]] = {}
        self._values: list[float] = []
        self._off: list[float | None] = []  # from the median of alike buckets
        self._errors: list[float | None] = []  # from that, moved by the level

    def add(self, day: date, value: float) -> None:
        """Count one more bucket, with its value on the scale."""
        at = len(self._values)
        base, _ = self._find_seasonal_value(day)
        off = None if base is None else value - base
        level = self._find_level(at)
        self._errors.append(None if off is None or level is None else off - level)
        self._off.append(off)
        self._places.setdefault(self._season(day), []).append(at)
        self._values.append(value)

    def find_expected(self, day: date, at: int) -> tuple[float | None, int]:
        """The expected value on the scale for a bucket that comes after the first `at`, and from how many."""
        base, cycles = self._find_seasonal_value(day, at)
        level = self._find_level(at)
        return (None, 0) if base is None or level is None else (base + level, cycles)

    def list_errors_before(self, at: int) -> list[float]:
        """How far off the rule was before a place."""
        return [error for error in self._errors[max(0, at - SPREAD) : at] if error is not None]

    def find_spread(self, at: int) -> float:
        """The median of how far off it was; 0 if it never could say."""
        errors = self.list_errors_before(at)
        return median(abs(error) for error in errors) if errors else 0

    def _find_seasonal_value(self, day: date, at: int | None = None) -> tuple[float | None, int]:
        places = self._places.get(self._season(day), [])
        if at is not None:
            places = places[: bisect_left(places, at)]
        last = [self._values[place] for place in places[-ALIKE:]]
        return (median(last) if len(last) >= FEWEST_ALIKE else None), len(places)

    def _find_level(self, at: int) -> float | None:
        last = [off for off in self._off[max(0, at - LEVEL) : at] if off is not None]
        return median(last) if len(last) >= FEWEST_ALIKE else None


def _find_unit(values: Sequence[float]) -> float:
    """Where the scale turns from linear to logarithmic: a part of the usual size."""
    sizes = [abs(value) for value in values if value]
    return FLAT * median(sizes) if sizes else 1.0
