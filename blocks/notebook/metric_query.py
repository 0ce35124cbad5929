"""A metric's values over an extract: by dimensions and time, filtered. The formula is the one that pages compute.

The rows of a dataset are the same that a page is made of; what is asked of them here is asked in the same SQL.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from blocks.errors import Misconfigured, NotFound
from blocks.findings import suggest_name
from blocks.metric_rows import DAY, Days, MetricRows, days_sql
from blocks.metrics import Metric, evaluate, evaluate_empty
from blocks.site.extract import Extract
from blocks.site.periods import Period, find_bucket, start
from blocks.sql import quote_identifier

if TYPE_CHECKING:
    import pyarrow as pa

MOST_COMPARED = 10_000  # values of a dimension, when one that it does not have is compared with them
_FLOATS = {"FLOAT", "DOUBLE"}


@dataclass(frozen=True)
class Between:
    """A range of a dimension's values, both ends included; None: open."""

    first: object = None
    last: object = None


def query_metric(
    extract: Extract, by: Sequence[str], grain: str | None, where: Mapping[str, object]
) -> pa.Table:
    """The values of the dataset's one metric. by: dimensions; grain: of time, or None for all time in one.

    Rows without a time are left out where the dataset has one, as pages do. Raises NotFound for a value that a
    dimension does not have, Misconfigured for one of another type.
    """
    (metric,), time = extract.dataset.metrics, extract.dataset.time
    grain = grain if time else None
    if metric.needs_bucket and not grain:
        raise Misconfigured(
            f"read metric {metric.name}",
            "it compares buckets of time, so it has no value without a grain",
            "Give a grain, as in grain='month'.",
        )
    dated = time in where and not metric.adds_up_rows  # it needs rows of other times than these
    known = extract.find_bounds()
    shown = _read_span(str(time), where[str(time)], known) if dated and known else None
    kept, values = _filter_rows(extract, {k: v for k, v in where.items() if not (dated and k == time)})
    rows = MetricRows(kept, extract.dataset.dimensions, time, extract.dataset.grain, known, shown)
    query = rows.ask(metric, [quote_identifier(name) for name in by], grain or "")
    if grain and not by:
        query = _fill_buckets(query, metric, rows, grain)
    names = [*([str(time)] if grain else []), *by]
    columns = [f'"@{place}" AS {quote_identifier(name)}' for place, name in enumerate(names)]
    places = ", ".join(str(place) for place in range(1, len(columns) + 1))
    ordered = f" ORDER BY {places}" if places else ""
    columns.append(f"v AS {quote_identifier(metric.name)}")
    return extract.run(f"SELECT {', '.join(columns)} FROM ({query}){ordered}", values).to_arrow_table()


def _fill_buckets(query: str, metric: Metric, rows: MetricRows, grain: str) -> str:
    """The query with the buckets that have no rows, where the metric has a value for them, as pages draw it."""
    nothing = evaluate(metric.formula, {}) if metric.fills_buckets else evaluate_empty(metric.formula)
    days = rows.days
    if nothing is None or not days:
        return query
    value = f'CASE WHEN "@0" IS NULL THEN {nothing!r}::DOUBLE ELSE v END'
    every = f"({days_sql(days, grain)}) AS days"
    return f'SELECT {DAY} AS "@0", {value} AS v FROM {every} LEFT JOIN ({query}) AS found ON {DAY} = "@0"'


def _read_span(time: str, wanted: object, known: Days) -> Days:
    """The days of a condition on time. Raises Misconfigured for one that is no range of days."""
    if not isinstance(wanted, Between):
        wanted = Between(wanted, wanted)
    given = [(end, _read_date(end)) for end in (wanted.first, wanted.last)]
    if any(end is not None and day is None for end, day in given):
        raise Misconfigured(
            f"read where of {time}",
            "the metric needs rows of other days than these, so they have to be one day or a range",
            "Give a day, or Between(first, last).",
        )
    return given[0][1] or known[0], given[1][1] or known[1]


