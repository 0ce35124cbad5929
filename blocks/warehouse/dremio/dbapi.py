"""Python's database API (PEP 249) over Flight sessions, as much of it as SQLAlchemy asks for.

A connection is opened by the name of settings that this process registered: credentials stay in them.
"""

from __future__ import annotations

from collections.abc import Mapping

from blocks.errors import PlatformError
from blocks.warehouse.dremio.session import DremioSession, describe_statement, format_literal, log_in
from blocks.warehouse.dremio.settings import DremioSettings

apilevel, threadsafety, paramstyle = "2.0", 1, "pyformat"
Error = DatabaseError = PlatformError  # a session's errors are PlatformErrors
registered: dict[str, DremioSettings] = {}
Row = tuple[object, ...]


def register_settings(settings: DremioSettings) -> str:
    """A name for settings, to connect by."""
    name = f"w{id(settings)}"
    registered[name] = settings
    return name


class DremioCursor:
    """DB-API's cursor over a Flight answer, held in memory: what is asked here are counts and a few rows."""

    arraysize = 1

    def __init__(self, session: DremioSession) -> None:
        self.session, self.rowcount = session, -1
        self.description: list[Row] | None = None
        self._rows: list[Row] = []

    def execute(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Ask; parameters by name, `%(name)s`."""
        literals = {name: format_literal(value) for name, value in (parameters or {}).items()}
        schema, self._rows = self.session.query(sql % literals, describe_statement(sql))
        self.description = [(f.name, f.type, None, None, None, None, f.nullable) for f in schema]
        self.rowcount = len(self._rows)

    def fetchone(self) -> Row | None:
        """The next row."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """The next rows."""
        taken, self._rows = self._rows[: size or 1], self._rows[size or 1 :]
        return taken

    def fetchall(self) -> list[Row]:
        """The rest of the rows."""
        taken, self._rows = self._rows, []
        return taken

    def close(self) -> None:
        """Do nothing: no cursor is held open on the server."""


class DremioConnection:
    """DB-API's connection: a session."""

    def __init__(self, settings: DremioSettings) -> None:
        self.session = log_in(settings)

    def cursor(self) -> DremioCursor:
        """A new cursor."""
        return DremioCursor(self.session)

    def commit(self) -> None:
        """Do nothing: there are no transactions."""

    def rollback(self) -> None:
        """Do nothing: there are no transactions."""

    def close(self) -> None:
        """End the session."""
        self.session.close()


def connect(name: str) -> DremioConnection:
    """DB-API's connect. name: of settings that register_settings knows."""
    return DremioConnection(registered[name])
