"""Extractors: how rows are read out of a database. In Arrow batches by dlt, or by PostgreSQL's COPY.

Every value arrives as text: it is taken as the driver gives it and converted here, so that one wrong value
(SQLite keeps any type in any column) is a bad row and does not end the load. COPY is for psycopg2 and psycopg:
PostgreSQL writes the text itself, four times as fast as through Python and in constant memory, and all tables of a
source as they are at one moment. Add another extractor here
and name it in `choose_extractor`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from blocks.errors import ContractBroken, PlatformError
from blocks.loader.dlt.extract import extract
from blocks.loader.dlt.load_context import LoadContext
from blocks.loader.dlt.sql.connections import translate_error
from blocks.loader.dlt.values import DUCKDB, write_hours
from blocks.sql import write_literal

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.engine.interfaces import DBAPICursor
    from sqlalchemy.pool import PoolProxiedConnection

SESSION = (  # whatever the server, the database and the role have set; with fewer digits doubles would be rounded
    "set timezone = 'UTC'; set datestyle = 'ISO'; set client_encoding = 'UTF8';"
    " set extra_float_digits = 3; set intervalstyle = 'postgres'"
)
LINE_BLOCKS = (1 << 26, 1 << 29, (1 << 31) - 1)  # bytes that Arrow reads at once: a line has to fit

Build = Callable[["sa.FromClause"], "sa.Select[tuple[object, ...]]"]
Queries = Mapping[str, tuple["sa.Table", Build]]  # name → a table, and the query to build on it


class Extractor(NamedTuple):
    """One way to read rows out of a database.

    select_text: a column → the SQL expression of its value as text. extract: runs queries; name → files of
    texts. build_relation: files and their columns' names → DuckDB's FROM clause.
    """

    select_text: Callable[[sa.ColumnElement[object]], sa.ColumnElement[object]]
    extract: Callable[[LoadContext, sa.Engine, Queries], dict[str, list[Path]]]
    build_relation: Callable[[Sequence[Path], Sequence[str]], str]


def choose_extractor(engine: sa.Engine) -> Extractor:
    """Choose the fastest extractor for an engine's driver."""
    return COPY if engine.dialect.driver in ("psycopg2", "psycopg") else ARROW


def create_text_type(single: bool = False) -> sa.types.TypeDecorator[str]:
    """Create an SQLAlchemy type that turns the driver's value into text. single: a float of 32 bits."""
    from sqlalchemy.types import NullType, TypeDecorator

    class DriverText(TypeDecorator[str]):
        impl = NullType
        cache_ok = True

        def process_result_value(self, value: object, dialect: object) -> str | None:
            if value is None or type(value) is str:
                return value
            return _write_single(value) if single and isinstance(value, float) else _to_text(value)

    return DriverText()


def _to_text(value: object) -> str:
    """Convert a driver's value to text that DuckDB casts back without loss."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, timedelta):
        return write_hours(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)  # str writes 1E-10


def _write_single(value: float) -> str:
    """Write a float of 32 bits with as few digits as tell it from its neighbours, as PostgreSQL does."""
    shorter = (float(f"{value:.{digits}g}") for digits in range(6, 10))
    found = (short for short in shorter if struct.pack("f", short) == struct.pack("f", value))
    return str(next(found, value))


def _select_driver_text(column: sa.ColumnElement[object]) -> sa.ColumnElement[Any]:
    import sqlalchemy as sa
    from sqlalchemy.dialects import mysql

    if isinstance(column.type, mysql.BIT):  # the driver gives bytes: 0 and 1 are false and true, or numbers
        return sa.type_coerce(sa.type_coerce(column, sa.Integer) + 0, create_text_type())
    if isinstance(column.type, mysql.FLOAT):  # the server writes six digits of it; of a double all
        number = sa.type_coerce(column, sa.Double) + sa.literal_column("0e0")
        return sa.type_coerce(number, create_text_type(single=True))
    return sa.type_coerce(column, create_text_type())


def _extract_arrow(context: LoadContext, engine: sa.Engine, queries: Queries) -> dict[str, list[Path]]:
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
    return extract(context, resources, translate_error)


def build_parquet_relation(files: Sequence[Path], names: Sequence[str] = ()) -> str:
    """Build the FROM clause of Parquet files."""
    return f"read_parquet([{', '.join(write_literal(str(file), DUCKDB) for file in files)}])"


def _select_server_text(column: sa.ColumnElement[object]) -> sa.ColumnElement[Any]:
    """Have PostgreSQL write a column as `_to_text` would; most types' own text is the same."""
    import sqlalchemy as sa
    from sqlalchemy.dialects.postgresql import DOMAIN

    kind = column.type.data_type if isinstance(column.type, DOMAIN) else column.type
    if isinstance(kind, sa.Boolean):
        return sa.cast(column, sa.Text)
    if isinstance(kind, sa.LargeBinary):
        return sa.func.encode(column, "hex")
    return sa.func.to_json(column) if isinstance(kind, sa.ARRAY) else column


