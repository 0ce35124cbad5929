"""What the rows of a table say of it: types, keys, times, what can be added up, what splits it.

Typed rows are asked by SQL that every warehouse knows; of many rows some are drawn. Guesses by names are in words of
English; they only choose what is proposed, and a person reads the proposal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

from blocks.adoption.names import to_snake_case
from blocks.records import Record
from blocks.sql import quote_identifier
from blocks.warehouse.settings import Session, WarehouseConnection

Ask: TypeAlias = Callable[[str], Sequence[Sequence[object]]]

MOST_VALUES, MOST_PARTS = 20, 50
MOST_PAIRS = 15
FEWEST_STEPS, FEWEST_MONTHS = 10, 3
SAMPLE = "init_sample_"  # in the names of tables with what was drawn of others
MOST_DRAWN = 200_000
_NUMBERS = (
    *("int", "bigint", "smallint", "tinyint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint"),
    *("decimal", "number", "numeric", "double", "float", "real"),
)
_TEXTS = ("varchar", "text", "string", "char")
_IDENTIFIERS = re.compile(
    r"(^|_)(id|ids|no|nr|key|code|uuid|guid|sku|zip|postcode|phone|number|ref|plz|telefon)(_?\d+)?$|(nr|nummer|kennung)$"
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
        "unique",
        "distinct",
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
    | {
        "year",
        "quarter",
        "qtr",
        "month",
        "week",
        "day",
        "hour",
        "minute",
        "second",
        "position",
        "first",
        "last",
        "min",
        "max",
    }
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

    only_grows: a number that from one time to the next never falls, as running totals and levels do. grain: of a time
    whose every value is the first of a month or of a year.
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
    grain: str = ""

    @property
    def is_number(self) -> bool:
        """True for whole numbers and others."""
        kind = self.data_type.lower()
        return kind.startswith(_NUMBERS) and not kind.startswith("interval")

    @property
    def is_time(self) -> bool:
        """True for days and moments."""
        return self.data_type.lower().startswith(("date", "timestamp"))

    @property
    def is_of_the_load(self) -> bool:
        """True for what loaders write beside the data, such as `_loaded_at`: nothing is proposed of it."""
        return self.name.startswith("_")

    @property
    def is_key(self) -> bool:
        """True if it tells all rows apart."""
        return self.rows > 0 and self.nulls == 0 and self.distinct == self.rows

    @property
    def is_identifier(self) -> bool:
        """True if its name is that of a key, here or elsewhere."""
        return bool(_IDENTIFIERS.search(to_snake_case(self.name)))

    @property
    def is_category(self) -> bool:
        """True if its values are names of parts: neither numbers, times nor keys."""
        return not self.is_number and not self.is_time and not self.is_identifier


class TableProfile(Record):
    """A table's rows and columns. key: columns that tell all rows apart, none if none were found.

    sampled: only so many rows were looked at. of: the number of rows of which these were drawn, where that is known.
    """

    name: str
    rows: int
    columns: tuple[ColumnProfile, ...]
    key: tuple[str, ...] = ()
    sampled: bool = False
    of: int | None = None

    def _list_own(self) -> list[ColumnProfile]:
        return [each for each in self.columns if not each.is_of_the_load]

    def find_time(self) -> ColumnProfile | None:
        """The time that its rows are of: the fullest, of several the first that is no later stage."""
        times = [
            each for each in self._list_own() if each.is_time and each.nulls <= each.rows / 2 and each.rows
        ]
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
            for each in self._list_own()
            if each.is_number
            and each.distinct > 1
            and each.name not in {*self.key, *others}
            and not each.is_identifier
            and not each.only_grows
            and not set(to_snake_case(each.name).split("_")) & _NOT_ADDED
        ]

    def list_parts(self) -> list[ColumnProfile]:
        """Columns that split it into a few parts."""
        return [
            each
            for each in self._list_own()
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
    columns = tuple(_find_grain(ask, relation, each) for each in columns)
    found = TableProfile(name=name, rows=_read_int(rows), columns=columns, sampled=sampled)
    return found.model_copy(update={"key": _find_key(ask, relation, found)})


def profile_relation(warehouse: WarehouseConnection, session: Session, name: str, place: str) -> TableProfile:
    """Profile a relation where it is, by its warehouse's own SQL; of one with many rows, some drawn at random.

    place: `schema.table`, of which the schema is one of ours: what is drawn is a table beside it until the schema goes.
    """
    schema, table = place.rsplit(".", 1)
    types, relation = warehouse.columns(session, schema, table), warehouse.relation(place)
    ((count,),) = session.rows(f"select count(*) from {relation}")
    rows = _read_int(count)
    if rows <= MOST_DRAWN:
        return profile_table(session.rows, name, relation, types)
    drawn = draw_rows(warehouse, session, place, "*", f"{SAMPLE}{table}", rows)
    found = profile_table(session.rows, name, warehouse.relation(drawn), types, sampled=True)
    names = ", ".join(quote_identifier(each) for each in found.key)
    if names:  # what tells the drawn rows apart may not tell all of them
        ((distinct,),) = session.rows(f"select count(*) from (select distinct {names} from {relation}) as q")
        found = found.model_copy(update={"key": found.key if _read_int(distinct) == rows else ()})
    return found.model_copy(update={"of": rows})


def profile_expression(
    warehouse: WarehouseConnection, session: Session, place: str, name: str, expression: str, rows: int
) -> ColumnProfile:
    """Profile a project's expression over a relation of so many rows as if it were a column of this name, likewise."""
    selected = f"{expression} as {quote_identifier(name)}"
    drawn = draw_rows(warehouse, session, place, selected, f"{SAMPLE}{name}", rows)
    (kind,) = warehouse.columns(session, *drawn.rsplit(".", 1)).values()
    relation = warehouse.relation(drawn)
    ((count,),) = session.rows(f"select count(*) from {relation}")
    return _profile_column(session.rows, relation, name, kind, _read_int(count))


