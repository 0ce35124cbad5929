"""A metric asked of its dataset's rows, in DuckDB's SQL over an extract: for pictures, notebooks and a page's rows.

A measure of another time than the one that is shown (offsets, windows) gets rows of its own: those of the other time,
dated as the time in which they count. Grouping them is then the same as for any other measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from blocks.errors import BadInput
from blocks.metrics import Measure, Metric, Shift, Window, decide_moments, to_sql
from blocks.sql import quote_identifier, write_literal

MOST_DAYS = 80_000
DAY = '"@day"'  # a column that no project has
Days = tuple[date, date]  # the first and the last


def truncate_sql(expression: str, grain: str) -> str:
    """SQL for the first day of the bucket that holds a date."""
    return f"{expression}::DATE" if grain == "day" else f"date_trunc('{grain}', {expression})::DATE"


def days_sql(days: Days, grain: str) -> str:
    """A query of the first day of every bucket that has one of these days, as `DAY`."""
    first, last = (write_literal(day, "duckdb") for day in days)
    series = f"generate_series({first}::TIMESTAMP, {last}::TIMESTAMP, INTERVAL 1 DAY)"
    if (days[1] - days[0]).days > MOST_DAYS:
        raise BadInput(
            "Compute a metric for every day of its data",
            f"its dates reach from {days[0]} to {days[1]}",
            "Correct them, or leave what stands for an open end null.",
        )
    return f"SELECT DISTINCT {truncate_sql('moment', grain)} AS {DAY} FROM {series} AS days(moment)"


def window_sql(window: Window, time: str, day: str) -> str:
    """A condition: a row's time is in the window that ends with a day."""
    condition = f"{time} <= {day}"
    if window.count:
        condition += f" AND {time} > {day} - INTERVAL {window.count} {window.grain.upper()}"
    elif window.grain:
        condition += f" AND {time} >= date_trunc('{window.grain}', {day})"
    if window.rows:
        condition += f" AND {quote_identifier(window.rows)} > 0"
    return condition


@dataclass(frozen=True)
class MetricRows:
    """Rows that a metric is asked of. kept: a query of those that filters leave, whenever they are, all with a time.

    time: its column, if it has one, as fine as time_grain; known: the days that all the data has; shown: those that
    are asked for.
    """

    kept: str
    dimensions: Sequence[str]
    time: str | None = None
    time_grain: str = "day"
    known: Days | None = None
    shown: Days | None = None

    def ask(self, metric: Metric, keys: Sequence[str], grain: str = "") -> str:
        """A query of the metric's values `v` by keys, each SQL over the rows, in their order; by buckets of time first.

        Parameters are those of `kept`, then those of the keys.
        """
        made = [truncate_sql(quote_identifier(str(self.time)), grain)] if grain else []
        made += keys
        names = [quote_identifier(f"@{place}") for place in range(len(made))]
        columns = ", ".join(["*", *(f"{sql} AS {name}" for sql, name in zip(made, names, strict=True))])
        keyed = f"(SELECT {columns} FROM ({self.spread(metric.measures, grain)}) AS spread) AS all_rows"
        bucket, *groups = names if grain else ["", *names]
        rows = decide_moments(metric.measures, keyed, bucket, groups)
        value = f"{to_sql(metric.formula, grouped=bool(names))} AS v"
        grouped = f" GROUP BY {', '.join(names)}" if names else ""
        return f"WITH kept AS ({self.kept}) SELECT {', '.join([*names, value])} FROM {rows}{grouped}"

    def spread(self, measures: Sequence[Measure], grain: str = "") -> str:
        """A query of the rows from `kept` that count in the days that are shown, with a column for each measure."""
        parts = [f"SELECT * FROM kept{self._dated()}"]
        for shift in dict.fromkeys(measure.shift for measure in measures if measure.shift):
            parts.append(self._shift(shift, [each for each in measures if each.shift == shift], grain))
        for window in dict.fromkeys(measure.window for measure in measures if measure.window):
            parts.append(self._widen(window, [each for each in measures if each.window == window], grain))
        return " UNION ALL BY NAME ".join(part for part in parts if part)

    def _dated(self) -> str:
        if not self.time or not self.shown:
            return ""
        first, last = (write_literal(day, "duckdb") for day in self.shown)
        return f" WHERE {quote_identifier(self.time)}::DATE BETWEEN {first} AND {last}"

    @property
    def days(self) -> Days | None:
        """The days that are shown, as far as the data goes."""
        if not self.known or not self.shown:
            return self.known
        return max(self.known[0], self.shown[0]), min(self.known[1], self.shown[1])

    def _shift(self, shift: Shift, measures: Sequence[Measure], grain: str) -> str:
        """Rows of other buckets, dated as the buckets that show them; none where no buckets are asked for.

        Whole buckets are compared, of the grain that is asked for; where that is longer than the offset, each of the
        buckets that the data has, or, with an offset to a grain, the one in which what is asked for begins.
        """
        if not grain or not self.days or not self.time:
            return ""
        join = grain if shift.is_of_buckets(grain) else self.time_grain
        other = f"date_trunc('{shift.grain}', {DAY})::DATE"
        if shift.count:
            other = f"({DAY} - INTERVAL {shift.count} {shift.grain.upper()})::DATE"
        begins = "" if shift.count else f" WHERE {DAY} = {truncate_sql(DAY, grain)}"
        days = f"({days_sql(self.days, join)}) AS days{begins}"
        buckets = f'(SELECT {DAY}, {other} AS "@other" FROM {days}) AS buckets'
        own = truncate_sql(f"kept.{quote_identifier(self.time)}", join)
        return f'{self._choose(measures)} FROM kept JOIN {buckets} ON {own} = "@other"'

    def _widen(self, window: Window, measures: Sequence[Measure], grain: str) -> str:
        """For each day the rows in the window that ends with it; without buckets, for the last day alone."""
        days = self.days
        if not days or not self.time or days[0] > days[1]:
            return ""
        if not grain:
            days = (days[1], days[1])
        condition = window_sql(window, f"kept.{quote_identifier(self.time)}", DAY)
        moments = [f"{DAY} AS {quote_identifier(each.balance.moment)}" for each in measures if each.balance]
        chosen = self._choose(measures, moments)
        return f"{chosen} FROM kept JOIN ({days_sql(days, self.time_grain)}) AS days ON {condition}"

    def _choose(self, measures: Sequence[Measure], more: Sequence[str] = ()) -> str:
        kept = [quote_identifier(name) for name in self.dimensions]
        columns = {name: each.unmark(name) for each in measures for name in each.columns}
        renamed = [f"{quote_identifier(old)} AS {quote_identifier(new)}" for new, old in columns.items()]
        time = f"{DAY} AS {quote_identifier(str(self.time))}"
        return f"SELECT {', '.join(dict.fromkeys([time, *kept, *renamed, *more]))}"
