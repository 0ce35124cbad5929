"""A dashboard's figures as it opens, asked of the whole extracts: for the picture, where no page computes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from blocks.metrics import Metric, decide_moments, to_sql, value_of_nothing
from blocks.site.html.extract import Extract, Row, label_sql, truncate_sql
from blocks.site.periods import Period, bucket, start
from blocks.sql import quote_identifier

Point = tuple[date, int, float]  # bucket, place of the group, value


class Group(NamedTuple):
    """A dimension's value, or all the others in one."""

    label: str
    value: float
    previous: float | None
    others: bool


class Snapshot:
    """One metric over one extract, in a period (None: all there is) and the one before (None: not there)."""

    def __init__(
        self, extract: Extract, metric: Metric, period: Period | None, before: Period | None
    ) -> None:
        self.extract, self.metric = extract, metric
        self.time = extract.dataset.time
        self.period, self.before = (period, before) if self.time else (None, None)
        self.sql = to_sql(metric.formula, grouped=True)

    def total(self, before: bool = False) -> float | None:
        """The metric's value."""
        if before and not self.before:
            return None
        rows = self._ask(f"SELECT {to_sql(self.metric.formula)}", self.before if before else self.period)
        value = rows[0][0]
        return None if value is None else float(value)

    def groups(self, dimension: str, most: int) -> list[Group]:
        """A dimension's values, the largest first, and the others in one where there are more than that."""
        column = label_sql(dimension)
        listed = f"SELECT {column}, {self.sql} AS v"
        ranked = self._ask(listed, self.period, "GROUP BY 1", "v DESC, 1")
        known = [label for label, value in ranked if value is not None]
        top = known[:most] if len(known) > most + 1 else known
        rest = f"{len(known) - len(top)} others"
        label = f"CASE WHEN list_contains(?, {column}) THEN {column} ELSE ? END"
        grouped = f"SELECT {label}, {self.sql}"
        now: dict[str, float] = dict(self._ask(grouped, self.period, "GROUP BY 1", values=[top, rest]))
        then: dict[str, float] = (
            dict(self._ask(grouped, self.before, "GROUP BY 1", values=[top, rest])) if self.before else {}
        )
        labels = top + ([rest] if len(top) < len(known) else [])
        return [Group(label, float(now[label]), then.get(label), label not in known) for label in labels]

    def series(self, grain: str, before: bool = False) -> list[tuple[date, float]]:
        """The metric per bucket of a grain, the period before moved onto the period; whole buckets only."""
        period = self.before if before else self.period
        if not self.time or not period or not self.period:
            return []
        day = truncate_sql(quote_identifier(self.time), grain)
        found = self._ask(f"SELECT {day}, {self.sql} AS v", period, "GROUP BY 1", bucket=day)
        rows = {bucket(day, grain): value for day, value in found}
        pairs = self.period.besides(grain) if before else [(n, n) for n in self.period.whole_buckets(grain)]
        empty, bounds = value_of_nothing(self.metric.formula), self.extract.bounds()
        first = bucket(bounds[0], grain) if bounds else 0  # before it there is nothing, not even 0
        values = [
            (start(beside, grain), rows.get(number, empty)) for number, beside in pairs if number >= first
        ]
        return [(day, float(value)) for day, value in values if value is not None]

    def stacked(self, dimension: str, groups: list[Group], grain: str) -> list[Point]:
        """The metric per bucket and group."""
        if not self.time or not self.period:
            return []
        names = [group.label for group in groups if not group.others]
        place = f"coalesce(list_position(?, {label_sql(dimension)}), ?) - 1"
        day = truncate_sql(quote_identifier(self.time), grain)
        select, values = f"SELECT {place} AS place, {day} AS t, {self.sql} AS v", [names, len(names) + 1]
        rows = self._ask(select, self.period, "GROUP BY 1, 2", "2, 1", values, bucket=day)
        return [(when, int(number), float(value)) for number, when, value in rows if value is not None]

    def _ask(
        self,
        select: str,
        period: Period | None,
        group: str = "",
        order: str = "",
        values: Sequence[object] = (),
        bucket: str = "",
    ) -> list[Row]:
        """Rows of a period. bucket: SQL of the time that they are asked for by."""
        where, bounds = "", list[object]()
        if self.time:
            where = f"WHERE {quote_identifier(self.time)}::DATE BETWEEN ? AND ?"
            bounds = [period.begin, period.end] if period else [date.min, date.max]
        ordered = f"ORDER BY {order}" if order else ""
        dated = f"(SELECT * FROM extract {where}) AS all_rows"
        rows = decide_moments(self.metric.measures, dated, bucket)
        return self.extract.rows(f"{select} FROM {rows} {group} {ordered}", [*values, *bounds])
