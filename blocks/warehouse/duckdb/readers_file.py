"""The file that readers open: the marts of the served release as tables, and `_release`, apart from the warehouse.

DuckDB lets one process write a file, or many read it, but not both: a reader of the warehouse's own file would
hold up runs, and runs would hold up readers. Here a release is written whole under a temporary name and put in place
by one rename. Whoever has the former file open goes on reading it, as it was, until they close it.

The tables are in the schema `main`: DuckDB calls an open file by its name, so in `serving.duckdb` it is
`serving.sales` that finds the mart, as in the warehouse. A schema `serving` in a file of that name would make the
same words ambiguous. The file may not be written: who opens it for writing would keep the others out.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from blocks.errors import Busy, NotFound, Rejected
from blocks.records import Release
from blocks.warehouse.duckdb.session import DuckDBSession, open_attached
from blocks.warehouse.duckdb.view_settings import write_view_setting
from blocks.warehouse.release_marker import MARKER, read_marker_rows, write_marker_sql
from blocks.warehouse.settings import WarehouseSettings
from blocks.warehouse.view_setting import Settings, ViewSetting
from blocks.whole_file import sync_to_disk

_ATTACHED = "_readers"
_NEW = ".new"
_WAL = ".wal"


class ReadersFile:
    """A file of its own for readers. path: absolute; settings: the warehouse's, for names and literals."""

    def __init__(self, path: Path, settings: WarehouseSettings) -> None:
        self.path, self._settings = path, settings
        self._new = path.with_name(path.name + _NEW)

    def write_new(self, session: DuckDBSession, release: Release, comments: Settings) -> None:
        """Write a release's file beside the present one, complete and on the disk; `put_in_place` shows it.

        session: of the warehouse. comments: on marts and their columns. Raises Rejected, and leaves nothing, where
        a mart can't be copied.
        """
        self.remove_leftovers()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        quote = self._settings.quote
        try:
            self._attach(session, self._new, "")
            try:
                for mart, relation in sorted(release.marts.items()):
                    rows = f"select * from {self._settings.relation(relation)}"
                    session.rows(f"create table {quote(_ATTACHED, 'main', mart)} as {rows}")
                    self._copy_comments(session, mart, comments.get(mart, frozenset()))
                marker = write_marker_sql(self._settings, release)
                session.rows(f"create table {quote(_ATTACHED, 'main', MARKER)} as {marker}")
                session.rows(f"checkpoint {quote(_ATTACHED)}")
            finally:
                session.rows(f"detach {quote(_ATTACHED)}")
            self._make_read_only()
        except BaseException:
            self.remove_leftovers()
            raise

    def _copy_comments(self, session: DuckDBSession, mart: str, comments: frozenset[ViewSetting]) -> None:
        """Give a table the comments that its view has, of the columns that it has."""
        if not comments:
            return
        table = self._settings.quote(_ATTACHED, "main", mart)
        has = {"", *(row[0] for row in session.rows(f"describe {table}"))}
        for comment in sorted(each for each in comments if each.column in has):
            session.rows(write_view_setting(self._settings, "table", table, comment))

    def put_in_place(self) -> None:
        """Show what `write_new` wrote, in one step. Raises Busy where the system refuses that (Windows)."""
        asked = f"put {self.path.name} in place"
        # changes that a reader with an administrator's rights left beside the former file belong to it alone
        self.path.with_name(self.path.name + _WAL).unlink(missing_ok=True)
        try:
            self._new.replace(self.path)
        except PermissionError as error:
            raise Busy(
                asked, f"{error.strerror}: a program may have it open", "Close it; run again."
            ) from None
        except OSError as error:
            raise Rejected(asked, str(error.strerror), f"Check {self.path.parent}; run again.") from None
        sync_to_disk(self.path.parent)

    def read_release(self, session: DuckDBSession) -> Release | None:
        """The release that the file shows; None where there is no file. Raises PlatformError if it can't be read."""
        if not self.path.exists():
            return None
        self._attach(session, self.path, "(read_only)")
        try:
            return read_marker_rows(session, self._settings.quote(_ATTACHED, "main", MARKER))
        finally:
            session.rows(f"detach {self._settings.quote(_ATTACHED)}")

    def open(self, name: str) -> AbstractContextManager[DuckDBSession]:
        """A session on the file as readers have it, by this name. Raises NotFound where there is no file."""
        if not self.path.exists():
            remedy = "Publish a release first: `python flows/main.py`."
            raise NotFound("read what readers see", f"{self.path.name} is not there", remedy)
        return open_attached(self.path, name)

    def remove_leftovers(self) -> None:
        """Remove what a killed promotion left."""
        for path in (self._new, self._new.with_name(self._new.name + _WAL)):
            path.unlink(missing_ok=True)

    def _attach(self, session: DuckDBSession, path: Path, options: str) -> None:
        place, name = self._settings.literal(str(path)), self._settings.quote(_ATTACHED)
        session.rows(f"attach {place} as {name} {options}")

    def _make_read_only(self) -> None:
        """Take the right to write away, and wait until the disk has it."""
        if self._new.with_name(self._new.name + _WAL).exists():
            raise Rejected(f"write {self._new.name}", "DuckDB left a part of it in its log", "Run again.")
        sync_to_disk(self._new)
        if os.name == "posix":  # Windows could not replace such a file
            self._new.chmod(self._new.stat().st_mode & ~0o222)
