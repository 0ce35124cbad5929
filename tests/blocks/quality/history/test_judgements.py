"""What the judgements say of made series: figures together, spreads, visits, sizes, settled days."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

import pytest

from blocks.catalogue import Dataset
from blocks.metrics import Measure, Metric, Operation
from blocks.quality.history.findings import Past
from blocks.quality.history.judge import Gauge, judge_agreement, judge_metric, make_gauge
from blocks.quality.history.members import is_drifting, judge_members, judge_visits
from blocks.quality.history.record import Sight, make_sight
from blocks.quality.history.restated import judge_restated
from blocks.quality.history.rules import Lesson, Rules
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
    ("factor", "status"), [(1.0, "passed"), (1.7, "warned"), (0.6, "warned"), (9, "failed")]
)
def test_what_each_figure_does_by_itself_they_do_not_do_together(factor: float, status: str) -> None:
    candidate = make_series(lambda day, member: factor if day == LAST else 1.0)
    gauges, alone = gauge(cut(candidate, 1), candidate)
    check = judge_agreement(gauges, "m", PAST)
    assert check
    assert check.status == status
    assert "a, b, c: 2026-07-23: " in check.observed
    assert "times" in check.observed
    if factor in (1.7, 0.6):
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


def judge_mornings(series: Series, first: date, past: Callable[[date, int], Past]) -> list[str]:
    """What each morning says of a figure, if readers see nothing new until it passes. past: of the days held back."""
    found: list[str] = []
    day, seen = first, first - timedelta(days=1)
    while day <= LAST:
        live, candidate = (cut(series, (LAST - at).days) for at in (seen, day))
        held = (day - seen).days - 1
        own = make_gauge(METRICS[0], Rules(), live, candidate, past(day, held))
        check = judge_metric(own, live, candidate, past(day, held))
        assert check
        found.append(check.status)
        seen = day if check.passed else seen
        day += timedelta(days=1)
    return found


def test_a_new_level_that_lasts_is_held_back_for_a_week_and_no_longer() -> None:
    begin = LAST - timedelta(days=29)
    fallen = make_series(lambda day, member: 0.4 if day >= begin else 1.0, noise=0.1)
    found = judge_mornings(fallen, begin, lambda day, held: Past(complete=lambda day: True, held_days=held))
    assert found == ["failed"] * 7 + ["warned"] + ["passed"] * 22
    candidate = make_series(
        lambda day, member: 0.0 if day == LAST else 0.4 if day >= begin else 1.0, noise=0.1
    )
    live = cut(candidate, 30)
    past = Past(complete=lambda day: True, held_days=29)
    own = make_gauge(METRICS[0], Rules(), live, candidate, past)
    check = judge_metric(own, live, candidate, past)
    assert check
    assert check.status == "failed"


@pytest.mark.parametrize(
    ("factor", "status", "text"),
    [
        (
            0.4,
            "warned",
            ", a new level: held back for 7 days, and shown to readers since, as nobody mended it",
        ),
        (
            0.05,
            "failed",
            ", a new level, 3 times farther off than any before: held back until somebody says `expected`",
        ),
        (
            100,
            "failed",
            ", a new level, 3 times farther off than any before: held back until somebody says `expected`",
        ),
    ],
)
def test_a_level_far_beyond_anything_before_waits_for_a_word(factor: float, status: str, text: str) -> None:
    begin = LAST - timedelta(days=29)
    series = make_series(lambda day, member: factor if day >= begin else 1.0, noise=0.1)
    days = tuple(begin + timedelta(days=number) for number in range(30))
    for lessons in ((), (Lesson(scope="m", days=days, origin="said on AN-1"),)):
        past = Past(complete=lambda day: True, held_days=29, lessons=lessons)
        own = make_gauge(METRICS[0], Rules(), cut(series, 30), series, past)
        check = judge_metric(own, cut(series, 30), series, past)
        assert check
        assert check.status == ("warned" if lessons else status)
        assert text in check.observed
        assert text in check.evidence[0]


def test_a_step_some_weeks_ago_counts_once() -> None:
    begin = LAST - timedelta(days=29)
    risen = make_series(lambda day, member: 2.0 if day >= begin else 1.0, noise=0.05)
    own = make_gauge(METRICS[0], Rules(), risen, risen, PAST)
    expected = own.usual.expect(LAST + timedelta(days=1), 8)
    assert expected
    assert expected.usual == pytest.approx(1600, rel=0.06)


def ripen(series: Series, today: date) -> Series:
    """Half of each day's rows go from `k0` to `k1` within thirty days, as deals are closed."""
    points = {member: dict(each) for member, each in series.members["k"].items()}
    for day in points["k0"]:
        part = min(max((today - day).days, 0), 30) / 60
        both = {name: points["k0"][day][name] + points["k1"][day][name] for name in NAMES}  # type: ignore[operator]
        points["k0"][day] = {
            **points["k0"][day],
            **{name: value * (1 - part) for name, value in both.items()},
        }
        points["k1"][day] = {**points["k1"][day], **{name: value * part for name, value in both.items()}}
    return Series(series.dataset, series.total, {"k": points}, 0, series.rows)


