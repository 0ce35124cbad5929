"""A candidate's new and changed buckets against what the history of what readers see lets expect, as checks.

What can't be judged yet, because too little is known or a bucket is not over, is not a check at all: no check passes
that has looked at nothing. Members of dimensions are judged in members.py, the past in restated.py.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from statistics import median

from blocks.metrics import Measure, Metric, is_additive
from blocks.quality.history.expectation import BEYOND, RARELY, TWICE, Expectation, Usual
from blocks.quality.history.findings import KIND, Finding, Past, choose_past, list_judged, report
from blocks.quality.history.record import RUNS_READ, Sight
from blocks.quality.history.rules import MIN_HISTORY, Rules
from blocks.quality.history.series import ROWS, Series, hold_out
from blocks.records import Check

ALIKE_RUNS, FEW = 6, 10
TOGETHER = "figures together are as usual"
LEAST_AGREEING, LEAST_SCORES, NOISIER, LEAST_FACTOR = 2, 60, 2.5, math.log(1.25)
ROWS_METRIC = Metric(
    name="rows",
    label="Rows",
    description="Rows of the mart.",
    mart="",
    source="",
    measures=(Measure(name=ROWS, function="sum"),),
    formula=Measure(name=ROWS, function="sum"),
)


@dataclass
class Gauge:
    """A metric with its past and what that lets expect.

    errors: how far off buckets of the past were, in widths; new: how far off those were that were judged, as a
    logarithm, and their width; flagged: those of them that are not usual.
    """

    metric: Metric
    rules: Rules
    known: dict[date, float]
    usual: Usual
    errors: dict[date, float]
    new: dict[date, tuple[float, float]] = field(default_factory=dict)
    flagged: set[date] = field(default_factory=set)


def make_gauge(metric: Metric, rules: Rules, live: Series, candidate: Series, past: Past) -> Gauge:
    """What is known of a metric before its new buckets are looked at."""
    before, after = live.compute_values(metric), candidate.compute_values(metric)
    known = choose_past(metric, live, before, after, past)
    usual = Usual(known, candidate.dataset.grain, past.holidays, rules.sensitivity)
    return Gauge(metric, rules, known, usual, usual.list_errors())


def judge_metric(gauge: Gauge, live: Series, candidate: Series, past: Past) -> Check | None:
    """A metric's new and changed buckets against what is usual; None if there is nothing to judge, or by."""
    metric, rules, known = gauge.metric, gauge.rules, gauge.known
    before, after = live.compute_values(metric), candidate.compute_values(metric)
    counted, is_sum = metric is ROWS_METRIC, is_additive(metric.formula)
    judged = []
    for day in list_judged(before, after, candidate, past):
        if day in past.holidays or rules.find_event(day) or (day not in after and not counted):
            continue
        if day not in after and not _is_trading_day(day, known, candidate.dataset.grain):
            continue
        value = after.get(day, 0.0)
        expected = gauge.usual.expect(day, rules.min_history)
        if expected is None:
            continue
        gauge.new[day] = gauge.usual.measure_error(day, value)
        level = expected.judge(value)
        if level == "gross" and day not in after and day not in before:
            level = "unusual"  # a day that nobody brought may be one on which nothing was to bring
        is_small = not is_sum or (expected.usual < FEW and all(map(float.is_integer, known.values())))
        if level == "gross" and is_small and min(known.values()) <= value <= max(known.values()):
            level = "unusual"  # a small count, and a ratio of few rows, is anything by chance
        judged.append(Finding(day, value, expected, level))
        if level == "usual":
            known[day] = value
            gauge.usual.learn(day, value)
        else:
            gauge.flagged.add(day)
    name = f"{metric.name} is as usual"
    mart, grain = candidate.dataset.mart, candidate.dataset.grain
    return report(mart, name, judged, rules, past, known, grain) if judged else None


def has_drifted(gauge: Gauge, series: Series, past: Past) -> bool:
    """Whether a metric was not as usual before the newest buckets, too: so are those that are final only later."""
    before, calm = hold_out(series), replace(past, is_first=False)
    check = judge_metric(make_gauge(gauge.metric, gauge.rules, before, series, calm), before, series, calm)
    return check is not None and (check.warned or not check.passed)


