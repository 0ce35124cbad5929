"""A dbt project of a few files over tables made by statements, run through build, gate and promotion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from blocks.dbt.project import DbtProject
from blocks.quality.suites import Suites
from blocks.records import Check, GateReport, Plan
from blocks.warehouse.base import Warehouse
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

PROJECT = """
name: small
version: "1.0"
profile: small
models: {small: {+materialized: table}}
"""
SUITE = [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "k"}}]


class SmallProject:
    """Write files and tables, then `run`. Every model that gets a suite is a mart."""

    def __init__(self, folder: Path, warehouse: Warehouse | None = None) -> None:
        self.folder = folder
        self.warehouse = warehouse or DuckDBWarehouse(database=str(folder / "w.duckdb"))
        self.runs = 0
        self.write("dbt_project.yml", PROJECT)
        with self.warehouse.session() as session:
            self.warehouse.make_schema(session, "raw")
        self.execute(f"create table {self.raw} as select 1 as k, 10 as v union all select 2, 20")

    @property
    def raw(self) -> str:
        """The source's table, as this warehouse names it."""
        return self.warehouse.quote("raw", "t")

    def write(self, name: str, text: str) -> None:
        path = self.folder / "dbt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def model(self, name: str, sql: str, suite: Any = SUITE) -> None:
        self.write(f"models/{name}.sql", sql)
        self.suite(name, suite)

    def suite(self, name: str, suite: Any) -> None:
        path = self.folder / "expectations" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"expectations": suite}), encoding="utf-8")

    def execute(self, *statements: str) -> None:
        with self.warehouse.session() as session:
            for statement in statements:
                session.rows(statement)

    def seen(self, sql: str) -> list[tuple[Any, ...]]:
        with self.warehouse.session() as session:
            return session.rows(sql)

    def run(self, *marts: str) -> GateReport:
        """Build, check and, if it passes, promote."""
        from flows.promote import promote
        from flows.transform import transform
        from flows.validate import validate

        self.runs += 1
        project = DbtProject(folder=self.folder / "dbt", state=self.folder / "state")
        suites = Suites(folder=self.folder / "expectations", docs=self.folder / "docs")
        plan = Plan(run=f"r{self.runs}", select=marts)
        build = transform(project, self.warehouse, plan)
        gate = validate(suites, self.warehouse, project, build)
        if gate.passed:
            promote(self.warehouse, build, gate)
        return gate


def find_check(gate: GateReport, text: str) -> Check:
    """The one check with this text in its name."""
    (found,) = [check for check in gate.checks if text in check.name]
    return found


@pytest.fixture
def small(tmp_path: Path, warm_dbt: None) -> SmallProject:
    return SmallProject(tmp_path)


@pytest.fixture(
    params=["postgres", *(pytest.param(name, marks=pytest.mark.soak) for name in ("snowflake", "dremio"))]
)
def small_elsewhere(request: pytest.FixtureRequest, tmp_path: Path, warm_dbt: None) -> Iterator[SmallProject]:
    """The same over a real PostgreSQL; in the soak, over the stand-ins for Snowflake and Dremio, which are slow."""
    with ExitStack() as stack:
        yield SmallProject(tmp_path, _open(request.param, tmp_path, stack))


def _open(name: str, folder: Path, stack: ExitStack) -> Warehouse:
    if name == "postgres":
        pytest.importorskip("psycopg", reason="extra `postgres` is not installed")
        from tests.blocks.loader.dlt.servers import postgresql
        from tests.blocks.warehouse.postgres_server import Server

        return Server(stack.enter_context(postgresql())).warehouse()
    if name == "snowflake":
        pytest.importorskip("fakesnow", reason="the stand-in for Snowflake is not installed")
        from tests.blocks.warehouse.snowflake_account import house_of, serving_account

        house: Warehouse = house_of(stack.enter_context(serving_account()))
        return house
    from tests.dremio.standin import stand_in

    return stack.enter_context(stand_in(folder / "lake")).warehouse()
