"""What the judgements say of made series: figures together, spreads, visits, sizes, settled days."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

import pytest

from blocks.catalogue import Dataset
from blocks.metrics import Measure, Metric
from blocks.quality.history.findings import Past
from blocks.quality.history.judge import Gauge, judge_agreement, judge_metric, make_gauge
from blocks.quality.history.members import judge_members, judge_visits
from blocks.quality.history.record import Sight
from blocks.quality.history.restated import judge_restated
from blocks.quality.history.rules import Rules
from blocks.quality.history.series import ROWS, Points, Series
from blocks.quality.history.sizes import judge_size
from blocks.records import Check

FIRST, DAYS = date(2026, 1, 5), 200
LAST = FIRST + timedelta(days=DAYS - 1)
PAST = Past(complete=lambda day: True)
NAMES = ("a", "b", "c")
DATASET = Dataset(mart="m", time="d", dimensions=("k",), labels={}, metrics=(), measures=(), columns=())


def make_metric(name: str) -> Metric:
    measure = Measure(name=name, function="sum")
    return Metric(
        name=name, label="", description="", mart="m", source="m", measures=(measure,), formula=measure
    )


METRICS = [make_metric(name) for name in NAMES]


def make_series(scale: Callable[[date, str], float] = lambda day, member: 1.0, noise: float = 0.3) -> Series:
    """Three figures that go up and down by themselves, of eight members with nearly the same shares."""
    chance = random.Random(11)
    total: Points = {}
    members: dict[str | None, Points] = {f"k{number}": {} for number in range(8)}
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        levels = {name: 800 * (1 + noise * chance.uniform(-1, 1)) for name in NAMES}
        parts = {member: 1 + 0.1 * chance.uniform(-1, 1) for member in members}
        for member, points in members.items():
            part = parts[member] / sum(parts.values()) * scale(day, str(member))
            if part:
                points[day] = {name: level * part for name, level in levels.items()} | {ROWS: 10 * part}
        own = [points[day] for points in members.values() if day in points]
        total[day] = {name: sum(float(each[name] or 0) for each in own) for name in (*NAMES, ROWS)}
    return Series(DATASET, total, {"k": members}, 0, DAYS)


def cut(series: Series, days: int) -> Series:
    """What readers saw some days ago."""
    last = LAST - timedelta(days=days)
    total = {day: totals for day, totals in series.total.items() if day <= last}
    members = {
        member: {day: totals for day, totals in points.items() if day <= last}
        for member, points in series.members["k"].items()
    }
    return Series(series.dataset, total, {"k": members}, 0, DAYS - days)


def gauge(live: Series, candidate: Series) -> tuple[list[Gauge], list[Check | None]]:
    gauges = [make_gauge(metric, Rules(), live, candidate, PAST) for metric in METRICS]
    return gauges, [judge_metric(each, live, candidate, PAST) for each in gauges]


@pytest.mark.parametrize(
    ("factor", "status"), [(1.0, "passed"), (1.5, "warned"), (0.6, "warned"), (9, "failed")]
)
def test_what_each_figure_does_by_itself_they_do_not_do_together(factor: float, status: str) -> None:
    candidate = make_series(lambda day, member: factor if day == LAST else 1.0)
    gauges, alone = gauge(cut(candidate, 1), candidate)
    check = judge_agreement(gauges, "m", PAST)
    assert check
    assert check.status == status
    assert "a, b, c: 2026-07-23: " in check.observed
    assert "times" in check.observed
    if factor in (1.5, 0.6):
        assert [each.status for each in alone if each] == ["passed"] * 3


def test_many_small_shifts_are_seen_together() -> None:
    def shift(day: date, member: str) -> float:
        return 1.0 if day < LAST else 1.9 if int(member[1]) % 2 else 0.45

    candidate = make_series(shift, noise=0.1)
    checks = judge_members("k", METRICS[0], Rules(), cut(candidate, 1), candidate, PAST)
    (spread,) = (each for each in checks if each.name == "k is spread as usual")
    assert spread.status == "warned"
    usual = make_series(noise=0.1)
    checks = judge_members("k", METRICS[0], Rules(), cut(usual, 1), usual, PAST)
    assert [each.status for each in checks] == ["passed", "passed"]


def test_who_stays_away_longer_than_ever_is_said_for_a_while() -> None:
    def every_third(day: date, member: str) -> float:
        return 0.0 if member == "k7" and (day.toordinal() % 3 or day > away) else 1.0

    found: Mapping[int, str] = {}
    for days in (3, 10, 60):
        away = LAST - timedelta(days=days)
        check = judge_visits("k", make_series(every_third), PAST)
        assert check
        found = {**found, days: check.status}
    assert found == {3: "passed", 10: "warned", 60: "passed"}


def test_a_settled_day_that_is_halved_is_held_back_and_one_that_is_mended_is_not() -> None:
    day = LAST - timedelta(days=60)
    usual = make_series()
    broken = make_series(lambda at, member: 0.4 if at == day else 1.0)
    for live, candidate, status in (
        (usual, broken, "failed"),
        (broken, usual, "warned"),
        (usual, usual, "passed"),
    ):
        own = make_gauge(METRICS[0], Rules(restated=0.001), live, candidate, PAST)
        check = judge_restated(own, live, candidate, PAST, lambda days: ["by a load"])
        assert check
        assert check.status == status
        assert (check.evidence[-1:] == ("by a load",)) is (status != "passed")


@pytest.mark.parametrize(("days", "status"), [(8, "warned"), (9, "failed")])
def test_a_past_too_short_to_know_what_is_usual_only_warns(days: int, status: str) -> None:
    """Readers' newest day is no past yet."""
    usual = cut(make_series(noise=0.0), DAYS - days)
    tripled = cut(make_series(lambda at, member: 3.0, noise=0.0), DAYS - days)
    own = make_gauge(METRICS[0], Rules(), usual, tripled, PAST)
    check = judge_restated(own, usual, tripled, PAST, lambda days: [])
    assert check
    assert check.status == status


@pytest.mark.parametrize(
    ("counts", "rows", "status"),
    [
        ((), 1000, "passed"),
        ((), 1150, "passed"),
        ((), 1300, "warned"),
        ((), 700, "warned"),
        ((), 400, "failed"),
        ((100, 1000), 400, "passed"),  # it has changed by more before
        ((), 0, "failed"),
    ],
)
def test_a_mart_without_time_is_held_to_its_size(counts: tuple[int, ...], rows: int, status: str) -> None:
    timeless = DATASET.model_copy(update={"time": None, "source": "m"})
    live, candidate = (Series(timeless, {}, {}, 0, each) for each in (1000, rows))
    at = datetime(2026, 1, 1)
    sights = [
        Sight(at=at, passed=True, rows=each, newest=None, measures=(), total={}, members={})
        for each in counts
    ]
    check = judge_size(live, candidate, sights, PAST)
    assert check
    assert check.status == status
    assert judge_size(Series(timeless, {}, {}, 0, 5), candidate, sights, PAST) is None
