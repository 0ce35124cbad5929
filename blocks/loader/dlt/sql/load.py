"""The kind `sql`: tables of any SQLAlchemy database.

The cursor's condition is part of our query: dlt's own incremental compares values of one type, and one wrong
value would end the load. Not here: connections (see connections), how rows come (see ways).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from blocks.errors import PlatformError
from blocks.loader.dlt.batches import Staged, settle
from blocks.loader.dlt.contract import Reading, check_columns, extra_columns
from blocks.loader.dlt.deletions import compares_keys, key_columns
from blocks.loader.dlt.incremental import window
from blocks.loader.dlt.load_context import Job, cursor, setting
from blocks.loader.dlt.sql.connections import connected, wrapped
from blocks.loader.dlt.sql.extractor import Way, text_type, way_of
from blocks.loader.dlt.staging import Staging, staging_database
from blocks.records import SourceTable


def load_databases(job: Job, tables: Sequence[SourceTable]) -> Iterator[Staged | None]:
    """A batch a table of what its mode asks for; None if nothing is new."""
    with connected(job.location, job.credential, job.deadline) as engine:
        way, found = way_of(engine), [_reflected(engine, table) for table in tables]
        names = [[column.name for column in reflected.columns] for reflected in found]
        queries: dict[str, tuple[Any, Callable[[Any], Any]]] = {}
        for at, (table, reflected) in enumerate(zip(tables, found, strict=True)):
            check_columns(table, names[at], f"table {table.meta['table']}")
            if compares_keys(table):  # before the rows: what comes meanwhile is not taken for gone
                queries[f"k{at}"] = (reflected, _keys(table, way))
            queries[f"t{at}"] = (reflected, _rows(job, table, way))
        files = way.fetch(job, engine, queries)
    for at, (table, columns) in enumerate(zip(tables, names, strict=True)):
        yield _staged(job, way, table, columns, files[f"t{at}"], files.get(f"k{at}"))


def _reflected(engine: Any, table: SourceTable) -> Any:
    """The table as the database describes it now."""
    import sqlalchemy as sa

    schema, _, name = setting(table, "table").rpartition(".")
    problem: PlatformError | None = None
    try:
        return sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=engine, resolve_fks=False)
    except sa.exc.SQLAlchemyError as error:
        problem = wrapped(f"load {table.full_name} from table {table.meta['table']}", error)
        if problem is None:
            raise
    raise problem


def _rows(job: Job, table: SourceTable, way: Way) -> Callable[[Any], Any]:
    """The query of the rows in the load's window, columns by number."""
    import sqlalchemy as sa

    text, asked = text_type(), window(job, table)

    def query(source: Any) -> Any:
        found = sa.select(*(way.value(c).label(f"c{at}") for at, c in enumerate(source.columns)))
        for origin in [c.origin for c in table.columns if c.name in cursor(table)]:
            if asked.since is None:
                break
            value = sa.type_coerce(source.c[origin], text)
            first, *days = (sa.bindparam(None, day, type_=text) for day in (asked.since, *(asked.days or ())))
            wanted = [value >= first, source.c[origin].is_(None)]
            wanted += [sa.and_(value >= days[0], value < days[1])] if days else []
            found = found.where(sa.or_(*wanted))
        return found

    return query


def _keys(table: SourceTable, way: Way) -> Callable[[Any], Any]:
    """The query of all keys there are."""
    import sqlalchemy as sa

    def query(source: Any) -> Any:
        origins = (source.c[column.origin] for column in key_columns(table))
        return sa.select(*(way.value(c).label(f"k{at}") for at, c in enumerate(origins)))

    return query


def _staged(
    job: Job,
    way: Way,
    table: SourceTable,
    names: Sequence[str],
    files: Sequence[Path],
    keys: Sequence[Path] | None,
) -> Staged | None:
    label, columns = f"table {table.meta['table']}", [f"c{at}" for at in range(len(names))]
    present = None
    if keys is not None:
        present = way.relation(keys, [f"k{at}" for at in range(len(key_columns(table)))]) if keys else ""
    with staging_database(job) as connection:
        staging = Staging(job, table, connection, extra_columns(table, names))
        if files:
            staging.add(Reading(way.relation(files, columns), dict(zip(names, columns, strict=True))), [])
        return settle(staging, label, sum(file.stat().st_size for file in files), present)
