"""The Warehouse interface: sessions, loads, releases. Vendors override; nobody asks which one it is.

Schemas: RAW as each dbt source names it; `rel_<run>` for releases; `serving` for readers;
`control` for the ledger and the journal (see control.py, which works on any warehouse's session).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from prefect.blocks.core import Block
from pydantic import Field

from blocks.errors import PlatformError
from blocks.records import LedgerEntry, LoadReport, Release, SourceTable
from blocks.warehouse.bi_connection import LiveSource
from blocks.warehouse.costs import Costs

RELEASE_PREFIX = "rel_"
STAMPS = {"_item": "varchar", "_loaded_at": "timestamp"}
"""Columns that a load adds to the rows it brings."""
WASTE = {"_row": "varchar", "_reason": "varchar", **STAMPS}
"""Columns of a quarantine."""


class Session(Protocol):
    """A short-lived connection. Parameters are qmark style and always bound, never pasted."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all rows."""

    def export(self, sql: str, path: Path) -> int:
        """Write a query's result to one Parquet file in constant memory; return its rows."""


@contextmanager
def transaction(session: Session) -> Iterator[None]:
    """All that is written inside, or nothing of it."""
    session.rows("begin")
    try:
        yield
    except BaseException:
        with suppress(PlatformError):  # a server rolls back by itself when the connection is gone
            session.rows("rollback")
        raise
    session.rows("commit")


def literal(text: str) -> str:
    """A string literal of standard SQL."""
    return "'" + text.replace("'", "''") + "'"


class Batch:
    """What one load brings: Parquet files of typed rows and of quarantined rows, and its ledger lines.

    mode: `append` (rows of a reloaded item replace those it brought before), `merge` (by key), or
    `replace`. Data columns are as declared, plus `_item`, `_loaded_at`; quarantine columns are
    `_item`, `_row` (the row as text), `_reason`, `_loaded_at`. gone: Parquet files of the key columns of
    rows that leave the table, `deleted` in number.
    """

    def __init__(
        self,
        table: SourceTable,
        mode: str,
        data: Sequence[Path],
        quarantine: Sequence[Path],
        entries: Sequence[LedgerEntry],
        key: Sequence[str] = (),
        gone: Sequence[Path] = (),
        deleted: int = 0,
    ) -> None:
        self.table, self.mode, self.key = table, mode, tuple(key)
        self.data, self.quarantine, self.entries = tuple(data), tuple(quarantine), tuple(entries)
        self.gone, self.deleted = tuple(gone), deleted

    def report(self, changes: tuple[str, ...]) -> LoadReport:
        """The batch as a LoadReport; the loader adds seconds."""
        table, entries = self.table, self.entries
        return LoadReport(
            source=table.source,
            table=table.name,
            loader=table.loader,
            items=len(entries),
            rows=sum(entry.rows for entry in entries),
            bytes=sum(entry.bytes for entry in entries),
            quarantined=sum(entry.quarantined for entry in entries),
            schema_changes=changes,
            deleted=self.deleted,
            watermark=max((entry.watermark for entry in entries if entry.watermark), default=None),
        )


class Warehouse(Block, ABC):
    """Where data is loaded, built, audited and read."""

    database: str = Field(description="database, catalogue or file that holds every schema")
    serving: str = Field("serving", description="the schema readers see")
    control: str = Field("control", description="the schema of ledger and journal")
    keep: int = Field(3, ge=2, description="published releases kept for rollback")

    @abstractmethod
    def check(self) -> str:
        """Connect and return one line for a person. Raises a PlatformError that says what to do."""

    @abstractmethod
    def session(self) -> AbstractContextManager[Session]:
        """A connection that is closed at the end; vendor errors come out as PlatformErrors."""

    @abstractmethod
    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the right to write releases. Raises Busy if another run has it."""

    @abstractmethod
    def dbt_target(self, schema: str) -> tuple[dict[str, Any], dict[str, str]]:
        """dbt's profile output for a schema, and the environment variables its secrets come from."""

    @abstractmethod
    def gx_connection(self) -> tuple[str, dict[str, Any]]:
        """SQLAlchemy URL and engine arguments for Great Expectations."""

    @abstractmethod
    def columns(self, session: Session, schema: str, table: str) -> dict[str, str]:
        """Column → type of a table or view, in order; empty if it does not exist."""

    @abstractmethod
    def ingest(self, batch: Batch) -> LoadReport:
        """Load a batch and write its ledger lines, all or nothing. Evolves new columns.

        Mode `replace` forgets the table's ledger lines before it, as it does the rows they stand for.
        """

    def note(self, entries: Sequence[LedgerEntry]) -> None:
        """Write ledger lines of rows that another system loaded into this warehouse."""
        from blocks.warehouse.control import prepare_control, write_ledger  # which stands on this module

        with self.session() as session:
            prepare_control(self, session)
            write_ledger(self, session, entries)

    @abstractmethod
    def served(self) -> Release | None:
        """What readers see now, read from serving's `_release`; None before the first publication."""

    @abstractmethod
    def flip(self, release: Release) -> None:
        """Point every serving view at the release, all or nothing; safe to repeat."""

    @abstractmethod
    def releases(self) -> list[str]:
        """Every release schema there is."""

    @abstractmethod
    def drop(self, schemas: Sequence[str]) -> None:
        """Drop release schemas with all they hold; absent ones are no error."""

    def live_source(self) -> LiveSource | None:
        """How a BI server reads serving itself; None where it can't be reached from one, as a local file."""
        return None

    @abstractmethod
    def clone(self, source: str, target: str) -> None:
        """Make `target` a copy of the table `source` (both `schema.table`), in place of what is there."""

    @abstractmethod
    def setup(self, apply: bool = False) -> list[str]:
        """What an administrator runs once, line by line, safe to repeat; apply: run it now. Empty: nothing."""

    @abstractmethod
    def costs(self, days: int) -> Costs | None:
        """What runs of the last days cost, by their query tags (tags.py); None: it records no cost."""

    def make_schema(self, session: Session, schema: str) -> None:
        """Create a schema where it is missing."""
        session.rows(f"create schema if not exists {self.quote(schema)}")

    def relation(self, name: str) -> str:
        """A `schema.table` name, quoted."""
        return self.quote(*name.rsplit(".", 1))

    def released(self, schema: str, alias: str, materialized: str) -> str:
        """A built model as `schema.table`, from dbt's own names of its schema and materialization."""
        return f"{schema}.{alias}"

    def literal(self, text: str) -> str:
        """A string literal, for statements that take no parameters."""
        return literal(text)

    def quote(self, *parts: str) -> str:
        """An identifier, quoted part by part, joined by dots.

        A name in plain lower case means the same as when written without quotes, whatever case the
        warehouse keeps it in; `columns` and `releases` give such names back in lower case.
        """
        return ".".join('"' + part.replace('"', '""') + '"' for part in parts)

    def type_of(self, data_type: str | None) -> str:
        """This warehouse's name of a declared portable type; undeclared columns are text."""
        return data_type or "varchar"
