"""What belongs to a project of one's own: its tickets and suites, never the demo's; what a run says without any."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.records import Incomplete, LoadReport, Outcome, Plan
from blocks.tracker.files.tracker import FilesTracker
from flows.flags import read_flags
from flows.local import make_local_blocks
from flows.places import find_suites
from flows.terminal import Terminal
from tests.conftest import TINY


def open_tracker(*flags: object) -> FilesTracker:
    parsed = read_flags(["check", *map(str, flags)])
    with make_local_blocks(parsed, "run_1") as blocks:
        assert isinstance(blocks.tracker, FilesTracker)
        return blocks.tracker


def test_a_project_without_tickets_never_gets_the_demos(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    open_tracker("--state", tmp_path / "state")  # the demo ran here before
    assert (tmp_path / "state" / "tickets" / "AN-1.yaml").is_file()
    tracker = open_tracker("--state", tmp_path / "state", "--project", tmp_path / "shop")
    assert tracker.list_open_tickets() == []


def test_tickets_and_suites_are_in_the_project_or_beside_it(tmp_path: Path) -> None:
    beside = open_tracker("--state", tmp_path / "state", "--project", TINY / "dbt")
    assert beside.folder == TINY / "tickets"
    assert beside.project == "BK"
    project = tmp_path / "shop"
    (project / "tickets").mkdir(parents=True)
    (project / "expectations").mkdir()
    (project / "tickets" / "SH-7.yaml").write_text("key: SH-7")
    inside = open_tracker("--state", tmp_path / "state", "--project", project)
    assert (inside.folder, inside.project) == (project / "tickets", "SH")
    flags = read_flags(["suites", "--project", str(project)])
    assert find_suites(flags) == project / "expectations"


def summary(plan: Plan, capsys: pytest.CaptureFixture[str], loads: tuple[LoadReport, ...] = ()) -> str:
    Terminal(quiet=False).print_summary(Outcome(run="run_1", published=False, plan=plan, loads=loads))
    return capsys.readouterr().out


def test_nothing_to_build_says_why_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert "python flows/main.py check" in summary(Plan(run="run_1"), capsys)
    gap = Incomplete(key="AN-7", gaps=("**deadline** is missing.", "**metrics** are missing."))
    message = summary(Plan(run="run_1", incomplete=(gap,)), capsys)
    assert "Nothing to build: these tickets are incomplete: AN-7 (2 gaps)" in message
    assert "can't be shown" in summary(Plan(run="run_1", faults=("board: unknown metric",)), capsys)


def test_nothing_to_build_is_not_said_where_a_source_failed(capsys: pytest.CaptureFixture[str]) -> None:
    failed = LoadReport(source="erp", table="lines", loader="dlt", error="gone")
    assert "Nothing to build" not in summary(Plan(run="run_1"), capsys, (failed,))


def test_a_dry_run_prints_each_gap(capsys: pytest.CaptureFixture[str]) -> None:
    gap = Incomplete(key="AN-7", gaps=("**deadline** is missing. Write a date.",))
    Terminal(quiet=False).plan(Plan(run="run_1", incomplete=(gap,)))
    assert "  - deadline is missing. Write a date." in capsys.readouterr().out
