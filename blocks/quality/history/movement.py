"""Why a figure moved: its change cut into the parts of a dimension's members, exactly, and told apart by cause.

A figure that adds up is cut member by member. A ratio of two such figures is cut twice: what each member's own rate
did, and what the mix of members did. Parts add up to the whole to the last digit; what is shown is rounded so that it
adds up, too. Data that changed (days that readers had seen) are kept apart from days that are new.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeAlias

from blocks.metrics import Formula, Measure, Metric, Number, Operation, is_additive
from blocks.quality.history.series import Member, Points, Series, Totals, sum_points
from blocks.records import Movement, Mover

Amounts: TypeAlias = Mapping[str, Fraction]
REST = "all others"
MOST_MOVERS, MOST_DIMENSIONS = 3, 2
CENT = Decimal("0.01")


class Part:
    """What one member did to a figure. rate, mix: of a ratio; of others the whole is in rate."""

    def __init__(self, member: str, rate: Fraction, mix: Fraction, kind: str = "") -> None:
        self.member, self.rate, self.mix, self.kind = member, rate, mix, kind

    @property
    def whole(self) -> Fraction:
        """All that it did."""
        return self.rate + self.mix


def compute(formula: Formula, totals: Amounts) -> Fraction | None:
    """A formula's exact value over sums of measures; None where it divides by zero or is more than arithmetic."""
    match formula:
        case Measure(name=name):
            return totals.get(name, Fraction(0))
        case Number(value=value):
            return Fraction(str(value))
        case Operation(sign=sign, left=left, right=right):
            return _operate(sign, compute(left, totals), compute(right, totals))
    return None


def _operate(sign: str, left: Fraction | None, right: Fraction | None) -> Fraction | None:
    if left is None or right is None or (sign == "/" and not right):
        return None
    operations: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
    }
    return operations[sign](left, right)


def divide(
    formula: Formula, before: Mapping[str, Amounts], after: Mapping[str, Amounts]
) -> list[Part] | None:
    """The change of a figure by member; None for a formula whose change can't be cut so. before, after: by member.

    The parts add up to the change of the whole exactly.
    """
    members = sorted({*before, *after})
    if is_additive(formula):
        found = []
        for member in members:
            old, new = (compute(formula, side.get(member, {})) for side in (before, after))
            if old is None or new is None:
                return None
            found.append(Part(member, new - old, Fraction(0), _classify_member(member, before, after)))
        return found
    if (
        isinstance(formula, Operation)
        and formula.sign == "/"
        and is_additive(formula.left)
        and is_additive(formula.right)
    ):
        return _divide_ratio(formula, members, before, after)
    return None


def _classify_member(member: str, before: Mapping[str, Amounts], after: Mapping[str, Amounts]) -> str:
    if member == REST:
        return ""
    return "new" if member not in before else "gone" if member not in after else ""


def _divide_ratio(
    formula: Operation, members: Sequence[str], before: Mapping[str, Amounts], after: Mapping[str, Amounts]
) -> list[Part] | None:
    """A ratio's change: each member's own rate at its mean weight, and its weight at its mean rate.

    A member that is new or gone has its one rate on both sides, so that all of what it did is mix. A member without
    a denominator has no weight: what it adds to the numerator is mix.
    """
    sides = []
    for side in (before, after):
        tops = {member: compute(formula.left, side.get(member, {})) or Fraction(0) for member in members}
        bottoms = {member: compute(formula.right, side.get(member, {})) or Fraction(0) for member in members}
        whole = sum(bottoms.values(), Fraction(0))
        if not whole:
            return None
        sides.append((tops, bottoms, whole))
    (tops0, bottoms0, whole0), (tops1, bottoms1, whole1) = sides
    mean = (sum(tops0.values(), Fraction(0)) / whole0 + sum(tops1.values(), Fraction(0)) / whole1) / 2
    found = []
    for member in members:
        share0, share1 = tops0[member] / whole0, tops1[member] / whole1
        weight0, weight1 = bottoms0[member] / whole0, bottoms1[member] / whole1
        rate = Fraction(0)
        if weight0 and weight1:
            rate = (weight0 + weight1) / 2 * (share1 / weight1 - share0 / weight0)
        mix = share1 - share0 - rate - mean * (weight1 - weight0)
        found.append(Part(member, rate, mix, _classify_member(member, before, after)))
    return found


def round_parts(parts: Sequence[Fraction], step: Decimal = CENT) -> list[Decimal]:
    """Parts in whole steps that add up to their rounded sum: each is at most a step off."""
    unit = Fraction(step)
    whole = round(sum(parts, Fraction(0)) / unit)
    floors = [math.floor(part / unit) for part in parts]
    order = sorted(range(len(parts)), key=lambda at: floors[at] - parts[at] / unit)
    for at in order[: whole - sum(floors)]:
        floors[at] += 1
    return [count * step for count in floors]


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
            ranked.append((_measure_unevenness(parts, sides[0], metric, old, new), dimension, parts))
    ranked.sort(key=lambda each: (-each[0], each[1]))
    shown = [mover for _, name, parts in ranked[:MOST_DIMENSIONS] for mover in _list_movers(name, parts)]
    return Movement(
        metric=metric.name,
        about=about,
        before=float(old),
        after=float(new),
        movers=tuple(shown),
        restated=_compute_restated(metric, before, after) if about == "release" else None,
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
    found = {
        "(none)" if member is None else member: sums
        for member, points in members.items()
        if (sums := _sum(points, days))
    }
    rest = {
        name: value - sum((sums.get(name, Fraction(0)) for sums in found.values()), Fraction(0))
        for name, value in whole.items()
    }
    return {**found, REST: rest} if any(rest.values()) else found


def _measure_unevenness(
    parts: Sequence[Part], before: Mapping[str, Amounts], metric: Metric, old: Fraction, new: Fraction
) -> float:
    """How much of the change would be left if every member had moved as the whole did."""
    if not is_additive(metric.formula) or not old:
        return float(sum(abs(part.whole) for part in parts))
    even = {part.member: (compute(metric.formula, before.get(part.member, {})) or 0) / old for part in parts}
    return float(sum(abs(part.whole - even[part.member] * (new - old)) for part in parts))


def _list_movers(dimension: str, parts: Sequence[Part]) -> list[Mover]:
    """The members that did most, and the others as one."""
    order = sorted(parts, key=lambda part: (part.member == REST, -abs(part.whole), part.member))
    order = [part for part in order if part.rate or part.mix]
    shown, others = order[:MOST_MOVERS], order[MOST_MOVERS:]
    if others:
        rate, mix = (sum((getattr(each, name) for each in others), Fraction(0)) for name in ("rate", "mix"))
        shown = [*shown, Part(REST, rate, mix)]
    return [
        Mover(
            dimension=dimension,
            member=part.member[:100],
            change=float(part.whole),
            mix=float(part.mix) if part.mix else None,
            kind=part.kind,
        )
        for part in shown
    ]
