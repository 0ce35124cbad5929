"""A candidate's new and changed buckets against what the history of what readers see lets expect, as checks.

What can't be judged yet, because too little is known or a bucket is not over, is not a check at all: no check passes
that has looked at nothing. Texts say what was found, what is usual and between what, bucket by bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from statistics import mean, median

from blocks.metrics import Measure, Metric, is_additive
from blocks.quality.history.expectation import Expectation, Usual
from blocks.quality.history.record import RUNS_READ, Sight
from blocks.quality.history.rules import MIN_HISTORY, Lesson, Rules
from blocks.quality.history.series import ROWS, Member, Points, Series
from blocks.records import Check
from blocks.site.periods import find_bucket, start

KIND = "history"
MOST_JUDGED, MOST_SHOWN = 60, 10
NOISE = 1e-6  # a bucket whose value differs by less is not a changed one
LEAST_SHARE, NEW_SHARE, WHOLE_SHARE = 0.005, 0.2, 0.5
STEADY, MEMBER_BUCKETS = 0.6, 30
STRICTNESS = 0.75  # of the many members of a dimension one is always a little off
ALIKE_RUNS = 6
PICTURE, BARS = 14, "▁▂▃▄▅▆▇█"
ROWS_METRIC = Metric(
    name="rows",
    label="Rows",
    description="Rows of the mart.",
    mart="",
    source="",
    measures=(Measure(name=ROWS, function="sum"),),
    formula=Measure(name=ROWS, function="sum"),
)


@dataclass(frozen=True)
class Past:
    """What is known besides the two series.

    complete: whether a bucket is over; holidays: by day; runs: how many runs recorded the dataset; firsts: metric →
    its buckets as they were first seen; moved: metric → the shares of the past that earlier runs changed.
    """

    complete: Callable[[date], bool]
    holidays: Mapping[date, str] = field(default_factory=dict)
    runs: int = 0
    firsts: Mapping[str, Mapping[date, float]] = field(default_factory=dict)
    moved: Mapping[str, Sequence[float]] = field(default_factory=dict)
    lessons: Sequence[Lesson] = ()


@dataclass(frozen=True)
class _Finding:
    day: date
    value: float
    expected: Expectation
    level: str
    about: str = ""


def judge_metric(metric: Metric, rules: Rules, live: Series, candidate: Series, past: Past) -> Check | None:
    """A metric's new and changed buckets against what is usual; None if there is nothing to judge, or by."""
    before, after = live.compute_values(metric), candidate.compute_values(metric)
    days = _list_judged(before, after, candidate, past)
    known = _choose_past(metric, live, before, after, past)
    counted = metric is ROWS_METRIC
    judged = []
    usual = Usual(known, candidate.dataset.grain, past.holidays, rules.sensitivity)
    for day in days:
        if day in past.holidays or rules.find_event(day) or (day not in after and not counted):
            continue
        if day not in after and not _is_trading_day(day, known, candidate.dataset.grain):
            continue
        value = after.get(day, 0.0)
        expected = usual.expect(day, rules.min_history)
        if expected is None:
            continue
        level = expected.judge(value)
        if level == "gross" and day not in after and day not in before:
            level = "unusual"  # a day that nobody brought may be one on which nothing was to bring
        judged.append(_Finding(day, value, expected, level))
        if level == "usual":
            known[day] = value
            usual.learn(day, value)
    name = f"{metric.name} is as usual"
    return _report(candidate.dataset.mart, name, judged, rules, past, known) if judged else None


def _list_judged(
    before: Mapping[date, float], after: Mapping[date, float], candidate: Series, past: Past
) -> list[date]:
    """Complete buckets that readers have not seen, or not like this; the newest ones."""
    days = {day for day in after if day not in before or _is_different(before[day], after[day])}
    days |= before.keys() - after.keys()
    newest = max(before, default=None)
    if newest and candidate.newest:
        days |= set(_list_buckets(newest, candidate.newest, candidate.dataset.grain)) - after.keys()
    return sorted(day for day in days if day != date.min and past.complete(day))[-MOST_JUDGED:]


def _list_buckets(first: date, last: date, grain: str) -> list[date]:
    """The buckets after one up to another, or the last so many of them."""
    end = find_bucket(last, grain)
    begin = max(find_bucket(first, grain) + 1, end - MOST_JUDGED)
    return [start(number, grain) for number in range(begin, end + 1)]


def _is_different(one: float, other: float) -> bool:
    return abs(one - other) > NOISE * max(abs(one), abs(other), 1e-9)


