"""Parquet files into one .hyper file, typed on purpose. Shared by the sites; nothing about dashboards here.

DuckDB first rewrites each file with only types Hyper takes, then Hyper reads it with CREATE TABLE AS: both
stream, so Python holds no rows. What is cast, and why:

- DECIMAL over 18 digits: to BIGINT where it is whole, to 18 digits where every value fits, else to DOUBLE;
- UBIGINT and the 128-bit integers: BIGINT where every value fits, else text, since they are keys then;
- FLOAT: DOUBLE, as Hyper's 32-bit float needs a newer file format than older Tableau versions open;
- timestamps with a zone: the plain timestamp in the project's zone, so that no reader's moves it to another day;
- columns of nothing but NULL: the type the file declares, never guessed from the values;
- UUID, ENUM, INTERVAL, lists and structs: text.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.duckdb_errors import describe_duckdb_error
from blocks.errors import BadInput, PlatformError, TimedOut, Unavailable, replace_vendor_errors
from blocks.sql import quote_identifier, write_literal
from blocks.time_zone import UTC_ZONE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from tableauhyperapi import Connection

DEADLINE_SECONDS = 900.0
# (type in the rewritten Parquet file, type in Hyper): DuckDB's types; _decide says what becomes of the others.
_STORED = {
    ("BOOLEAN", "BOOL"): ("BOOLEAN",),
    ("SMALLINT", "SMALLINT"): ("TINYINT", "UTINYINT", "SMALLINT"),
    ("INTEGER", "INTEGER"): ("USMALLINT", "INTEGER"),
    ("BIGINT", "BIGINT"): ("UINTEGER", "BIGINT"),
    ("DOUBLE", "DOUBLE PRECISION"): ("FLOAT", "DOUBLE"),
    ("DATE", "DATE"): ("DATE",),
    ("TIME", "TIME"): ("TIME",),
    ("TIMESTAMP", "TIMESTAMP"): tuple(f"TIMESTAMP{t}" for t in ("", "_S", "_MS", "_NS", " WITH TIME ZONE")),
    ("BLOB", "BYTES"): ("BLOB",),
}
_TYPES = {kind: pair for pair, kinds in _STORED.items() for kind in kinds}
_TEXT = ("VARCHAR", "TEXT")


def write_hyper(
    tables: Mapping[str, Path],
    target: Path,
    deadline: float = DEADLINE_SECONDS,
    time_zone: str = UTC_ZONE,
) -> dict[str, int]:
    """Write Parquet files as tables of schema Extract of a new .hyper file; return their rows."""
    from tableauhyperapi import Connection, CreateMode, HyperException, HyperProcess, Telemetry

    scratch = target.with_suffix(".typed.parquet")
    quiet = {"log_config": ""}  # its log would hold SQL with literals
    unseen = Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU

    def translate(error: BaseException) -> PlatformError:
        return Unavailable(f"Write {target.name}", str(error).splitlines()[0][:300])

    try:
        with (
            replace_vendor_errors(HyperException, translate),
            HyperProcess(unseen, parameters=quiet) as process,
            Connection(process.endpoint, target, CreateMode.CREATE_AND_REPLACE) as connection,
            _stop_after(deadline, connection, target),
        ):
            connection.catalog.create_schema("Extract")
            return {
                name: _write_table(connection, name, path, scratch, time_zone)
                for name, path in tables.items()
            }
    finally:
        scratch.unlink(missing_ok=True)


def find_hyper_types(source: Path) -> dict[str, str]:
    """Each column's type in Hyper, as write_hyper would decide it for a Parquet file."""
    with _open_parquet(source) as (_, chosen):
        return {column: kind for column, (_, kind) in chosen.items()}


