"""A session on Dremio: queries over Arrow Flight, everything else as REST jobs, which can be cancelled.

Dremio binds no parameters over this road, so they are written as typed literals, here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from blocks.query_tags import query_tag
from blocks.warehouse.dremio.flight import Flight
from blocks.warehouse.dremio.rest import Rest

QUERY = re.compile(r"\s*(?:select|with|values|show|describe|\()", re.I)
TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\?")


class DremioSession:
    """Both faces of one login; implements Session. branches: Nessie source → branch, for statements."""

    def __init__(self, rest: Rest, flight: Flight, seconds: float) -> None:
        self.rest, self.flight, self.seconds = rest, flight, seconds
        self.branches: Mapping[str, str] = {}

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all rows; none for what is no query."""
        text, asked = tagged(bound(sql, parameters)), subject(sql)
        if not QUERY.match(sql):
            self.rest.run(text, asked, self.seconds, self.branches)
            return []
        found = self.flight.batches(text, asked)
        next(found)
        return [
            tuple(row) for batch in found for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)
        ]

    def close(self) -> None:
        """End both connections."""
        self.flight.close()
        self.rest.http.close()

    def export(self, sql: str, path: Path) -> int:
        """Write a query's result to one Parquet file in constant memory; return its rows."""
        import pyarrow as pa
        from pyarrow import parquet

        found = self.flight.batches(tagged(sql), subject(sql))
        sent = next(found)
        plain = [pa.field(f.name, pa.date32() if pa.types.is_date64(f.type) else f.type) for f in sent]
        schema, rows = pa.schema(plain), 0
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in found:
                writer.write_table(pa.Table.from_batches([batch]).cast(schema))
                rows += batch.num_rows
        return rows


def bound(sql: str, parameters: Sequence[Any]) -> str:
    """A statement with its parameters as literals; question marks inside quotes are no places."""
    left = iter(parameters)
    return (
        TOKEN.sub(lambda found: literal(next(left)) if found[0] == "?" else found[0], sql)
        if parameters
        else sql
    )


def literal(value: Any) -> str:  # noqa: PLR0911
    """A value in Dremio's SQL: text only in single quotes, doubled inside; a backslash means itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat(' ', 'milliseconds')}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        return f"cast('{value!r}' as double)"
    return "'" + str(value).replace("\0", "").replace("'", "''") + "'"


def tagged(sql: str) -> str:
    """A statement that says in a comment which run and stage asks, for Dremio's job history."""
    return f"/* {query_tag().replace('*/', '')} */ {sql}"


def subject(sql: str) -> str:
    """What a statement does, for messages: its first words, no values."""
    words = re.sub(r"'(?:[^']|'')*'", "'…'", " ".join(sql.split()))
    return f"run {words[:80]}"
