"""A plan in the terminal: what people said since the last answer is part of it, as text."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from blocks.records import Analysis, Comment, Plan, Priority, Requirement
from flows.terminal import Terminal


def test_a_plan_shows_what_people_said(capsys: pytest.CaptureFixture[str]) -> None:
    message = Comment(
        author="Dana", created=datetime(2026, 11, 2, 9, 30, tzinfo=UTC), body="[red]by\nweek\x1b[2J please"
    )
    asked = Requirement(
        key="AN-1",
        analysis=Analysis.trend,
        metrics=("revenue",),
        dimensions=(),
        sources=("erp",),
        feedback=(message,),
        deadline=date(2027, 1, 1),
        priority=Priority.high,
        requester="Dana",
    )
    Terminal(quiet=False).plan(Plan(run="run_1", requirements=(asked,)))
    assert "AN-1: new comment by Dana, 2026-11-02 09:30: [red]by week [2J please" in capsys.readouterr().out
