"""What a request may wish beyond metrics and dimensions: filters, time, targets, when and for whom.

Each is a frozen value, and `str` of it is the text that people write for it (docs/tickets.md). That text is read in
tasks/wish_syntax.py, and reads back as the same value. Add a wish here, then there, then where it is honoured.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_READ_OTHERWISE = re.compile(
    r'[,;"\n=]|\.\.|^$|^\s|\s$|\s(?:or|and|to)\s|^(?:!|(?:not|all but|all except|and|or|from|between)\s|[(\[])',
    re.I,
)
FIELDS = (
    "filters",
    "period",
    "comparison",
    "grain",
    "target",
    "cadence",
    "audience",
    "chart",
    "layout",
    "subscribers",
    "alerts",
)
"""The parts of a request that wishes are written in."""
Every = Literal["run", "day", "week", "month", "once"]


class Wish(BaseModel):
    """Base of all wishes: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Chart(StrEnum):
    """A kind of chart. trend: over time; shares: parts of a whole; stacked: both; bars: by a dimension.

    movement: what each member did to the change from one period to another.
    """

    trend = "trend"
    bars = "bars"
    shares = "shares"
    stacked = "stacked"
    table = "table"
    movement = "movement"


class Against(StrEnum):
    """What a period is compared with: as much time just before, or the same time a year before."""

    previous = "previous"
    year = "year"


AGAINST = {Against.previous: "previous period", Against.year: "same period last year"}
"""How each is written."""


class Filter(Wish):
    """Values of a dimension that a dashboard opens with; readers can choose others.

    values: as the data have them; or low and high: of a number, both included, None where it is open. excluded: all
    but these values are meant.
    """

    dimension: str
    values: tuple[str, ...] = ()
    excluded: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def is_range(self) -> bool:
        """True if it is about numbers from one to another."""
        return not self.values

    def accepts(self, value: str) -> bool:
        """True if a value of the dimension, as text, is among those chosen, whatever its case."""
        if not self.is_range:
            named = value.strip().casefold() in {each.casefold() for each in self.values}
            return named is not self.excluded
        try:
            number = float(value)
        except ValueError:
            return False
        return (self.low is None or self.low <= number) and (self.high is None or number <= self.high)

    def __str__(self) -> str:
        """As in `country = Germany, France`, `country != Spain` or `amount = 10..20`."""
        if self.is_range:
            return f"{self.dimension} = {write_number(self.low)}..{write_number(self.high)}"
        sign = "!=" if self.excluded else "="
        return f"{self.dimension} {sign} {', '.join(map(quote_value, self.values))}"


class Span(Wish):
    """Time that a dashboard opens with. Nothing set: all there is.

    unit with count: the last so many finished units, of years in months; unit alone: this unit so far. first, last:
    fixed days, both included, None where it is open.
    """

    unit: str = ""
    count: int = 0
    first: date | None = None
    last: date | None = None

    def __str__(self) -> str:
        """As in `last 12 months`, `this year`, `2026-01-01..2026-06-30`, `all`."""
        if self.unit and self.count:
            return f"last {self.count} {self.unit}{'s' if self.count > 1 else ''}"
        if self.unit:
            return f"this {self.unit}"
        if self.first or self.last:
            return f"{self.first or ''}..{self.last or ''}"
        return "all"


class Target(Wish):
    """What a metric should reach: a value, or its own value of an earlier time; by a day, if one is named.

    per: the unit of time that a value is of, for a metric whose parts add up; empty: at any time.
    """

    metric: str
    value: float | None = None
    against: Against | None = None
    per: str = ""
    by: date | None = None

    @property
    def text(self) -> str:
        """Itself without the metric, as in `120000 per month by 2026-12-31`."""
        what = AGAINST[self.against] if self.against else write_number(self.value)
        per = f" per {self.per}" if self.per else ""
        return f"{what}{per}{f' by {self.by}' if self.by else ''}"

    def __str__(self) -> str:
        """As in `net_revenue = 120000 per month by 2026-12-31`."""
        return f"{self.metric} = {self.text}"


