"""The kind `sql`: tables of any SQLAlchemy database, read by dlt in Arrow batches.

Values are taken as the driver gives them and turned to text, so that one wrong value (SQLite keeps any type
in any column) is a bad row and not the end of the load. For the same reason the cursor's condition is part
of our query: dlt's own incremental compares values of one type. Not here: connections (see connections).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from blocks.errors import PlatformError
from blocks.loader.batches import Staged, settle
from blocks.loader.connections import connected, wrapped
from blocks.loader.contract import Reading, check_columns, extra_columns
from blocks.loader.deletions import compares_keys, key_columns
from blocks.loader.job import Job, cursor, setting
from blocks.loader.pipeline import extract
from blocks.loader.staging import Staging, staging_database
from blocks.loader.windows import window
from blocks.records import SourceTable


def load_databases(job: Job, tables: Sequence[SourceTable]) -> Iterator[Staged | None]:
    """A batch a table of what its mode asks for; None if nothing is new."""
    with connected(job.location, job.credential, job.deadline) as engine:
        found = [_reflected(engine, table) for table in tables]
        names = [[column.name for column in reflected.columns] for reflected in found]
        for table, columns in zip(tables, names, strict=True):
            check_columns(table, columns, f"table {table.meta['table']}")
        resources = []
        for at, (table, reflected) in enumerate(zip(tables, found, strict=True)):
            if compares_keys(table):  # before the rows: what comes meanwhile is not taken for gone
                resources.append(_keys(engine, table, reflected, f"k{at}"))
            resources.append(_rows(job, engine, table, reflected, f"t{at}"))
        files = extract(job, resources, wrapped)
    for at, (table, columns) in enumerate(zip(tables, names, strict=True)):
        yield _staged(job, table, columns, files[f"t{at}"], files.get(f"k{at}"))


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


def _rows(job: Job, engine: Any, table: SourceTable, reflected: Any, name: str) -> Any:
    """dlt's resource of the rows in the load's window, every value a text, columns by number."""
    import sqlalchemy as sa

    text, asked = _verbatim(), window(job, table)

    def adapted(source: Any) -> Any:
        columns = [sa.type_coerce(c, text).label(f"c{at}") for at, c in enumerate(source.columns)]
        query = sa.select(*columns)
        for origin in [
            c.origin for c in table.columns if c.name in cursor(table) and asked.since is not None
        ]:
            value = sa.type_coerce(source.c[origin], text)
            first, *days = (sa.bindparam(None, day, type_=text) for day in (asked.since, *(asked.days or ())))
            wanted = [value >= first, source.c[origin].is_(None)]
            wanted += [sa.and_(value >= days[0], value < days[1])] if days else []
            query = query.where(sa.or_(*wanted))
        return query.subquery()

    return _resource(engine, reflected, name, adapted)


def _keys(engine: Any, table: SourceTable, reflected: Any, name: str) -> Any:
    """dlt's resource of all keys there are."""
    import sqlalchemy as sa

    def adapted(source: Any) -> Any:
        origins = [source.c[column.origin] for column in key_columns(table)]
        return sa.select(
            *(sa.type_coerce(c, _verbatim()).label(f"k{at}") for at, c in enumerate(origins))
        ).subquery()

    return _resource(engine, reflected, name, adapted)


def _resource(engine: Any, reflected: Any, name: str, adapted: Any) -> Any:
    """dlt's resource of an adapted query, in Arrow batches."""
    import sqlalchemy as sa
    from dlt.sources.sql_database import sql_table

    resource = sql_table(
        credentials=engine, table=reflected.name, schema=reflected.schema, metadata=reflected.metadata,
        backend="pyarrow", chunk_size=20_000, table_adapter_callback=adapted,
        type_adapter_callback=lambda _: sa.Text(),
    )  # fmt: skip
    return resource.with_name(name)


def _verbatim() -> Any:
    """An SQLAlchemy type that takes the driver's value and gives its text."""
    from sqlalchemy.types import NullType, TypeDecorator

    class Verbatim(TypeDecorator[str]):
        impl = NullType
        cache_ok = True

        def process_result_value(self, value: Any, dialect: Any) -> str | None:
            return value if value is None or type(value) is str else _text(value)

    return Verbatim()


def _text(value: Any) -> str:
    """A driver's value as text that DuckDB casts back without loss."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _staged(
    job: Job, table: SourceTable, names: Sequence[str], files: Sequence[Path], keys: Sequence[Path] | None
) -> Staged | None:
    label = f"table {table.meta['table']}"
    with staging_database(job) as connection:
        staging = Staging(job, table, connection, extra_columns(table, names))
        if files:
            reading = Reading("read_parquet(?)", {name: f"c{at}" for at, name in enumerate(names)})
            staging.add(reading, [[str(file) for file in files]])
        return settle(staging, label, sum(file.stat().st_size for file in files), keys)
