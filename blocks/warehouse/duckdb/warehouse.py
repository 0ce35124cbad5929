"""DuckDB: the embedded warehouse and the reference for the others. One file, one writing process.

No connection is held between calls, so that dbt's process can open the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import Field

from blocks.errors import Busy, Misconfigured, PlatformError, Rejected
from blocks.records import LedgerEntry, LoadReport, Release
from blocks.warehouse.base import RELEASE_PREFIX, Batch, Session, Warehouse, literal, transaction
from blocks.warehouse.control import forget, prepare_control, write_ledger
from blocks.warehouse.costs import Costs
from blocks.warehouse.duckdb.load import load_batch
from blocks.warehouse.duckdb.session import cursor
from blocks.warehouse.release_marker import MARKER, marker_sql, read_marker

_INGESTING = Lock()
_WIDE = {"HUGEINT", "UHUGEINT"}


class DuckDBSession:
    """A connection to the file; implements Session."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all rows."""
        result: list[tuple[Any, ...]] = self.connection.execute(sql, list(parameters)).fetchall()
        return result

    def export(self, sql: str, path: Path) -> int:
        """Write a query's result to one Parquet file in constant memory; return its rows.

        Sums of whole numbers are 128 bits wide, which Parquet would get as DOUBLE: they go as DECIMAL(38,0).
        """
        described = self.rows(f"describe {sql}")
        wide = ['"' + str(row[0]).replace('"', '""') + '"' for row in described if row[1] in _WIDE]
        if wide:
            exact = ", ".join(f"{name}::decimal(38,0) as {name}" for name in wide)
            sql = f"select * replace ({exact}) from ({sql}) as wide"
        copy = f"copy ({sql}) to {literal(str(path))} (format parquet, compression zstd)"
        return int(self.rows(copy)[0][0])


class DuckDBWarehouse(Warehouse):
    """A DuckDB file; `database` is its path."""

    _block_type_name = "DuckDB Warehouse"
    _block_type_slug = "duckdb-warehouse"

    memory_limit: str = Field("1GB", description="DuckDB's memory; beyond it, it spills to disk")
    threads: int = Field(2, ge=1, description="dbt models built side by side, and DuckDB's threads")

    @property
    def path(self) -> Path:
        """The file, absolute."""
        return Path(self.database).expanduser().resolve()

    def check(self) -> str:
        """Open the file for writing; one line for a person."""
        with self.session() as session:
            (version,) = session.rows("select version()")[0]
        return f"DuckDB {version} at {self.path}"

    @contextmanager
    def session(self) -> Iterator[DuckDBSession]:
        """A connection that is closed at the end; the file with the last one of this process."""
        import duckdb

        self.path.parent.mkdir(parents=True, exist_ok=True)
        settings = {"memory_limit": self.memory_limit, "threads": self.threads}
        try:
            with cursor(self.path, {**settings, "preserve_insertion_order": False}) as connection:
                yield DuckDBSession(connection)
        except duckdb.Error as error:
            raise _wrapped(f"use {self.path.name}", error) from error

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold `<file>.lock` for this process; the system frees it when the process dies."""
        from filelock import FileLock, Timeout

        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self.path}.lock", timeout=0, thread_local=False, is_singleton=True)
        try:
            lock.acquire()
        except Timeout:
            raise Busy(f"lock {self.path.name}", "another run works on it", "Wait for it to end.") from None
        try:
            yield
        finally:
            lock.release()

    def dbt_target(self, schema: str) -> tuple[dict[str, Any], dict[str, str]]:
        """dbt-duckdb's profile output; no secrets."""
        settings = {"memory_limit": self.memory_limit, "preserve_insertion_order": False}
        target = {"type": "duckdb", "path": str(self.path), "schema": schema, "threads": self.threads}
        return {**target, "settings": settings}, {}

    def gx_connection(self) -> tuple[str, dict[str, Any]]:
        """The autocommit dialect (see dialect.py), read-only."""
        from blocks.warehouse.duckdb import dialect

        return dialect.url(self.path), {"connect_args": {"read_only": True}}

    def columns(self, session: Session, schema: str, table: str) -> dict[str, str]:
        """Column → type, in order; empty if the relation does not exist."""
        return dict(
            session.rows(
                "select column_name, data_type from information_schema.columns"
                " where table_catalog = current_database() and table_schema = ? and table_name = ?"
                " order by ordinal_position",
                (schema, table),
            )
        )

    def ingest(self, batch: Batch) -> LoadReport:
        """Load a batch and its ledger lines in one transaction; one batch at a time in this process."""
        with _INGESTING, self.session() as session, transaction(session):
            prepare_control(self, session)
            changes = load_batch(self, session, batch)
            if batch.mode == "replace":
                forget(self, session, batch.table.source, batch.table.name)
            write_ledger(self, session, batch.entries)
        return batch.report(changes)

    def note(self, entries: Sequence[LedgerEntry]) -> None:
        """Ledger lines in one transaction, in turn with what is ingested."""
        with _INGESTING, self.session() as session, transaction(session):
            prepare_control(self, session)
            write_ledger(self, session, entries)

    def served(self) -> Release | None:
        """What readers see now, read from serving's `_release`."""
        return read_marker(self, self.serving)

    def flip(self, release: Release) -> None:
        """All views and `_release` in one transaction."""
        before = self.served()
        with self.session() as session, transaction(session):
            self.make_schema(session, self.serving)
            for mart in sorted(set(before.marts if before else ()) - set(release.marts)):
                session.rows(f"drop view if exists {self.quote(self.serving, mart)}")
            for mart, relation in sorted(release.marts.items()):
                view = self.quote(self.serving, mart)
                session.rows(f"create or replace view {view} as select * from {self.relation(relation)}")
            marker = self.quote(self.serving, MARKER)
            session.rows(f"create or replace view {marker} as {marker_sql(self, release)}")

    def releases(self) -> list[str]:
        """Every release schema there is."""
        with self.session() as session:
            rows = session.rows(
                "select schema_name from information_schema.schemata"
                " where catalog_name = current_database() and starts_with(schema_name, ?)",
                (RELEASE_PREFIX,),
            )
        return sorted(row[0] for row in rows)

    def drop(self, schemas: Sequence[str]) -> None:
        """Drop release schemas with all they hold."""
        with self.session() as session:
            for schema in schemas:
                session.rows(f"drop schema if exists {self.quote(schema)} cascade")

    def clone(self, source: str, target: str) -> None:
        """A table of its own with the same rows."""
        with self.session() as session:
            self.make_schema(session, target.rsplit(".", 1)[0])
            session.rows(
                f"create or replace table {self.relation(target)} as select * from {self.relation(source)}"
            )

    def setup(self, apply: bool = False) -> list[str]:
        """Nothing: the file and its schemas are made when they are first written."""
        return []

    def costs(self, days: int) -> Costs | None:
        """None: a file on this machine bills nobody."""
        return None


def _wrapped(asked: str, error: Exception) -> PlatformError:
    """DuckDB's error in our tree; only its first line, which holds no SQL."""
    answer = str(error).splitlines()[0]
    if "Could not set lock" in answer or "Conflicting lock" in answer:
        return Busy(asked, "another program has the file open", "Close it (a DuckDB shell, say) or wait.")
    if "Cannot open file" in answer or "not a valid DuckDB" in answer:
        return Misconfigured(asked, answer, "Check the path, or move the file away to start anew.")
    return Rejected(asked, answer)
