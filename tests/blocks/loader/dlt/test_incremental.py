"""What a load takes beside what is new: late rows, days again, everything again; and rows that are gone."""

from __future__ import annotations

import os
from datetime import date, datetime
from typing import Any

import pytest

from blocks.errors import Misconfigured
from blocks.load_range import NEW_ROWS, LoadRange
from blocks.records import LoadReport, SourceTable
from blocks.warehouse.control import read_ledger
from tests.blocks.loader.origins import ACCOUNTS, DEALS, LINES, RATES, Api, Desk, columns, rate

INSERT = "insert into opportunities values (?, ?, ?, ?)"
RAW = "select opportunity_id, stage from raw_crm.opportunities order by 1"
JANUARY = LoadRange(since=date(2011, 1, 1), until=date(2011, 1, 31))


def with_meta(table: SourceTable, /, **meta: Any) -> SourceTable:
    """A table that declares more."""
    return table.model_copy(update={"meta": {**table.meta, **meta}})


def load(desk: Desk, table: SourceTable, load_range: LoadRange = NEW_ROWS) -> LoadReport:
    """A load in a run of its own."""
    desk.run += 1
    return desk.loader.load_source([table], desk.warehouse, f"run{desk.run}", load_range)[0]


@pytest.fixture
def crm(desk: Desk) -> Desk:
    """A CRM with deals of January and February."""
    desk.sql(
        "create table opportunities (opportunity_id integer, stage text, amount numeric, updated_at timestamp)"
    )
    desk.sql(
        INSERT,
        (1, "a", 1, "2011-01-10 10:00:00"),
        (2, "b", 2, "2011-02-01 00:00:00"),
        (3, "c", 3, "2011-02-10 10:00:00"),
    )
    return desk


def test_late_rows_come_within_the_lookback(crm: Desk) -> None:
    """A row whose cursor is older than what was loaded; again is the same as once."""
    table = with_meta(DEALS, lookback=3)
    first = load(crm, table)
    assert (first.rows, load(crm, table).rows) == (3, 0)
    crm.sql(INSERT, (4, "late", 1, "2011-02-08 10:00:00"), (5, "too late", 1, "2011-02-06 10:00:00"))
    report = load(crm, table)
    assert report.watermark == first.watermark
    assert [row[0] for row in crm.rows(RAW)] == [1, 2, 3, 4]
    assert load(crm, table).rows == 0
    crm.sql(INSERT, (6, "new", 1, "2011-02-20 10:00:00"))
    assert load(crm, table).rows == 1
    assert load(crm, table).rows == 0


@pytest.mark.parametrize(
    ("kind", "meta", "first", "second"),
    [
        ("timestamp", {"format": "%d/%m/%Y"}, "31/01/2026", "02/02/2026"),
        ("timestamp", {}, "2026-01-01T10:00:00Z", "2026-01-01 11:00:00"),
        ("timestamp", {}, "2026-01-01 10:00:00+02:00", "2026-01-01 09:00:00+00:00"),
        ("integer", {}, "9", "10"),
    ],
)
@pytest.mark.parametrize("kept", ["text", "timestamp"])
def test_a_cursor_that_the_database_keeps_as_text_is_compared_as_what_it_is(
    desk: Desk, kind: str, meta: dict[str, Any], first: str, second: str, kept: str
) -> None:
    if (kept, kind) == ("timestamp", "integer"):
        kept = "varchar(9)"
    declared = [column.model_copy(update={"data_type": kind, "meta": meta}) for column in DEALS.columns[3:]]
    table = DEALS.model_copy(update={"columns": (*DEALS.columns[:3], *declared)})
    desk.sql(
        f"create table opportunities (opportunity_id integer, stage text, amount numeric, updated_at {kept})"
    )
    desk.sql(INSERT, (1, "a", 1, first))
    assert load(desk, table).rows == 1
    desk.sql(INSERT, (2, "b", 1, second))
    report = load(desk, table)
    assert (report.rows, report.watermark) == (1, second)
    assert load(desk, table).rows == 0


def test_a_cursor_of_numbers_that_is_declared_as_text_is_refused(desk: Desk) -> None:
    """As a text 10 comes before 9; days such as 20260131 are in order."""
    declared = DEALS.columns[3].model_copy(update={"data_type": "varchar"})
    table = DEALS.model_copy(update={"columns": (*DEALS.columns[:3], declared)})
    desk.sql(
        "create table opportunities (opportunity_id integer, stage text, amount numeric, updated_at text)"
    )
    desk.sql(INSERT, (1, "a", 1, "9"))
    with pytest.raises(Misconfigured, match="10 would come before 9"):
        load(desk, table)
    desk.sql("update opportunities set updated_at = '20260131'")
    assert load(desk, table).rows == 1


