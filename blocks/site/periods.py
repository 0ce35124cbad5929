"""Time as numbered buckets (days, weeks, months, ...): ranges, the period before, what a page offers.

Bucket 0 of every grain holds 1 January 1970. The page's periods.js and selection.js count the same way, which
tests/cases/periods.json holds both to. No data here.
"""

from __future__ import annotations

import math
from datetime import date, timedelta

from blocks.records import GRAINS, Record

EPOCH = date(1970, 1, 1)
FARTHEST = timedelta(days=731)
"""Past today: no plan reaches farther, so what is dated so stands for "open", as 31 December 9999."""
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_PRESETS = {
    "day": ((7, "7 days"), (30, "30 days"), (90, "90 days"), (180, "180 days"), (365, "1 year")),
    "week": ((4, "4 weeks"), (13, "13 weeks"), (26, "26 weeks"), (52, "1 year")),
    "month": ((3, "3 months"), (6, "6 months"), (12, "1 year"), (24, "2 years")),
    "quarter": ((2, "2 quarters"), (4, "1 year"), (8, "2 years")),
    "year": ((1, "1 year"), (3, "3 years"), (5, "5 years")),
}
# How many buckets apart labels along an axis of time may stand.
_APART = {
    "day": (1, 2, 7, 14, 28),
    "week": (1, 2, 4, 8, 13, 26, 52),
    "month": (1, 2, 3, 6, 12, 24, 60),
    "quarter": (1, 2, 4, 8, 20),
    "year": (1, 2, 5, 10, 20, 50, 100),
}
# Not strftime's %b, which asks the system's language.
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# A trend is drawn with the first grain whose limit in days its range does not pass.
DRAWN = ((62, "day"), (430, "week"), (1900, "month"), (5500, "quarter"), (10**9, "year"))


def list_coarser_grains(grain: str) -> list[str]:
    """A grain and those its buckets fall into whole: weeks fall into no other."""
    if grain == "week":
        return ["week"]
    return [other for other in GRAINS[GRAINS.index(grain) :] if other != "week" or grain == "day"]


def find_bucket(day: date, grain: str) -> int:
    """The number of the bucket that holds a day."""
    days = (day - EPOCH).days
    if grain == "day":
        return days
    if grain == "week":  # Monday to Sunday; the epoch was a Thursday
        return (days + 3) // 7
    return ((day.year - 1970) * 12 + day.month - 1) // _MONTHS[grain]


def start(number: int, grain: str) -> date:
    """The first day of a bucket."""
    if grain in ("day", "week"):
        return EPOCH + timedelta(days=number if grain == "day" else number * 7 - 3)
    year, month = divmod(number * _MONTHS[grain], 12)
    return date(1970 + year, month + 1, 1)


def finish(number: int, grain: str) -> date:
    """The last day of a bucket; for the last bucket 31 December 9999, which stands for "open" in many a mart."""
    try:
        return start(number + 1, grain) - timedelta(days=1)
    except (OverflowError, ValueError):  # dates end there
        return date.max


def find_last_finished(day: date, grain: str) -> int:
    """The last bucket that ends on a day or before it."""
    return find_bucket(day, grain) - (finish(find_bucket(day, grain), grain) > day)


def label_ticks(first: date, last: date, grain: str, most: int) -> list[tuple[date, str]]:
    """The buckets of a grain that are labelled along an axis from one day to another, no more than `most`.

    The year stands where it changes.
    """
    numbers = range(find_bucket(first, grain), find_bucket(last, grain) + 1)
    fitting = (step for step in _APART[grain] if math.ceil(len(numbers) / step) <= most)
    step = next(fitting, math.ceil(len(numbers) / most))
    begin = numbers[0] if grain in ("day", "week") else math.ceil(numbers[0] / step) * step
    days = [start(number, grain) for number in range(begin, numbers[-1] + 1, step)]
    years = [None, *(day.year for day in days)]
    return [
        (day, _write_tick(day, grain) + ("" if day.year == before or grain == "year" else f" {day.year}"))
        for day, before in zip(days, years, strict=False)
    ]


def _write_tick(day: date, grain: str) -> str:
    if grain == "year":
        return str(day.year)
    if grain == "quarter":
        return f"Q{(day.month + 2) // 3}"
    month = MONTH_NAMES[day.month - 1]
    return month if grain == "month" else f"{day.day} {month}"


class Period(Record):
    """Whole buckets of one grain, both ends included."""

    grain: str
    first: int
    last: int

    @property
    def begin(self) -> date:
        """Its first day."""
        return start(self.first, self.grain)

    @property
    def end(self) -> date:
        """Its last day."""
        return finish(self.last, self.grain)

    @property
    def previous(self) -> Period:
        """As many buckets, just before."""
        length = self.last - self.first + 1
        return Period(grain=self.grain, first=self.first - length, last=self.first - 1)

    @property
    def year_before(self) -> Period:
        """As many buckets, a year before: of days by their date, of weeks on the same weekdays."""
        if self.grain == "day":
            year = self.begin.year - 1
            leap = self.begin.month == 2 and self.begin.day == 29  # as a page counts, 1 March
            first = find_bucket(date(year, 3, 1) if leap else self.begin.replace(year=year), "day")
        else:
            first = self.first - {"week": 52}.get(self.grain, 12 // _MONTHS.get(self.grain, 1))
        return Period(grain=self.grain, first=first, last=first + self.last - self.first)

    @property
    def drawn(self) -> str:
        """The grain a trend over it is drawn with: never finer than its own."""
        days = (self.end - self.begin).days + 1
        asked = next(grain for limit, grain in DRAWN if days <= limit)
        return asked if asked in list_coarser_grains(self.grain) else self.grain

    def is_whole(self, number: int, grain: str) -> bool:
        """Whether a bucket of a grain lies inside with all its days."""
        return start(number, grain) >= self.begin and finish(number, grain) <= self.end

    def list_buckets(self, grain: str) -> list[int]:
        """Every bucket of a grain that has a day in it."""
        return list(range(find_bucket(self.begin, grain), find_bucket(self.end, grain) + 1))

    def list_whole_buckets(self, grain: str) -> list[int]:
        """The buckets of a grain that are whole; where fewer than three are, all with a day in the period."""
        touched = self.list_buckets(grain)
        whole = [number for number in touched if self.is_whole(number, grain)]
        return whole if len(whole) > 2 else touched

    def pair_with_previous(self, grain: str) -> list[tuple[int, int]]:
        """The whole buckets of the period before, each with the one of this period that it falls beside."""
        before, touched = self.previous, self.list_buckets(grain)
        shift = touched[0] - find_bucket(before.begin, grain)
        whole = [number for number in before.list_buckets(grain) if before.is_whole(number, grain)]
        return [(number, number + shift) for number in whole if number + shift <= touched[-1]]

    def list_presets(self) -> list[tuple[int, str]]:
        """Lengths to offer, shortest first, each shorter than the whole."""
        return [(n, label) for n, label in _PRESETS[self.grain] if n < self.last - self.first + 1]

    def choose_opening(self) -> Period:
        """The range a page opens with: the longest preset that leaves as much again before it, or all."""
        whole = self.last - self.first + 1
        fits = [n for n, _ in _PRESETS[self.grain] if 2 * n <= whole]
        return self.model_copy(update={"first": self.last - fits[-1] + 1}) if fits else self
