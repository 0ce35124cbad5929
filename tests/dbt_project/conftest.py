"""The dbt project built once by dbt itself, from a small demo company loaded by plain SQL as declared."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from blocks.catalogue import Catalogue
from blocks.records import SourceTable
from demo.company import Company, generate
from tests.conftest import make_once

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = "rel_test"


@dataclass(frozen=True)
class Project:
    """A parsed or built dbt project. results: dbt's, one a node."""

    database: Path
    target: Path
    state: Path

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.target / "manifest.json").read_text())  # type: ignore[no-any-return]

    @property
    def results(self) -> dict[str, str]:
        results = json.loads((self.target / "run_results.json").read_text())["results"]
        return {result["unique_id"].split(".")[2]: result["status"] for result in results}

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.manifest)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def dbt(self, *arguments: str) -> str:
        """Run dbt; a warning or a deprecation is an error."""
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "dbt.cli.main",
                "--warn-error",
                "--no-use-colors",
                *arguments,
                "--project-dir",
                str(ROOT / "dbt"),
                "--profiles-dir",
                str(self.state),
                "--target-path",
                str(self.target),
                "--log-path",
                str(self.state / "logs"),
            ],
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
            cwd=self.state,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.stdout + done.stderr

    def copy(self, folder: Path) -> Project:
        """The same, to be spoiled."""
        shutil.copytree(self.state, folder, dirs_exist_ok=True)
        return _project(folder)


def _project(state: Path) -> Project:
    database = state / "company.duckdb"
    output = {"type": "duckdb", "path": str(database), "schema": SCHEMA, "threads": 2}
    profile = {"ticket_to_dashboard": {"target": "test", "outputs": {"test": output}}}
    (state / "profiles.yml").write_text(json.dumps(profile))
    return Project(database, state / "target", state)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return generate(tmp_path_factory.mktemp("company") / "demo", 0.3)


@pytest.fixture(scope="session")
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Project:
    def build(folder: Path) -> None:
        folder.mkdir()
        project = _project(folder)
        message = project.dbt("parse")
        assert project.target.joinpath("manifest.json").exists(), message
        _load(project, request.getfixturevalue("company"))
        print(project.dbt("build"))

    shared = _project(make_once(tmp_path_factory, "built", build))
    return shared.copy(tmp_path_factory.mktemp("project"))


def _load(project: Project, company: Company) -> None:
    catalogue = project.catalogue
    with duckdb.connect(str(project.database)) as connection:
        for source in catalogue.source_names():
            for table in catalogue.source_tables(source):
                connection.register("rows", _rows(table, company))
                connection.execute(f"create schema if not exists {table.schema_name}")
                connection.execute(f"create table {table.schema_name}.{table.identifier} as {_typed(table)}")


def _rows(table: SourceTable, company: Company) -> pd.DataFrame:
    """A source table's content, as the source has it."""
    if table.source == "erp":
        return pd.concat(pd.read_csv(path, dtype=str) for path in company.erp.iterdir())
    if table.source == "crm":
        return pd.read_sql_table(table.meta["table"], f"sqlite:///{company.crm}")
    return pd.read_json(company.fx)


def _typed(table: SourceTable) -> str:
    """Columns under their own names in their declared types; rows without a required value stay out."""
    columns = [f'try_cast("{c.origin}" as {c.data_type}) as {c.name}' for c in table.columns]
    required = [f"{c.name} is not null" for c in table.columns if c.required]
    return f"select * from (select {', '.join(columns)} from rows) where {' and '.join(required)}"
