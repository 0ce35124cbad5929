"""What every warehouse's helpers take: its schemas' names, how names, literals and types are written, its sessions.

Helpers take these classes, or a vendor's own settings, never the block: so that no two files import each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, Field

from blocks.errors import Misconfigured, PlatformError
from blocks.sql import quote_identifier, write_literal, write_type
from blocks.warehouse.view_setting import Settings, ViewSetting


class Session(Protocol):
    """A short-lived connection. Parameters are qmark style and always bound, never pasted."""

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
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


class WarehouseSettings(BaseModel):
    """Names in a warehouse, and how its SQL is written.

    dialect: sqlglot's name of it; longest_name: bytes, where a server cuts longer names without an error.
    taken_from_profile: settings of a dbt project's own profile that count here, too. sets_dbt_zone: false where dbt's
    adapter takes no time zone, so that nobody knows which day `current_date` is.
    """

    dialect: ClassVar[str] = "duckdb"
    longest_name: ClassVar[int | None] = None
    taken_from_profile: ClassVar[frozenset[str]] = frozenset({"threads"})
    sets_dbt_zone: ClassVar[bool] = True

    database: str = Field(description="database, catalogue or file that holds every schema")
    serving: str = Field("serving", description="the schema readers see")
    control: str = Field("control", description="the schema of ledger and journal")
    keep: int = Field(3, ge=2, description="published releases kept for rollback")
    journal_runs: int = Field(
        200, ge=10, description="runs whose reports stay in the journal; one line is left of older ones"
    )

    def quote(self, *parts: str) -> str:
        """An identifier, quoted part by part, joined by dots.

        A name in plain lower case means the same as when written without quotes, whatever case the
        warehouse keeps it in; `columns` and `releases` give such names back in lower case. Raises Misconfigured
        for a name that the server would cut.
        """
        for part in parts if self.longest_name else ():
            if len(part.encode()) > (self.longest_name or 0):
                raise Misconfigured(f"name {part}", f"it has over {self.longest_name} bytes", "Shorten it.")
        return quote_identifier(*parts)

    def relation(self, name: str) -> str:
        """A `schema.table` name, quoted."""
        return self.quote(*name.rsplit(".", 1))

    def literal(self, value: object) -> str:
        """A literal, for statements that take no parameters."""
        return write_literal(value, self.dialect)

    def clock(self, seconds: float = 0) -> str:
        """The server's time so many seconds from now, in UTC without zone, as SQL."""
        return f"(current_timestamp at time zone 'UTC' + interval '{seconds:.3f} seconds')"

    def draw(self, share: float) -> str:
        """A condition, as SQL, that is true for about this share of rows, at random. share: 0 to 1."""
        return f"random() < {share:.8f}"

    @property
    def lease_key(self) -> tuple[str, ...]:
        """Which control schema, of all that a process may work on at once."""
        return (type(self).__name__, self.database, self.control)

    def type_of(self, data_type: str | None) -> str:
        """This warehouse's name of a declared portable type; undeclared columns are text."""
        return write_type(data_type or "varchar", self.dialect)


class SharedSettings(WarehouseSettings):
    """What is set of a warehouse on a server, which many machines reach."""

    threads: int = Field(4, ge=1, description="dbt models built side by side")
    statement_seconds: int = Field(3600, ge=1, description="a statement that takes longer is cancelled")
    lease_seconds: int = Field(300, ge=1, description="how long a dead run keeps others from writing")


class WarehouseConnection(WarehouseSettings, ABC):
    """A warehouse that can be asked: what the ledger, the journal, the lease and `_release` stand on.

    transactional: false where statements can't be undone together. folds_names: true where a query finds a column
    whichever of its letters are capitals, even quoted.
    """

    transactional: ClassVar[bool] = True
    folds_names: ClassVar[bool] = False

    @abstractmethod
    def session(self) -> AbstractContextManager[Session]:
        """A connection that is closed at the end; vendor errors come out as PlatformErrors."""

    def stay_open(self) -> AbstractContextManager[object]:
        """What is inside opens sessions one after the other: where each opens a file, it is opened once."""
        return nullcontext()

    @abstractmethod
    def columns(self, session: Session, schema: str, table: str) -> dict[str, str]:
        """Column → type of a table or view, in order; empty if it does not exist."""

    def transaction(self, session: Session) -> AbstractContextManager[None]:
        """All that is written inside, or nothing of it."""
        return transaction(session)

    def holds_lease(self, session: Session, owner: str, number: int, lock: bool = False) -> bool:
        """Whether a holder still has the lease. lock: nobody else gets it before the transaction's end."""
        return bool(session.rows(*self.lease_query(owner, number)))

    def lease_query(self, owner: str, number: int) -> tuple[str, tuple[object, ...]]:
        """A query that has rows if a holder still has the lease, and its parameters."""
        same = f"{self.quote('owner')} = ? and {self.quote('number')} = ?"
        return f"select 1 as held from {self.quote(self.control, 'lease')} where {same}", (owner, number)

    def claim_flip(self, number: int) -> None:
        """Make sure that no holder of an earlier number can flip any more, where a flip can't ask for itself."""

    def read_views(self, session: Session, schema: str) -> dict[str, str]:
        """A schema's views and how each is defined, in SQL."""
        rows = session.rows(
            "select table_name, view_definition from information_schema.views"
            " where table_catalog = current_database() and table_schema = ?",
            (schema,),
        )
        return {name: definition or "" for name, definition in rows}

    def make_schema(self, session: Session, schema: str) -> None:
        """Create a schema where it is missing."""
        session.rows(f"create schema if not exists {self.quote(schema)}")

    def make_table(self, session: Session, schema: str, table: str, columns: dict[str, str]) -> None:
        """Create a table where it is missing. columns: name → portable type."""
        body = ", ".join(f"{self.quote(name)} {self.type_of(kind)}" for name, kind in columns.items())
        session.rows(f"create table if not exists {self.quote(schema, table)} ({body})")

    def read_view_settings(self, session: Session, schema: str) -> Settings:
        """What an administrator put on the views of a schema; here nothing."""
        return {}

    def write_view_setting(self, view: str, setting: ViewSetting, remove: bool = False) -> str:
        """The statement that puts a setting on a view (quoted), or takes it away."""
        raise NotImplementedError

    def change_view_settings(
        self,
        session: Session,
        schema: str,
        view: str,
        has: Collection[ViewSetting],
        wanted: Collection[ViewSetting],
    ) -> None:
        """Take from a view what is too much, and give it what it lacks."""
        quoted = self.quote(schema, view)
        for setting in sorted(set(has) - set(wanted)):
            session.rows(self.write_view_setting(quoted, setting, remove=True))
        for setting in sorted(set(wanted) - set(has)):
            session.rows(self.write_view_setting(quoted, setting))
