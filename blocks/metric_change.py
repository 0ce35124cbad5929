"""A metric's change cut into what each member of a dimension did, exactly; the page's movement.js does the same.

A figure that adds up is cut member by member. A ratio of two such figures, also one times a number or from a number, is
cut twice: what each member's own rate did, and what the mix of members did. Parts add up to the whole to the last
digit; what is shown is rounded so that it adds up, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from blocks.metrics import Call, Filled, Formula, Measure, Number, Operation, is_additive

Amounts: TypeAlias = Mapping[str, Fraction]
REST = "all others"
MOST_MOVERS = 3
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Part:
    """What one member did to a figure. rate, mix: of a ratio; of others the whole is in rate. kind: new, gone or ""."""

    member: str
    rate: Fraction
    mix: Fraction
    kind: str = ""

    @property
    def whole(self) -> Fraction:
        """All that it did."""
        return self.rate + self.mix


@dataclass(frozen=True)
class Ratio:
    """A formula that is a number times one sum over another, and perhaps a number more."""

    factor: Fraction
    top: Formula
    bottom: Formula


def find_ratio(formula: Formula) -> Ratio | None:
    """The ratio that a formula is made of; None for any other formula."""
    if not isinstance(formula, Operation):
        return None
    if formula.sign == "/" and is_additive(formula.left) and is_additive(formula.right):
        return Ratio(Fraction(1), formula.left, formula.right)
    inner, factor = _split_number(formula)
    found = find_ratio(inner) if inner and factor else None
    return found and Ratio(found.factor * factor, found.top, found.bottom)


def _split_number(formula: Operation) -> tuple[Formula | None, Fraction]:
    """What is counted with a number, and how much its change is multiplied by that."""
    match formula:
        case (
            Operation(sign="*", left=Number(value=by), right=inner)
            | Operation(sign="*", left=inner, right=Number(value=by))
        ):
            return inner, Fraction(str(by))
        case Operation(sign="/", left=inner, right=Number(value=by)) if by:
            return inner, 1 / Fraction(str(by))
        case (
            Operation(sign="+", left=Number(), right=inner)
            | Operation(sign="+" | "-", left=inner, right=Number())
        ):
            return inner, Fraction(1)
        case Operation(sign="-", left=Number(), right=inner):
            return inner, Fraction(-1)
    return None, Fraction(0)


def is_divisible(formula: Formula) -> bool:
    """True if a change of the formula's value can be cut into the parts of members."""
    return is_additive(formula) or find_ratio(formula) is not None


def compute(formula: Formula, totals: Amounts) -> Fraction | None:
    """A formula's exact value over sums of measures; None where it divides by zero or is more than arithmetic."""
    match formula:
        case Measure(name=name):
            return totals.get(name, Fraction(0))
        case Number(value=value):
            return Fraction(str(value))
        case (
            Filled(formula=inner, value=value) | Call(function="coalesce", parts=(inner, Number(value=value)))
        ):
            found = compute(inner, totals)
            return Fraction(str(value)) if found is None else found
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
    ratio = find_ratio(formula)
    return _divide_ratio(ratio, members, before, after) if ratio else None


def _classify_member(member: str, before: Mapping[str, Amounts], after: Mapping[str, Amounts]) -> str:
    if member == REST:
        return ""
    return "new" if member not in before else "gone" if member not in after else ""


def _divide_ratio(
    ratio: Ratio, members: Sequence[str], before: Mapping[str, Amounts], after: Mapping[str, Amounts]
) -> list[Part] | None:
    """A ratio's change: each member's own rate at its mean weight, and its weight at its mean rate.

    A member that is new or gone has its one rate on both sides, so that all of what it did is mix. A member without
    a denominator has no weight: what it adds to the numerator is mix.
    """
    sides = []
    for side in (before, after):
        tops = {member: compute(ratio.top, side.get(member, {})) or Fraction(0) for member in members}
        bottoms = {member: compute(ratio.bottom, side.get(member, {})) or Fraction(0) for member in members}
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
        kind = _classify_member(member, before, after)
        found.append(Part(member, ratio.factor * rate, ratio.factor * mix, kind))
    return found


def measure_unevenness(
    formula: Formula, parts: Sequence[Part], before: Mapping[str, Amounts], old: Fraction, new: Fraction
) -> Fraction:
    """How much of the change the few members explain that moved least as the whole did.

    A dimension with many members moves unevenly in all of them; one of which a few did it explains more.
    """
    uneven = [abs(part.whole) for part in parts]
    if is_additive(formula) and old:
        even = {name: (compute(formula, amounts) or Fraction(0)) / old for name, amounts in before.items()}
        uneven = [abs(part.whole - even.get(part.member, Fraction(0)) * (new - old)) for part in parts]
    return sum(sorted(uneven, reverse=True)[:MOST_MOVERS], Fraction(0))


def list_movers(parts: Sequence[Part], most: int = MOST_MOVERS) -> list[Part]:
    """The members that did most, and all others as one; those that did nothing are left out."""
    moved = [part for part in parts if part.rate or part.mix]
    order = sorted(moved, key=lambda part: (part.member == REST, -abs(part.whole), part.member))
    shown, others = order[:most], order[most:]
    if len(others) == 1 and others[0].member == REST:
        return order
    rate, mix = (sum((getattr(each, name) for each in others), Fraction(0)) for name in ("rate", "mix"))
    return [*shown, Part(REST, rate, mix)] if others else shown


def round_value(value: Fraction, step: Decimal = CENT) -> Decimal:
    """A figure in whole steps, halves away from zero."""
    units = math.floor(abs(value) / Fraction(step) + Fraction(1, 2))
    return (units if value >= 0 else -units) * step


def round_parts(parts: Sequence[Fraction], whole: Decimal, step: Decimal = CENT) -> list[Decimal]:
    """Parts in whole steps that add up to a whole: those that lose most by it are rounded up.

    whole: what is shown as the parts' sum; as both of its ends are rounded, too, it may be a step off.
    """
    if not parts:
        return []
    unit = Fraction(step)
    counts = [math.floor(part / unit) for part in parts]
    order = sorted(range(len(parts)), key=lambda at: counts[at] - parts[at] / unit)
    each, missing = divmod(int(Fraction(whole) / unit) - sum(counts), len(parts))
    for place, at in enumerate(order):
        counts[at] += each + (place < missing)
    return [count * step for count in counts]
