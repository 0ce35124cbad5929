"""One run at a time: who comes second waits, and is told when it has waited long enough."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.errors import Busy
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks import run_lock
from tests.conftest import ROOT

Other = tuple[DuckDBWarehouse, "subprocess.Popen[str]"]


OTHER_RUN = """
import sys
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.run_lock import run_lock
with run_lock(DuckDBWarehouse(database=sys.argv[1]), 0):
    print("mine", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[DuckDBWarehouse, subprocess.Popen[str]]]:
    """Another run, a process of its own, that has its turn until its standard input ends."""
    database = str(tmp_path / "w.duckdb")
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_RUN, database],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as run:
        assert run.stdout
        assert run.stdout.readline() == "mine\n"
        yield DuckDBWarehouse(database=database), run
        if run.poll() is None:
            run.communicate()


def test_who_does_not_wait_is_told_at_once(other: Other) -> None:
    warehouse, _ = other
    with pytest.raises(Busy), run_lock.run_lock(warehouse, 0):
        pass


def test_who_waits_has_its_turn_once_the_other_ends(other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse, run = other
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            run.communicate()

    monkeypatch.setattr("blocks.http.polling.time.sleep", pause)
    with run_lock.run_lock(warehouse, 60):
        assert run.poll() == 0
    assert set(looks) == {run_lock.LOCK_PAUSE_SECONDS}


def test_what_fails_inside_a_turn_is_not_taken_for_waiting(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    with pytest.raises(Busy, match="inside"), run_lock.run_lock(warehouse, 60):
        raise Busy("work", "inside")
    with run_lock.run_lock(warehouse, 0):
        pass
