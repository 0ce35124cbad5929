"""DuckDB: the embedded warehouse and the reference for the others. One file, one writing process.

No connection is held between calls, so that dbt's process can open the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from blocks.errors import Busy, ContractBroken, Misconfigured, PlatformError, Rejected
from blocks.records import LoadReport, Release
from blocks.warehouse.base import Batch, Session, Warehouse
from blocks.warehouse.control import prepare_control, write_ledger


class DuckDBSession:
    """A connection to the file; implements Session."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all rows."""
        result: list[tuple[Any, ...]] = self.connection.execute(sql, list(parameters)).fetchall()
        return result

    def export(self, sql: str, path: Path) -> int:
        """Write a query's result to one Parquet file in constant memory; return its rows."""
        target = str(path).replace("'", "''")
        return int(self.rows(f"copy ({sql}) to '{target}' (format parquet, compression zstd)")[0][0])


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
        """A connection that is closed at the end."""
        import duckdb

        if not self.path.parent.is_dir():
            self.path.parent.mkdir(parents=True, exist_ok=True)
        config = {"memory_limit": self.memory_limit, "threads": self.threads}
        try:
            connection = duckdb.connect(str(self.path), config={**config, "preserve_insertion_order": False})
        except duckdb.Error as error:
            raise _wrapped(f"open {self.path}", error) from error
        try:
            yield DuckDBSession(connection)
        except duckdb.Error as error:
            raise _wrapped(f"query {self.path.name}", error) from error
        finally:
            connection.close()

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
        from blocks.warehouse import duckdb_dialect

        return duckdb_dialect.url(self.path), {"connect_args": {"read_only": True}}

    def columns(self, session: Session, schema: str, table: str) -> dict[str, str]:
        """Column → type, in order; empty if the relation does not exist."""
        return dict(
            session.rows(
                "select column_name, data_type from information_schema.columns"
                " where table_catalog = current_database() and table_schema = ? and table_name = ?"
                " order by ordinal_position",
                (schema, table),
            )  # type: ignore[arg-type]
        )

    def ingest(self, batch: Batch) -> LoadReport:
        """Load a batch and its ledger lines in one transaction."""
        table, names = batch.table, (batch.table.schema_name, batch.table.identifier)
        with self.session() as session, _transaction(session):
            prepare_control(self, session)
            session.rows(f"create schema if not exists {self.quote(names[0])}")
            declared = [(column.name, self.type_of(column.data_type)) for column in table.columns]
            changes = self._insert(session, names, [*declared, *STAMPS], batch, batch.data, batch.key)
            waste = (names[0], f"{names[1]}__quarantine")
            self._insert(session, waste, [("_row", "varchar"), ("_reason", "varchar"), *STAMPS], batch,
                         batch.quarantine, ())  # fmt: skip
            write_ledger(self, session, batch.entries)
        return LoadReport(
            source=table.source, table=table.name, loader=table.loader, items=len(batch.entries),
            rows=sum(entry.rows for entry in batch.entries), bytes=sum(e.bytes for e in batch.entries),
            quarantined=sum(entry.quarantined for entry in batch.entries), schema_changes=changes,
            watermark=max((e.watermark for e in batch.entries if e.watermark), default=None),
        )  # fmt: skip

    def _insert(
        self, session: Session, names: tuple[str, str], declared: list[tuple[str, str]], batch: Batch,
        files: Sequence[Path], key: Sequence[str],
    ) -> tuple[str, ...]:  # fmt: skip
        """Create or widen the table, take out what the batch replaces, insert; return the new columns."""
        target = self.quote(*names)
        known = self.columns(session, *names)
        if not known:
            body = ", ".join(f"{self.quote(name)} {kind}" for name, kind in declared)
            session.rows(f"create table {target} ({body})")
            known = self.columns(session, *names)
        if batch.mode == "replace":
            session.rows(f"delete from {target}")
        elif batch.mode == "append":
            items = [entry.item for entry in batch.entries]
            session.rows(f"delete from {target} where _item in (select unnest(?::varchar[]))", (items,))
        if not files:
            return ()
        incoming = "read_parquet([" + ", ".join(_literal(str(file)) for file in files) + "])"
        found = session.rows(f"describe select * from {incoming}")
        fresh = [(row[0], row[1]) for row in found if row[0] not in known]
        for name, kind in fresh:
            session.rows(f"alter table {target} add column {self.quote(name)} {kind}")
        for name, kind, *_ in found:
            if name in known and known[name] != kind:
                raise ContractBroken(
                    f"load {'.'.join(names)}", f"column {name} comes as {kind}, the table has {known[name]}",
                    f"Declare {name} as {known[name]}, or drop {'.'.join(names)} to load it anew.",
                )  # fmt: skip
        if batch.mode == "merge" and key:
            same = " and ".join(f"t.{self.quote(k)} = n.{self.quote(k)}" for k in key)
            session.rows(f"delete from {target} t using {incoming} n where {same}")
        session.rows(f"insert into {target} by name select * from {incoming}")
        return tuple(f"new column {name} ({kind.lower()})" for name, kind in fresh)

    def served(self) -> Release | None:
        """What readers see now, read from serving's `_release`."""
        with self.session() as session:
            if not self.columns(session, self.serving, "_release"):
                return None
            rows = session.rows(f"select * from {self.quote(self.serving, '_release')}")
        return Release(run=rows[0][0], published_at=rows[0][1], marts={row[2]: row[3] for row in rows})

    def flip(self, release: Release) -> None:
        """All views and `_release` in one transaction."""
        before = self.served()
        with self.session() as session, _transaction(session):
            session.rows(f"create schema if not exists {self.quote(self.serving)}")
            for mart in sorted(set(before.marts if before else ()) - set(release.marts)):
                session.rows(f"drop view if exists {self.quote(self.serving, mart)}")
            for mart, relation in sorted(release.marts.items()):
                source = self.quote(*relation.rsplit(".", 1))
                view = self.quote(self.serving, mart)
                session.rows(f"create or replace view {view} as select * from {source}")
            session.rows(f"create or replace view {self.quote(self.serving, '_release')} as {_values(release)}")

    def drop(self, schemas: Sequence[str]) -> None:
        """Drop release schemas with all they hold."""
        with self.session() as session:
            for schema in schemas:
                session.rows(f"drop schema if exists {self.quote(schema)} cascade")


STAMPS = [("_item", "varchar"), ("_loaded_at", "timestamp")]


def _values(release: Release) -> str:
    rows = ", ".join(
        f"({_literal(release.run)}, timestamp {_literal(str(release.published_at))}, {_literal(m)}, {_literal(r)})"
        for m, r in sorted(release.marts.items())
    )
    return f"select * from (values {rows}) as release(run, published_at, mart, relation)"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def _transaction(session: Session) -> Iterator[None]:
    session.rows("begin")
    try:
        yield
    except BaseException:
        session.rows("rollback")
        raise
    session.rows("commit")


def _wrapped(asked: str, error: Exception) -> PlatformError:
    """DuckDB's error in our tree; only its first line, which holds no SQL."""
    answer = str(error).splitlines()[0]
    if "Could not set lock" in answer or "Conflicting lock" in answer:
        return Busy(asked, "another program has the file open", "Close it (a DuckDB shell, say) or wait.")
    if "Cannot open file" in answer or "not a valid DuckDB" in answer:
        return Misconfigured(asked, answer, "Check the path, or move the file away to start anew.")
    return Rejected(asked, answer)
