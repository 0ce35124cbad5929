"""What the rows of a table say of it: types, keys, times, what can be added up, what splits it.

Typed rows are asked by SQL that every warehouse knows. Guesses by names are in words of English; they only choose
what is proposed, and a person reads the proposal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

from blocks.records import Record
from blocks.sql import quote_identifier

Ask: TypeAlias = Callable[[str], Sequence[Sequence[object]]]

MOST_VALUES, MOST_PARTS = 20, 50
MOST_PAIRS = 15
FEWEST_STEPS = 10
_NUMBERS = ("int", "bigint", "smallint", "hugeint", "decimal", "numeric", "double", "float", "real")
_IDENTIFIERS = re.compile(
    r"(^|_)(id|ids|no|nr|key|code|uuid|guid|sku|zip|postcode|phone|number|ref|plz|telefon)$|(nr|nummer|kennung)$"
)
_NOT_ADDED = frozenset(
    {
        "price",
        "rate",
        "pct",
        "percent",
        "percentage",
        "ratio",
        "avg",
        "average",
        "mean",
        "median",
        "age",
        "per",
    }
    | {
        "lat",
        "lon",
        "latitude",
        "longitude",
        "score",
        "rank",
        "version",
        "index",
        "balance",
        "level",
        "temperature",
    }
    | {
        "cumulative",
        "cum",
        "running",
        "rolling",
        "ytd",
        "qtd",
        "mtd",
        "lifetime",
        "stock",
        "stddev",
        "variance",
    }
    | {"year", "month", "week", "day", "hour", "minute", "second", "position", "first", "last", "min", "max"}
)
_LATER_TIMES = (
    "updated",
    "modified",
    "changed",
    "deleted",
    "loaded",
    "birth",
    "closed",
    "ended",
    "due",
    "last",
)


class ColumnProfile(Record):
    """One column. data_type: as the database names it; values: all of them where they are few.

    only_grows: a number that from one time to the next never falls, as running totals and levels do.
    """

    name: str
    data_type: str
    rows: int
    nulls: int
    distinct: int
    smallest: str | None = None
    largest: str | None = None
    values: tuple[str, ...] = ()
    only_grows: bool = False

    @property
    def is_number(self) -> bool:
        """True for whole numbers and others."""
        return self.data_type.lower().startswith(_NUMBERS)

    @property
    def is_time(self) -> bool:
        """True for days and moments."""
        return self.data_type.lower().startswith(("date", "timestamp"))

    @property
    def is_key(self) -> bool:
        """True if it tells all rows apart."""
        return self.rows > 0 and self.nulls == 0 and self.distinct == self.rows

    @property
    def is_identifier(self) -> bool:
        """True if its name is that of a key, here or elsewhere."""
        return bool(_IDENTIFIERS.search(self.name.lower()))

    @property
    def is_category(self) -> bool:
        """True if its values are names of parts: neither numbers, times nor keys."""
        return not self.is_number and not self.is_time and not self.is_identifier


class TableProfile(Record):
    """A table's rows and columns. key: columns that tell all rows apart, none if none were found.

    sampled: only so many rows were looked at.
    """

    name: str
    rows: int
    columns: tuple[ColumnProfile, ...]
    key: tuple[str, ...] = ()
    sampled: bool = False

    def find_time(self) -> ColumnProfile | None:
        """The time that its rows are of: the fullest, of several the first that is no later stage."""
        times = [each for each in self.columns if each.is_time and each.nulls <= each.rows / 2 and each.rows]
        ranked = sorted(
            times,
            key=lambda each: (
                each.nulls > each.rows / 20,
                any(word in each.name.lower() for word in _LATER_TIMES),
            ),
        )
        return ranked[0] if ranked else None

    def list_measures(self, others: Collection[str] = ()) -> list[ColumnProfile]:
        """Numbers that can be added up, by their names and rows. others: columns that are keys of other tables."""
        return [
            each
            for each in self.columns
            if each.is_number
            and each.distinct > 1
            and each.name not in {*self.key, *others}
            and not each.is_identifier
            and not each.only_grows
            and not set(each.name.lower().split("_")) & _NOT_ADDED
        ]

    def list_parts(self) -> list[ColumnProfile]:
        """Columns that split it into a few parts."""
        return [
            each
            for each in self.columns
            if each.is_category
            and each.name not in self.key
            and not each.is_key
            and 2 <= each.distinct <= MOST_PARTS
        ]


def profile_table(
    ask: Ask, name: str, relation: str, types: Mapping[str, str], sampled: bool = False
) -> TableProfile:
    """Ask a relation about each of its columns. relation: quoted; types: column → its type."""
    ((rows,),) = ask(f"select count(*) from {relation}")
    columns = tuple(
        _profile_column(ask, relation, column, kind, _read_int(rows)) for column, kind in types.items()
    )
    if times := [each for each in columns if each.is_time and each.is_key and each.rows >= FEWEST_STEPS]:
        columns = tuple(_mark_growth(ask, relation, each, times[0].name) for each in columns)
    found = TableProfile(name=name, rows=_read_int(rows), columns=columns, sampled=sampled)
    return found.model_copy(update={"key": _find_key(ask, relation, found)})


def _profile_column(ask: Ask, relation: str, column: str, kind: str, rows: int) -> ColumnProfile:
    name = quote_identifier(column)
    ((filled, distinct, smallest, largest),) = ask(
        f"select count({name}), count(distinct {name}), min({name}), max({name}) from {relation}"
    )
    values: tuple[str, ...] = ()
    if 0 < _read_int(distinct) <= MOST_VALUES and kind.lower().startswith(
        ("varchar", "text", "string", "char")
    ):
        found = ask(f"select distinct {name} from {relation} where {name} is not null order by 1")
        values = tuple(str(value) for (value,) in found)
    return ColumnProfile(
        name=column,
        data_type=kind,
        rows=rows,
        nulls=rows - _read_int(filled),
        distinct=_read_int(distinct),
        smallest=None if smallest is None else str(smallest),
        largest=None if largest is None else str(largest),
        values=values,
    )


def _mark_growth(ask: Ask, relation: str, column: ColumnProfile, time: str) -> ColumnProfile:
    """A number's profile with whether it only grows. time: a column that tells the rows apart."""
    if not column.is_number or column.distinct < FEWEST_STEPS:
        return column
    value, order = quote_identifier(column.name), quote_identifier(time)
    before = f"lag({value}) over (order by {order})"
    ((falls,),) = ask(
        f"select count(*) from (select {value} as v, {before} as b from {relation}) as q where v < b"
    )
    return column.model_copy(update={"only_grows": _read_int(falls) == 0})


