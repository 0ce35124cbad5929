"""A delivered demo company to start from, and what a user would look at after a run."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.settings import get_current_settings

from blocks.tracker.files.tracker import FilesTracker
from blocks.warehouse import control
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.conftest import make_once

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SCALE = 0.3


@dataclass
class Place:
    """A state folder and the command line that works on it."""

    state: Path
    command: Run

    def run(self, *flags: object, expect: int = 0) -> str:
        others = {
            "rollback",
            "retire",
            "status",
            "check",
            "setup",
            "suites",
            "export",
        }  # they know no demo company
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

    def incidents(self) -> dict[str, str]:
        return FilesTracker(folder=self.state / "tickets", project="AN").list_incidents()

    def status(self, key: str) -> str:
        tracker = FilesTracker(folder=self.state / "tickets", project=key.split("-")[0])
        return tracker.read_tickets([key])[0].status

    def page(self, name: str) -> Path:
        return self.state / "site" / "dashboards" / name / "index.html"


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory, command_line: Run) -> Place:
    """The demo, run once from nothing, by the first of pytest's processes. Copy it to change it.

    Beside the state: first.txt, what the run said; database.txt, where Prefect's server recorded it.
    """

    def deliver(folder: Path) -> None:
        url = str(get_current_settings().server.database.connection_url.get_secret_value())  # type: ignore[union-attr]
        message = Place(folder / "state", command_line).run()
        (folder / "database.txt").write_text(url.split(":///")[-1])
        (folder / "first.txt").write_text(message)

    shared, mine = make_once(tmp_path_factory, "delivered", deliver), tmp_path_factory.mktemp("demo")
    shutil.copytree(shared, mine, dirs_exist_ok=True)
    return Place(mine / "state", command_line)


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


@pytest.fixture(autouse=True)
def _warm_dbt(request: pytest.FixtureRequest) -> None:
    """Where a server of Prefect is used, dbt's processes are forked: see tests/warm_process.py."""
    if "prefect_server" in request.fixturenames:
        request.getfixturevalue("warm_dbt")
