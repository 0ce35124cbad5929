"""A mart's history on every warehouse: its sums by bucket and member, and what control keeps of each run."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from blocks.catalogue import Dataset
from blocks.dimensions import Dimension, cut_to_hour_of_day
from blocks.metrics import Balance, Measure, Metric
from blocks.quality.history.record import Sight, make_sight
from blocks.quality.history.series import (
    ROWS,
    Series,
    add_hours,
    read_series,
    reduce_to_sums,
    try_read_series,
)
from blocks.semantic_models import SelectedColumn
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from tests.blocks.warehouse.test_mart_diff_contract import everywhere, forget
from tests.blocks.warehouse.test_mart_diff_contract import warehouse as warehouse

ROWS_OF_MART = [
    ("cast('2026-01-01' as date)", "'GB'", "cast(1.10 as decimal(9, 2))"),
    ("cast('2026-01-01' as date)", "'DE'", "cast(2.20 as decimal(9, 2))"),
    ("cast('2026-01-02' as date)", "'GB'", "cast(4.40 as decimal(9, 2))"),
    ("cast('2026-01-02' as date)", "cast(null as varchar)", "cast(8.80 as decimal(9, 2))"),
    ("cast(null as date)", "'DE'", "cast(16 as decimal(9, 2))"),
]


def make_dataset() -> Dataset:
    amount, least = Measure(name="amount", function="sum"), Measure(name="least", function="min")
    metrics = tuple(
        Metric(name=each.name, label="", description="", mart="m", source="m", measures=(each,), formula=each)
        for each in (amount, least)
    )
    return reduce_to_sums(
        Dataset(
            mart="m",
            source="m",
            time="d",
            dimensions=("country", "one"),
            labels={},
            metrics=metrics,
            measures=(amount, least),
            columns=(
                SelectedColumn(name="d", sql="cast(d as date)", grouped=True),
                SelectedColumn(name="country", sql="country", grouped=True),
                SelectedColumn(name="one", sql="'x'", grouped=True),
                SelectedColumn(name="amount", sql="sum(amount)", grouped=False),
                SelectedColumn(name="least", sql="min(amount)", grouped=False),
            ),
        )
    )


def make_wholes() -> Dataset:
    """What does not add up: a distinct count, an extreme, and a balance that ends with each country."""
    moment = Balance(moment="day", within=("country",))
    measures = (
        Measure(name="countries", function="count_distinct"),
        Measure(name="least", function="min"),
        Measure(name="stock", function="sum", balance=moment),
    )
    return Dataset(
        mart="m",
        source="m",
        time="d",
        dimensions=(),
        labels={},
        metrics=tuple(
            Metric(name=each.name, label="", description="", mart="m", measures=(each,), formula=each)
            for each in measures
        ),
        measures=measures,
        columns=(
            SelectedColumn(name="d", sql="cast(d as date)", grouped=True),
            SelectedColumn(name="countries", sql="country", grouped=True),
            SelectedColumn(name="day", sql="cast(d as date)", grouped=True),
            SelectedColumn(name="country", sql="country", grouped=True),
            SelectedColumn(name="least", sql="min(amount)", grouped=False),
            SelectedColumn(name="stock", sql="sum(amount)", grouped=False),
        ),
    )


def fill(house: Warehouse) -> None:
    names = ("d", "country", "amount")
    queries = [
        "select "
        + ", ".join(f"{value} as {house.quote(name)}" for value, name in zip(row, names, strict=True))
        for row in ROWS_OF_MART
    ]
    with house.session() as session:
        house.make_schema(session, "rel_a")
        session.rows(f"create table {house.relation('rel_a.m')} as {' union all '.join(queries)}")


def read(house: Warehouse) -> Series:
    with house.session() as session:
        return read_series(house, session, make_dataset(), "rel_a.m", date(2026, 2, 1), wholes=make_wholes())


@everywhere
def test_sums_are_read_by_bucket_and_member(warehouse: Warehouse) -> None:
    fill(warehouse)
    try:
        found = read(warehouse)
        with warehouse.session() as session:
            absent = make_dataset().model_copy(
                update={"columns": (SelectedColumn(name="d", sql="absent", grouped=True),)}
            )
            assert try_read_series(warehouse, session, absent, "rel_a.m", date(2026, 2, 1)) is None
    finally:
        forget(warehouse)
    first, second = date(2026, 1, 1), date(2026, 1, 2)
    amounts = {day: float(str(totals["amount"])) for day, totals in found.total.items()}
    assert amounts == {first: pytest.approx(3.3), second: pytest.approx(13.2)}
    assert {day: int(str(totals[ROWS])) for day, totals in found.total.items()} == {first: 2, second: 2}
    members = {
        member: {day: float(str(totals["amount"])) for day, totals in points.items()}
        for member, points in found.members["country"].items()
    }
    assert members == {"GB": {first: 1.1, second: 4.4}, "DE": {first: 2.2}, None: {second: 8.8}}
    assert list(found.members) == ["country"]  # the other has one member
    assert (found.rows, found.undated, found.newest) == (5, 1, second)
    assert [metric.name for metric in found.dataset.metrics] == ["amount"]  # a minimum does not add up
    assert found.wholes == make_wholes().metrics
    values = {metric.name: found.compute_values(metric) for metric in found.wholes}
    assert values["countries"] == {first: 2, second: 1}
    assert values["least"] == {first: pytest.approx(1.1), second: pytest.approx(4.4)}
    assert values["stock"] == {first: pytest.approx(3.3), second: pytest.approx(4.4)}  # of no country, none


@everywhere
def test_hours_are_members_of_their_day(warehouse: Warehouse) -> None:
    moments = ("2026-01-01 09:15:00", "2026-01-01 09:59:59", "2026-01-01 23:30:00", "2026-01-02 00:00:00")
    rows = " union all ".join(
        f"select cast('{moment}' as timestamp) as {warehouse.quote('d')}, {place} as {warehouse.quote('amount')}"
        for place, moment in enumerate(moments, 1)
    )
    amount = Measure(name="amount", function="sum")
    time = Dimension(name="d", expr="d", time=True, grain="day", label="", declared="hour")
    hour = SelectedColumn(name="d__hour", sql=cut_to_hour_of_day(time), grouped=True)
    dataset = make_dataset().model_copy(
        update={
            "dimensions": (),
            "columns": (
                SelectedColumn(name="d", sql="cast(d as date)", grouped=True),
                SelectedColumn(name="amount", sql="sum(amount)", grouped=False),
            ),
            "measures": (amount,),
        }
    )
    try:
        with warehouse.session() as session:
            warehouse.make_schema(session, "rel_a")
            session.rows(f"create table {warehouse.relation('rel_a.m')} as {rows}")
            found = read_series(
                warehouse, session, reduce_to_sums(add_hours(dataset, hour)), "rel_a.m", date(2026, 2, 1)
            )
    finally:
        forget(warehouse)
    assert {
        (member, day.day): int(str(totals["amount"]))
        for member, points in found.members["d__hour"].items()
        for day, totals in points.items()
    } == {("9", 1): 3, ("23", 1): 3, ("0", 2): 4}


@everywhere
def test_what_a_run_saw_is_kept_in_parts_and_pruned(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    house = warehouse.model_copy(update={"control": "control_h", "journal_runs": 10})
    monkeypatch.setattr(control, "LONGEST_DETAIL", 60)
    monkeypatch.setattr(control, "PRUNED_AT_ONCE", 1)
    assert control.read_history(house, 5) == []
    assert control.prune_history(house) == []
    for number in range(11):
        detail = f'{{"said": "{number} {"long ü " * 40}"}}'
        control.write_history(house, f"r{number:02}", {"m": "before", "n": detail})
        control.write_history(house, f"r{number:02}", {"m": detail})  # again: in its place
    found = control.read_history(house, 2)
    assert [(each.run, each.dataset) for each in found] == [("r09", "m"), ("r10", "m")]
    assert '"10 long ü' in found[-1].detail
    assert control.prune_history(house) == ["r00"]
    assert [each.run for each in control.read_history(house, 100)] == [f"r{n:02}" for n in range(1, 11)]


def test_a_sight_is_read_as_it_was_written() -> None:
    day = date(2026, 1, 1)
    series = Series(make_dataset(), {day: {"amount": 1.5, ROWS: 2}}, {"c": {None: {day: {"amount": 1.5}}}})
    sight = make_sight(series, control.now(), True, True, {"amount": 0.5})
    assert Sight.model_validate_json(sight.model_dump_json()) == sight
    assert sight.total == {day: (1.5, 2.0)}
