"""`merge`: which of several versions of a row stays, whatever the order in which they come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import duckdb
import pytest

from blocks.loader.dlt.future import build_future_condition, is_in_future
from blocks.records import Column, SourceTable
from tests.blocks.loader.origins import DEALS, Desk, columns, source_table

VERSIONS = {
    "b.csv": "id,v,u,gone\n1,new,2026-02-01,\n2,first,2026-01-01,\n",
    "late.csv": "id,v,u,gone\n1,old,2026-01-01,\n2,second,2026-01-02,\n3,,2026-02-01,true\n",
    "older.csv": "id,v,u,gone\n1,none,,\n2,,2026-01-03,true\n3,older,2026-01-01,\n4,only,,\n",
}


def people(**meta: Any) -> SourceTable:
    declared = columns(
        ("id", "integer", "id", True),
        ("v", "varchar", "v", False),
        ("u", "timestamp", "u", False),
        ("gone", "boolean", "gone", False),
    )
    return source_table("erp", "people", declared, kind="files", path="*.csv", load="merge", key="id", **meta)


@pytest.mark.parametrize("order", [["b.csv", "late.csv", "older.csv"], *permutations(VERSIONS)])
def test_the_youngest_version_stays_in_any_order(desk: Desk, order: list[str]) -> None:
    """Files one a run, or together (the first case): the same rows; deleted ones stay deleted."""
    table = people(cursor="u", soft_delete="gone")
    together = isinstance(order, list)
    for name in order:
        (desk.erp / name).write_text(VERSIONS[name])
        if not together:
            desk.load(table)
    desk.load(table)
    assert desk.rows("select id, v from raw_erp.people order by id") == [(1, "new"), (4, "only")]


def test_without_a_cursor_the_last_one_stays(desk: Desk) -> None:
    """By the numbers in the files' names, and the order of the lines, however many they are."""
    table = people()
    lines = "".join(f"{n % 1000},{n},,\n" for n in range(300_000))
    (desk.erp / "part-9.csv").write_text(f"id,v,u,gone\n{lines}5000,nine,,\n")
    (desk.erp / "part-10.csv").write_text("id,v,u,gone\n5000,ten,,\n5000,eleven,,\n")
    assert desk.load(table).rows == 1001
    assert desk.rows("select v from raw_erp.people where id = 5000") == [("eleven",)]
    assert desk.rows("select count(*) from raw_erp.people where id < 1000 and v::int = 299000 + id") == [
        (1000,)
    ]
    (desk.erp / "part-8.csv").write_text("id,v,u,gone\n5000,came later,,\n")
    desk.load(table)
    assert desk.rows("select v from raw_erp.people where id = 5000") == [("came later",)]


def test_a_cursor_in_the_future_is_reported_and_no_watermark(desk: Desk) -> None:
    """What is changed afterwards still comes; nothing new changes nothing."""
    desk.sql(
        "create table opportunities (opportunity_id int, stage text, amount numeric, updated_at timestamp)"
    )
    insert = "insert into opportunities values (?, ?, ?, ?)"
    desk.sql(insert, (1, "a", 1, "2011-01-10 10:00:00"), (2, "b", 2, "2999-01-01 00:00:00"))
    first = desk.load(DEALS)
    assert (first.rows, first.watermark) == (2, "2011-01-10 10:00:00")
    assert first.notes == ("updated_at is in the future in 1 rows; it is no watermark",)
    again = desk.load(DEALS)
    assert (again.rows, again.watermark) == (0, "2011-01-10 10:00:00")
    soon = (datetime.now(UTC) + timedelta(hours=14)).isoformat(" ", "seconds")[:19]  # a local time
    desk.sql(insert, (3, "c", 3, "2011-01-11 10:00:00"), (4, "d", 4, soon))
    assert desk.load(DEALS).watermark == soon
    assert desk.rows("select opportunity_id from raw_crm.opportunities order by 1") == [
        (1,),
        (2,),
        (3,),
        (4,),
    ]


@pytest.mark.parametrize(
    ("name", "kind", "meta", "usual", "late"),
    [
        ("updated_at", "bigint", {}, "1294653600", "4102444800"),  # seconds, of 2100
        ("updatedAt", "bigint", {}, "1294653600123", "4102444800000"),
        ("ts", "bigint", {}, "1294653600123456", "4102444800000000"),
        ("modified", "decimal(20,3)", {}, "1294653600.123", "4102444800.000"),
        ("changed", "double", {}, "1294653600.5", "4102444800.5"),
        ("load_date", "integer", {}, "20110110", "99991231"),
        ("changed_on", "bigint", {}, "20110110100507", "29990101000000"),
        ("c", "bigint", {"epoch": "milliseconds"}, "1294653600123", "4102444800000"),
        ("updated_at", "bigint", {"epoch": False}, "1294653600", None),
        ("version", "bigint", {}, "1294653600", None),
        ("c", "bigint", {}, "1294653600", None),
    ],
)
def test_a_number_that_is_a_time_can_be_in_the_future(
    name: str, kind: str, meta: dict[str, Any], usual: str, late: str | None
) -> None:
    """late: one that is no watermark, neither when it comes nor from an earlier load; None: any may be."""
    column, now = (
        Column(name=name, data_type=kind, origin=name, meta=meta),
        datetime.now(UTC).replace(tzinfo=None),
    )
    values = [usual, late or "4102444800"]
    found = [
        duckdb.sql(
            f'select {build_future_condition(column, now)} from (select {each}::{kind} as "{name}")'
        ).fetchall()[0][0]
        for each in values
    ]
    assert found == [is_in_future(column, each, now) for each in values] == [False, late is not None]


def test_a_future_number_does_not_keep_later_rows_away(desk: Desk) -> None:
    """From a database, where the watermark decides what is asked for."""
    table = source_table(
        "crm",
        "opportunities",
        columns(("opportunity_id", "integer", "opportunity_id", True), ("updated_at", "bigint", "updated_at", False)),
        kind="sql", table="opportunities", load="merge", key="opportunity_id", cursor="updated_at",
    )  # fmt: skip
    desk.sql("create table opportunities (opportunity_id int, updated_at bigint)")
    insert = "insert into opportunities values (?, ?)"
    desk.sql(insert, (1, 1294653600), (2, 4102444800))
    assert desk.load(table).watermark == "1294653600"
    desk.sql(insert, (3, 1294653700))
    assert desk.load(table).watermark == "1294653700"
    assert desk.rows("select opportunity_id from raw_crm.opportunities order by 1") == [(1,), (2,), (3,)]


def test_a_watermark_in_the_future_of_an_earlier_load_is_not_believed(desk: Desk) -> None:
    """As loads kept it before: everything is read once more."""
    desk.sql(
        "create table opportunities (opportunity_id int, stage text, amount numeric, updated_at timestamp)"
    )
    insert = "insert into opportunities values (?, ?, ?, ?)"
    desk.sql(insert, (1, "a", 1, "2011-01-10 10:00:00"))
    desk.load(DEALS)
    desk.rows("update control.loads set watermark = '2999-01-01 00:00:00'")
    desk.sql(insert, (2, "b", 1, "2011-01-09 10:00:00"))
    report = desk.load(DEALS)
    assert (report.rows, report.watermark) == (2, "2011-01-10 10:00:00")
    assert desk.load(DEALS).rows == 0
