"""Python's database API (PEP 249) over a warehouse's Flight sessions, as much of it as SQLAlchemy asks for.

A connection is opened by the name of a warehouse of this process: credentials stay in its block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blocks.errors import PlatformError
from blocks.warehouse.dremio.session import DremioSession, literal, subject, tagged

if TYPE_CHECKING:
    from blocks.warehouse.dremio.warehouse import DremioWarehouse

apilevel, threadsafety, paramstyle = "2.0", 1, "pyformat"
Error = DatabaseError = PlatformError  # errors are ours already
warehouses: dict[str, DremioWarehouse] = {}


def known(warehouse: DremioWarehouse) -> str:
    """A name for a warehouse, to connect by."""
    name = f"w{id(warehouse)}"
    warehouses[name] = warehouse
    return name


class Cursor:
    """DB-API's cursor over a Flight answer, held in memory: what is asked here are counts and a few rows."""

    arraysize = 1

    def __init__(self, session: DremioSession) -> None:
        self.session, self.rowcount = session, -1
        self.description: list[tuple[Any, ...]] | None = None
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Ask; parameters by name, `%(name)s`."""
        text = sql % {name: literal(value) for name, value in parameters.items()} if parameters else sql % {}
        found = self.session.flight.batches(tagged(text), subject(sql))
        schema = next(found)
        self.description = [(f.name, f.type, None, None, None, None, f.nullable) for f in schema]
        self._rows = [
            tuple(row) for batch in found for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)
        ]
        self.rowcount = len(self._rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next rows."""
        taken, self._rows = self._rows[: size or 1], self._rows[size or 1 :]
        return taken

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rest of the rows."""
        taken, self._rows = self._rows, []
        return taken

    def close(self) -> None:
        """Nothing is held open."""


class Connection:
    """DB-API's connection: a session of the warehouse."""

    def __init__(self, warehouse: DremioWarehouse) -> None:
        self.session = warehouse.connect()

    def cursor(self) -> Cursor:
        """A new cursor."""
        return Cursor(self.session)

    def commit(self) -> None:
        """Nothing: there are no transactions."""

    def rollback(self) -> None:
        """Nothing: there are no transactions."""

    def close(self) -> None:
        """End the session."""
        self.session.close()


def connect(warehouse: str) -> Connection:
    """DB-API's connect; warehouse: its name, of `known`."""
    return Connection(warehouses[warehouse])
