"""A mart as a whole against what readers see of it: its rows, if it has no time, and the members of its dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from blocks.quality.history.findings import KIND, MOST_SHOWN, Past, find_lesson, write_number, write_share
from blocks.quality.history.record import Sight
from blocks.quality.history.series import ROWS, Series
from blocks.records import Check

LEAST_ROWS, LEAST_CHANGE, HALF = 20, 0.2, 0.5
GONE_SHARE, MOST_GONE = 0.02, 0.15  # of the rows that readers see: a member that had so many and is gone


def judge_size(live: Series, candidate: Series, sights: Sequence[Sight], past: Past) -> Check | None:
    """How many rows there are against how many readers see, by how much that changed from run to run before.

    Half of them gone, and more than ever before, holds back; so many more only warns. None of few rows.
    """
    if live.rows < LEAST_ROWS:
        return None
    counts = [sight.rows for sight in sights if sight.passed and sight.rows]
    changes = [abs(new / old - 1) for old, new in pairwise(counts)]
    most = max([LEAST_CHANGE, *(1.5 * each for each in changes)])
    change = candidate.rows / live.rows - 1
    gross = change < -min(max(HALF, most), 0.95)
    name = f"{candidate.dataset.name} is as large as usual"
    between = f"{write_number(live.rows * max(1 - most, 0))} to {write_number(live.rows * (1 + most))}"
    return Check(
        scope=candidate.dataset.mart,
        name=name,
        kind=KIND,
        passed=not gross or bool(find_lesson(past.lessons, candidate.dataset.mart, name, date.min)),
        warned=abs(change) > most,
        observed=f"{candidate.rows:,} rows where readers see {live.rows:,}; {between} is usual",
        days=(date.min,) if gross else (),
        figures=(("observed", candidate.rows), ("expected", live.rows)),
    )


def judge_gone_members(dimension: str, live: Series, candidate: Series, past: Past) -> Check | None:
    """Members that readers see many rows of and that are gone from all of the mart; a large part holds back."""
    if live.rows < LEAST_ROWS or not live.members.get(dimension):
        return None
    gone = _list_gone(dimension, live, candidate)
    lines = [
        f"{'without a value' if name is None else name[:60]}: {write_share(share)}" for name, share in gone
    ]
    gross = sum(share for _, share in gone) >= MOST_GONE
    mart, name = candidate.dataset.mart, f"{dimension} has the members that readers see"
    day = live.newest or date.min  # what is said of it is said of what readers see now
    return Check(
        scope=mart,
        name=name,
        kind=KIND,
        passed=not gross or bool(find_lesson(past.lessons, mart, name, day)),
        warned=bool(gone),
        observed=f"gone, with this share of readers' rows: {lines[0]}" if lines else "none is gone",
        evidence=tuple(lines[1:MOST_SHOWN]),
        days=(day,) if gross else (),
        figures=(("observed", len(gone)), ("expected", 0)),
    )


def _list_gone(dimension: str, live: Series, candidate: Series) -> list[tuple[str | None, float]]:
    """The members that are gone, each with its share of the rows that readers see, the largest first."""
    now, found = candidate.members.get(dimension), []
    for member, points in live.members[dimension].items():
        rows = sum(float(totals.get(ROWS) or 0) for totals in points.values())
        if now is not None and member not in now and rows >= GONE_SHARE * live.rows:
            found.append((member, rows / live.rows))
    return sorted(found, key=lambda each: -each[1])
