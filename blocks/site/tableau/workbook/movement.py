"""What each member of a dimension did to a metric's change, as Tableau's formula: metric_change.py's parts, in a view.

Of a figure that adds up it is the member's own change. Of a ratio it is the change of its own rate and of its share
together: what it adds to the ratio after less before, without what its weight brings at the mean of both ratios.
"""

from __future__ import annotations

from blocks.metric_change import Ratio, find_ratio
from blocks.metrics import Filled, Formula, Measure, Operation, is_additive, to_tableau


def write_part(formula: Formula, before: str, after: str, levels: str) -> str:
    """A member's part of a change. before, after: the rows of each side, as conditions; levels: what views are cut by.

    The formula is one that `is_divisible`.
    """
    if is_additive(formula):
        filled = fill_sums(formula)
        return f"({to_tableau(filled, (), after)} - {to_tableau(filled, (), before)})"
    ratio = find_ratio(formula)
    if ratio is None:
        raise ValueError(f"{formula} is no sum and no ratio of sums")
    return _write_ratio_part(ratio, before, after, levels)


def _write_ratio_part(ratio: Ratio, before: str, after: str, levels: str) -> str:
    shares, means = [], []
    for side in (after, before):
        top, bottom = (to_tableau(fill_sums(each), (), side) for each in (ratio.top, ratio.bottom))
        all_top, all_bottom = (f"MIN({{EXCLUDE {levels} : {each}}})" for each in (top, bottom))
        means.append(f"{all_top} / {all_bottom}")
        shares.append((f"{top} / {all_bottom}", f"{bottom} / {all_bottom}"))
    (top1, bottom1), (top0, bottom0) = shares
    mean = f"({means[0]} + {means[1]}) / 2"
    part = f"{top1} - {top0} - {mean} * ({bottom1} - {bottom0})"
    return f"({part})" if ratio.factor == 1 else f"({float(ratio.factor)!r} * ({part}))"


def fill_sums(formula: Formula) -> Formula:
    """A formula that adds up, with 0 for a measure that has no rows."""
    match formula:
        case Measure():
            return Filled(formula=formula, value=0)
        case Operation(sign=sign, left=left, right=right):
            return Operation(sign=sign, left=fill_sums(left), right=fill_sums(right))
    return formula  # a number, or what is filled already
