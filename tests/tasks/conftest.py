"""A tracker of each edition, with tickets of its own, and a small catalogue."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.catalogue import Catalogue
from blocks.dbt.project import DbtProject
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.blocks.tracker.desks import DESKS, Desk
from tests.conftest import ROOT


class KilledError(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The catalogue of tests/tiny."""
    folder = tmp_path_factory.mktemp("tiny")
    shutil.copytree(ROOT / "tests" / "tiny" / "dbt", folder / "dbt")
    warehouse = DuckDBWarehouse(database=str(folder / "warehouse.duckdb"))
    dbt = DbtProject(folder=folder / "dbt", state=folder / "state").open(warehouse, "rel_x")
    try:
        return dbt.catalogue
    finally:
        dbt.close()


@pytest.fixture(params=["files", "jira-cloud-v3", "jira-data-center"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "tickets"
    folder.mkdir()
    with DESKS[request.param](folder) as found:
        yield found