def _extract_copy(context: LoadContext, engine: sa.Engine, queries: Queries) -> dict[str, list[Path]]:
    import sqlalchemy as sa

    problem: PlatformError | None = None
    files = {name: context.folder / f"{name}.csv" for name in queries}
    driver: Any = engine.dialect.dbapi  # psycopg2 or psycopg
    try:
        with engine.connect() as connection:
            # one snapshot for all tables: an order comes with its lines, or neither does
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            cursor: Any = _create_cursor(connection.connection)
            cursor.execute(SESSION)
            for name, (table, query) in queries.items():
                wanted = query(table)
                asked = wanted.compile(dialect=engine.dialect)
                select = _fill_in(cursor, str(asked), asked.params)
                # an empty text alone would be an empty line, which is no row
                quoted = ", force_quote *" if len(wanted.selected_columns) == 1 else ""
                with files[name].open("wb") as target:
                    _copy_out(cursor, f"copy ({select}) to stdout (format csv, null '\\N'{quoted})", target)
    except (driver.Error, sa.exc.SQLAlchemyError) as error:
        if isinstance(error, driver.Error):
            lost = isinstance(error, driver.OperationalError | driver.InterfaceError)
            error = (sa.exc.OperationalError if lost else sa.exc.DBAPIError)("", None, error)
        problem = translate_error(f"extract {context.source}", error)
    if problem:
        raise problem
    return {name: [file] for name, file in files.items()}


def _create_cursor(connection: PoolProxiedConnection) -> DBAPICursor:
    """Create a cursor that fills in parameters by itself, as COPY takes none."""
    if not hasattr(connection.driver_connection, "pgconn"):
        return connection.cursor()
    from psycopg import ClientCursor

    found: Any = ClientCursor(cast("Any", connection.driver_connection))
    return cast("DBAPICursor", found)


def _fill_in(cursor: DBAPICursor, sql: str, parameters: Mapping[str, object]) -> str:
    """Write a query with its parameters as literals."""
    filled = cursor.mogrify(sql, parameters)
    return filled if isinstance(filled, str) else bytes(filled).decode()


def _copy_out(cursor: DBAPICursor, sql: str, target: BinaryIO) -> None:
    """Write what COPY gives to a file."""
    if hasattr(cursor, "copy_expert"):
        cursor.copy_expert(sql, target, 1 << 20)
        return
    with cursor.copy(sql) as copy:
        target.writelines(copy)


def write_parquet(file: Path, names: Sequence[str]) -> Path:
    """Write a file of COPY as Parquet, for lines that are too long for DuckDB's reader: Arrow takes up to 2 GB.

    Raises ContractBroken for a longer one.
    """
    import pyarrow as pa
    from pyarrow import csv
    from pyarrow import parquet as pq

    texts, target = pa.schema([(name, pa.large_string()) for name in names]), file.with_suffix(".parquet")
    convert = csv.ConvertOptions(
        column_types=texts, null_values=["\\N"], strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    for size in LINE_BLOCKS:
        read = csv.ReadOptions(column_names=list(names), block_size=size, use_threads=False)
        try:
            with (
                csv.open_csv(file, read, parse, convert) as reader,
                pq.ParquetWriter(target, texts) as writer,
            ):
                for batch in reader:
                    writer.write_batch(batch, row_group_size=1000)
        except pa.ArrowInvalid:  # a line does not fit into a block
            continue
        return target
    raise ContractBroken(
        f"load from {file.stem}", "a row has more than 2 GB", "Leave that column out by a view."
    )


def _build_csv_relation(files: Sequence[Path], names: Sequence[str]) -> str:
    struct = ", ".join(f"'{name}': 'varchar'" for name in names)
    paths = ", ".join(write_literal(str(file), DUCKDB) for file in files)
    return (
        f"read_csv([{paths}], auto_detect = false, header = false,"
        " delim = ',', quote = '\"', escape = '\"', nullstr = '\\N', allow_quoted_nulls = false,"
        f" max_line_size = 8388608, buffer_size = 33554432, columns = {{{struct}}})"
    )


ARROW = Extractor(_select_driver_text, _extract_arrow, build_parquet_relation)
COPY = Extractor(_select_server_text, _extract_copy, _build_csv_relation)
