"""Connections to Snowflake: short-lived, tagged, bounded in time; a broken-off query is cancelled there too."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from blocks.query_tags import query_tag
from blocks.warehouse.snowflake.errors import wrapped
from blocks.warehouse.snowflake.types import schema_of

CANCEL_SECONDS = 15


def settings(house: Any) -> dict[str, Any]:
    """Arguments of every connection of a warehouse block, beside its credentials'."""
    parameters = {
        "QUERY_TAG": query_tag(),
        "STATEMENT_TIMEOUT_IN_SECONDS": house.statement_seconds,
        "ABORT_DETACHED_QUERY": True,
        "TIMEZONE": "UTC",
    }
    return {
        "database": house.database,
        "warehouse": house.warehouse,
        "role": house.role,
        "autocommit": True,
        "paramstyle": "qmark",
        "arrow_number_to_decimal": True,
        "login_timeout": 60,
        "network_timeout": 300,
        **house.connection,
        "session_parameters": {**parameters, **house.connection.get("session_parameters", {})},
    }


class SnowflakeSession:
    """A connection with cursors of its own for every statement; implements Session."""

    def __init__(self, connection: Any, name: str) -> None:
        self.connection, self.name = connection, name

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all rows."""
        found: list[tuple[Any, ...]] = self._run(sql, parameters, lambda cursor: list(cursor.fetchall()))
        return found

    def show(self, sql: str) -> list[dict[str, Any]]:
        """A SHOW or DESCRIBE statement's rows by column name: their order is not promised."""
        found: list[dict[str, Any]] = self._run(
            sql, (), lambda cursor: [dict(zip(_names(cursor), row, strict=True)) for row in cursor.fetchall()]
        )
        return found

    def export(self, sql: str, path: Path) -> int:
        """Write a query's result to one Parquet file, batch by batch; return its rows."""
        return int(self._run(sql, (), lambda cursor: _write(cursor, path)))

    def _run(self, sql: str, parameters: Sequence[Any], read: Any) -> Any:
        from snowflake.connector.errors import Error
        from snowflake.connector.vendored.requests import RequestException

        try:
            with self.connection.cursor() as cursor:
                cursor.execute(sql, tuple(parameters) or None)
                return read(cursor)
        except (Error, RequestException) as error:  # the latter where an answer breaks off
            failure = wrapped(f"query {self.name}", error)
        raise failure  # outside of the handler: the connector's error holds the SQL


@contextmanager
def opened(credentials: Any, name: str, settings: dict[str, Any]) -> Iterator[SnowflakeSession]:
    """A session that is closed at the end. Left by a signal, its running query is cancelled first."""
    connection = _connect(credentials, name, settings)
    finished = False
    try:
        yield SnowflakeSession(connection, name)
        finished = True
    except Exception:
        finished = True  # the statement has ended, with an error
        raise
    finally:
        if not finished:
            _cancel(credentials, settings, connection.session_id)
        with suppress(Exception):
            connection.close(retry=False)


def _connect(credentials: Any, name: str, settings: dict[str, Any]) -> Any:
    from prefect_snowflake.credentials import InvalidPemFormat
    from snowflake.connector.errors import Error
    from snowflake.connector.vendored.requests import RequestException

    logging.getLogger("snowflake.connector").setLevel(logging.CRITICAL)  # it writes SQL and addresses
    try:
        return credentials.get_client(**settings)
    except (Error, RequestException) as error:
        failure = wrapped(f"connect to {name}", error)
    except (InvalidPemFormat, ValueError, TypeError):  # their text may hold parts of the key
        failure = _bad_key(name)
    raise failure


def _bad_key(name: str) -> Any:
    from blocks.errors import Misconfigured

    return Misconfigured(
        f"connect to {name}",
        "the private key or its passphrase can't be read",
        "Put the PEM into the Snowflake Credentials block as it is in the file.",
    )


def _cancel(credentials: Any, settings: dict[str, Any], session_id: int | None) -> None:
    """Cancel what the session still runs, over a connection of its own; it ends at its time-out otherwise."""
    if session_id is None:
        return
    brief = {**settings, "login_timeout": CANCEL_SECONDS, "network_timeout": CANCEL_SECONDS}
    with suppress(Exception):
        other = credentials.get_client(**brief)
        with other.cursor() as cursor:
            cursor.execute(f"select system$cancel_all_queries({int(session_id)})")
        other.close(retry=False)


def _names(cursor: Any) -> list[str]:
    return [column.name for column in cursor.description]


def _write(cursor: Any, path: Path) -> int:
    import pyarrow.parquet as pq

    schema, rows = schema_of(cursor.description), 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in cursor.fetch_arrow_batches():
            writer.write_table(batch.rename_columns(schema.names).cast(schema))
            rows += batch.num_rows
    return rows
