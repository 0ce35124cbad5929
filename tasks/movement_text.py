"""Why metrics moved, as lines of Markdown for tickets. Members come out of data: they go through code as hostile."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from blocks.metric_change import CENT, round_parts, round_value
from blocks.records import Movement, Mover
from tasks.markdown import bullets, code

FINE = Decimal("0.0001")  # of what is smaller than one, such as a rate


def describe_movements(movements: Iterable[Movement], metrics: Collection[str]) -> str:
    """A paragraph with a line for each movement of these metrics; empty if none of them moved."""
    lines = [describe_movement(each) for each in movements if each.metric in metrics]
    return f"**Why it moved:**\n\n{bullets(lines)}" if lines else ""


def describe_movement(movement: Movement) -> str:
    """One movement: from what to what, data that changed apart from new days, and the members that did most."""
    step = CENT if max(abs(movement.before), abs(movement.after)) >= 1 else FINE
    before, after = (_round(value, step) for value in (movement.before, movement.after))
    text = f"{code(movement.metric)} {_describe_periods(movement)}: {before:,} → {after:,} ({after - before:+,})."
    if movement.restated is not None:
        changed = _round(movement.restated, step)
        text += f" In days that readers had seen: {changed:+,}; in new days: {after - before - changed:+,}."
    for dimension, group in groupby(movement.movers, key=lambda mover: mover.dimension):
        text += f" By {code(dimension)}: {_list_members(list(group), after - before, step)}."
    return text


def _describe_periods(movement: Movement) -> str:
    if movement.about == "release" or not movement.days:
        return "in all, against what readers saw"
    old_first, old_last, first, last = movement.days
    return f"from {first} to {last}, against {old_first} to {old_last}"


def _list_members(movers: list[Mover], whole: Decimal, step: Decimal) -> str:
    """Each member with what it did, in steps that add up to the whole."""
    amounts = round_parts([Fraction(str(mover.change)) for mover in movers], whole, step)
    return ", ".join(
        f"{code(mover.member)} {amount:+,}{_note(mover, step)}"
        for mover, amount in zip(movers, amounts, strict=True)
    )


def _note(mover: Mover, step: Decimal) -> str:
    notes = [mover.kind] if mover.kind else []
    if mover.mix is not None and not mover.kind:
        notes.append(f"its share {_round(mover.mix, step):+,}")
    return f" ({', '.join(notes)})" if notes else ""


def _round(value: float, step: Decimal) -> Decimal:
    return round_value(Fraction(repr(value)), step)
