"""A mart's measures by bucket of time, in all and by member of its dimensions: two queries a dataset, on any warehouse.

Sums alone are read by member: their parts add up to the whole, on which explanations stand. Distinct counts, extremes
and balances, and the metrics made of them, are read in all, by a third query; percentiles, and what is of other times
than its own, by none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TypeAlias

from blocks.catalogue import Dataset
from blocks.dimensions import name_hour
from blocks.errors import Rejected
from blocks.metrics import Metric, evaluate, is_additive, totals_sql
from blocks.semantic_models import SelectedColumn
from blocks.sql import quote_identifier
from blocks.warehouse.base import Session, Warehouse

ROWS = "rows__"  # how many of the mart's rows are behind a row of the dataset
GIVEN = "__given"  # after a measure's name: in how many of them it is not null
MOST_MEMBERS, MOST_DIMENSIONS, MORE = 50, 3, 4
HELD_OUT = {"day": 7, "week": 2}  # of other grains the last one
KEPT_DAYS = {"day": 800, "week": 1900, "month": 3700, "quarter": 7400, "year": 36500}
Value: TypeAlias = float | Decimal | None
Totals: TypeAlias = Mapping[str, Value]  # by measure
Points: TypeAlias = dict[date, Totals]
Member: TypeAlias = str | None


@dataclass(frozen=True)
class Series:
    """What one relation of a mart holds. total: by bucket; members: dimension → member → by bucket.

    undated: rows without a time; rows: all of them. A mart without a time has one bucket, `date.min`. given: by bucket,
    for each measure that can be null, in how many rows it is not. wholes: metrics that `total` has, and members lack.
    """

    dataset: Dataset
    total: Points = field(default_factory=dict)
    members: dict[str, dict[Member, Points]] = field(default_factory=dict)
    undated: int = 0
    rows: int = 0
    given: Points = field(default_factory=dict)
    wholes: tuple[Metric, ...] = ()

    @cached_property
    def newest(self) -> date | None:
        """The last bucket that it holds."""
        return max(self.total, default=None)

    def compute_values(
        self, metric: Metric, points: Mapping[date, Totals] | None = None
    ) -> dict[date, float]:
        """A metric by bucket, in all or of a member. Where it is null it is zero if it adds up, else left out."""
        found = {
            day: evaluate(metric.formula, totals)
            for day, totals in (self.total if points is None else points).items()
        }
        instead = 0.0 if is_additive(metric.formula) else None
        filled = {day: instead if value is None else value for day, value in found.items()}
        return {day: value for day, value in filled.items() if value is not None}


def reduce_to_sums(dataset: Dataset) -> Dataset:
    """The dataset with those measures alone that are sums, the metrics made of them, and a count of rows."""
    sums = tuple(each for each in dataset.measures if each.function == "sum" and not each.balance)
    names = {each.name for each in sums}
    keys = {name for name in (dataset.time, *dataset.dimensions) if name}
    columns = [column for column in dataset.columns if column.name in keys or column.name in names]
    given = [
        column.model_copy(update={"name": column.name + GIVEN, "sql": f"count({column.sql[len('sum(') :]}"})
        for column in columns
        if column.name in names and column.sql.startswith("sum(")
    ]
    counted = SelectedColumn(name=ROWS, sql="count(*)", grouped=False)
    return dataset.model_copy(
        update={
            "measures": sums,
            "metrics": tuple(m for m in dataset.metrics if {each.name for each in m.measures} <= names),
            "columns": (*columns, *given, counted),
        }
    )


def is_whole(metric: Metric) -> bool:
    """True if a metric has a value for each bucket, of that bucket's own rows, which is no sum of its parts."""
    sums = all(each.function == "sum" and not each.balance for each in metric.measures)
    return not sums and not any(each.percentile or each.mark for each in metric.measures)


def add_hours(dataset: Dataset, hour: SelectedColumn) -> Dataset:
    """The dataset with the hour of the day as one more dimension, of which each hour is a member.

    So an hour is held to its share of the day, as the same hour of the same weekday had it.
    """
    names, columns = (*dataset.dimensions, hour.name), (hour, *dataset.columns)
    return dataset.model_copy(update={"dimensions": names, "columns": columns})


def hold_out(series: Series) -> Series:
    """The series without its newest buckets: what they are held against where readers see nothing yet."""
    last = sorted(series.total)[-HELD_OUT.get(series.dataset.grain, 1) :]

    def cut(points: Mapping[date, Totals]) -> Points:
        return {day: totals for day, totals in points.items() if day < last[0]} if last else {}

    members = {
        name: {member: kept for member, points in each.items() if (kept := cut(points))}
        for name, each in series.members.items()
    }
    return replace(series, total=cut(series.total), members=members, given=cut(series.given))


