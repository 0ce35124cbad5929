"""A dashboard's figures as it opens, asked of the whole extracts: for the picture, where no page computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from blocks.metric_rows import MetricRows
from blocks.metrics import Metric, evaluate, evaluate_empty
from blocks.site.extract import Extract, Row, label_sql
from blocks.site.number_format import write_short_day
from blocks.site.periods import Period, find_bucket, start
from blocks.sql import quote_identifier, write_literal

Point = tuple[date, int, float]  # bucket, place of the group, value


class Group(NamedTuple):
    """A dimension's value, or all the others in one."""

    label: str
    value: float
    previous: float | None
    others: bool


class Choice(NamedTuple):
    """The values of a dimension, as they are shown, that alone count; or, excluded, that alone don't."""

    labels: tuple[str, ...]
    excluded: bool = False

    def write_condition(self, dimension: str) -> str:
        """It as SQL over an extract's rows."""
        labels = ", ".join(write_literal(label, "duckdb") for label in self.labels)
        return f"{label_sql(dimension)} {'NOT ' if self.excluded else ''}IN ({labels})"

    def __str__(self) -> str:
        """As the page's describeFilters has it."""
        return f"{'all but ' if self.excluded else ''}{', '.join(self.labels)}"


class Snapshot:
    """One metric over one extract, in a period (None: all there is) and the one before (None: not there).

    latest: no cumulative measure goes on after it. picked: dimension → the values that count.
    """

    def __init__(
        self,
        extract: Extract,
        metric: Metric,
        period: Period | None,
        before: Period | None,
        latest: date = date.max,
        picked: Mapping[str, Choice] | None = None,
    ) -> None:
        self.extract, self.metric = extract, metric
        known = extract.dataset.dimensions
        self.picked = {name: choice for name, choice in (picked or {}).items() if name in known}
        self.time = extract.dataset.time
        self.period, self.before = (period, before) if self.time else (None, None)
        self.known = extract.find_bounds(latest)

    def read_total(self, before: bool = False) -> float | None:
        """The metric's value; of one that compares buckets of time that of the last whole bucket."""
        if before and not self.before:
            return None
        values = self._read_values(self.before if before else self.period)
        return next((float(row[-1]) for row in values if row[-1] is not None), None)

    @property
    def note(self) -> str:
        """Which bucket the metric's value is of, as text beside its name; empty where it is of the whole period."""
        if not self.metric.needs_bucket or not self.period:
            return ""
        number, grain = self._find_last_bucket(self.period), self.period.drawn
        first = start(number, grain)
        return f", {write_short_day(first)}" if grain == "day" else f", {grain} from {write_short_day(first)}"

    def read_groups(self, dimension: str, most: int) -> list[Group]:
        """A dimension's values, the largest first, and the others in one where there are more than that."""
        column = label_sql(dimension)
        found = [
            (label, value) for label, value in self._read_values(self.period, column) if value is not None
        ]
        known = [label for label, _ in sorted(found, key=lambda pair: (-pair[1], pair[0]))]
        top = known[:most] if len(known) > most + 1 else known
        rest = f"{len(known) - len(top):,} others"
        label = f"CASE WHEN list_contains(?, {column}) THEN {column} ELSE ? END"
        now: dict[str, float] = dict(self._read_values(self.period, label, [top, rest]))
        then: dict[str, float] = (
            dict(self._read_values(self.before, label, [top, rest])) if self.before else {}
        )
        labels = top + ([rest] if len(top) < len(known) else [])
        return [Group(label, float(now[label]), then.get(label), label not in known) for label in labels]

    def _read_values(self, period: Period | None, key: str = "", values: Sequence[object] = ()) -> list[Row]:
        """The metric in a period, by a key if there is one: in all of it, or in the bucket that stands for it."""
        keys = [key] if key else []
        if not self.metric.needs_bucket:
            return self._ask(period, keys, values=values)
        if not period:
            return []
        grain = period.drawn
        last = start(self._find_last_bucket(period), grain)
        return [row[1:] for row in self._ask(period, keys, grain, values=values) if row[0] == last]

    @staticmethod
    def _find_last_bucket(period: Period) -> int:
        """The bucket that stands for a period where a value is of one alone: the last that is whole, or at all."""
        touched = period.list_buckets(period.drawn)
        return next((n for n in reversed(touched) if period.is_whole(n, period.drawn)), touched[-1])

    def read_series(self, grain: str, before: bool = False) -> list[tuple[date, float]]:
        """The metric per bucket of a grain, the period before moved onto the period; whole buckets only."""
        period = self.before if before else self.period
        if not self.time or not period or not self.period:
            return []
        found = self._ask(period, grain=grain)
        rows = {find_bucket(when, grain): value for when, value in found}
        whole = self.period.list_whole_buckets(grain)
        pairs = self.period.pair_with_previous(grain) if before else list(zip(whole, whole, strict=True))
        filled = evaluate(self.metric.formula, {}) if self.metric.fills_buckets else None
        empty = evaluate_empty(self.metric.formula) if filled is None else filled
        # before the first there is nothing, not even 0
        first = find_bucket(self.known[0], grain) if self.known else 0
        values = [
            (start(beside, grain), rows.get(number, empty)) for number, beside in pairs if number >= first
        ]
        return [(when, float(value)) for when, value in values if value is not None]

    def read_stacked(self, dimension: str, groups: list[Group], grain: str) -> list[Point]:
        """The metric per bucket and group."""
        if not self.time or not self.period:
            return []
        names = [group.label for group in groups if not group.others]
        place = f"coalesce(list_position(?, {label_sql(dimension)}), ?) - 1"
        rows = self._ask(self.period, [place], grain, "1, 2", [names, len(names) + 1])
        return [(when, int(number), float(value)) for when, number, value in rows if value is not None]

    def _ask(
        self,
        period: Period | None,
        keys: Sequence[str] = (),
        grain: str = "",
        order: str = "",
        values: Sequence[object] = (),
    ) -> list[Row]:
        """The metric in a period, by buckets of a grain and by keys."""
        dataset, kept = self.extract.dataset, "SELECT * FROM extract"
        where = [f"{quote_identifier(self.time)} IS NOT NULL"] if self.time else []
        where += [choice.write_condition(name) for name, choice in self.picked.items()]
        kept += f" WHERE {' AND '.join(where)}" if where else ""
        shown = (period.begin, period.end) if period else None
        rows = MetricRows(kept, dataset.dimensions, self.time, dataset.grain, self.known, shown)
        ordered = f" ORDER BY {order}" if order else ""
        return self.extract.rows(rows.ask(self.metric, keys, grain) + ordered, values)
