"""Fivetran's answers: a connection and its state, what is selected for sync. Fields as fivetran.com/docs/rest-api."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import Field

from blocks.loader.answers import Answer, OptionalTime


class Note(Answer):
    """A task for people, or a warning. Its text may hold anything, so only the code is read."""

    code: str = ""


class SetupTest(Answer):
    """A test of a connection's setup."""

    title: str = ""
    status: str = ""


class Status(Answer):
    """What a connection does now."""

    setup_state: str
    sync_state: str
    is_historical_sync: bool
    rescheduled_for: OptionalTime = None
    tasks: list[Note] | None = None
    warnings: list[Note] | None = None


class Connection(Answer):
    """A connection: one source into one schema, or a schema and a table, of the destination."""

    id: str
    paused: bool
    schedule_type: str
    schema_name: str = Field(alias="schema")
    status: Status
    succeeded_at: OptionalTime = None
    failed_at: OptionalTime = None
    setup_tests: list[SetupTest] | None = None

    @property
    def ended_at(self) -> datetime:
        """When the last sync ended, well or not."""
        stamps = [stamp for stamp in (self.succeeded_at, self.failed_at) if stamp]
        return max(stamps, default=datetime.min.replace(tzinfo=UTC))


class ConnectionPage(Answer):
    """A page of connections."""

    items: Sequence[Connection] = ()
    next_cursor: str | None = None


class ColumnSelection(Answer):
    """A column's setting. Fivetran lists a column once somebody has changed it."""

    enabled: bool | None = None
    name_in_destination: str | None = None


class TableSelection(Answer):
    """A table's settings."""

    enabled: bool = False
    name_in_destination: str | None = None
    columns: dict[str, ColumnSelection] | None = None


class SchemaSelection(Answer):
    """A schema's settings."""

    enabled: bool = False
    name_in_destination: str | None = None
    tables: dict[str, TableSelection] | None = None


class Selection(Answer):
    """What a connection is to sync: name at the source → its settings."""

    schemas: dict[str, SchemaSelection] | None = None
