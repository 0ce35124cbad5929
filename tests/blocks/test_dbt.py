"""dbt's process: parsing ahead, and ending it whatever it is at."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from blocks.dbt.project import DbtProject
from blocks.errors import BuildFailed
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.conftest import ROOT

TINY = ROOT / "tests" / "tiny" / "dbt"


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(database=str(tmp_path / "house.duckdb"))


def test_a_project_parsed_ahead_is_not_parsed_again(tmp_path: Path, warehouse: DuckDBWarehouse) -> None:
    project = DbtProject(folder=TINY, state=tmp_path)
    run = project.parse_ahead(warehouse, "rel_ahead")
    manifest = tmp_path / "target" / "manifest.json"
    wait_for(manifest)
    written = manifest.stat().st_mtime_ns
    assert project.open(warehouse, "rel_ahead") is run
    try:
        assert run.catalogue.exposures
    finally:
        run.close()
    assert manifest.stat().st_mtime_ns == written
    assert not dbt_processes()


def test_what_a_parse_ahead_met_is_said_when_it_is_asked_for(
    tmp_path: Path, warehouse: DuckDBWarehouse
) -> None:
    shutil.copytree(TINY, tmp_path / "project")
    broken = next((tmp_path / "project" / "models").rglob("*.sql"))
    broken.write_text("select {{ ref('nowhere') }}")
    project = DbtProject(folder=tmp_path / "project", state=tmp_path / "state")
    run = project.parse_ahead(warehouse, "rel_broken")
    try:
        with pytest.raises(BuildFailed, match="nowhere"):
            assert run.catalogue
    finally:
        run.close()
    assert not dbt_processes()


def test_a_run_that_ends_before_it_asks_leaves_no_process(tmp_path: Path, warehouse: DuckDBWarehouse) -> None:
    project = DbtProject(folder=TINY, state=tmp_path)
    run = project.parse_ahead(warehouse, "rel_early")
    wait_until(lambda: bool(dbt_processes()))
    begun = time.monotonic()
    run.close()
    assert time.monotonic() - begun < 14  # it was told, not killed after its grace
    assert not dbt_processes()


def wait_until(seen: Callable[[], bool]) -> None:
    """A process shows its own command only once it has started."""
    deadline = time.monotonic() + 10
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for(manifest: Path) -> None:
    """Until it is written to its end."""
    for _ in range(600):
        with suppress(OSError, ValueError):
            json.loads(manifest.read_text())
            return
        time.sleep(0.1)
    pytest.fail(f"{manifest} was never written")


def dbt_processes() -> list[psutil.Process]:
    ours = psutil.Process(os.getpid()).children(recursive=True)
    return [
        process
        for process in ours
        if process.status() != psutil.STATUS_ZOMBIE and "blocks.dbt.worker" in process.cmdline()
    ]
