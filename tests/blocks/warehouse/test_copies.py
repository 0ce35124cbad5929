"""Copies that models go on from, where the engine itself holds rows to a table's constraints: DuckDB and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.errors import PlatformError
from blocks.warehouse.base import Warehouse
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

COLUMNS = "k integer not null, v integer check (v > 0), w integer unique, x integer not null, primary key (k)"
REFUSED = ["(null, 5, 1, 1)", "(1, 5, 1, 1)", "(2, -5, 1, 1)", "(2, 5, 0, 1)", "(2, 5, 1, null)"]


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    if request.param == "duckdb":
        return DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    house: Warehouse = request.getfixturevalue("postgres_server").warehouse()
    return house


def test_a_copy_takes_no_row_that_the_table_itself_does_not_take(warehouse: Warehouse) -> None:
    with warehouse.session() as session:
        warehouse.make_schema(session, "rel_a")
        session.rows(f"create table {warehouse.relation('rel_a.guarded')} ({COLUMNS})")
        session.rows(f"insert into {warehouse.relation('rel_a.guarded')} values (1, 1, 0, 1)")
    warehouse.clone_table("rel_a.guarded", "rel_b.guarded")
    warehouse.clone_table("rel_b.guarded", "rel_c.guarded")
    copy = warehouse.relation("rel_c.guarded")
    for values in REFUSED:
        with warehouse.session() as session, pytest.raises(PlatformError):
            session.rows(f"insert into {copy} values {values}")
    with warehouse.session() as session:
        session.rows(f"insert into {copy} values (2, 5, 1, 1)")
        assert session.rows(f"select k, v, w, x from {copy} order by k") == [(1, 1, 0, 1), (2, 5, 1, 1)]
