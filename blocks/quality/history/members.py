"""The members of a dimension: their shares of a bucket, how these are spread, and who stopped coming."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from statistics import mean, median
from typing import TypeAlias

from blocks.metrics import Metric, is_additive
from blocks.quality.history.expectation import Expectation, Usual
from blocks.quality.history.findings import (
    KIND,
    MOST_SHOWN,
    Finding,
    Past,
    choose_past,
    list_judged,
    moves_when_young,
    report,
    write_share,
)
from blocks.quality.history.record import read_first_shares
from blocks.quality.history.rules import Rules
from blocks.quality.history.series import Member, Points, Series, hold_out
from blocks.records import Check

LEAST_SHARE, NEW_SHARE, WHOLE_SHARE = 0.005, 0.2, 0.5
NAMELESS_SHARE, MOST_NAMELESS = 0.02, 0.2  # of rows without a value, where there never were any
STEADY, MEMBER_BUCKETS = 0.6, 30
STRICTNESS = 0.75  # of the many members of a dimension one is always a little off
SHIFTING, SHIFTED = 0.003, 0.05
"""Shares go on moving if they did by this part of most of the last buckets since the run before, but not of old ones,
or by that of half of all buckets since these were first seen."""
WINDOW, LEAST_INDEXES, SMOOTH = 28, 40, 1e-4
LEAST_SHIFT, GROSS_SHIFT = 0.1, 0.5  # of the population stability index; 0.25 is called a shift elsewhere
VISITS, SILENT, FORGOTTEN = (
    20,
    2.0,
    1.5,
)  # buckets a member was in; how much longer than ever it may stay away


def judge_members(
    dimension: str, metric: Metric, rules: Rules, live: Series, candidate: Series, past: Past
) -> list[Check]:
    """A dimension's members in the new and changed buckets: each one's share, and how all of them are spread.

    metric: what the shares are of; it adds up and is nowhere negative, or there is nothing to judge.
    """
    before, after = live.compute_values(metric), candidate.compute_values(metric)
    days = [day for day in list_judged(before, after, candidate, past) if after.get(day, 0) > 0]
    known = choose_past(metric, live, before, after, past)
    if not days or not known or not is_additive(metric.formula) or min(known.values()) < 0:
        return []
    members = sorted({*live.members.get(dimension, {}), *candidate.members.get(dimension, {})}, key=str)
    old = {member: _read_shares(live, metric, dimension, member, known) for member in members}
    now = {member: _read_shares(candidate, metric, dimension, member, after) for member in members}
    firsts = read_first_shares(metric, dimension, past.sights)
    if _is_maturing(old, now, firsts):
        seen = {day: 0.0 for shares in firsts.values() for day in shares if day in known}
        old = {member: seen | dict(firsts.get(member, {})) for member in members}
    new = {member: {day: shares[day] for day in days} for member, shares in now.items()}
    strict = rules.model_copy(update={"sensitivity": rules.sensitivity * STRICTNESS})
    judged: list[Finding] = []
    for member in members:
        about = f"{dimension} {'without a value' if member is None else member}"[:80]
        judged += _judge_member(about, member, old[member], new[member], strict, past, candidate)
    mart, grain = candidate.dataset.mart, candidate.dataset.grain
    named = {
        f"{dimension} is made up as usual": (judged, strict),
        f"{dimension} is spread as usual": (_judge_spread(old, new, rules, past), rules),
    }
    return [
        report(mart, name, findings, own, past, grain=grain)
        for name, (findings, own) in named.items()
        if findings
    ]


def is_drifting(dimension: str, metric: Metric, series: Series, past: Past) -> bool:
    """Whether a dimension's members had other shares than usual before the newest buckets, too.

    So are those of a status that rows only come to with time: the youngest buckets have none of it.
    """
    calm = replace(past, is_first=False)
    return any(
        check.warned for check in judge_members(dimension, metric, Rules(), hold_out(series), series, calm)
    )


Shares: TypeAlias = Mapping[Member, Mapping[date, float]]


def _is_maturing(old: Shares, new: Shares, firsts: Shares) -> bool:
    """Whether shares go on moving after a bucket is over: since the run before, or since they were first seen."""
    days = sorted({day for shares in old.values() for day in shares})
    shifts = {day: _measure_shift(old, new, day) for day in days[:-1]}
    drifts = [
        _measure_shift(firsts, old, day)
        for day in sorted({day for shares in firsts.values() for day in shares} & set(days))[:-1]
    ]
    return moves_when_young(shifts, SHIFTING) or (bool(drifts) and median(drifts) > SHIFTED)


def _measure_shift(one: Shares, other: Shares, day: date) -> float:
    """The part of a bucket that is another member's."""
    members = {*one, *other}
    return sum(abs(one.get(m, {}).get(day, 0.0) - other.get(m, {}).get(day, 0.0)) for m in members) / 2


def _read_shares(
    series: Series, metric: Metric, dimension: str, member: Member, totals: Mapping[date, float]
) -> dict[date, float]:
    points: Points = series.members.get(dimension, {}).get(member, {})
    values = series.compute_values(metric, points)
    return {day: values.get(day, 0.0) / total for day, total in totals.items() if total > 0}


