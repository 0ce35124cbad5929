"""What is expected of a bucket: weekdays, trend, holidays, nothing before there is enough to go by."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import pytest

from blocks.errors import Misconfigured
from blocks.quality.history.calendar import find_date, is_complete, read_countries, read_holidays
from blocks.quality.history.expectation import Usual

FIRST = date(2026, 1, 5)  # a Monday


def make(days: int, value: Callable[[date, int], float], noise: float = 0.05) -> dict[date, float]:
    chance = random.Random(7)
    all_days = [FIRST + timedelta(days=number) for number in range(days)]
    return {day: value(day, at) * (1 + noise * chance.uniform(-1, 1)) for at, day in enumerate(all_days)}


def weekly(day: date, at: int) -> float:
    return 100.0 if day.weekday() == 6 else 1000.0


def test_a_weekday_is_held_to_its_own_kind() -> None:
    usual = Usual(make(120, weekly), "day")
    sunday = FIRST + timedelta(days=125)
    assert sunday.weekday() == 6
    found = usual.expect(sunday, 8)
    assert found
    assert found.usual == pytest.approx(100, rel=0.1)
    assert [found.judge(value) for value in (105, 70, 15, 1000, 0)] == [
        "usual",
        "unusual",
        "gross",
        "gross",
        "gross",
    ]


def test_a_trend_goes_on() -> None:
    usual = Usual(make(150, lambda day, at: 1000 * 1.01**at), "day")
    found = usual.expect(FIRST + timedelta(days=150), 8)
    assert found
    assert found.judge(1000 * 1.01**150) == "usual"
    assert found.judge(1000 * 1.01**150 / 3) == "gross"


@pytest.mark.parametrize(("days", "known"), [(20, False), (55, False), (70, True)])
def test_nothing_is_said_before_there_is_enough_to_go_by(days: int, known: bool) -> None:
    usual = Usual(make(days, weekly), "day")
    assert (usual.expect(FIRST + timedelta(days=days), 8) is not None) is known
    assert usual.expect(FIRST + timedelta(days=days), 400) is None


def test_a_rule_that_can_not_speak_yet_silences_none_that_can() -> None:
    """By the day of the month there are seven cycles here, and the fit is perfect; by the weekday there are thirty."""
    values = make(215, lambda day, at: 100.0 + 50 * (day.day % 9), noise=0)
    assert Usual(values, "day").expect(FIRST + timedelta(days=215), 8) is not None


def test_only_what_came_before_counts() -> None:
    values = make(120, weekly)
    found = Usual(values, "day").expect(FIRST + timedelta(days=100), 8)
    cut = {day: value for day, value in values.items() if day < FIRST + timedelta(days=100)}
    assert found
    assert found.usual == pytest.approx(Usual(cut | {}, "day").expect(FIRST + timedelta(days=100), 8).usual)  # type: ignore[union-attr]


def test_a_day_that_was_learnt_counts_as_one_that_was_there() -> None:
    values = make(120, weekly)
    days = sorted(values)
    usual = Usual({day: values[day] for day in days[:-1]}, "day")
    usual.learn(days[-1], values[days[-1]])
    after = days[-1] + timedelta(days=1)
    found, whole = usual.expect(after, 8), Usual(values, "day").expect(after, 8)
    assert found
    assert whole
    assert found.usual == pytest.approx(whole.usual, rel=0.01)


def test_one_bad_day_moves_nothing() -> None:
    values = make(120, weekly)
    day, target = FIRST + timedelta(days=119 - 7), FIRST + timedelta(days=126 - 7)
    before = Usual(values, "day").expect(target, 8)
    values[day] *= 100
    after = Usual(values, "day").expect(target, 8)
    assert before
    assert after
    assert after.usual == pytest.approx(before.usual, rel=0.1)


FIRST_OF_MONTH: Callable[[date], bool] = lambda day: day.day == 1  # noqa: E731
LAST_WEEKDAY: Callable[[date], bool] = lambda day: (  # noqa: E731
    day.weekday() < 5 and (day + timedelta(days=3 if day.weekday() == 4 else 1)).month != day.month
)


@pytest.mark.parametrize(
    "is_special",
    [
        FIRST_OF_MONTH,
        lambda day: day.day == 25,
        lambda day: (day + timedelta(days=1)).day == 1,
        LAST_WEEKDAY,
    ],
    ids=["first", "pay day", "last", "last weekday"],
)
@pytest.mark.parametrize("factor", [2.5, 0.3])
def test_a_day_of_the_month_is_held_to_its_own_kind(
    is_special: Callable[[date], bool], factor: float
) -> None:
    values = make(
        420, lambda day, at: (600 if day.weekday() == 6 else 1000) * (factor if is_special(day) else 1)
    )
    days = sorted(values)
    levels: dict[bool, list[str]] = {True: [], False: []}
    for at in (at for at in range(300, 420) if at % 6 == 0 or is_special(days[at])):
        found = Usual({day: values[day] for day in days[:at]}, "day").expect(days[at], 8)
        assert found
        special = is_special(days[at])
        levels[special].append(found.judge(values[days[at]]))
        assert found.judge(values[days[at]] / factor) != "usual"
        assert found.judge(values[days[at]] * 2) != "usual"  # one day hides no other's double
    for each in levels.values():
        assert "gross" not in each
        assert each.count("unusual") <= 1
    few = Usual({day: values[day] for day in days[:100]}, "day")  # three of them, which may be chance
    special = next(day for day in days[100:] if is_special(day))
    expected = few.expect(special, 8)
    assert expected
    assert expected.usual / values[special] == pytest.approx(1 / factor, rel=0.2)


def test_a_first_day_of_trade_is_not_taken_for_the_first_of_the_month() -> None:
    """A shop that is closed on Sundays; on the 1st, a day as any other, nothing is expected of it."""
    every = make(430, weekly)
    values = {day: value for day, value in every.items() if day.weekday() != 6}
    days = sorted(values)
    firsts = {day for before, day in pairwise(days) if before.month != day.month}
    values = {day: value * (3 if day in firsts else 1) for day, value in values.items()}
    for at in (at for at in range(320, len(days)) if days[at] in firsts or days[at].day == 1):
        found = Usual({day: values[day] for day in days[:at]}, "day").expect(days[at], 8)
        assert found
        assert found.judge(values[days[at]]) == "usual"


def test_sensitivity_makes_the_range_narrower() -> None:
    values, day = make(120, weekly), FIRST + timedelta(days=120)
    narrow, wide = Usual(values, "day", (), 2).expect(day, 8), Usual(values, "day", (), 0.5).expect(day, 8)
    assert narrow
    assert wide
    assert wide.low < narrow.low < narrow.high < wide.high


def test_months_are_held_to_the_months_before() -> None:
    values = {date(2020 + at // 12, at % 12 + 1, 1): 1000.0 + at for at in range(40)}
    found = Usual(values, "month").expect(date(2023, 5, 1), 8)
    assert found
    assert found.judge(1040) == "usual"
    assert found.judge(150) == "gross"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2011-12-09.csv", date(2011, 12, 9)),
        ("erp/20111209/lines.csv", date(2011, 12, 9)),
        ("2011-12-09 12:50:00", date(2011, 12, 9)),
        ("2011-13-40.csv", None),
        ("1234567890", None),
        ("all", None),
    ],
)
def test_days_are_read_out_of_names_and_watermarks(text: str, day: date | None) -> None:
    assert find_date(text) == day


TODAY, NINTH = date(2011, 12, 10), date(2011, 12, 9)


@pytest.mark.parametrize(
    ("day", "grain", "marks", "complete"),
    [
        (NINTH, "day", [NINTH], True),
        (TODAY, "day", [TODAY], False),  # the day is not over
        (NINTH, "day", [date(2011, 12, 8)], False),  # nobody has brought it
        (date(2011, 12, 1), "month", [NINTH], False),
        (date(2011, 11, 1), "month", [NINTH], True),
        (date(2011, 11, 1), "month", [NINTH, date(2011, 11, 20)], False),  # a source is still within it
        (date(2011, 11, 1), "month", [date(2011, 11, 29), date(2011, 8, 1)], True),
    ],
)
def test_a_bucket_that_is_not_full_is_not_complete(
    day: date, grain: str, marks: list[date], complete: bool
) -> None:
    assert is_complete(day, grain, TODAY, marks) is complete


def test_holidays_are_those_of_the_project() -> None:
    def settings(names: object) -> dict[str, object]:
        return {"vars": {"ticket_to_dashboard": {"holidays": names}}}

    assert read_countries({}) == ()
    assert read_countries(settings("GB")) == ("GB",)
    assert date(2011, 12, 26) in read_holidays(read_countries(settings(["GB", "DE-BY"])), [2011])
    for wrong in (["XX"], ["GB; drop"], 7):
        with pytest.raises(Misconfigured, match="no country"):
            read_countries(settings(wrong))
