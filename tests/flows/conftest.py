"""A delivered demo company to start from, and what a user would look at after a run."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from blocks.tracker.files.tracker import FilesTracker
from blocks.warehouse import control
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SCALE = 0.3


@dataclass
class Place:
    """A state folder and the command line that works on it."""

    state: Path
    command: Run

    def run(self, *flags: object, expect: int = 0) -> str:
        others = {"rollback", "retire", "status", "check", "setup", "suites"}  # they know no demo company
        scale = () if others & set(flags) else ("--scale", SCALE)
        done = self.command("--state", self.state, *scale, *flags)
        output = done.stdout + done.stderr
        assert done.returncode == expect, output
        return output

    @property
    def warehouse(self) -> DuckDBWarehouse:
        return DuckDBWarehouse(database=str(self.state / "warehouse.duckdb"))

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with self.warehouse.session() as session:
            return session.rows(sql)

    def read_served(self) -> str | None:
        release = self.warehouse.read_served()
        return release.run if release else None

    def states(self) -> dict[str, str]:
        return {entry.run: entry.state.value for entry in control.read_journal(self.warehouse)}

    def ticket(self, key: str) -> str:
        return (self.state / "tickets" / f"{key}.yaml").read_text(encoding="utf-8")

    def status(self, key: str) -> str:
        tracker = FilesTracker(folder=self.state / "tickets", project=key.split("-")[0])
        return tracker.read_tickets([key])[0].status

    def page(self, name: str) -> Path:
        return self.state / "site" / "dashboards" / name / "index.html"


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory, command_line: Run) -> Place:
    """The demo, run once from nothing. Copy it to change it."""
    place = Place(tmp_path_factory.mktemp("demo") / "state", command_line)
    (place.state.parent / "first.txt").write_text(place.run())
    return place


@pytest.fixture
def place(delivered: Place, tmp_path: Path) -> Place:
    """A copy of the delivered demo, to break."""
    shutil.copytree(delivered.state, tmp_path / "state")
    return Place(tmp_path / "state", delivered.command)


@pytest.fixture
def erp(place: Place, tmp_path: Path) -> Path:
    """A copy of the demo's ERP folder; times kept, so its files count as loaded."""
    folder: Path = shutil.copytree(place.state / "demo" / "erp", tmp_path / "erp")
    return folder
