"""What a branch would do to readers: built apart, held against what they see, and gone again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from blocks.records import State
from blocks.warehouse import control
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.blocks.test_at_ref import git
from tests.conftest import TINY


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("preview") / "repository"
    for name in ("dbt", "expectations", "tickets"):
        shutil.copytree(TINY / name, top / name)
    git(top.parent, "init", "-q", "-b", "main", str(top))
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    model = top / "dbt" / "models" / "station_days.sql"
    for branch, old, new in (
        ("twice", "count(*) as rides", "2 * count(*) as rides"),
        ("broken", "    station,\n", "    nullif(station, station) as station,\n"),
        ("same", "group by", "group  by"),
    ):
        git(top, "checkout", "-qb", branch, "main")
        model.write_text(model.read_text().replace(old, new))
        git(top, "commit", "-qam", branch)
    git(top, "checkout", "-q", "main")
    return top


def test_what_a_branch_changes_is_told_and_readers_keep_what_they_see(
    repository: Path, command_line: Any, tmp_path: Path
) -> None:
    place = ["--project", repository / "dbt", "--state", tmp_path / "state"]
    before = command_line("preview", *place)
    assert before.returncode == 1
    assert "bikes.rides is not loaded" in before.stderr
    done = command_line(*place, "--source", f"bikes={TINY / 'rides'}")
    assert done.returncode == 0, done.stdout + done.stderr
    warehouse = DuckDBWarehouse(database=str(tmp_path / "state" / "warehouse.duckdb"))
    served, schemas, judged = warehouse.read_served(), warehouse.list_releases(), read_ledger(warehouse)
    with warehouse.session() as session:
        ((rides,),) = session.rows("select sum(rides) from serving.station_days")

    twice = command_line("preview", *place, "--ref", "twice", "--output", tmp_path / "report.md")
    assert twice.returncode == 0, twice.stdout + twice.stderr
    report = (tmp_path / "report.md").read_text()
    assert "its checks pass" in report
    assert "1 model built" in report
    assert f"| rides | {rides:,} | {2 * rides:,} | +100.0% |" in report
    assert "- `stations` (`BK-1`)" in report

    broken = command_line("preview", *place, "--ref", "broken", "--json")
    assert broken.returncode == 1, broken.stdout + broken.stderr
    found = json.loads(broken.stdout)
    assert found["passed"] is False
    assert found["failures"]
    assert (found["changed_marts"], found["removed_marts"]) == (["station_days"], [])

    same = command_line("preview", *place)
    assert same.returncode == 0, same.stdout + same.stderr
    assert "0 models built" in same.stdout
    assert "readers would see what they see" in same.stdout

    assert warehouse.read_served() == served
    assert warehouse.list_releases() == schemas
    assert read_ledger(warehouse) == judged
    states = {entry.state for entry in control.read_journal(warehouse) if entry.run.startswith("preview_")}
    assert states == {State.building, State.abandoned}
    last = control.read_last_detail(warehouse, State.building)
    assert last is not None
    assert "preview_" not in last  # what a stage that runs alone goes on from


def read_ledger(warehouse: DuckDBWarehouse) -> list[Any]:
    """What is loaded, and which of it a gate has judged."""
    with warehouse.session() as session:
        return session.rows(f"select * from {warehouse.quote(warehouse.control, 'loads')} order by all")