@contextmanager
def _stop_after(deadline: float, connection: Connection, target: Path) -> Iterator[None]:
    done, passed = threading.Event(), threading.Event()

    def watch() -> None:
        pause = deadline
        while not done.wait(pause):  # again and again: a cancel between two statements stops neither
            passed.set()
            connection.cancel()
            pause = 0.5

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    failure = TimedOut(f"Write {target.name}", f"not done after {deadline:.0f} s")
    try:
        with replace_vendor_errors(Exception, lambda _: failure if passed.is_set() else None):
            yield
    finally:
        done.set()
        watcher.join()
    if passed.is_set():
        raise failure


def _write_table(connection: Connection, name: str, source: Path, scratch: Path, time_zone: str) -> int:
    from tableauhyperapi import TableName, escape_string_literal

    casts = _rewrite(source, scratch, time_zone)
    table = TableName("Extract", name)
    columns = ", ".join(
        f"CAST({quote_identifier(c)} AS {kind}) AS {quote_identifier(c)}" for c, kind in casts.items()
    )
    file = escape_string_literal(str(scratch))
    connection.execute_command(
        f"CREATE TABLE {table} AS (SELECT {columns} FROM external({file}, FORMAT => 'parquet'))"
    )
    return int(connection.execute_scalar_query(f"SELECT count(*) FROM {table}"))


def _rewrite(source: Path, scratch: Path, time_zone: str) -> dict[str, str]:
    """Rewrite a Parquet file with types Hyper takes; return each column's type in Hyper."""
    with _open_parquet(source, time_zone) as (connection, chosen):
        # A cast of a timestamp with a zone would use the machine's zone; the session's is set.
        casts = ", ".join(
            f"{quote_identifier(c)}::{stored} AS {quote_identifier(c)}" for c, (stored, _) in chosen.items()
        )
        connection.sql(f"SELECT {casts} FROM source").write_parquet(str(scratch), compression="zstd")
    return {column: hyper for column, (_, hyper) in chosen.items()}


@contextmanager
def _open_parquet(
    source: Path, time_zone: str = UTC_ZONE
) -> Iterator[tuple[DuckDBPyConnection, dict[str, tuple[str, str]]]]:
    """A Parquet file as view `source`, and what becomes of each column."""
    import duckdb

    def translate(error: BaseException) -> PlatformError:
        return BadInput(f"Read {source.name}", describe_duckdb_error(error)[:300])

    with (
        replace_vendor_errors(duckdb.Error, translate),
        duckdb.connect(config={"memory_limit": "1GB", "preserve_insertion_order": False}) as connection,
    ):
        connection.execute(f"SET TimeZone = {write_literal(time_zone, 'duckdb')}")
        rows = connection.read_parquet(str(source))
        rows.create_view("source")
        pairs = zip(rows.columns, rows.types, strict=True)
        yield connection, {column: _decide(connection, column, str(kind)) for column, kind in pairs}


def _decide(connection: DuckDBPyConnection, column: str, kind: str) -> tuple[str, str]:
    """A column's type in the rewritten file and in Hyper; wide numbers are decided by their values."""
    if kind in ("UBIGINT", "HUGEINT", "UHUGEINT"):
        return _TYPES["BIGINT"] if _can_cast(connection, column, "BIGINT") else _TEXT
    if decimal := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind):
        digits, scale = map(int, decimal.groups())
        narrow = f"DECIMAL({min(digits, 18)},{scale})"
        if digits > 18 and scale == 0:
            return _TYPES["BIGINT" if _can_cast(connection, column, "BIGINT") else "DOUBLE"]
        if digits <= 18 or (scale <= 18 and _can_cast(connection, column, narrow)):
            return narrow, narrow.replace("DECIMAL", "NUMERIC")
        return _TYPES["DOUBLE"]
    return _TYPES.get(kind, _TEXT)


def _can_cast(connection: DuckDBPyConnection, column: str, kind: str) -> bool:
    name = quote_identifier(column)
    misfits = f"SELECT count(*) FROM source WHERE {name} IS NOT NULL AND TRY_CAST({name} AS {kind}) IS NULL"
    row = connection.execute(misfits).fetchone()
    return row is not None and row[0] == 0
