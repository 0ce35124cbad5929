"""A session on Dremio: queries over Arrow Flight, everything else as REST jobs, which can be cancelled.

Dremio binds no parameters on either way, so they are written as typed literals, here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blocks.query_tags import query_tag
from blocks.sql import write_literal
from blocks.warehouse.dremio.flight import DremioFlight
from blocks.warehouse.dremio.rest import DremioRest
from blocks.warehouse.dremio.settings import DremioSettings
from blocks.warehouse.dremio.types import map_schema_type
from blocks.warehouse.settings import Session

if TYPE_CHECKING:
    import pyarrow as pa

QUERY = re.compile(r"\s*(?:select|with|values|show|describe|\()", re.I)
TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\?")
LITERALS: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (type(None), lambda value: "null"),
    (bool, lambda value: str(value).lower()),  # before int, which it is too
    (datetime, lambda value: f"timestamp '{value.isoformat(' ', 'milliseconds')}'"),  # before date
    (date, lambda value: f"date '{value.isoformat()}'"),
    ((int, Decimal), str),
    (float, lambda value: f"cast('{value!r}' as double)"),
)


class DremioSession:
    """One login on REST and Flight; implements Session.

    branches: Nessie source → branch, for statements. guard: called before each statement that changes something.
    """

    def __init__(self, rest: DremioRest, flight: DremioFlight, seconds: float) -> None:
        self.rest, self.flight, self.seconds = rest, flight, seconds
        self.branches: Mapping[str, str] = {}
        self.guard: Callable[[], None] = lambda: None

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all rows; none for what is no query."""
        text, asked = bind_parameters(sql, parameters), describe_statement(sql)
        if not QUERY.match(sql):
            self.guard()
            self.rest.run(tag_statement(text), asked, self.seconds, self.branches)
            return []
        return self.query(text, asked)[1]

    def query(self, sql: str, asked: str) -> tuple[pa.Schema, list[tuple[Any, ...]]]:
        """Run one query; its schema and all rows. asked: what it does, for messages."""
        schema, batches = self.flight.read(tag_statement(sql), asked)
        columns = ([column.to_pylist() for column in batch.columns] for batch in batches)
        return schema, [row for batch in columns for row in zip(*batch, strict=True)]

    def export(self, sql: str, path: Path) -> int:
        """Write a query's result to one Parquet file in constant memory; return its rows."""
        import pyarrow as pa
        from pyarrow import parquet

        answered, batches = self.flight.read(tag_statement(sql), describe_statement(sql))
        fields = [pa.field(f.name, pa.date32() if pa.types.is_date64(f.type) else f.type) for f in answered]
        schema, rows = pa.schema(fields), 0
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_table(pa.Table.from_batches([batch]).cast(schema))
                rows += batch.num_rows
        return rows

    def list_relations(self, folder: Sequence[str]) -> dict[str, str]:
        """Name → `TABLE` or `VIEW` of all that a folder holds."""
        return dict(
            self.rows(
                'select TABLE_NAME, TABLE_TYPE from INFORMATION_SCHEMA."TABLES" where TABLE_SCHEMA = ?',
                (".".join(folder),),
            )
        )

    def close(self) -> None:
        """End both connections."""
        self.flight.close()
        self.rest.close()


def log_in(settings: DremioSettings) -> DremioSession:
    """Log in on REST and Flight; the caller closes the session."""
    scheme, transport = ("https", "tls") if settings.tls else ("http", "tcp")
    base = f"{scheme}://{settings.host}{'' if settings.project else f':{settings.port}'}"
    location = f"grpc+{transport}://{settings.flight_host or settings.host}:{settings.flight_port}"
    check = settings.certificate_check
    rest = DremioRest(base, settings.project, check)
    flight = DremioFlight(location, check, settings.deadline_seconds, settings.project)
    for client in (rest, flight):
        if settings.token:
            client.use_token(settings.token.get_secret_value())
        elif settings.user and settings.password:
            client.log_in(settings.user, settings.password.get_secret_value())
    return DremioSession(rest, flight, settings.deadline_seconds)


@contextmanager
def open_session(settings: DremioSettings) -> Iterator[DremioSession]:
    """A session that is closed at the end."""
    session = log_in(settings)
    try:
        yield session
    finally:
        session.close()


def read_columns(session: Session, path: Sequence[str]) -> dict[str, str]:
    """Column → type of the relation at a path, in order; empty if it does not exist."""
    rows = session.rows(
        'select COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE from INFORMATION_SCHEMA."COLUMNS"'
        " where TABLE_SCHEMA = ? and TABLE_NAME = ? order by ORDINAL_POSITION",
        (".".join(path[:-1]), path[-1]),
    )
    return {name: map_schema_type(kind, precision, scale) for name, kind, precision, scale in rows}


def read_definitions(session: Session, folder: Sequence[str]) -> dict[str, str]:
    """View → its SQL, of all in a folder."""
    rows = session.rows(
        'select TABLE_NAME, VIEW_DEFINITION from INFORMATION_SCHEMA."VIEWS" where TABLE_SCHEMA = ?',
        (".".join(folder),),
    )
    return {name: definition or "" for name, definition in rows}


def bind_parameters(sql: str, parameters: Sequence[object]) -> str:
    """A statement with its parameters as literals; question marks inside quotes are no places."""
    if not parameters:
        return sql
    left = iter(parameters)
    return TOKEN.sub(lambda token: format_literal(next(left)) if token[0] == "?" else token[0], sql)


def format_literal(value: object) -> str:
    """A value in Dremio's SQL: text only in single quotes, doubled inside; a backslash means itself."""
    for kind, write in LITERALS:
        if isinstance(value, kind):
            return write(value)
    return write_literal(str(value).replace("\0", ""), "dremio")


def tag_statement(sql: str) -> str:
    """A statement with a comment that says which run and stage asks, for Dremio's job history."""
    return f"/* {query_tag().replace('*/', '')} */ {sql}"


def describe_statement(sql: str) -> str:
    """What a statement does, for messages: its first words, no values."""
    words = re.sub(r"'(?:[^']|'')*'", "'…'", " ".join(sql.split()))
    return f"run {words[:80]}"