def _judge_member(
    about: str,
    member: Member,
    old: Mapping[date, float],
    new: Mapping[date, float],
    rules: Rules,
    past: Past,
    candidate: Series,
) -> list[Finding]:
    """Judge a member's shares: a new one by being there at all, a steady one by what is usual; others not."""
    if len(old) < MEMBER_BUCKETS:
        return []
    there = sum(share > 0 for share in old.values()) / len(old)
    days = [day for day in new if day not in past.holidays and not rules.find_event(day)]
    if there == 0 or (member is None and there < STEADY):
        return list(_judge_newcomer(about, member, {day: new[day] for day in days}, old))
    if there < STEADY or mean(old.values()) < LEAST_SHARE:
        return []
    usual = Usual(old, candidate.dataset.grain, past.holidays, rules.sensitivity)
    found = []
    for day in days:
        if expected := usual.expect(day, rules.min_history):
            level = expected.judge(new[day])
            found.append(Finding(day, new[day], expected, level, about, write_share))
    return found


def _judge_newcomer(
    about: str, member: Member, new: Mapping[date, float], old: Mapping[date, float]
) -> Iterator[Finding]:
    """Judge one that never was there, and rows without a value, which were few, by the most there ever were."""
    most = max(old.values())
    bound, gross = (NAMELESS_SHARE, MOST_NAMELESS) if member is None else (NEW_SHARE, WHOLE_SHARE)
    expected = Expectation(0, 0, 1.5 * most + bound, 0, 2 * most + gross, len(old))
    for day, share in new.items():
        if share > expected.high:
            yield Finding(day, share, expected, expected.judge(share), about, write_share)


def _judge_spread(
    old: Mapping[Member, Mapping[date, float]],
    new: Mapping[Member, Mapping[date, float]],
    rules: Rules,
    past: Past,
) -> list[Finding]:
    """Judge how far all members' shares together are from those of the last weeks: population stability.

    By how far they were before, each bucket against the weeks before it: many small shifts that no member shows.
    """
    days = sorted({day for shares in old.values() for day in shares})
    if len(days) < WINDOW + LEAST_INDEXES:
        return []
    sums = dict.fromkeys(old, 0.0)
    indexes = []
    for place, day in enumerate(days):
        if place >= WINDOW and day not in past.holidays:
            indexes.append(_compute_index(sums, old, day, WINDOW))
        for member, shares in old.items():
            leaving = shares.get(days[place - WINDOW], 0.0) if place >= WINDOW else 0.0
            sums[member] += shares.get(day, 0.0) - leaving
    most = sorted(indexes)
    rare = max(1.2 * most[int((len(most) - 1) * 0.98)], LEAST_SHIFT)
    gross = max(2 * most[-1], GROSS_SHIFT)
    expected = Expectation(median(most), 0, rare, 0, gross, len(most))
    found = []
    for day in sorted({day for shares in new.values() for day in shares}):
        if day not in past.holidays and not rules.find_event(day):
            index = _compute_index(sums, new, day, WINDOW)
            about = "shift of all members' shares together"
            found.append(Finding(day, index, expected, expected.judge(index), about))
    return found


def _compute_index(
    sums: Mapping[Member, float], shares: Mapping[Member, Mapping[date, float]], day: date, count: int
) -> float:
    """The population stability index of a bucket's shares against the mean of some before."""
    index = 0.0
    for member, total in sums.items():
        expected, actual = total / count + SMOOTH, max(shares[member].get(day, 0.0), 0.0) + SMOOTH
        index += (actual - expected) * math.log(actual / expected)
    return index


def judge_visits(dimension: str, candidate: Series, past: Past) -> Check | None:
    """How long members have not come, against the longest that they ever stayed away; a warning at most.

    Of one that is away still longer nothing is said any more: that is how it is now.
    """
    days = sorted(day for day in candidate.total if past.complete(day))
    place = {day: number for number, day in enumerate(days)}
    silent, judged = [], 0
    for member, points in sorted(candidate.members.get(dimension, {}).items(), key=lambda each: str(each[0])):
        visits = sorted(place[day] for day in points if day in place)
        if len(visits) < VISITS or member is None:
            continue
        judged += 1
        longest = max(after - before for before, after in pairwise(visits))
        away = len(days) - 1 - visits[-1]
        bound = SILENT * longest + 2
        if bound < away <= FORGOTTEN * bound:
            silent.append(
                f"{member[:60]}: none since {days[visits[-1]]}, {away} buckets; up to {longest - 1} before"
            )
    if not judged:
        return None
    return Check(
        scope=candidate.dataset.mart,
        name=f"{dimension} members come as usual",
        kind=KIND,
        passed=True,
        warned=bool(silent),
        observed=silent[0] if silent else f"{judged} members",
        evidence=tuple(silent[1:MOST_SHOWN]),
        figures=(("observed", len(silent)), ("expected", 0)),
    )


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