def _find_key(ask: Ask, relation: str, table: TableProfile) -> tuple[str, ...]:
    """The one column that tells rows apart, one named as a key before others, times last; else two together."""
    alone = [
        each for each in table.columns if each.is_key and not (each.is_number and not each.is_identifier)
    ]
    if alone:
        return (min(alone, key=lambda each: (not each.is_identifier, each.is_time)).name,)
    possible = [
        each.name
        for each in table.columns
        if not each.nulls and each.distinct > 1 and (each.is_time or each.is_identifier or not each.is_number)
    ]
    for pair in list(combinations(possible, 2))[:MOST_PAIRS]:
        names = ", ".join(quote_identifier(name) for name in pair)
        ((distinct,),) = ask(f"select count(*) from (select distinct {names} from {relation}) as q")
        if _read_int(distinct) == table.rows and table.rows:
            return pair
    return ()


def is_included(ask: Ask, child: str, column: str, parent: str, key: str) -> bool:
    """True if every value of a column is one of another table's key. child, parent: quoted relations."""
    name, other = quote_identifier(column), quote_identifier(key)
    ((orphans,),) = ask(
        f"select count(*) from {child} as c where c.{name} is not null"
        f" and not exists (select 1 from {parent} as p where p.{other} = c.{name})"
    )
    return _read_int(orphans) == 0


def _read_int(value: object) -> int:
    return int(str(value))


def profile_expression(ask: Ask, name: str, expression: str, relation: str) -> ColumnProfile:
    """Profile a project's expression over a relation, in DuckDB, as if it were a column of this name."""
    ((kind, rows),) = ask(f"select any_value(typeof({expression})), count(*) from {relation}")
    column = quote_identifier(name)
    derived = f"(select {expression} as {column} from {relation}) as q"
    return _profile_column(ask, derived, name, str(kind), _read_int(rows))