def test_a_status_that_rows_come_to_with_time_is_held_to_what_was_first_seen() -> None:
    whole = make_series(noise=0.05)

    def see(days: int) -> Series:
        return ripen(cut(whole, days), LAST - timedelta(days=days))

    unknown = judge_members("k", METRICS[0], Rules(), see(1), see(0), PAST)
    assert unknown == []  # nothing is known of how it looks at first
    sights = [make_sight(see(days), datetime(2026, 1, 1), True, False, {}) for days in range(60, 0, -1)]
    past = Past(complete=lambda day: True, sights=sights)
    checks = judge_members("k", METRICS[0], Rules(), see(1), see(0), past)
    assert [each.status for each in checks] == ["passed", "passed"]
    broken = make_series(lambda day, member: 8.0 if member == "k1" and day == LAST else 1.0, noise=0.05)
    checks = judge_members("k", METRICS[0], Rules(), see(1), broken, past)
    assert checks[0].status == "failed"
    assert is_drifting("k", METRICS[0], see(0), PAST)
    assert not is_drifting("k", METRICS[0], whole, PAST)


def test_a_figure_that_is_final_only_later_is_held_to_what_was_first_seen() -> None:
    late = METRICS[0].model_copy(update={"maturity_days": 30})
    series = make_series()
    own = make_gauge(late, Rules(), cut(series, 1), series, PAST)
    assert judge_metric(own, cut(series, 1), series, PAST) is None
    firsts = {day: float(totals["a"] or 0) for day, totals in series.total.items() if day < LAST}
    past = Past(complete=lambda day: True, firsts={"a": firsts})
    own = make_gauge(late, Rules(), cut(series, 1), series, past)
    check = judge_metric(own, cut(series, 1), series, past)
    assert check
    assert check.status == "passed"


def test_the_ratio_of_a_day_with_few_rows_is_not_held_back_for_what_others_had() -> None:
    a, b = (Measure(name=name, function="sum") for name in ("a", "b"))
    won = METRICS[0].model_copy(update={"formula": Operation(sign="/", left=a, right=b)})
    thursday = LAST.weekday()
    days = [FIRST + timedelta(days=n) for n in range(DAYS)]
    values = {day: float(day.weekday() == thursday - 2) for day in days}
    for value, status in ((1.0, "warned"), (8.0, "failed")):
        known = {**values, LAST: value}
        candidate = Series(
            DATASET, {day: {"a": each, "b": 1.0, ROWS: 1.0} for day, each in known.items()}, {}
        )
        live = cut(Series(DATASET, candidate.total, {"k": {}}, 0, DAYS), 1)
        own = make_gauge(won, Rules(), live, candidate, PAST)
        check = judge_metric(own, live, candidate, PAST)
        assert check
        assert (value, check.status) == (value, status)


@pytest.mark.parametrize("seed", range(3))
def test_a_small_count_is_not_held_back_for_what_chance_brings(seed: int) -> None:
    chance = random.Random(seed)
    counts = {
        FIRST + timedelta(days=n): float(sum(chance.random() < 0.05 for _ in range(40))) for n in range(DAYS)
    }
    whole = Series(DATASET, {day: {"a": count, ROWS: count} for day, count in counts.items()}, {"k": {}})
    found = judge_mornings(whole, LAST - timedelta(days=99), lambda day, held: PAST)
    assert found.count("failed") == 0
