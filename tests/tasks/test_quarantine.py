"""Bad rows are judged once by a gate that passed, and again by none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blocks.records import LedgerEntry, SourceTable
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.gate import accept_loads, check_quarantine_budget


class Crm:
    """A catalogue of one source table with a budget of a fifth."""

    def source_tables(self, source: str) -> tuple[SourceTable, ...]:
        meta = {"quarantine_budget": 0.2}
        table = SourceTable(
            source=source, name="deals", schema_name="raw", identifier="deals", loader="dlt", meta=meta
        )
        return (table,)


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))


def load(warehouse: DuckDBWarehouse, run: str, item: str, rows: int, bad: int) -> None:
    entry = LedgerEntry(
        source="crm", table="deals", item=item, fingerprint="f", rows=rows, quarantined=bad, run=run
    )
    warehouse.write_ledger_lines([entry])


def observed(warehouse: DuckDBWarehouse, run: str) -> list[str]:
    catalogue: Any = Crm()
    return [check.observed for check in check_quarantine_budget.fn(warehouse, catalogue, ["crm"], run)]


def test_what_came_since_the_last_gate_that_passed_is_judged(warehouse: DuckDBWarehouse) -> None:
    """Good rows of before do not thin out bad ones, though a table without bad rows was judged, too."""
    load(warehouse, "r1", "a", 100, 0)
    assert observed(warehouse, "r1") == ["0 of 100 (0.00%)"]
    accept_loads.fn(warehouse, ["crm"])
    load(warehouse, "r2", "b", 2, 8)
    assert observed(warehouse, "r2") == ["8 of 10 (80.00%)"]
    assert observed(warehouse, "r3") == ["8 of 10 (80.00%)"]  # the gate of r2 did not pass
    load(warehouse, "r3", "b", 9, 1)  # mended
    assert observed(warehouse, "r3") == ["1 of 10 (10.00%)"]


def test_what_a_run_loads_in_a_second_attempt_is_judged(warehouse: DuckDBWarehouse) -> None:
    load(warehouse, "r1", "a", 10, 0)
    accept_loads.fn(warehouse, ["crm"])  # it passed, and died before readers saw it
    load(warehouse, "r1", "b", 1, 9)
    assert observed(warehouse, "r1") == ["9 of 20 (45.00%)"]


def test_what_a_run_loaded_that_never_built_is_judged_once(warehouse: DuckDBWarehouse) -> None:
    load(warehouse, "loaded_only", "a", 100, 0)
    load(warehouse, "r1", "b", 10, 0)
    accept_loads.fn(warehouse, ["crm"])
    load(warehouse, "r2", "c", 1, 9)
    assert observed(warehouse, "r2") == ["9 of 10 (90.00%)"]