class Alert(Wish):
    """A line that subscribers hear of when a metric crosses it: above it or below, of the newest finished unit of time.

    per: that unit; empty: of the time that the dashboard opens with.
    """

    metric: str
    above: bool
    value: float
    per: str = ""

    def is_crossed(self, value: float) -> bool:
        """True if a value is on the wrong side."""
        return value > self.value if self.above else value < self.value

    @property
    def text(self) -> str:
        """Itself without the metric, as in `< 5000 per day`."""
        per = f" per {self.per}" if self.per else ""
        return f"{'>' if self.above else '<'} {write_number(self.value)}{per}"

    def __str__(self) -> str:
        """As in `net_revenue < 5000 per day`."""
        return f"{self.metric} {self.text}"


class Cadence(Wish):
    """When a dashboard is refreshed. day: of the week (1: Monday) or of the month; a month without it has its last."""

    every: Every
    day: int = 1

    def find_last_due(self, today: date) -> date | None:
        """The newest day, today or before, on which it is due; None for one that is never refreshed."""
        if self.every == "once":
            return None
        if self.every == "week":
            return today - timedelta(days=(today.isoweekday() - self.day) % 7)
        if self.every == "month":
            due = _find_day_of_month(today, self.day)
            return (
                due
                if due <= today
                else _find_day_of_month(today.replace(day=1) - timedelta(days=1), self.day)
            )
        return today

    def is_due(self, today: date, refreshed: date | None) -> bool:
        """True on its day, and after it until it was refreshed. refreshed: the day when that was last, if ever."""
        due = self.find_last_due(today)
        return due is not None and (due == today or refreshed is None or refreshed < due)

    def find_next_due(self, today: date) -> date | None:
        """The first day after today on which it is due."""
        days = (today + timedelta(days=ahead) for ahead in range(1, 63))
        return next((day for day in days if self.find_last_due(day) == day), None)

    def __str__(self) -> str:
        """As in `each run`, `daily`, `weekly on Monday`, `monthly on day 1`, `once`."""
        if self.every == "week":
            return f"weekly on {WEEKDAYS[self.day - 1]}"
        return {"month": f"monthly on day {self.day}", "day": "daily", "run": "each run"}.get(
            self.every, "once"
        )


class Wishes(Wish):
    """All that a request wishes. Nothing set is what a dashboard does by itself.

    audience: groups that may read it, and no others. charts: kinds in the order in which they come, before the others.
    subscribers: addresses and channels that are told of new figures, and of alerts.
    """

    filters: tuple[Filter, ...] = Field((), exclude=True)  # people's words, as `Requirement` has it
    period: Span | None = None
    comparison: Against | None = None
    grain: str = ""
    targets: tuple[Target, ...] = ()
    cadence: Cadence | None = None
    audience: tuple[str, ...] = Field((), exclude=True)
    charts: tuple[Chart, ...] = ()
    subscribers: tuple[str, ...] = Field((), exclude=True)
    alerts: tuple[Alert, ...] = ()

    def list_lines(self) -> dict[str, str]:
        """Field of a request → the text for it, of what is wished."""
        found = {
            "filters": "; ".join(map(str, self.filters)),
            "period": "" if self.period is None else str(self.period),
            "comparison": AGAINST[self.comparison] if self.comparison else "",
            "grain": self.grain,
            "target": "; ".join(map(str, self.targets)),
            "cadence": "" if self.cadence is None else str(self.cadence),
            "audience": ", ".join(map(quote_value, self.audience)),
            "chart": ", ".join(self.charts),
            "subscribers": ", ".join(self.subscribers),
            "alerts": "; ".join(map(str, self.alerts)),
        }
        return {name: text for name, text in found.items() if text}


def write_number(value: float | None) -> str:
    """A number as it is read back; nothing of None."""
    if value is None:
        return ""
    text = f"{Decimal(repr(value)):f}".removesuffix(".0")
    # three decimals alone would be thousands in another country
    return f"{text}0" if re.fullmatch(r"-?\d{1,3}\.\d{3}", text) else text


def quote_value(text: str) -> str:
    """A value as it stands in a list: in double quotes where it would be read as something else."""
    return '"' + text.replace('"', '""') + '"' if _READ_OTHERWISE.search(text) else text


def _find_day_of_month(month: date, day: int) -> date:
    return month.replace(day=min(day, monthrange(month.year, month.month)[1]))