def _choose_past(
    metric: Metric, live: Series, before: Mapping[date, float], after: Mapping[date, float], past: Past
) -> dict[date, float]:
    """What readers have seen, by bucket; of a metric that goes on moving, what they saw first.

    Their newest bucket is left out where it has changed since: it may not have been over.
    """
    known = {day: value for day, value in before.items() if past.complete(day)}
    newest = live.newest
    if newest in known and newest in after and _is_different(known[newest], after[newest]):
        del known[newest]
    firsts = past.firsts.get(metric.name, {})
    seen = {day: value for day, value in firsts.items() if day in known}
    drifts = [abs(known[day] - value) / max(abs(value), abs(known[day]), 1e-9) for day, value in seen.items()]
    return seen if drifts and median(drifts) > 0.1 else known


def _is_trading_day(day: date, known: Mapping[date, float], grain: str) -> bool:
    """Whether there usually is a bucket here: at nearly every such weekday of the last weeks."""
    if grain != "day":
        return True
    return sum(day - timedelta(weeks=back) in known for back in range(1, 11)) >= 9


def _report(
    mart: str,
    name: str,
    judged: Sequence[_Finding],
    rules: Rules,
    past: Past,
    known: Mapping[date, float],
) -> Check:
    """The check: its worst bucket first, then the others."""
    found = [each for each in judged if each.level != "usual"]
    taught = {each.day: said for each in found if (said := _find_lesson(past.lessons, mart, name, each.day))}
    held = [each for each in found if each.day not in taught and rules.holds_back(each.level, past.runs)]
    shown = sorted(
        found, key=lambda each: (each not in held, each.level != "gross", -_measure_distance(each))
    )
    worst = shown[0] if shown else judged[-1]
    lines = tuple(_describe(each) for each in shown[:MOST_SHOWN])
    if found and not held and len(taught) == len(found):
        lines = (*lines, f"expected: {next(iter(taught.values()))}")
    more = f"; {len(found) - 1} more" if len(found) > 1 else ""
    picture = _draw([*_list_last_values(known, worst.day), worst.value]) if known and not worst.about else ""
    return Check(
        scope=mart,
        name=name,
        kind=KIND,
        passed=not held,
        warned=bool(found),
        observed=f"{_describe(worst)}{more}{f' {picture}' if picture else ''}",
        evidence=lines if len(shown) > 1 or taught else (),
        days=tuple(sorted({each.day for each in found})),
        figures=(
            ("observed", worst.value),
            ("expected", worst.expected.usual),
            ("low", worst.expected.low),
            ("high", worst.expected.high),
        ),
    )


def _find_lesson(lessons: Iterable[Lesson], mart: str, name: str, day: date) -> str:
    return next((each.said for each in lessons if each.covers(mart, name, day)), "")


def _measure_distance(finding: _Finding) -> float:
    """How far off a value is, in widths of the range."""
    expected = finding.expected
    return abs(finding.value - expected.usual) / max(expected.high - expected.low, 1e-9)


def _describe(finding: _Finding) -> str:
    expected, write = finding.expected, _write_share if finding.about else write_number
    about = f"{finding.about}: " if finding.about else ""
    between = f"{write(expected.low)} to {write(expected.high)}"
    if finding.level == "usual":
        return f"{about}{finding.day}: {write(finding.value)}; {between} is usual"
    return f"{about}{finding.day}: {write(finding.value)} where {write(expected.usual)} is usual ({between})"


