"""How rows leave a database: in Arrow batches by dlt, or by PostgreSQL's COPY. Every value arrives as text.

Values are taken as the driver gives them and turned to text, so that one wrong value (SQLite keeps any type
in any column) is a bad row and not the end of the load. COPY is for psycopg2: PostgreSQL writes the text
itself, four times as fast as through Python and in constant memory. Not here: what is asked for (databases).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from blocks.errors import PlatformError
from blocks.loader.dlt.contract import literal
from blocks.loader.dlt.extract import extract
from blocks.loader.dlt.load_context import Job
from blocks.loader.dlt.sql.connections import wrapped

Queries = Mapping[str, tuple[Any, Callable[[Any], Any]]]  # name → a reflected table, and what to ask of it


class Way(NamedTuple):
    """value: SQL of a column as its text. fetch: name → files of texts. relation: their FROM clause.

    relation takes the files and the columns' names.
    """

    value: Callable[[Any], Any]
    fetch: Callable[[Job, Any, Queries], dict[str, list[Path]]]
    relation: Callable[[Sequence[Path], Sequence[str]], str]


def way_of(engine: Any) -> Way:
    """The best way for an engine's driver."""
    return COPY if engine.dialect.driver == "psycopg2" else ARROW


def text_type() -> Any:
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


def _coerced(column: Any) -> Any:
    import sqlalchemy as sa

    return sa.type_coerce(column, text_type())


def _by_arrow(job: Job, engine: Any, queries: Queries) -> dict[str, list[Path]]:
    import sqlalchemy as sa
    from dlt.sources.sql_database import sql_table

    resources = [
        sql_table(
            credentials=engine,
            table=table.name,
            schema=table.schema,
            metadata=table.metadata,
            backend="pyarrow",
            chunk_size=20_000,
            type_adapter_callback=lambda _: sa.Text(),
            table_adapter_callback=lambda source, query=query: query(source).subquery(),
        ).with_name(name)
        for name, (table, query) in queries.items()
    ]
    return extract(job, resources, wrapped)


def _parquet(files: Sequence[Path], names: Sequence[str]) -> str:
    return f"read_parquet([{', '.join(literal(str(file)) for file in files)}])"


def _written(column: Any) -> Any:
    """What PostgreSQL writes as we would: other types' own text is right already."""
    import sqlalchemy as sa

    if isinstance(column.type, sa.Boolean):
        return sa.cast(column, sa.Text)
    if isinstance(column.type, sa.LargeBinary):
        return sa.func.encode(column, "hex")
    return sa.func.to_json(column) if isinstance(column.type, sa.ARRAY) else column


def _by_copy(job: Job, engine: Any, queries: Queries) -> dict[str, list[Path]]:
    import sqlalchemy as sa

    problem: PlatformError | None = None
    files = {name: job.folder / f"{name}.csv" for name in queries}
    driver = engine.dialect.dbapi
    try:
        with engine.connect() as connection, connection.connection.cursor() as cursor:
            cursor.execute("set timezone = 'UTC'; set datestyle = 'ISO'; set client_encoding = 'UTF8'")
            for name, (table, query) in queries.items():
                asked = query(table).compile(dialect=engine.dialect)
                select = cursor.mogrify(str(asked), asked.params).decode()
                with files[name].open("wb") as target:
                    cursor.copy_expert(f"copy ({select}) to stdout (format csv, null '\\N')", target, 1 << 20)
    except (driver.Error, sa.exc.SQLAlchemyError) as error:
        if isinstance(error, driver.Error):
            lost = isinstance(error, driver.OperationalError | driver.InterfaceError)
            error = (sa.exc.OperationalError if lost else sa.exc.DBAPIError)("", None, error)
        problem = wrapped(f"extract {job.source}", error)
    if problem:
        raise problem
    return {name: [file] for name, file in files.items()}


def _csv(files: Sequence[Path], names: Sequence[str]) -> str:
    struct = ", ".join(f"'{name}': 'varchar'" for name in names)
    return (
        f"read_csv([{', '.join(literal(str(file)) for file in files)}], auto_detect = false, header = false,"
        " delim = ',', quote = '\"', escape = '\"', nullstr = '\\N', allow_quoted_nulls = false,"
        f" max_line_size = 8388608, buffer_size = 33554432, columns = {{{struct}}})"
    )


ARROW = Way(_coerced, _by_arrow, _parquet)
COPY = Way(_written, _by_copy, _csv)
