"""How a dashboard opens as its request wished: its time, its filters, and how figures stand to their targets.

Pages, pictures and workbooks all open so. What can't be done is said, as a note.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from blocks.catalogue import Dataset
from blocks.metrics import Metric
from blocks.records import Record
from blocks.site import number_format
from blocks.site.periods import MONTH_NAMES, Period, find_bucket, find_last_finished, finish, start
from blocks.wishes import AGAINST, Against, Filter, Span, Target, Wishes


class Standing(Record):
    """How a metric stands to its target. reached: as its goal has it; text: for people."""

    reached: bool
    text: str


def find_opening(span: Span, finished: Period, whole: Period, today: date) -> Period | None:
    """The buckets that a wished time is, as far as there are data; None where there are none.

    finished: the part of the data's time that is finished.
    """
    begin, end = find_days(span, finished.end, today)
    first = whole.first if begin is None else max(whole.first, find_bucket(begin, whole.grain))
    last = whole.last if end is None else min(whole.last, find_bucket(end, whole.grain))
    return whole.model_copy(update={"first": first, "last": last}) if first <= last else None


def find_days(span: Span, finished: date, today: date) -> tuple[date | None, date | None]:
    """The first and the last day of a wished time; None where it is open. finished: the last finished day.

    Years are counted in months: who asks for the last two years in December does not mean those before this one.
    """
    if span.unit and span.count:
        unit, count = ("month", 12 * span.count) if span.unit == "year" else (span.unit, span.count)
        last = find_last_finished(finished, unit)
        return start(last - count + 1, unit), finish(last, unit)
    if span.unit:
        this = find_bucket(today, span.unit)
        return start(this, span.unit), finish(this, span.unit)
    return span.first, span.last


def apply_targets(datasets: Sequence[Dataset], targets: Sequence[Target]) -> tuple[Dataset, ...]:
    """The datasets with the targets that a request names, in place of the project's own."""
    wanted = {target.metric: target for target in targets}
    return tuple(
        dataset.model_copy(
            update={
                "metrics": tuple(_set_target(metric, wanted.get(metric.name)) for metric in dataset.metrics)
            }
        )
        for dataset in datasets
    )


def _set_target(metric: Metric, target: Target | None) -> Metric:
    if target is None:
        return metric
    found = {"target": target.value, "target_per": target.per, "target_by": target.by}
    return metric.model_copy(update={**found, "target_against": target.against or ""})


def write_target(metric: Metric) -> str:
    """A metric's target as people read it: £120K per month by 31 Dec 2026; empty without one."""
    if metric.target_against:
        text = AGAINST[Against(metric.target_against)]
    elif metric.target is None:
        return ""
    else:
        text = number_format.write_compact(metric.target, metric.form)
    per = f" per {metric.target_per}" if metric.target_per else ""
    by = f" by {number_format.write_short_day(metric.target_by)}" if metric.target_by else ""
    return text + per + by


def judge_target(
    metric: Metric, value: float | None, before: float | None, when: str = ""
) -> Standing | None:
    """How a value stands to its metric's target; None where that can't be said. before: of a target of earlier time."""
    aim = before if metric.target_against else metric.target
    if value is None or aim is None:
        return None
    reached = value <= aim if metric.goal == "down" else value >= aim
    shown = f"{number_format.write_compact(value, metric.form)} in {when}, " if when else ""
    return Standing(
        reached=reached,
        text=f"Target {write_target(metric)}: {shown}{'reached' if reached else 'not reached'}",
    )


def name_bucket(number: int, grain: str) -> str:
    """A bucket as a reader names it, as the page's bucketText does: Mar 2025 · Q1 2025 · Week of 3 Mar 2025."""
    first = start(number, grain)
    if grain in ("day", "week"):
        return ("Week of " if grain == "week" else "") + number_format.write_short_day(first)
    if grain == "month":
        return f"{MONTH_NAMES[first.month - 1]} {first.year}"
    return f"Q{(first.month + 2) // 3} {first.year}" if grain == "quarter" else str(first.year)


def choose_grain(wishes: Wishes) -> str:
    """The grain that lines are drawn with at first: as asked for, else that of the only target; empty: by length."""
    units = {target.per for target in wishes.targets if target.per}
    return wishes.grain or (units.pop() if len(units) == 1 else "")


def describe_wishes(wishes: Wishes, honoured: Sequence[str]) -> list[str]:
    """That a dashboard opens as it was asked for, in a line. honoured: the fields that the site opens with."""
    asked = wishes.list_lines()
    shown = "; ".join(f"{name} {asked[name]}" for name in honoured if name in asked)
    return [f"Opens as asked for, with {shown}."] if shown else []


def describe_missing_values(wish: Filter, there: Collection[str]) -> list[str]:
    """What of a filter the data don't have. there: the values that it finds, as they are shown."""
    known = {_reduce(value) for value in there}
    missing = [value for value in wish.values if _reduce(value) not in known]
    found = [f"{wish.dimension} has no value {' or '.join(missing)} in these data."] if missing else []
    nothing = "left out" if wish.excluded else f"filtered by {wish.dimension}"
    return [*found, *([] if known else [f"So nothing is {nothing}."])]


def _reduce(value: str) -> str:
    """What is left of a value in every way of showing it: no blanks or controls, and not all of a long one."""
    return "".join(each for each in value if each.isprintable() and not each.isspace()).casefold()[:100]