def draw_rows(
    warehouse: WarehouseConnection, session: Session, place: str, selected: str, name: str, rows: int
) -> str:
    """A table beside a relation with what is selected of about MOST_DRAWN of its rows, at random; `schema.table`."""
    drawn = f"{place.rsplit('.', 1)[0]}.{name}"
    where = f" where {warehouse.draw(MOST_DRAWN / rows)}" if rows > MOST_DRAWN else ""
    session.rows(f"drop table if exists {warehouse.relation(drawn)}")
    query = f"select {selected} from {warehouse.relation(place)}{where}"
    session.rows(f"create table {warehouse.relation(drawn)} as {query}")
    return drawn


def _profile_column(ask: Ask, relation: str, column: str, kind: str, rows: int) -> ColumnProfile:
    about = ColumnProfile(name=column, data_type=kind, rows=rows, nulls=0, distinct=0)
    name = quote_identifier(column)
    is_text = kind.lower().startswith(_TEXTS)
    if is_text or about.is_number or about.is_time:
        asked = f"count(distinct {name}), min({name}), max({name})"
    else:  # truth values, documents, lists: not every engine compares them
        asked = f"count(distinct cast({name} as varchar)), cast(null as varchar), cast(null as varchar)"
    ((filled, distinct, smallest, largest),) = ask(f"select count({name}), {asked} from {relation}")
    values: tuple[str, ...] = ()
    if 0 < _read_int(distinct) <= MOST_VALUES and is_text:
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


def _find_grain(ask: Ask, relation: str, column: ColumnProfile) -> ColumnProfile:
    """A time's profile with its grain, where it has one that is coarser than a day."""
    if not column.is_time or column.distinct < FEWEST_MONTHS:
        return column
    day, month = (f"extract({part} from {quote_identifier(column.name)})" for part in ("day", "month"))
    ((days, months),) = ask(f"select max({day}), max({month}) from {relation}")
    grain = "" if _read_number(days) > 1 else "month" if _read_number(months) > 1 else "year"
    return column.model_copy(update={"grain": grain})


def _find_key(ask: Ask, relation: str, table: TableProfile) -> tuple[str, ...]:
    """The one column that tells rows apart, one named as a key before others, times last; else two together."""
    alone = [
        each
        for each in table.columns
        if each.is_key and not each.is_of_the_load and not (each.is_number and not each.is_identifier)
    ]
    if alone:
        return (min(alone, key=lambda each: (not each.is_identifier, each.is_time)).name,)
    possible = [
        each.name
        for each in table.columns
        if not each.nulls
        and not each.is_of_the_load
        and each.distinct > 1
        and (each.is_time or each.is_identifier or not each.is_number)
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


def _read_number(value: object) -> float:
    return float(str(value))


def _read_int(value: object) -> int:
    return int(str(value))
