"""Connections to Snowflake: short-lived, tagged, bounded in time; a broken-off query is cancelled there too."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from blocks.errors import Misconfigured, PlatformError, replace_vendor_errors
from blocks.vendor_patches.snowflake_connector import leave_limits_to_server, list_error_types
from blocks.warehouse.snowflake.errors import translate_error
from blocks.warehouse.snowflake.types import make_arrow_schema

if TYPE_CHECKING:
    from prefect_snowflake import SnowflakeCredentials
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import SnowflakeCursor

T = TypeVar("T")

CANCEL_SECONDS = 15


class SnowflakeSession:
    """A connection with cursors of its own for every statement; implements Session."""

    def __init__(self, connection: SnowflakeConnection, name: str) -> None:
        self.connection, self.name = connection, name

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all rows."""
        return self._run(sql, parameters, lambda cursor: list(cursor.fetchall()))

    def show(self, sql: str) -> list[dict[str, object]]:
        """A SHOW or DESCRIBE statement's rows by column name: their order is not promised."""
        return self._run(
            sql,
            (),
            lambda cursor: [dict(zip(_list_names(cursor), row, strict=True)) for row in cursor.fetchall()],
        )

    def export(self, sql: str, path: Path) -> int:
        """Write a query's result to one Parquet file, batch by batch; return its rows."""
        return self._run(sql, (), lambda cursor: _write(cursor, path))

    def _run(self, sql: str, parameters: Sequence[object], read: Callable[[SnowflakeCursor], T]) -> T:
        def translate(error: BaseException) -> PlatformError:
            return translate_error(f"query {self.name}", error)

        with replace_vendor_errors(list_error_types(), translate), self.connection.cursor() as cursor:
            cursor.execute(sql, tuple(parameters) or None)
            return read(cursor)


@contextmanager
def open_session(
    credentials: SnowflakeCredentials, name: str, arguments: Mapping[str, object]
) -> Iterator[SnowflakeSession]:
    """A session that is closed at the end. Left by a signal, its running query is cancelled first."""
    connection = _connect(credentials, name, arguments)
    finished = False
    try:
        yield SnowflakeSession(connection, name)
        finished = True
    except Exception:
        finished = True  # the statement has ended, with an error
        raise
    finally:
        if not finished:
            _cancel(credentials, arguments, connection.session_id)
        with suppress(Exception):
            connection.close(retry=False)


def _connect(
    credentials: SnowflakeCredentials, name: str, arguments: Mapping[str, object]
) -> SnowflakeConnection:
    from prefect_snowflake.credentials import InvalidPemFormat

    theirs = list_error_types()

    def translate(error: BaseException) -> PlatformError:
        if isinstance(error, theirs):
            return translate_error(f"connect to {name}", error)
        return Misconfigured(  # its text may hold parts of the key
            f"connect to {name}",
            "the private key or its passphrase can't be read",
            "Put the PEM into the Snowflake Credentials block as it is in the file.",
        )

    leave_limits_to_server()
    logging.getLogger("snowflake.connector").setLevel(logging.CRITICAL)  # it writes SQL and addresses
    kinds = (*theirs, InvalidPemFormat, ValueError, TypeError)
    with replace_vendor_errors(kinds, translate):
        return credentials.get_client(**arguments)


def _cancel(
    credentials: SnowflakeCredentials, arguments: Mapping[str, object], session_id: int | None
) -> None:
    """Cancel what the session still runs, over a connection of its own; it ends at its time-out otherwise."""
    if session_id is None:
        return
    brief = {**arguments, "login_timeout": CANCEL_SECONDS, "network_timeout": CANCEL_SECONDS}
    with suppress(Exception):
        other = credentials.get_client(**brief)
        with other.cursor() as cursor:
            cursor.execute(f"select system$cancel_all_queries({int(session_id)})")
        other.close(retry=False)


def _list_names(cursor: SnowflakeCursor) -> list[str]:
    return [column.name for column in cursor.description]


def _write(cursor: SnowflakeCursor, path: Path) -> int:
    import pyarrow.parquet as pq

    schema, rows = make_arrow_schema(cursor.description), 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in cursor.fetch_arrow_batches():
            writer.write_table(batch.rename_columns(schema.names).cast(schema))
            rows += batch.num_rows
    return rows