def find_incomplete(extract: Extract, grain: str | None, where: Mapping[str, object]) -> list[date]:
    """The buckets of a grain of which the data, or the range that was asked for, have but some days."""
    bounds = extract.find_bounds()
    if not grain or not bounds:
        return []
    first, last = bounds
    asked = where.get(str(extract.dataset.time))
    if isinstance(asked, Between):
        first = max(first, _read_date(asked.first) or first)
        last = min(last, _read_date(asked.last) or last)
        if first > last:
            return []
    own = extract.dataset.grain
    period = Period(grain=own, first=find_bucket(first, own), last=find_bucket(last, own))
    edges = dict.fromkeys(
        number for number in (period.list_buckets(grain)[:1] + period.list_buckets(grain)[-1:])
    )
    return [start(number, grain) for number in edges if not period.is_whole(number, grain)]


def _filter_rows(extract: Extract, where: Mapping[str, object]) -> tuple[str, list[object]]:
    """A query of the rows that meet every condition, and its parameters."""
    types = {str(name): str(kind) for name, kind, *_ in extract.rows("DESCRIBE extract")}
    time = extract.dataset.time
    conditions, values = [f"{quote_identifier(time)} IS NOT NULL"] if time else [], list[object]()
    for name, wanted in where.items():
        condition, own = _write_condition(extract, name, types[name], wanted)
        conditions.append(condition)
        values += own
    return f"SELECT * FROM extract{' WHERE ' if conditions else ''}{' AND '.join(conditions)}", values


def _write_condition(extract: Extract, name: str, kind: str, wanted: object) -> tuple[str, list[object]]:
    column = quote_identifier(name)
    if isinstance(wanted, Between):
        ends = [(">=", wanted.first), ("<=", wanted.last)]
        given = [(sign, _read_value(end, kind, name)) for sign, end in ends if end is not None]
        sql = " AND ".join([f"{column} IS NOT NULL", *(f"{column} {sign} ?" for sign, _ in given)])
        return f"({sql})", [value for _, value in given]
    several = isinstance(wanted, list | tuple | set | frozenset)
    chosen = [_read_value(each, kind, name) for each in (wanted if several else [wanted])]  # type: ignore[attr-defined]
    if not chosen:
        raise Misconfigured(f"read where of {name}", "it lists no value", "Leave it out to take them all.")
    for value in chosen:
        _check_there(extract, name, value)
    same = " OR ".join([f"{column} IS NOT DISTINCT FROM ?"] * len(chosen))
    return f"({same})", chosen


def _check_there(extract: Extract, name: str, value: object) -> None:
    """Raise NotFound for a value that no row has: a misspelt one would look like nothing sold."""
    column = quote_identifier(name)
    if extract.rows(f"SELECT 1 FROM extract WHERE {column} IS NOT DISTINCT FROM ? LIMIT 1", [value]):
        return
    found = extract.rows(f"SELECT DISTINCT {column}::VARCHAR FROM extract LIMIT {MOST_COMPARED}")
    names = {row[0].lower(): row[0] for row in found if row[0]}
    near = suggest_name(str(value), names)
    for lower, proper in names.items():
        near = near.replace(f"mean {lower}?", f"mean {proper}?")
    raise NotFound(
        f"read where of {name}", f"no row has {str(value)[:80]!r}{near}", "Name one that the data have."
    )


def _read_value(value: object, kind: str, name: str) -> object:
    """A value as the column's type has it. Raises Misconfigured where it would have to be guessed."""
    import pandas as pd

    if isinstance(value, float) and math.isnan(value):
        return None
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    plain = value.item() if hasattr(value, "item") else value  # of numpy
    found = _match_type(plain, kind)
    if found is None:
        raise Misconfigured(
            f"read where of {name}",
            f"{str(value)[:80]!r} is a {type(value).__name__}, the dimension holds {kind.lower()}",
            "Give values of that type, a list of them, or Between(first, last).",
        )
    return found


def _match_type(value: object, kind: str) -> object | None:
    """A value that compares exactly with a column of this type, or None."""
    if kind == "BOOLEAN":
        return value if isinstance(value, bool) else None
    if kind == "DATE":
        return _read_date(value)
    if kind.startswith("TIMESTAMP"):
        return value if isinstance(value, datetime) else None
    if kind == "VARCHAR":
        return value if isinstance(value, str) else None
    if kind in _FLOATS or kind.startswith("DECIMAL") or "INT" in kind:
        return value if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else None
    return None


def _read_date(value: object) -> date | None:
    """A date, a date in ISO's form, or a moment at midnight."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        whole = value.time() == datetime.min.time() and value.tzinfo is None
        return value.date() if whole else None
    return value if isinstance(value, date) else None
