"""The past that readers have seen against the past of a candidate: what changed, by how much, and what did it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from datetime import date
from statistics import median

from blocks.metrics import Metric
from blocks.quality.history.findings import (
    KIND,
    MOST_JUDGED,
    MOST_SHOWN,
    NOISE,
    Past,
    find_lesson,
    write_number,
)
from blocks.quality.history.judge import Gauge
from blocks.quality.history.rules import Rules
from blocks.quality.history.series import Series
from blocks.records import Check

UNSETTLED = 3  # the newest buckets that may still be filled
GROSS_SHARE, TWICE, LEAST_SIZE = 0.2, math.log(2), 0.2
"""Gross is a fifth of all the past, or a settled bucket by a factor of two that is then farther from what is usual. Of
a past too short to know what is usual, nothing is."""


def measure_restated(
    metric: Metric, live: Series, candidate: Series, complete: Callable[[date], bool]
) -> tuple[float, list[date]]:
    """The share of a metric's past that is not as readers saw it, and its buckets, the most moved first.

    Readers' newest bucket is no past yet: it may not have been over.
    """
    before, after = live.compute_values(metric), candidate.compute_values(metric)
    old = _list_past(live, before, complete)
    moved = {day: abs(after.get(day, 0.0) - value) for day, value in old.items()}
    moved |= {
        day: abs(value)
        for day, value in after.items()
        if day not in before and live.newest and day < live.newest
    }
    moved = {day: by for day, by in moved.items() if by > NOISE * max(abs(old.get(day, 0)), 1e-9)}
    whole = sum(abs(value) for value in old.values())
    share = sum(moved.values()) / whole if whole else 0.0
    return share, sorted(moved, key=lambda day: -moved[day])


def _list_past(
    live: Series, values: Mapping[date, float], complete: Callable[[date], bool]
) -> dict[date, float]:
    return {day: value for day, value in values.items() if day != live.newest and complete(day)}


def judge_restated(
    gauge: Gauge,
    live: Series,
    candidate: Series,
    past: Past,
    explain: Callable[[Collection[date]], list[str]],
) -> Check | None:
    """A metric's past against what readers saw of it; None where nothing of it is known.

    explain: which members changed on such days, and which loads brought them.
    """
    metric, rules = gauge.metric, gauge.rules
    share, days = measure_restated(metric, live, candidate, past.complete)
    if not live.total:
        return None
    budget = max([rules.restated, *(3 * each for each in past.moved.get(metric.name, ()))])
    name = f"{metric.name}: past {candidate.dataset.grain}s are as readers saw them"
    broken = _list_broken(gauge, live, candidate, days)
    over = share > budget or bool(broken)
    is_known = len(_list_past(live, live.compute_values(metric), past.complete)) >= rules.min_history
    level = "gross" if is_known and (broken or share > max(GROSS_SHARE, budget)) else "unusual"
    days = [*broken, *(day for day in days if day not in broken)]
    taught = all(find_lesson(past.lessons, candidate.dataset.mart, name, day) for day in days[:MOST_JUDGED])
    held = over and not taught and _holds_back(rules, level, past.runs)
    before, after = live.compute_values(metric), candidate.compute_values(metric)
    lines = [
        f"{day}: {write_number(before.get(day, 0))} → {write_number(after.get(day, 0))}"
        for day in days[:MOST_SHOWN]
    ]
    return Check(
        scope=candidate.dataset.mart,
        name=name,
        kind=KIND,
        passed=not held,
        warned=over,
        observed=f"{share:.2%} of it moved, in {len(days)} of them; up to {budget:.2%} is usual"
        if days
        else "nothing of it moved",
        evidence=(*lines, *explain(days[:MOST_JUDGED])) if over else (),
        days=tuple(sorted(days[:MOST_JUDGED])) if over else (),
        figures=(("observed", share), ("high", budget)),
    )


def _holds_back(rules: Rules, level: str, runs: int) -> bool:
    if level == "unusual":
        return rules.block == "unusual" and runs >= 1
    return rules.holds_back(level, runs)


def _list_broken(gauge: Gauge, live: Series, candidate: Series, moved: Collection[date]) -> list[date]:
    """Settled buckets that moved by a factor of two, and away from what is usual: a repair goes towards it."""
    before, after = live.compute_values(gauge.metric), candidate.compute_values(gauge.metric)
    settled = set(sorted(before)[:-UNSETTLED])
    sizes = [abs(value) for value in before.values() if value]
    least = LEAST_SIZE * median(sizes) if sizes else 0.0
    found = []
    for day in moved:
        old, new = before.get(day, 0.0), after.get(day, 0.0)
        if day not in settled or max(abs(old), abs(new)) < least or day in gauge.flagged:
            continue
        far = old == 0 or new == 0 or old * new < 0 or abs(math.log(new / old)) >= TWICE
        if far and _moves_away(gauge, day, old, new):
            found.append(day)
    return found


def _moves_away(gauge: Gauge, day: date, old: float, new: float) -> bool:
    if gauge.usual.expect(day, gauge.rules.min_history) is None:
        return True
    before, after = (gauge.usual.measure_error(day, value)[0] for value in (old, new))
    return abs(after) > abs(before)
