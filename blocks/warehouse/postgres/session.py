"""Connections to PostgreSQL: short-lived, named, bounded in time; a broken-off query is cancelled there too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from blocks.sql import fill_placeholders, make_arrow_type, quote_identifier
from blocks.warehouse.csv_files import read_csv, write_csv
from blocks.warehouse.postgres.errors import replace_errors
from blocks.warehouse.postgres.settings import ConnectionArguments

if TYPE_CHECKING:
    from psycopg import Connection, Cursor

CANCEL_SECONDS = 15
MOST_DECIMALS = 20  # in an export, of a number without declared precision, as every sum is


class PostgresSession:
    """A connection in autocommit mode; implements Session."""

    def __init__(self, connection: Connection[tuple[object, ...]]) -> None:
        self.connection = connection
        self._asked = f"query {connection.info.dbname}"  # one that is closed says no name any more

    @contextmanager
    def cursor(self) -> Iterator[Cursor[tuple[Any, ...]]]:
        """A cursor; what goes wrong in it is a PlatformError."""
        with replace_errors(self._asked), self.connection.cursor() as cursor:
            yield cursor

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all rows."""
        text = fill_placeholders(sql, lambda at: f"${at + 1}") if parameters else sql
        with self.cursor() as cursor:
            cursor.execute(text.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def load(self, table: str, columns: Sequence[str], files: Sequence[Path]) -> None:
        """COPY Parquet files into a table (quoted), by those of these columns that each has."""
        import pyarrow.parquet as pq

        for file in files:
            present = [name for name in pq.read_schema(file).names if name in columns]
            sql = f"copy {table} ({', '.join(map(quote_identifier, present))}) from stdin (format csv)"
            with self.cursor() as cursor, cursor.copy(sql.encode()) as copy:
                for chunk in write_csv(file, present):
                    copy.write(chunk)

    def export(self, sql: str, path: Path) -> int:
        """Write a query's result to one Parquet file in constant memory; return its rows."""
        import pyarrow as pa

        kinds: dict[str, str] = {}
        with self.cursor() as cursor, TemporaryFile() as spool:
            for column in list(
                cursor.execute(f"select * from ({sql}) as q limit 0".encode()).description or ()
            ):
                name, kinds[column.name] = quote_identifier(column.name), column.type_display
                if column.type_display == "numeric":
                    cursor.execute(f"select max(scale(trim_scale({name}))) from ({sql}) as q".encode())
                    kinds[column.name] = f"numeric(38, {min(cursor.fetchall()[0][0] or 0, MOST_DECIMALS)})"
            exact = ", ".join(f"cast({quote_identifier(n)} as {kind})" for n, kind in kinds.items())
            with cursor.copy(
                f"copy (select {exact} from ({sql}) as q) to stdout (format csv)".encode()
            ) as copy:
                spool.writelines(copy)
            spool.seek(0)
            return read_csv(
                spool, pa.schema([(n, make_arrow_type(k, "postgres")) for n, k in kinds.items()]), path
            )


@contextmanager
def open_session(arguments: ConnectionArguments) -> Iterator[PostgresSession]:
    """A session that is closed at the end. Left by a signal, its running query is cancelled first."""
    import psycopg

    from blocks.warehouse.postgres.watched_connection import WatchedConnection

    with replace_errors(f"connect to {arguments['host']}"):
        connection = WatchedConnection.connect(
            **arguments, autocommit=True, cursor_factory=psycopg.RawCursor, prepare_threshold=None
        )
    try:
        yield PostgresSession(connection)
    except BaseException as error:
        if not isinstance(error, Exception):
            connection.cancel_safe(timeout=CANCEL_SECONDS)
        raise
    finally:
        with suppress(psycopg.Error):
            connection.close()
