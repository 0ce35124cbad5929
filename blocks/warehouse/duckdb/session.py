"""One open DuckDB file shared by this process's threads, and closed when the last of them is done.

Opening and closing a file in several threads at once races inside DuckDB; cursors of one connection do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from blocks.deadline import Deadline
from blocks.errors import Busy
from blocks.http.polling import Pauses, poll_until
from blocks.sql import quote_identifier, write_literal
from blocks.warehouse.duckdb.errors import OPEN_SECONDS, replace_errors

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PAUSE_SECONDS = 0.1
Config: TypeAlias = dict[str, str | bool | int | float | list[str]]
"""DuckDB's settings, by name."""
_lock = Lock()
_open: dict[Path, tuple[DuckDBPyConnection, int]] = {}
_WIDE = {"HUGEINT", "UHUGEINT"}


class DuckDBSession:
    """A connection to the file of this name; implements Session."""

    def __init__(self, connection: DuckDBPyConnection, name: str) -> None:
        self.connection = connection
        self._name = name

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all rows. Its errors are ours at once: callers go on after some."""
        with replace_errors(self._name):
            return self.connection.execute(sql, list(parameters)).fetchall()

    def export(self, sql: str, path: Path) -> int:
        """Write a query's result to one Parquet file in constant memory; return its rows.

        Sums of whole numbers are 128 bits wide, which Parquet would get as DOUBLE: they go as DECIMAL(38,0).
        """
        described = self.rows(f"describe {sql}")
        wide = [quote_identifier(str(row[0])) for row in described if row[1] in _WIDE]
        if wide:
            exact = ", ".join(f"{name}::decimal(38,0) as {name}" for name in wide)
            sql = f"select * replace ({exact}) from ({sql}) as wide"
        place = write_literal(str(path), "duckdb")
        return int(self.rows(f"copy ({sql}) to {place} (format parquet, compression zstd)")[0][0])


@contextmanager
def open_session(path: Path, config: Config) -> Iterator[DuckDBSession]:
    """A connection of its own to the file. config: DuckDB's settings, for whoever opens the file first."""

    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_errors(path.name):
        own = _open_connection(path, config)
        try:
            yield DuckDBSession(own, path.name)
        finally:
            _close_connection(path, own)


def _open_connection(path: Path, config: Config) -> DuckDBPyConnection:
    """One more connection to a file; the first one opens it."""
    with _lock:
        root, users = _open.get(path) or (_connect(path, config), 0)
        own = root.cursor()
        try:
            own.execute("set time zone 'UTC'")  # each connection begins in the machine's
        except BaseException:  # an interrupt, for one: nothing may stay open
            try:
                stop_connection(own)
            finally:
                if not users:
                    root.close()
            raise
        _open[path] = (root, users + 1)
        return own


def _close_connection(path: Path, own: DuckDBPyConnection) -> None:
    """Close a connection; the last one closes the file."""
    with _lock:
        root, users = _open.pop(path)
        try:
            stop_connection(own)
        finally:
            if users > 1:
                _open[path] = (root, users - 1)
            else:
                root.close()


def stop_connection(connection: DuckDBPyConnection) -> None:
    """Close a connection, and end what it still does.

    A query that an interrupt of Python's has left goes on in DuckDB's threads, and whoever opens the file again would
    wait for it, with a busy processor and for ever.
    """
    import duckdb

    try:
        connection.interrupt()
        with suppress(RuntimeError, duckdb.Error):
            connection.execute("select 1")  # which waits for the end of the one before
    finally:
        connection.close()


@contextmanager
def open_attached(path: Path, name: str) -> Iterator[DuckDBSession]:
    """A session in memory that reads a file, as a database of this name; several at once do not meet."""
    import duckdb

    with replace_errors(path.name):
        connection = duckdb.connect(":memory:", config={"memory_limit": "1GB"})
        try:
            place = write_literal(str(path), "duckdb")
            connection.execute(f"attach {place} as {quote_identifier(name)} (read_only)")
            connection.execute("set time zone 'UTC'")
        except BaseException:
            stop_connection(connection)
            raise
    try:
        yield DuckDBSession(connection, path.name)
    finally:
        stop_connection(connection)


def _connect(path: Path, config: Config) -> DuckDBPyConnection:
    """Open the file; wait a while for another program that has it open."""
    import duckdb

    def connect() -> DuckDBPyConnection:
        with replace_errors(path.name):
            return duckdb.connect(str(path), config=config)

    deadline = Deadline(f"open {path.name}", OPEN_SECONDS)
    return poll_until(connect, deadline, Pauses(PAUSE_SECONDS, PAUSE_SECONDS), retry_on=(Busy,))
