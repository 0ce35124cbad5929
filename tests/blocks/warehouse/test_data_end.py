"""Until when the data of a mart reach: by its sources, else by the ledger; never by the mart's cut dates."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from blocks.records import LedgerEntry, SourceTable
from blocks.warehouse import control
from blocks.warehouse.data_end import find_data_end
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

BUILT = datetime(2026, 1, 5, 8)


@pytest.fixture
def warehouse(tmp_path):
    made = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    with made.session() as session:
        control.prepare_control(made, session)
        session.rows("create schema raw_erp")
        session.rows(
            "create table raw_erp.lines as select * from (values"
            " (timestamp '2011-12-09 12:50', timestamp '2026-01-01'),"
            " (timestamp '2011-12-20 08:00', timestamp '2026-02-01')) as t(invoiced_at, _loaded_at)"
        )
        marks = [("fx", "rates", "2011-12-05"), ("crm", "deals", "2011-12-08 16:44:00"), ("crm", "all", None)]
        entries = [
            LedgerEntry(source=source, table=table, item="all", fingerprint="", rows=1, watermark=mark)
            for source, table, mark in marks
        ]
        control.write_ledger(made, session, entries)
        session.rows("update control.loads set loaded_at = timestamp '2026-01-01'")
    return made


def table(source: str, name: str, **fields: str) -> SourceTable:
    schema = f"raw_{source}"
    given = {
        "source": source,
        "name": name,
        "schema_name": schema,
        "identifier": name,
        "loader": "dlt",
        "meta": {},
    }
    return SourceTable(**given, **fields)


LINES = table("erp", "lines", event_time="invoiced_at", loaded_at="_loaded_at")
RATES, DEALS, ACCOUNTS = table("fx", "rates"), table("crm", "deals"), table("crm", "accounts")


@pytest.mark.parametrize(
    ("tables", "built", "newest", "end"),
    [
        (
            [LINES, RATES],
            BUILT,
            date(2011, 12, 1),
            date(2011, 12, 9),
        ),  # what came after it was built is left out
        ([LINES], datetime(2026, 3, 1), date(2011, 12, 1), date(2011, 12, 20)),
        (
            [RATES, DEALS, ACCOUNTS],
            BUILT,
            date(2011, 12, 2),
            date(2011, 12, 8),
        ),  # deals can be new for longer
        ([ACCOUNTS], BUILT, date(2011, 12, 1), None),
        ([DEALS], BUILT, date(2011, 6, 1), None),  # a source that says nothing of the mart's end
        ([table("erp", "lines", event_time="gone")], BUILT, date(2011, 12, 1), None),
        ([LINES], None, None, date(2011, 12, 20)),
    ],
)
def test_the_end_of_the_data(warehouse, tables, built, newest, end):
    with warehouse.session() as session:
        assert find_data_end(warehouse, session, tables, built, newest) == end


def test_the_day_of_the_load_is_not_over(warehouse):
    with warehouse.session() as session:
        session.rows("update raw_erp.lines set invoiced_at = timestamp '2026-01-05 07:00'")
        found = find_data_end(warehouse, session, [LINES], BUILT, date(2026, 1, 5))
    assert found == date(2026, 1, 4)
