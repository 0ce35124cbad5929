"""What a dashboard's ticket hears of a scheduled refresh that nobody's ticket asked for."""

from __future__ import annotations

import logging
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from blocks.records import (
    Analysis,
    Check,
    Dashboard,
    GateReport,
    Movement,
    Outcome,
    Plan,
    Priority,
    Release,
    Requirement,
)
from blocks.tracker.files.tracker import FilesTracker
from tasks.refreshes import tell_of_refreshes

SEEN = "2026-01-07: 922 where 5,852 is usual (4,100 to 8,300)"
GOOD = Check(scope="sales", name="amount is as usual", passed=True, kind="history")
WARNED = GOOD.model_copy(update={"warned": True, "observed": SEEN})
FAILED = WARNED.model_copy(update={"passed": False})
ELSEWHERE = FAILED.model_copy(update={"scope": "stock"})
BOARD = Dashboard(
    name="sales_trend",
    analysis=Analysis.trend,
    metrics=("amount",),
    dimensions=(),
    marts=("sales",),
    ticket="AN-1",
    owner="Finance (finance@example.com)",
)
MOVED = Movement(metric="amount", about="release", before=5852, after=922, restated=0)


@pytest.fixture
def tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FilesTracker:
    monkeypatch.setattr("tasks.refreshes.get_run_logger", logging.getLogger)
    (tmp_path / "AN-1.yaml").write_text("key: AN-1\ntitle: Sales\nstatus: done\n", encoding="utf-8")
    return FilesTracker(project="AN", folder=tmp_path)


def end(*checks: Check, **more: Any) -> Outcome:
    passed = all(check.passed for check in checks)
    return Outcome(
        **{
            "run": "r2",
            "published": passed,
            "plan": Plan(run="r2", dashboards=(BOARD,)),
            "gate": GateReport(run="r2", passed=passed, checks=checks, movements=(MOVED,)),
            "release": Release(run="r1", marts={}, published_at=datetime(2026, 1, 5, 6)),
            **more,
        }
    )


def read(tracker: FilesTracker) -> str:
    return (tracker.folder / "AN-1.yaml").read_text(encoding="utf-8")


def test_a_refresh_that_was_held_back_is_told_once_with_its_day_and_owner(tracker: FilesTracker) -> None:
    for _ in range(2):
        assert tell_of_refreshes.fn(tracker, end(FAILED, ELSEWHERE)) == 1
    text = read(tracker)
    assert text.count("Newer data were held back") == 1
    assert f"`sales`: `amount is not as usual`: `{SEEN}`" in text
    assert "2026-01-05 at 06:00 UTC" in text
    assert "Finance (finance@example.com)" in text
    assert "Why it moved" in text
    assert "stock" not in text
    assert tracker.read_tickets(["AN-1"])[0].answered is None  # that is for who asked


def test_warnings_are_told_and_taken_back_when_all_is_well(tracker: FilesTracker) -> None:
    assert tell_of_refreshes.fn(tracker, end(GOOD)) == 0
    assert "comments" not in read(tracker)
    assert tell_of_refreshes.fn(tracker, end(WARNED)) == 1
    assert "Refreshed, with warnings" in read(tracker)
    assert tell_of_refreshes.fn(tracker, end(GOOD)) == 1
    assert "went out without a warning" in read(tracker)
    assert SEEN not in read(tracker)


def test_a_ticket_that_asked_hears_its_answer_alone(tracker: FilesTracker) -> None:
    asked = Requirement(
        key="AN-1",
        analysis=Analysis.trend,
        metrics=("amount",),
        dimensions=(),
        sources=(),
        deadline=date(2027, 1, 1),
        priority=Priority.high,
        requester="kim",
    )
    plan = Plan(run="r2", dashboards=(BOARD,), requirements=(asked,))
    assert tell_of_refreshes.fn(tracker, end(FAILED, plan=plan)) == 0


def test_a_ticket_that_is_not_there_holds_nothing_up(tracker: FilesTracker) -> None:
    gone = BOARD.model_copy(update={"ticket": "XX-9"})
    plan = Plan(run="r2", dashboards=(gone, BOARD))
    assert tell_of_refreshes.fn(tracker, end(FAILED, plan=plan)) == 1
    assert tell_of_refreshes.fn(tracker, end(FAILED, gate=None)) == 0
