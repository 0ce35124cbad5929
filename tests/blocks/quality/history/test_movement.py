"""Why a figure moved: parts add up to the whole, exactly and as shown; ratios in rate and mix."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.catalogue import Dataset
from blocks.metric_change import REST, compute, divide, round_parts, round_value
from blocks.metrics import Filled, Formula, Measure, Metric, Number, Operation
from blocks.quality.history.movement import explain
from blocks.quality.history.series import Series

TOP, BOTTOM = Measure(name="top", function="sum"), Measure(name="bottom", function="sum")
RATIO = Operation(sign="/", left=TOP, right=BOTTOM)
DIFFERENCE = Operation(sign="-", left=Filled(formula=TOP, value=0), right=BOTTOM)
KEPT = Operation(sign="-", left=Number(value=1), right=Operation(sign="*", left=Number(value=3), right=RATIO))
money = st.decimals(-(10**9), 10**9, places=2).map(Fraction)
weight = st.integers(0, 10**6).map(Fraction)
sides = st.dictionaries(
    st.sampled_from("abcdef"), st.fixed_dictionaries({"top": money, "bottom": weight}), max_size=6
)


def add(side: dict[str, dict[str, Fraction]]) -> dict[str, Fraction]:
    return {name: sum((each[name] for each in side.values()), Fraction(0)) for name in ("top", "bottom")}


@given(before=sides, after=sides, formula=st.sampled_from([TOP, DIFFERENCE, RATIO, KEPT]))
def test_parts_add_up_to_the_whole_exactly_and_to_the_cent(
    before: dict[str, dict[str, Fraction]], after: dict[str, dict[str, Fraction]], formula: Formula
) -> None:
    old, new = compute(formula, add(before)), compute(formula, add(after))
    parts = divide(formula, before, after)
    if old is None or new is None:
        assert parts is None
        return
    assert parts is not None
    assert sum((part.whole for part in parts), Fraction(0)) == new - old
    whole = round_value(new) - round_value(old)
    shown = round_parts([part.whole for part in parts], whole)
    assert sum(shown) == (whole if parts else 0)
    for part, cents in zip(parts, shown, strict=True):
        assert abs(Fraction(cents) - part.whole) <= Fraction(2, 100)
        if part.kind:
            assert not part.rate or formula not in (RATIO, KEPT)  # new and gone members are mix


def test_a_ratio_that_only_its_mix_moved_is_all_mix() -> None:
    before = {
        "a": {"top": Fraction(10), "bottom": Fraction(10)},
        "b": {"top": Fraction(90), "bottom": Fraction(30)},
    }
    after = {
        "a": {"top": Fraction(30), "bottom": Fraction(30)},
        "b": {"top": Fraction(30), "bottom": Fraction(10)},
    }
    parts = divide(RATIO, before, after)
    assert parts is not None
    assert [part.rate for part in parts] == [0, 0]
    assert sum(part.mix for part in parts) == Fraction(60, 40) - Fraction(100, 40)
    faster = divide(RATIO, before, {**before, "a": {"top": Fraction(20), "bottom": Fraction(10)}})
    assert faster is not None
    assert [(part.rate, part.mix) for part in faster] == [(Fraction(1, 4), 0), (0, 0)]


DAY = date(2026, 1, 5)


def series(**members: list[float]) -> Series:
    points = {
        name: {DAY + timedelta(days=at): {"top": value, "bottom": 1} for at, value in enumerate(values)}
        for name, values in members.items()
    }
    days = sorted({day for each in points.values() for day in each})
    total = {
        day: {
            "top": sum(each.get(day, {}).get("top", 0) or 0 for each in points.values()),
            "bottom": sum(day in each for each in points.values()),
        }
        for day in days
    }
    dataset = Dataset(
        mart="m", time="d", dimensions=("country",), labels={}, metrics=(), measures=(), columns=()
    )
    even = {day: {name: (value or 0) / 2 for name, value in totals.items()} for day, totals in total.items()}
    return Series(dataset, total, {"even": {"x": even, "y": even}, "country": {**points}})


def metric(formula: Formula) -> Metric:
    return Metric(name="m", label="", description="", mart="m", source="m", measures=(), formula=formula)


def test_the_dimension_that_explains_most_comes_first_and_changed_days_are_told_from_new_ones() -> None:
    before = series(GB=[100, 100], DE=[50, 50])
    after = series(GB=[100, 40, 100], DE=[50, 50, 50], FR=[0, 0, 7])
    found = explain(metric(TOP), before, after, (set(before.total), set(after.total)), "release")
    assert found
    assert (found.before, found.after, found.restated) == (300, 397, -60)
    first = [(each.dimension, each.member, each.change, each.kind) for each in found.movers]
    assert first[:3] == [("country", "DE", 50, ""), ("country", "GB", 40, ""), ("country", "FR", 7, "new")]
    assert {each.dimension for each in found.movers} == {"country", "even"}
    for dimension in ("country", "even"):
        own = [each.change for each in found.movers if each.dimension == dimension]
        assert sum(own) == pytest.approx(97)
    assert explain(metric(TOP), before, before, (set(before.total),) * 2, "release") is None


def test_members_that_are_not_read_are_all_others() -> None:
    before, after = series(GB=[100], DE=[50]), series(GB=[100], DE=[80])
    for side in (before, after):
        side.members["country"].pop("DE")
    found = explain(metric(TOP), before, after, ({DAY}, {DAY}), "period")
    assert found
    others = [each for each in found.movers if each.dimension == "country" and each.member == REST]
    assert [each.change for each in others] == [30]
    assert found.restated is None
