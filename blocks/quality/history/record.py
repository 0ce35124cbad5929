"""What a run saw of a dataset, as it is kept in the warehouse's control tables: small, and enough to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from pydantic import Field

from blocks.metrics import Metric, evaluate
from blocks.quality.history.series import Member, Points, Series, Value
from blocks.records import Record

LAST_BUCKETS = 14  # how many a record has; a dataset's first one has all of them
RUNS_READ = 60


class Sight(Record):
    """A dataset as one run saw it. passed: readers got to see it, as far as the gate goes.

    measures: their names, in the order of the values; total: by bucket; members: dimension → (member, its newest
    bucket, its values by bucket). moved: metric → the share of its past that was not as readers had seen it.
    """

    at: datetime
    passed: bool
    rows: int
    newest: date | None
    measures: tuple[str, ...]
    total: dict[date, tuple[float | None, ...]]
    members: dict[str, tuple[tuple[Member, date, dict[date, tuple[float | None, ...]]], ...]]
    moved: dict[str, float] = Field(default_factory=dict)


def make_sight(series: Series, at: datetime, passed: bool, whole: bool, moved: Mapping[str, float]) -> Sight:
    """What is kept of a series. whole: all buckets of the whole, not the last ones alone; of members it is these."""
    days = sorted(series.total)
    kept, last = days[0 if whole else -LAST_BUCKETS :], days[-LAST_BUCKETS:]
    measures = tuple(measure for totals in list(series.total.values())[:1] for measure in totals)
    return Sight(
        at=at,
        passed=passed,
        rows=series.rows,
        newest=series.newest,
        measures=measures,
        total=_cut(series.total, kept, measures),
        members={
            name: tuple(
                (member, max(points), _cut(points, last, measures)) for member, points in members.items()
            )
            for name, members in series.members.items()
        },
        moved=dict(moved),
    )


def _cut(
    points: Points, days: Iterable[date], measures: Iterable[str]
) -> dict[date, tuple[float | None, ...]]:
    names = tuple(measures)
    return {day: tuple(_shorten(points[day].get(name)) for name in names) for day in days if day in points}


def _shorten(value: Value) -> float | None:
    return None if value is None else round(float(value), 4)


def read_first_values(metric: Metric, sights: Iterable[Sight]) -> dict[date, float]:
    """A metric by bucket as the first run that readers followed saw it; buckets of a dataset's first run left out."""
    found: dict[date, float] = {}
    for sight in list(sights)[1:]:
        for day, values in sight.total.items() if sight.passed else ():
            value = evaluate(metric.formula, dict(zip(sight.measures, values, strict=True)))
            if value is not None:
                found.setdefault(day, value)
    return found


def read_first_shares(
    metric: Metric, dimension: str, sights: Iterable[Sight]
) -> dict[Member, dict[date, float]]:
    """The members' shares of a metric that adds up, by bucket, as first seen; in all else as `read_first_values`."""
    found: dict[Member, dict[date, float]] = {}
    known: set[date] = set()
    for sight in list(sights)[1:]:
        totals = {
            day: total
            for day, values in (sight.total.items() if sight.passed else ())
            if day not in known and (total := _evaluate(metric, sight, values)) > 0
        }
        known |= totals.keys()
        for member, _, points in sight.members.get(dimension, ()) if totals else ():
            for day, total in totals.items():
                if day in points:
                    share = _evaluate(metric, sight, points[day]) / total
                    found.setdefault(member, {})[day] = share
    return found


def _evaluate(metric: Metric, sight: Sight, values: Iterable[float | None]) -> float:
    return evaluate(metric.formula, dict(zip(sight.measures, values, strict=True))) or 0.0
