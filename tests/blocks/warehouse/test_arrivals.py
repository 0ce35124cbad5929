"""How often new rows come, by the ledger: of a mart's own tables, of loads that brought rows, by the newest ones."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from blocks.records import LedgerEntry
from blocks.warehouse import control
from blocks.warehouse.arrivals import measure_arrivals
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.blocks.warehouse.test_data_end import table

LINES, RATES = table("erp", "lines"), table("fx", "rates")


def make_warehouse(tmp_path: Path, loads: list[tuple[str, int, float]]) -> DuckDBWarehouse:
    """loads: of each its table, how many rows it brought, and when, in days."""
    made = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    with made.session() as session:
        control.prepare_control(made, session)
        for place, (name, rows, day) in enumerate(loads):
            source, _, plain = name.partition(".")
            entry = LedgerEntry(
                source=source, table=plain, item=f"i{place}", fingerprint="", rows=rows, run=f"r{day}"
            )
            control.write_ledger(made, session, [entry])
            loaded = datetime(2026, 3, 28) + timedelta(days=day)
            session.rows("update control.loads set loaded_at = ? where item = ?", [loaded, f"i{place}"])
    return made


DAILY = [("erp.lines", 5, float(day)) for day in range(4)]


@pytest.mark.parametrize(
    ("loads", "days"),
    [
        (DAILY, 1),
        (DAILY[:2], None),  # two loads are one gap
        (
            [*DAILY, *(("fx.rates", 1, day + 0.5) for day in range(4))],
            0.5,
        ),  # either table brings something new
        ([*DAILY, *(("crm.deals", 1, day + 0.5) for day in range(4))], 1),  # not of this mart
        ([*DAILY[:1], ("erp.lines", 0, 0.5), *DAILY[1:]], 1),  # it brought nothing
        ([("erp.lines", 1, day) for day in (0, 100, 200, *range(201, 215))], 1),  # what it is now
        ([("erp.lines", 1, day) for day in (0, 0, 7, 7, 14)], 7),  # a run loads a folder's files at once
        ([], None),
    ],
)
def test_new_rows_come_as_often_as_the_ledger_says(
    tmp_path: Path, loads: list[tuple[str, int, float]], days: float | None
) -> None:
    warehouse = make_warehouse(tmp_path, loads)
    with warehouse.session() as session:
        assert measure_arrivals(warehouse, session, [LINES, RATES]) == days


def test_without_a_ledger_nothing_is_known(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    with warehouse.session() as session:
        assert measure_arrivals(warehouse, session, [LINES]) is None
