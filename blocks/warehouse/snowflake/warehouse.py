"""Snowflake as the warehouse: configuration, and the verbs by name. How they are done is in snowflake_*.py.

Names in plain lower case are Snowflake's unquoted ones, kept in upper case there and given back in lower case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from prefect_snowflake import SnowflakeCredentials
from pydantic import Field

from blocks.errors import NotFound
from blocks.records import LoadReport, Release
from blocks.warehouse.base import RELEASE_PREFIX, Batch, Session, Warehouse
from blocks.warehouse.bi_connection import LiveSource
from blocks.warehouse.control import forget, write_ledger
from blocks.warehouse.costs import Costs
from blocks.warehouse.lease import leased
from blocks.warehouse.release_marker import read_marker
from blocks.warehouse.snowflake import clients, grants, live, publish
from blocks.warehouse.snowflake.costs import read_costs
from blocks.warehouse.snowflake.load import load_batch
from blocks.warehouse.snowflake.names import kept, plain, type_name
from blocks.warehouse.snowflake.session import SnowflakeSession, opened, settings

NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


class SnowflakeWarehouse(Warehouse):
    """A database in Snowflake. The credentials' role is used if the block names none."""

    _block_type_name = "Snowflake Warehouse"
    _block_type_slug = "snowflake-warehouse"

    database: str = Field(pattern=NAME, description="database that holds every schema")
    serving: str = Field("serving", pattern=NAME, description="the schema readers see")
    control: str = Field("control", pattern=NAME, description="the schema of ledger and journal")
    credentials: SnowflakeCredentials = Field(description="account, user and key pair, OAuth or identity")
    warehouse: str = Field(pattern=NAME, description="virtual warehouse that runs the queries")
    role: str = Field(pattern=NAME, description="role that builds and owns releases")
    readers: str = Field("", description="role of the readers, for set-up; may stay empty")
    threads: int = Field(4, ge=1, description="dbt models built side by side")
    statement_seconds: int = Field(3600, ge=1, description="a statement that takes longer is cancelled")
    lease_seconds: int = Field(300, ge=1, description="how long a dead run keeps others from writing")
    connection: dict[str, Any] = Field({}, description="more for the connector, say a proxy; no secrets")

    def check(self) -> str:
        """Connect and run a query on the virtual warehouse; one line for a person."""
        with self.session() as session:
            (version,) = session.rows("select current_version()")[0]
        return f"Snowflake {version}, {self.database} in account {self.credentials.account} as {self.role}"

    def session(self) -> AbstractContextManager[SnowflakeSession]:
        """A connection that is closed at the end; the connector's errors come out as PlatformErrors."""
        return opened(self.credentials, self.database, settings(self))

    @contextmanager
    def administration(self) -> Iterator[SnowflakeSession]:
        """A connection without database, warehouse and role, which set-up is about to make."""
        bare = {key: v for key, v in settings(self).items() if key not in {"database", "warehouse", "role"}}
        with opened(self.credentials, "the account", bare) as session:
            yield session

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the lease in the control schema. Raises Busy if another run has it."""
        return leased(self, self.lease_seconds)

    def dbt_target(self, schema: str) -> tuple[dict[str, Any], dict[str, str]]:
        """dbt-snowflake's profile output, and the environment variables of its secrets."""
        return clients.target(self, schema)

    def gx_connection(self) -> tuple[str, dict[str, Any]]:
        """snowflake-sqlalchemy's URL, without a secret in it, and the connection's arguments."""
        return clients.sqlalchemy(self)

    def columns(self, session: Session, schema: str, table: str) -> dict[str, str]:
        """Column → type, in order; empty if the relation does not exist or the role can't see it."""
        try:
            rows = session.rows(f"describe table {self.quote(schema, table)}")
        except NotFound:
            return {}
        return {plain(row[0]): str(row[1]) for row in rows}

    def ingest(self, batch: Batch) -> LoadReport:
        """Stage the files, then rows and ledger in one transaction."""
        with self.session() as session:

            def write() -> None:
                if batch.mode == "replace":
                    forget(self, session, batch.table.source, batch.table.name)
                write_ledger(self, session, batch.entries)

            changes = load_batch(self, session, batch, write)
        return batch.report(changes)

    def served(self) -> Release | None:
        """What readers see now, read from serving's `_release`."""
        return read_marker(self, self.serving)

    def flip(self, release: Release) -> None:
        """Fill the upcoming schema, check it and its grants, swap it with serving."""
        publish.flip(self, release)

    def releases(self) -> list[str]:
        """Every release schema there is."""
        like = self.literal(f"{RELEASE_PREFIX}%".replace("_", "\\_"))
        with self.session() as session:
            rows = session.show(f"show terse schemas like {like} in database {self.quote(self.database)}")
        return sorted(n for row in rows if (n := plain(row["name"])).startswith(RELEASE_PREFIX))

    def drop(self, schemas: Sequence[str]) -> None:
        """Drop release schemas with all they hold."""
        with self.session() as session:
            for schema in schemas:
                session.rows(f"drop schema if exists {self.quote(schema)} cascade")

    def clone(self, source: str, target: str) -> None:
        """A zero-copy clone, transient as releases are."""
        with self.session() as session:
            self.make_schema(session, target.rsplit(".", 1)[0])
            session.rows(
                f"create or replace transient table {self.relation(target)} clone {self.relation(source)}"
            )

    def make_schema(self, session: Session, schema: str) -> None:
        """Create a schema where it is missing; releases are transient, without Fail-safe to pay for."""
        kind = "transient schema" if schema.startswith(RELEASE_PREFIX) else "schema"
        session.rows(f"create {kind} if not exists {self.quote(schema)}")

    def setup(self, apply: bool = False) -> list[str]:
        """Role, virtual warehouse, database, schemas and grants; apply needs an administrator's credentials."""
        lines = grants.statements(self)
        if apply:
            grants.apply(self, lines)
        return lines

    def costs(self, days: int) -> Costs | None:
        """Credits by query tag, from ACCOUNT_USAGE."""
        with self.session() as session:
            return read_costs(session, self.warehouse, days)

    def live_source(self) -> LiveSource:
        """The account's host and serving."""
        return live.live_source(self)

    def quote(self, *parts: str) -> str:
        """Quoted, with plain lower-case names in the upper case they have in Snowflake."""
        return super().quote(*map(kept, parts))

    def literal(self, text: str) -> str:
        """A string literal; a backslash is special to Snowflake."""
        return super().literal(text.replace("\\", "\\\\"))

    def type_of(self, data_type: str | None) -> str:
        """Snowflake's name of a portable type."""
        return type_name(data_type)
