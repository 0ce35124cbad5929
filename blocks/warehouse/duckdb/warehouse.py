"""DuckDB: the embedded warehouse and the reference for the others. One file, one writing process.

Readers have a file of their own, `serving.duckdb` (readers_file.py), so that they never meet a run. No connection
is held between calls, so that dbt's process can open the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock
from typing import ClassVar

from blocks.errors import Busy, NotFound, PlatformError
from blocks.records import Release
from blocks.warehouse.batch import Batch, LoadTarget
from blocks.warehouse.duckdb.clients import DuckDBClients
from blocks.warehouse.duckdb.readers_file import ReadersFile
from blocks.warehouse.duckdb.session import DuckDBSession, open_session
from blocks.warehouse.duckdb.view_settings import read_view_settings, write_view_setting
from blocks.warehouse.settings import Session
from blocks.warehouse.sql_warehouse import GONE, QUARANTINE, ROWS, SqlWarehouse
from blocks.warehouse.view_setting import Settings, ViewSetting
from blocks.warehouse.view_settings import recall_settings

_LOADING = Lock()


class DuckDBWarehouse(DuckDBClients, SqlWarehouse):
    """A DuckDB file; `database` is its path."""

    _block_type_name = "DuckDB Warehouse"
    _block_type_slug = "duckdb-warehouse"

    folds_names: ClassVar[bool] = True

    @property
    def readers(self) -> ReadersFile:
        """The file that readers open."""
        name = self.path.name.removesuffix(".duckdb")
        default = f"{self.serving}.duckdb" if name == "warehouse" else f"{name}_{self.serving}.duckdb"
        path = Path(self.readers_file).expanduser() if self.readers_file else self.path.with_name(default)
        return ReadersFile(path.resolve(), self)

    def check(self) -> str:
        """Open the file for writing; return a one-line status."""
        with self.session() as session:
            (version,) = session.rows("select version()")[0]
        return f"DuckDB {version} at {self.path}"

    def session(self) -> AbstractContextManager[DuckDBSession]:
        """A connection that is closed at the end; the file with the last one of this process."""
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": self.memory_limit,
            "threads": self.threads,
            "preserve_insertion_order": False,
        }
        return open_session(self.path, settings)

    def stay_open(self) -> AbstractContextManager[object]:
        """A session that the others share the file with. dbt's process can't open it meanwhile."""
        return self.session()

    def open_readers(self) -> AbstractContextManager[DuckDBSession]:
        """The readers' file alone, under the name of the schema that it shows."""
        return self.readers.open(self.serving)

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

    def columns(self, session: Session, schema: str, table: str) -> dict[str, str]:
        """Column → type, in order; empty if the relation does not exist. A tenth of information_schema's time."""
        try:
            rows = session.rows(f"describe {self.quote(schema, table)}")
        except NotFound:
            return {}
        return {row[0]: row[1] for row in rows}

    def create_copy(self, session: Session, source: str, target: str) -> None:
        """As the template does; a table with constraints is declared first, without references to other tables."""
        schema, table = source.rsplit(".", 1)
        not_null, constraints = self._read_constraints(session, schema, table)
        if not not_null and not constraints:
            super().create_copy(session, source, target)
            return
        parts = [
            f"{self.quote(name)} {kind}{' not null' if name in not_null else ''}"
            for name, kind in self.columns(session, schema, table).items()
        ]
        session.rows(f"create table {self.relation(target)} ({', '.join([*parts, *constraints])})")
        session.rows(f"insert into {self.relation(target)} select * from {self.relation(source)}")

    def _read_constraints(self, session: Session, schema: str, table: str) -> tuple[set[str], list[str]]:
        """The columns of a table that are not null; its keys and checks as a declaration has them."""
        not_null, written = set[str](), list[str]()
        for kind, names, expression in session.rows(
            "select constraint_type, constraint_column_names, expression from duckdb_constraints()"
            " where database_name = current_database() and schema_name = ? and table_name = ?",
            (schema, table),
        ):
            if kind == "NOT NULL":
                not_null |= set(names)
            elif kind in {"PRIMARY KEY", "UNIQUE"}:
                written.append(f"{kind} ({', '.join(map(self.quote, names))})")
            elif kind == "CHECK":
                written.append(f"CHECK ({expression})")
        return not_null, written

    def write_row_marks(self, session: Session, schema: str, table: str, columns: Mapping[str, str]) -> str:
        """The rows' hashes as well: a million rows take less than a tenth of a second."""
        return f"count(*), sum(hash({', '.join(map(self.quote, columns))}))"

    def use_time_zone(self, session: Session, time_zone: str) -> None:
        """A setting of the connection."""
        session.rows(f"set time zone {self.literal(time_zone)}")

    def read_view_settings(self, session: Session, schema: str) -> Settings:
        """Comments: all that DuckDB keeps with a view."""
        return read_view_settings(session, schema)

    def write_view_setting(self, view: str, setting: ViewSetting, remove: bool = False) -> str:
        """COMMENT ON."""
        return write_view_setting(self, "view", view, setting, remove)

    def flip(self, release: Release) -> None:
        """Write the readers' file, then replace all views in one transaction, then put the file in place.

        A crash before the last step leaves readers on the release before; `mend_readers` finishes it.
        """
        with self.session() as session:  # held, so that the warehouse is opened once
            self.readers.write_new(session, release, self._read_comments(session))
            try:
                super().flip(release)
            except BaseException:
                self.readers.remove_leftovers()
                raise
            self.readers.put_in_place()

    def mend_readers(self) -> list[str]:
        """Write the readers' file again where it is missing, can't be read, or shows another release."""
        with self.session() as session:
            self.readers.remove_leftovers()
            served, known = self.read_served(), self._read_shown_release()
            if served is None or served == known:
                return []
            self.readers.write_new(session, served, self._read_comments(session))
            self.readers.put_in_place()
        return [f"{self.readers.path.name} did not show run {served.run} as it is served; it does now"]

    def describe_readers(self) -> list[str]:
        """Where the file is, and whether it shows what is served."""
        with self.session():  # held, so that the warehouse is opened once
            served, known = self.read_served(), self._read_shown_release()
        lines = [f"readers open {self.readers.path}"] if self.readers.path.exists() else []
        if served != known:
            shown = f"run {known.run}" if known else "nothing that can be read"
            meant = f"instead of run {served.run}: the next run" if served else "until the first run"
            lines.append(f"  it shows {shown} {meant} corrects that")
        return lines

    def _read_comments(self, session: Session) -> Settings:
        """Those on serving's views, and those of views that are gone."""
        return {**recall_settings(self, session), **self.read_view_settings(session, self.serving)}

    def _read_shown_release(self) -> Release | None:
        """What the readers' file shows; None where it is missing or can't be read."""
        try:
            with self.session() as session:
                return self.readers.read_release(session)
        except PlatformError:
            return None

    def load_lock(self) -> AbstractContextManager[object]:
        """One batch at a time in this process: two that write the same table would conflict."""
        return _LOADING

    def read_file_columns(self, session: Session, files: Sequence[Path]) -> dict[str, str]:
        """Columns of files → type, as DuckDB reads them."""
        return {row[0]: row[1] for row in session.rows(f"describe select * from {self._read_parquet(files)}")}

    def can_load_type(self, incoming: str, known: str) -> bool:
        """Types are DuckDB's own on both sides."""
        return incoming == known

    @contextmanager
    def stage_files(self, session: Session, batch: Batch, target: LoadTarget) -> Iterator[Mapping[str, str]]:
        """Files stay where they are: DuckDB reads them in FROM."""
        groups = {ROWS: batch.data, QUARANTINE: batch.quarantine, GONE: batch.gone}
        yield {group: self._read_parquet(files) for group, files in groups.items() if files}

    def _read_parquet(self, files: Sequence[Path]) -> str:
        return f"read_parquet([{', '.join(self.literal(str(file)) for file in files)}], union_by_name = true)"