def test_without_a_lookback_late_rows_stay_out(crm: Desk) -> None:
    load(crm, DEALS)
    crm.sql(INSERT, (4, "late", 1, "2011-02-10 09:59:59"))
    assert load(crm, DEALS).rows == 0


@pytest.mark.parametrize(
    ("kind", "value", "less"),
    [
        ("date", "2011-03-01", "2011-02-28"),
        ("bigint", "100", "99"),
        ("timestamp", "2011-03-01 00:00:00+02:00", "2011-02-28 00:00:00+02:00"),
    ],
)
def test_lookback_is_of_the_cursors_kind(kind: str, value: str, less: str) -> None:
    """Days of a time, units of a number."""
    from blocks.loader.dlt.incremental import subtract_lookback

    declared = tuple(
        c.model_copy(update={"data_type": kind}) if c.name == "updated_at" else c for c in DEALS.columns
    )
    table = with_meta(DEALS.model_copy(update={"columns": declared}), lookback=1)
    assert subtract_lookback(table, value) == less
    assert subtract_lookback(DEALS, value) == value
    with pytest.raises(Misconfigured, match="lookback"):
        subtract_lookback(table, "soon")


def test_days_are_loaded_again_and_what_is_new_too(crm: Desk) -> None:
    """Corrections that did not move the cursor arrive for those days only; both ends are included."""
    first = load(crm, DEALS)
    crm.sql("update opportunities set stage = 'corrected'")
    assert load(crm, DEALS, NEW_ROWS).rows == 1  # the row at the watermark, which comes with every load
    crm.sql("update opportunities set stage = 'again'")
    crm.sql(
        INSERT, (4, "first moment", 1, "2011-01-01 00:00:00"), (5, "last moment", 1, "2011-01-31 23:59:59")
    )
    crm.sql(INSERT, (6, "new", 1, "2011-03-01 10:00:00"))
    report = load(crm, DEALS, JANUARY)
    assert report.watermark == "2011-03-01 10:00:00" > (first.watermark or "")
    assert crm.rows(RAW) == [
        (1, "again"),
        (2, "b"),
        (3, "again"),
        (4, "first moment"),
        (5, "last moment"),
        (6, "new"),
    ]
    assert load(crm, DEALS).rows == 0
    assert load(crm, DEALS, JANUARY).rows == 3
    assert crm.rows("select count(*) from raw_crm.opportunities") == [(6,)]
    assert load(crm, DEALS, LoadRange(since=date(2011, 2, 1))).rows == 3  # no end: up to now


def test_days_of_a_cursor_that_is_no_time_are_refused(crm: Desk) -> None:
    declared = tuple(
        c.model_copy(update={"data_type": "bigint"}) if c.name == "updated_at" else c for c in DEALS.columns
    )
    with pytest.raises(Misconfigured, match="no date or timestamp"):
        load(crm, DEALS.model_copy(update={"columns": declared}), JANUARY)


def test_full_refresh_takes_the_whole_table_and_what_is_gone_away(crm: Desk) -> None:
    """The ledger starts again from nothing, and the next load is by cursor again."""
    load(crm, DEALS)
    crm.sql("delete from opportunities where opportunity_id = 1")
    assert load(crm, DEALS).rows == 0
    assert load(crm, DEALS, LoadRange(full=True)).rows == 2
    assert crm.rows(RAW) == [(2, "b"), (3, "c")]
    (entry,) = read_ledger(crm.warehouse, "crm")
    assert (entry.rows, entry.watermark) == (2, "2011-02-10 10:00:00")
    crm.sql(INSERT, (7, "new", 1, "2011-03-01 10:00:00"))
    assert load(crm, DEALS).rows == 1


def test_keys_are_compared_where_the_source_deletes_rows(crm: Desk) -> None:
    """Rows that are gone leave RAW with the next load, whether anything is new or not."""
    table = with_meta(DEALS, compare_keys=True)
    assert (load(crm, table).deleted, load(crm, table).items) == (0, 0)
    crm.sql("delete from opportunities where opportunity_id in (1, 3)")
    report = load(crm, table)
    assert (report.rows, report.deleted) == (0, 2)
    assert crm.rows(RAW) == [(2, "b")]
    crm.sql(INSERT, (1, "back", 1, "2011-03-01 10:00:00"))
    report = load(crm, table)
    assert (report.rows, report.deleted) == (1, 0)
    assert load(crm, table).items == 0
    crm.sql("delete from opportunities")
    assert load(crm, table).deleted == 2
    assert crm.rows(RAW) == []


