"""Why metrics moved, as lines of Markdown for tickets. Members come out of data: they go through code as hostile."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from blocks.metric_change import CENT, round_parts, round_value
from blocks.records import Movement, Mover
from blocks.site.number_format import find_unit
from tasks.markdown import bullets, code

FINE = Decimal("0.0001")  # of what is smaller than one, such as a rate


def describe_movements(movements: Iterable[Movement], metrics: Collection[str]) -> str:
    """A paragraph with a line for each movement of these metrics; empty if none of them moved."""
    lines = [describe_movement(each) for each in movements if each.metric in metrics]
    return f"**Why it moved:**\n\n{bullets(lines)}" if lines else ""


def describe_movement(movement: Movement) -> str:
    """One movement: from what to what, data that changed apart from new days, and the members that did most."""
    figures = _Figures(movement)
    before, after = (figures.round(value) for value in (movement.before, movement.after))
    text = (
        f"{code(movement.metric)} {_describe_periods(movement)}: {figures.write(before)} → {figures.write(after)}"
        f" ({figures.write_change(after - before)})."
    )
    if movement.restated is not None:
        changed = figures.round(movement.restated)
        new = figures.write_change(after - before - changed)
        text += f" In days that readers had seen: {figures.write_change(changed)}; in new days: {new}."
    for dimension, group in groupby(movement.movers, key=lambda mover: mover.dimension):
        text += f" By {code(dimension)}: {_list_members(list(group), after - before, figures)}."
    return text


class _Figures:
    """Writes a metric's numbers, in steps of cents, or finer ones of what is smaller than one; changes signed."""

    def __init__(self, movement: Movement) -> None:
        self._unit = find_unit(movement.form)
        self._percent = movement.form == "percent"
        large = max(abs(movement.before), abs(movement.after)) >= 1
        self.step = CENT if large and not self._percent else FINE

    def round(self, value: float) -> Decimal:
        return round_value(Fraction(repr(value)), self.step)

    def write(self, value: Decimal) -> str:
        return f"{'-' if value < 0 else ''}{self._write_size(value)}{'%' if self._percent else ''}"

    def write_change(self, value: Decimal) -> str:
        return f"{'-' if value < 0 else '+'}{self._write_size(value)}{' pp' if self._percent else ''}"

    def _write_size(self, value: Decimal) -> str:
        return f"{abs(value) * 100:,.2f}" if self._percent else f"{self._unit}{abs(value):,}"


def _describe_periods(movement: Movement) -> str:
    if movement.about == "release" or not movement.days:
        return "in all, against what readers saw"
    old_first, old_last, first, last = movement.days
    if (old_first, first) == (old_last, last):  # one day each, or what is summed up under the first day of it
        return f"of {first}, against {old_first}"
    return f"from {first} to {last}, against {old_first} to {old_last}"


def _list_members(movers: list[Mover], whole: Decimal, figures: _Figures) -> str:
    """Each member with what it did, in steps that add up to the whole."""
    amounts = round_parts([Fraction(str(mover.change)) for mover in movers], whole, figures.step)
    return ", ".join(
        f"{code(mover.member)} {figures.write_change(amount)}{_note(mover, figures)}"
        for mover, amount in zip(movers, amounts, strict=True)
    )


def _note(mover: Mover, figures: _Figures) -> str:
    notes = [mover.kind] if mover.kind else []
    if mover.mix is not None and not mover.kind:
        notes.append(f"by its share {figures.write_change(figures.round(mover.mix))}")
    return f" ({', '.join(notes)})" if notes else ""