def write_number(value: float) -> str:
    """A figure for people: whole from a hundred on, else with what tells it from others."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def _write_share(value: float) -> str:
    return f"{min(max(value, 0), 1):.1%}"


def _list_last_values(known: Mapping[date, float], day: date) -> list[float]:
    return [known[each] for each in sorted(known) if each < day][-PICTURE:]


def _draw(values: Sequence[float]) -> str:
    """Values as a row of bars, from zero or the least."""
    low, high = min(0.0, *values), max(values)
    if high <= low:
        return ""
    return "".join(
        BARS[min(len(BARS) - 1, int((value - low) / (high - low) * len(BARS)))] for value in values
    )


def judge_members(
    dimension: str, metric: Metric, rules: Rules, live: Series, candidate: Series, past: Past
) -> Check | None:
    """The shares of a dimension's members in the new and changed buckets: gone, new, or another than is usual.

    metric: what the shares are of; it adds up and is nowhere negative, or there is nothing to judge.
    """
    before, after = live.compute_values(metric), candidate.compute_values(metric)
    days = [day for day in _list_judged(before, after, candidate, past) if after.get(day, 0) > 0]
    known = _choose_past(metric, live, before, after, past)
    if not days or not known or not is_additive(metric.formula) or min(known.values()) < 0:
        return None
    judged: list[_Finding] = []
    strict = rules.model_copy(update={"sensitivity": rules.sensitivity * STRICTNESS})
    members = {**live.members.get(dimension, {}), **candidate.members.get(dimension, {})}
    for member in sorted(members, key=str):
        old = _read_shares(live, metric, dimension, member, known)
        new = _read_shares(candidate, metric, dimension, member, {day: after[day] for day in days})
        about = f"{dimension} {'without a value' if member is None else member}"[:80]
        judged += _judge_member(about, old, new, strict, past, candidate.dataset.grain)
    name = f"{dimension} is made up as usual"
    return _report(candidate.dataset.mart, name, judged, strict, past, {}) if judged else None


def _read_shares(
    series: Series, metric: Metric, dimension: str, member: Member, totals: Mapping[date, float]
) -> dict[date, float]:
    points: Points = series.members.get(dimension, {}).get(member, {})
    values = series.compute_values(metric, points)
    return {day: values.get(day, 0.0) / total for day, total in totals.items() if total > 0}


def _judge_member(
    about: str,
    old: Mapping[date, float],
    new: Mapping[date, float],
    rules: Rules,
    past: Past,
    grain: str,
) -> list[_Finding]:
    """Judge a member's shares: a new one by being there at all, a steady one by what is usual; others not."""
    if len(old) < MEMBER_BUCKETS:
        return []
    there = sum(share > 0 for share in old.values()) / len(old)
    days = [day for day in new if day not in past.holidays and not rules.find_event(day)]
    if there == 0:
        return [_judge_newcomer(about, day, new[day], len(old)) for day in days if new[day] > NEW_SHARE]
    if there < STEADY or mean(old.values()) < LEAST_SHARE:
        return []
    usual = Usual(old, grain, past.holidays, rules.sensitivity)
    found = []
    for day in days:
        if expected := usual.expect(day, rules.min_history):
            found.append(_Finding(day, new[day], expected, expected.judge(new[day]), about))
    return found


def _judge_newcomer(about: str, day: date, share: float, cycles: int) -> _Finding:
    expected = Expectation(0, 0, NEW_SHARE, 0, WHOLE_SHARE, cycles)
    return _Finding(day, share, expected, expected.judge(share), about)


def choose_weight(metrics: Sequence[Metric], live: Series) -> Metric | None:
    """The metric by which members are weighed: of those that add up and are never negative, the steadiest."""
    steady: list[tuple[float, str, Metric]] = []
    for metric in metrics:
        values = list(live.compute_values(metric).values())
        if is_additive(metric.formula) and len(values) >= MEMBER_BUCKETS and min(values) >= 0 and any(values):
            centre = median(values)
            spread = median(abs(value - centre) for value in values)
            if centre > 0:
                steady.append((spread / centre, metric.name, metric))
    return min(steady, key=lambda each: each[:2])[2] if steady else None


def measure_restated(
    metric: Metric, live: Series, candidate: Series, complete: Callable[[date], bool]
) -> tuple[float, list[date]]:
    """The share of a metric's past that is not as readers saw it, and its buckets, the most moved first.

    Readers' newest bucket is no past yet: it may not have been over.
    """
    before, after = live.compute_values(metric), candidate.compute_values(metric)
    old = {day: value for day, value in before.items() if day != live.newest and complete(day)}
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


def judge_restated(
    metric: Metric,
    rules: Rules,
    live: Series,
    candidate: Series,
    past: Past,
    loads: Callable[[Collection[date]], list[str]],
) -> Check | None:
    """A metric's past against what readers saw of it; None where nothing of it is known. loads: of such days."""
    share, days = measure_restated(metric, live, candidate, past.complete)
    if not live.total:
        return None
    budget = max([rules.restated, *(3 * each for each in past.moved.get(metric.name, ()))])
    name = f"{metric.name}: past {candidate.dataset.grain}s are as readers saw them"
    over = share > budget
    taught = [said for day in days if (said := _find_lesson(past.lessons, candidate.dataset.mart, name, day))]
    held = over and rules.block == "unusual" and past.runs >= 1 and len(taught) < len(days)
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
        evidence=(*lines, *loads(days[:MOST_SHOWN])) if over else (),
        days=tuple(sorted(days[:MOST_JUDGED])) if over else (),
        figures=(("observed", share), ("high", budget)),
    )


def judge_undated(live: Series, candidate: Series) -> Check | None:
    """Rows without a time against the share of them that readers' mart has; None where there never were any."""
    if not candidate.undated and not live.undated:
        return None
    before, after = (each.undated / max(each.rows, 1) for each in (live, candidate))
    return Check(
        scope=candidate.dataset.mart,
        name=f"{candidate.dataset.time} is there as usual",
        kind=KIND,
        passed=True,
        warned=after > before + 0.01,
        observed=f"{after:.1%} of its rows have none, where {before:.1%} had",
        figures=(("observed", after), ("expected", before)),
    )


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