def read_series(
    warehouse: Warehouse,
    session: Session,
    dataset: Dataset,
    relation: str,
    today: date,
    also: Collection[str] = (),
    wholes: Dataset | None = None,
) -> Series:
    """The measures of a relation (`schema.table`). dataset: as `reduce_to_sums` returns it, with its dimensions.

    Dimensions with few members only, the first three, and the hour of the day; also: those that it is compared by,
    though one member be left. wholes: the same rows with the metrics that `is_whole` says, and without dimensions.
    Raises Rejected where the relation has not the dataset's columns; where it has not those of wholes, none is there.
    """
    warehouse.use_time_zone(session, dataset.time_zone)
    rows = dataset.sql(warehouse.relation(relation))
    count, newest, chosen = _choose_dimensions(warehouse, session, dataset, rows, also)
    dropped = set(dataset.dimensions) - set(chosen)
    columns = tuple(column for column in dataset.columns if column.name not in dropped)
    rows = dataset.model_copy(update={"columns": columns}).sql(warehouse.relation(relation))
    found = Series(dataset=dataset, rows=count, members={name: {} for name in chosen})
    first = None
    if dataset.time and newest:
        first = min(newest, today) - timedelta(days=KEPT_DAYS[dataset.grain])
    undated = 0
    names = [*(m.name for m in dataset.measures), ROWS]
    counts = [column.name for column in dataset.columns if column.name.endswith(GIVEN)]
    query = _write_query(warehouse, rows, dataset.time, chosen, [*names, *counts], first)
    for place, member, moment, *values in session.rows(query):
        day = read_day(moment) if dataset.time else date.min
        totals = dict(zip(names, values, strict=False))
        if day is None:
            undated += int(totals[ROWS] or 0) if not place else 0
        elif not place:
            found.total[day] = totals
            found.given[day] = dict(zip(counts, values[len(names) :], strict=True))
        else:
            found.members[chosen[int(place) - 1]].setdefault(member, {})[day] = totals
    has_wholes = wholes and found.total and _add_wholes(warehouse, session, wholes, relation, found.total)
    return replace(found, undated=undated, wholes=wholes.metrics if wholes and has_wholes else ())


def _add_wholes(
    warehouse: Warehouse, session: Session, dataset: Dataset, relation: str, total: Points
) -> bool:
    """Add to each bucket what does not add up; False where the relation has not its columns."""
    query = totals_sql(dataset.measures, dataset.sql(warehouse.relation(relation)), str(dataset.time))
    try:
        rows = session.rows(query)
    except Rejected:
        return False
    names = [measure.name for measure in dataset.measures]
    for moment, *values in rows:
        day = read_day(moment)
        if day in total:
            numbers = [value if isinstance(value, int | float | Decimal) else None for value in values]
            total[day] = {**dict(zip(names, numbers, strict=True)), **total[day]}
    return True


def try_read_series(
    warehouse: Warehouse,
    session: Session,
    dataset: Dataset,
    relation: str,
    today: date,
    also: Collection[str] = (),
    wholes: Dataset | None = None,
) -> Series | None:
    """As `read_series`; None where the relation has not all its columns, or they can't be added up."""
    try:
        return read_series(warehouse, session, dataset, relation, today, also, wholes)
    except Rejected:
        return None


def _choose_dimensions(
    warehouse: Warehouse, session: Session, dataset: Dataset, rows: str, also: Collection[str]
) -> tuple[int, date | None, list[str]]:
    """How many rows there are, the newest time, and the dimensions that have few members but more than one."""
    text = warehouse.type_of("varchar")
    names = dataset.dimensions
    counted = [f"count(distinct cast({quote_identifier(name)} as {text}))" for name in names]
    moment = f"max({quote_identifier(dataset.time)})" if dataset.time else "null"
    columns = ", ".join([f"sum({quote_identifier(ROWS)})", moment, *counted])
    ((count, newest, *widths),) = session.rows(f"select {columns} from ({rows}) as all_rows")
    members = {name: int(width or 0) for name, width in zip(names, widths, strict=True)}
    few = [name for name, width in members.items() if 1 < width <= MOST_MEMBERS]
    hours = [name for name in few if dataset.time and name == name_hour(dataset.time)]
    compared = [name for name, width in members.items() if name in also and width <= MORE * MOST_MEMBERS]
    chosen = [name for name in dict.fromkeys((*compared, *few)) if name not in hours]
    return int(count or 0), read_day(newest), [*chosen[:MOST_DIMENSIONS], *hours]


def _write_query(
    warehouse: Warehouse,
    rows: str,
    moment: str | None,
    dimensions: Sequence[str],
    columns: Sequence[str],
    first: date | None,
) -> str:
    """The whole, and each dimension's members, below each other; the first column says which."""
    text = warehouse.type_of("varchar")
    sums = ", ".join(f"sum({quote_identifier(name)})" for name in columns)
    time = quote_identifier(moment) if moment else "cast(null as date)"
    where = ""
    if first:
        where = f" where {time} >= {warehouse.literal(first)} or {time} is null"
    parts = []
    for place, name in enumerate(["", *dimensions]):
        member = f"cast({quote_identifier(name)} as {text})" if name else f"cast(null as {text})"
        keys = [*([quote_identifier(name)] if name else []), *([time] if moment else [])]
        grouped = f" group by {', '.join(keys)}" if keys else ""
        parts.append(
            f"select {place} as place_, {member} as member_, {time} as moment_, {sums}"
            f" from all_rows{where}{grouped}"
        )
    return f"with all_rows as ({rows}) {' union all '.join(parts)}"


def read_day(value: object) -> date | None:
    """A day as a warehouse's driver gives it."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def sum_points(points: Mapping[date, Totals], keep: Callable[[date], bool]) -> dict[str, Decimal]:
    """Each measure over the buckets that are kept, exactly: floats are taken as they are written."""
    found: dict[str, Decimal] = {}
    for day, totals in points.items():
        if keep(day):
            for name, value in totals.items():
                found[name] = found.get(name, Decimal(0)) + to_decimal(value)
    return found


def to_decimal(value: Value) -> Decimal:
    """A warehouse's number, exactly as it is written; what is null or not finite is zero."""
    if value is None:
        return Decimal(0)
    exact = (
        value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else value)
    )
    return exact if exact.is_finite() else Decimal(0)
