"""Why a figure moved: its change by the members of the dimensions that explain most of it.

Data that changed (days that readers had seen) are kept apart from days that are new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Literal

from blocks.metric_change import REST, Amounts, Part, compute, divide, list_movers, measure_unevenness
from blocks.metrics import Metric, is_additive
from blocks.quality.history.series import Member, Points, Series, Totals, sum_points
from blocks.records import Movement, Mover

MOST_DIMENSIONS = 2


def explain(
    metric: Metric,
    before: Series,
    after: Series,
    days: tuple[Collection[date], Collection[date]],
    about: Literal["release", "period"],
) -> Movement | None:
    """Why a metric is not what it was, over these days of each side: by the dimensions that explain most.

    None where it did not move, or its change can't be cut into parts.
    """
    wholes = [_sum(side.total, chosen) for side, chosen in zip((before, after), days, strict=True)]
    old, new = (compute(metric.formula, totals) for totals in wholes)
    if old is None or new is None or old == new:
        return None
    ranked = []
    for dimension in dict.fromkeys([*before.members, *after.members]):
        sides = [
            _sum_by_member(side, dimension, chosen, whole)
            for side, chosen, whole in zip((before, after), days, wholes, strict=True)
        ]
        if parts := divide(metric.formula, sides[0], sides[1]):
            uneven = measure_unevenness(metric.formula, parts, sides[0], old, new)
            ranked.append((uneven, dimension, parts))
    ranked.sort(key=lambda each: (-each[0], each[1]))
    shown = [mover for _, name, parts in ranked[:MOST_DIMENSIONS] for mover in _make_movers(name, parts)]
    return Movement(
        metric=metric.name,
        about=about,
        before=float(old),
        after=float(new),
        movers=tuple(shown),
        restated=_compute_restated(metric, before, after) if about == "release" else None,
        form=metric.form,
    )


def _compute_restated(metric: Metric, before: Series, after: Series) -> float | None:
    """How much of the change is in days that readers had seen; None for what does not add up."""
    if not is_additive(metric.formula) or before.newest is None:
        return None
    seen = [day for day in {*before.total, *after.total} if day <= before.newest]
    old, new = (compute(metric.formula, _sum(side.total, seen)) for side in (before, after))
    return float(new - old) if old is not None and new is not None else None


def _sum(points: Mapping[date, Totals], days: Iterable[date]) -> dict[str, Fraction]:
    wanted = set(days)
    return {name: Fraction(value) for name, value in sum_points(points, wanted.__contains__).items()}


def _sum_by_member(
    series: Series, dimension: str, days: Collection[date], whole: Amounts
) -> dict[str, dict[str, Fraction]]:
    """A dimension's members' sums, and what they leave of the whole."""
    members: dict[Member, Points] = series.members.get(dimension, {})
    found: dict[str, dict[str, Fraction]] = {}
    for member, points in members.items():
        if sums := _sum(points, days):
            _add(found, "(none)" if member is None else member, sums)
    rest = {
        name: value - sum((sums.get(name, Fraction(0)) for sums in found.values()), Fraction(0))
        for name, value in whole.items()
    }
    if any(rest.values()):
        _add(found, REST, rest)
    return found


def _add(found: dict[str, dict[str, Fraction]], member: str, sums: Amounts) -> None:
    """Add to a member's sums; one may be called as what stands for several."""
    known = found.setdefault(member, {})
    for name, value in sums.items():
        known[name] = known.get(name, Fraction(0)) + value


def _make_movers(dimension: str, parts: Sequence[Part]) -> list[Mover]:
    """The members that did most, and the others as one."""
    return [
        Mover(
            dimension=dimension,
            member=part.member[:100],
            change=float(part.whole),
            mix=float(part.mix) if part.mix else None,
            kind=part.kind,
        )
        for part in list_movers(parts)
    ]