@pytest.mark.parametrize(
    ("kind", "alive", "dead"),
    [("boolean", "false", "true"), ("integer", 0, 1), ("timestamp", None, "2011-03-01 10:00:00")],
)
def test_rows_that_say_they_are_deleted_leave(desk: Desk, kind: str, alive: Any, dead: Any) -> None:
    """And come back when they say otherwise; new rows that are deleted already never arrive."""
    desk.sql("create table people (person_id integer, gone text, updated_at timestamp)")
    declared = columns(
        ("person_id", "integer", "person_id", True),
        ("gone", kind, "gone", False),
        ("updated_at", "timestamp", "updated_at", True),
    )
    meta = {"table": "people", "key": "person_id", "soft_delete": "gone"}
    table = with_meta(
        DEALS.model_copy(update={"columns": declared, "name": "people", "identifier": "people"}), **meta
    )
    insert = "insert into people values (?, ?, ?)"
    desk.sql(insert, (1, alive, "2011-01-01"), (2, alive, "2011-01-02"), (3, dead, "2011-01-02"))
    first = load(desk, table)
    assert (first.rows, first.deleted) == (2, 1)
    desk.sql("update people set gone = ?, updated_at = ? where person_id = 1", (dead, "2011-01-03"))
    second = load(desk, table)
    assert (second.rows, second.deleted) == (0, 1)
    assert desk.rows("select person_id from raw_crm.people") == [(2,)]
    desk.sql("update people set gone = ?, updated_at = ? where person_id = 1", (alive, "2011-01-04"))
    assert load(desk, table).rows == 1
    assert desk.rows("select count(*) from raw_crm.people") == [(2,)]
    assert load(desk, table, LoadRange(full=True)).rows == 2


@pytest.mark.parametrize(
    ("table", "meta", "message"),
    [
        (ACCOUNTS, {"compare_keys": True}, "for load `merge`"),
        (DEALS, {"soft_delete": "nowhere"}, "declared columns: nowhere"),
        (RATES, {"compare_keys": True}, "compare_keys is for databases"),
    ],
)
def test_what_cannot_be_declared_is_said(
    crm: Desk, table: SourceTable, meta: dict[str, Any], message: str
) -> None:
    from blocks.loader.dlt.table_config import get_load_mode

    with pytest.raises(Misconfigured, match=message):
        get_load_mode(with_meta(table, **meta))


def test_files_of_days_are_loaded_again(desk: Desk) -> None:
    """By the date in their name, or their time; a file's rows are never there twice."""
    desk.day("2011-01-05.csv", "1,1,,,")
    desk.day("lines_20110206.csv", "2,2,,,")
    other = desk.day("other.csv", "3,3,,,")
    noon = datetime(2011, 1, 20, 12).timestamp()
    os.utime(other, (noon, noon))
    assert load(desk, LINES).rows == 3
    report = load(desk, LINES, JANUARY)
    assert (report.rows, report.items) == (2, 2)
    assert desk.rows("select count(*) from raw_erp.invoice_lines") == [(3,)]
    assert load(desk, LINES).rows == 0


def test_full_refresh_of_files_takes_lost_ones_away(desk: Desk) -> None:
    desk.day("a.csv", "1,1,,,")
    lost = desk.day("b.csv", "2,x,,,", "3,3,,,", "4,4,,,")
    assert load(desk, LINES).rows == 3
    lost.unlink()
    assert load(desk, LINES).rows == 0
    assert load(desk, LINES, LoadRange(full=True)).rows == 1
    assert desk.rows("select _item from raw_erp.invoice_lines") == [("a.csv",)]
    assert desk.rows("select count(*) from raw_erp.invoice_lines__quarantine") == [(0,)]
    assert [entry.item for entry in read_ledger(desk.warehouse)] == ["a.csv"]
    assert load(desk, LINES).rows == 0


def test_an_api_is_asked_from_the_first_of_the_days_on(online: Desk, api: Api) -> None:
    """And from a lookback before the watermark; or from its beginning."""
    api.records = [rate(f"2011-01-{day:02}") for day in range(1, 10)]
    load(online, RATES)
    api.records[1] = rate("2011-01-02", value=9)
    load(online, RATES, LoadRange(since=date(2011, 1, 2), until=date(2011, 1, 3)))
    assert "since=2011-01-02" in api.seen[-1][0]
    assert online.rows("select rate from raw_fx.rates where rate_date = '2011-01-02'") == [(9.0,)]
    assert load(online, with_meta(RATES, lookback=2)).watermark == "2011-01-09"
    assert "since=2011-01-07" in api.seen[-1][0]
    load(online, RATES, LoadRange(full=True))
    assert "since=&" in api.seen[-1][0]
    assert online.rows("select count(*) from raw_fx.rates") == [(9,)]
