"""One table's fault is that table's alone: the others of its source are loaded, and only what needs it is held up."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from blocks.catalogue import Catalogue
from blocks.records import Dashboard, LoadReport, Plan, SourceTable
from tasks.loading import load_source
from tasks.planning import remove_failed
from tests.blocks.loader.managed_loaders import fivetran_loader, fivetran_standin, managed_table
from tests.blocks.loader.origins import ACCOUNTS, DEALS, LINES, Desk, columns, source_table

PRICES = source_table(
    "erp",
    "prices",
    columns(("sku", "varchar", "sku", True), ("price", "decimal(18,2)", "price", False)),
    kind="files",
    path="prices/*.csv",
    format="csv",
    load="replace",
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    desk.day("a.csv", "1,2,2026-01-05T00:00:00,1.50,DE")
    (desk.erp / "prices").mkdir()
    (desk.erp / "prices" / "p.csv").write_text("sku,price\nA,1.50\n")
    desk.sql("create table accounts (account_id integer, segment varchar)")
    desk.sql("insert into accounts values (?, ?)", (1, "retail"))
    desk.sql(
        "create table opportunities (opportunity_id integer, stage varchar, amount numeric, updated_at text)"
    )
    desk.sql("insert into opportunities values (?, ?, ?, ?)", (7, "won", 12, "2026-01-05 00:00:00"))
    return desk


def load(desk: Desk, *tables: SourceTable) -> dict[str, LoadReport]:
    found = load_source.fn(tables[0].source, tables, [desk.loader], desk.warehouse, "r1")
    assert [report.table for report in found] == [table.name for table in tables]
    return {report.table: report for report in found}


def test_a_lost_column_of_files_leaves_the_other_tables_to_be_loaded(desk: Desk) -> None:
    (desk.erp / "prices" / "p.csv").write_text("sku\nA\n")
    found = load(desk, PRICES, LINES)
    assert "column price is missing" in str(found["prices"].error)
    assert found["prices"].broken == ("price",)
    assert (found["invoice_lines"].error, found["invoice_lines"].rows) == (None, 1)
    assert desk.rows("select country from raw_erp.invoice_lines") == [("DE",)]


def test_a_setting_that_can_not_be_is_of_its_table_alone(desk: Desk) -> None:
    odd = PRICES.model_copy(update={"meta": {**PRICES.meta, "format": "csw"}})
    found = load(desk, odd, LINES)
    assert "its format is not known" in str(found["prices"].error)
    assert found["invoice_lines"].rows == 1
    odd = ACCOUNTS.model_copy(update={"meta": {**ACCOUNTS.meta, "cursor": "changed_at"}})
    found = load(desk, odd, DEALS)
    assert "must be declared columns: changed_at" in str(found["accounts"].error)
    assert (found["opportunities"].error, found["opportunities"].rows) == (None, 1)


def test_a_table_that_is_gone_leaves_the_other_tables_of_a_database_to_be_loaded(desk: Desk) -> None:
    desk.sql("drop table accounts")
    found = load(desk, ACCOUNTS, DEALS)
    assert "there is no such table" in str(found["accounts"].error)
    assert (found["opportunities"].error, found["opportunities"].rows) == (None, 1)


def test_what_is_wrong_with_the_whole_source_is_asked_once(desk: Desk) -> None:
    desk.crm.unlink()
    sqlite3.connect(desk.crm).close()
    desk.crm.write_bytes(b"no database at all" * 100)
    found = load(desk, ACCOUNTS, DEALS)
    assert all(report.error for report in found.values())


def test_a_vendor_syncs_once_though_a_table_has_lost_a_column(desk: Desk) -> None:
    deals = managed_table("fivetran", connection="con_crm")
    server, connection = fivetran_standin(desk.warehouse)
    desk.loader = fivetran_loader(server)  # type: ignore[assignment]
    try:
        connection.landings[0].waiting += [(1, "open", 1.5)]
        lost = deals.model_copy(
            update={"name": "stages", "columns": columns(("position", "integer", "position", False))}
        )
        found = load(desk, lost, deals)
        assert server.calls("POST", "/sync") == 1
    finally:
        server.close()
    assert "column position is missing" in str(found["stages"].error)
    assert (found["deals"].error, found["deals"].rows) == (None, 1)


def test_only_dashboards_that_need_the_table_are_held_up() -> None:
    def node(name: str) -> dict[str, Any]:
        return {
            "name": name,
            "resource_type": "model",
            "unique_id": f"model.p.{name}",
            "schema": "s",
            "alias": name,
            "config": {},
        }

    def source(name: str) -> dict[str, Any]:
        return {
            "source_name": "erp",
            "name": name,
            "schema": "raw",
            "identifier": name,
            "loader": "dlt",
            "columns": {},
            "unique_id": f"source.p.erp.{name}",
        }

    found = Catalogue(
        {
            "sources": {f"source.p.erp.{name}": source(name) for name in ("lines", "prices")},
            "nodes": {f"model.p.{name}": node(name) for name in ("sales", "catalog")},
            "parent_map": {
                "model.p.sales": ["source.p.erp.lines"],
                "model.p.catalog": ["source.p.erp.prices"],
            },
            "semantic_models": {},
            "metrics": {},
            "exposures": {},
        }
    )
    dashboards = tuple(
        Dashboard(
            name=mart, title=mart, analysis="kpi", metrics=(), dimensions=(), marts=(mart,), ticket="AN-1"
        )
        for mart in ("sales", "catalog")
    )
    plan = Plan(run="r1", dashboards=dashboards, sources=("erp",), select=("sales", "catalog"))
    loads = [
        LoadReport(source="erp", table="lines", loader="dlt", rows=3),
        LoadReport(source="erp", table="prices", loader="dlt", error="column price is missing"),
    ]
    left = remove_failed(plan, found, loads)
    assert [dashboard.name for dashboard in left.dashboards] == ["sales"]
    assert (left.select, left.sources) == (("sales",), ("erp",))