def _is_trading_day(day: date, known: Mapping[date, float], grain: str) -> bool:
    """Whether there usually is a bucket here: at nearly every such weekday of the last weeks."""
    if grain != "day":
        return True
    return sum(day - timedelta(weeks=back) in known for back in range(1, 11)) >= 9


def judge_agreement(gauges: Sequence[Gauge], mart: str, past: Past, grain: str = "day") -> Check | None:
    """Whether a mart's steady figures are off together: by which factor half of them are, at least.

    One figure is often far off by itself, most of them rarely: a day that is there twice, or by half, is within what
    each of them does, and not within what they do together. gauges: after `judge_metric` has looked at them.
    """
    chosen = _choose_agreeing(gauges)
    days = set.intersection(*(set(each.errors) for each in chosen)) if chosen else set()
    if len(chosen) < LEAST_AGREEING or len(days) < LEAST_SCORES:
        return None
    scores = [median(each.errors[day] for each in chosen) for day in days]
    names = ", ".join(each.metric.name for each in chosen[:3])
    about = f"{names} and {len(chosen) - 3} more" if len(chosen) > 3 else names
    judged = []
    for day in sorted(set.intersection(*(set(each.new) for each in chosen))):
        errors, widths = zip(*(each.new[day] for each in chosen), strict=True)
        expected = _expect_agreement(scores, median(widths))
        factor = math.exp(median(errors))
        judged.append(Finding(day, factor, expected, expected.judge(factor), about, _write_factor))
    return report(mart, TOGETHER, judged, Rules(), past, grain=grain) if judged else None


def _choose_agreeing(gauges: Sequence[Gauge]) -> list[Gauge]:
    """The figures that add up, are never negative and as steady as the steadiest of them, nearly."""
    sizes = {
        each.metric.name: each.usual.spread
        for each in gauges
        if is_additive(each.metric.formula)
        and len(each.errors) >= LEAST_SCORES
        and min(each.known.values()) >= 0
    }
    steady = {name for name, size in sizes.items() if size <= NOISIER * max(min(sizes.values()), 0.02)}
    return [each for each in gauges if each.metric.name in steady]


def _expect_agreement(scores: Sequence[float], width: float) -> Expectation:
    """The factors that are usual. scores: of the past, in widths; width: of this bucket."""
    sides = [sorted(max(sign * score, 0.0) for score in scores) for sign in (1, -1)]
    rare = [max(width * side[int((len(side) - 1) * RARELY)], LEAST_FACTOR) for side in sides]
    gross = [max(width * side[-1] + BEYOND, TWICE) for side in sides]
    return Expectation(
        usual=1.0,
        low=math.exp(-rare[1]),
        high=math.exp(rare[0]),
        lowest=math.exp(-gross[1]),
        highest=math.exp(gross[0]),
        cycles=len(scores),
    )


def _write_factor(value: float) -> str:
    return f"{value:.2f} times"


def judge_freshness(
    candidate: Series, today: date, sights: Sequence[Sight], holidays: Collection[date] = ()
) -> Check | None:
    """How old a mart's newest day is against how old it was in runs before; None until that is known.

    Against runs of the same weekday where there are enough; else against how old it ever became before newer days came.
    """
    newest = candidate.newest
    known = [(sight.at.date(), sight.newest) for sight in sights if sight.newest]
    ages = [(after - old).days for (_, old), (after, new) in pairwise(known) if new > old]
    if len(ages) < MIN_HISTORY or newest is None:
        return None
    age = (today - newest).days
    alike = sorted((at - day).days for at, day in known[-RUNS_READ:] if at.weekday() == today.weekday())
    if len(alike) >= ALIKE_RUNS and not any(newest < day < today for day in holidays):
        usual = most = alike[-2]  # one of them may itself have been late
    else:
        usual = max(ages)
        most = usual + max(1, usual // 2)
    return Check(
        scope=candidate.dataset.mart,
        name=f"{candidate.dataset.name} is as fresh as usual",
        kind=KIND,
        passed=True,
        warned=age > most,
        observed=f"the newest day is {newest}, {age} days old; up to {usual} is usual",
        figures=(("observed", age), ("high", usual)),
    )
