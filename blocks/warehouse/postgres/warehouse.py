"""PostgreSQL as the warehouse: what it does in another way than the template. Promotion is one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, cast

from blocks.errors import Rejected
from blocks.records import Release
from blocks.time_zone import UTC_ZONE
from blocks.warehouse.batch import LoadTarget
from blocks.warehouse.postgres.clients import PostgresClients
from blocks.warehouse.postgres.grants import PostgresGrants
from blocks.warehouse.postgres.session import PostgresSession, open_session
from blocks.warehouse.postgres.view_settings import (
    read_view_settings,
    refuse_dropped_views,
    write_view_setting,
)
from blocks.warehouse.settings import Session, transaction
from blocks.warehouse.sql_warehouse import SharedWarehouse
from blocks.warehouse.view_setting import Settings, ViewSetting

LOCK_WAIT = "200ms"  # below deadlock_timeout (1 s): a promotion gives way before a reader is made to
COLUMNS = (
    "select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute a"
    " join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace"
    " where n.nspname = ? and c.relname = ? and a.attnum > 0 and not a.attisdropped order by a.attnum"
)

KEPT_IN_COPIES = ("comments", "compression", "constraints", "defaults", "indexes", "storage")


class PostgresWarehouse(PostgresClients, PostgresGrants, SharedWarehouse):
    """A database on a PostgreSQL server (13 or later)."""

    _block_type_name = "PostgreSQL Warehouse"
    _block_type_slug = "postgres-warehouse"

    flip_seconds: ClassVar[float] = 300

    def check(self) -> str:
        """Connect; return a one-line status."""
        with self.session() as session:
            ((version, who),) = session.rows("select current_setting('server_version'), current_user")
        return f"PostgreSQL {version}, {self.database} at {self.host}:{self.port} as {who}"

    def session(self) -> AbstractContextManager[PostgresSession]:
        """A connection that is closed at the end; psycopg's errors come out as PlatformErrors."""
        arguments = self.build_connection_arguments()
        # what a run that was stopped holds in an open transaction is free when its lease is
        arguments["options"] += f" -c idle_in_transaction_session_timeout={self.lease_seconds}s"
        return open_session(arguments)

    def holds_lease(self, session: Session, owner: str, number: int, lock: bool = False) -> bool:
        """Whether a holder still has the lease. lock: share a lock on its row; whoever wants to take it waits."""
        query, parameters = self.lease_query(owner, number)
        return bool(session.rows(f"{query} for share", parameters))

    def administration(self) -> AbstractContextManager[PostgresSession]:
        """A connection as the user who logs in: roles are about to be made."""
        return open_session(self.build_connection_arguments(role=self.user))

    def use_time_zone(self, session: Session, time_zone: str) -> None:
        """A setting of the session."""
        if time_zone != UTC_ZONE:
            session.rows(f"set time zone {self.literal(time_zone)}")

    def columns(self, session: Session, schema: str, table: str) -> dict[str, str]:
        """Column → type with its precision, in order; empty if the relation does not exist."""
        return dict(session.rows(COLUMNS, (schema, table)))

    def write_row_marks(self, session: Session, schema: str, table: str, columns: Mapping[str, str]) -> str:
        """The transactions that wrote the rows, too, where they are a table's: an update is another one."""
        is_table = session.rows(
            "select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = ? and c.relname = ? and c.relkind = 'r'",
            (schema, table),
        )
        return "count(*), sum(xmin::text::bigint)" if is_table else "count(*)"

    def prepare_load(self, session: Session, schema: str) -> None:
        """As the template does, one at a time: two that create the same at once would fail."""
        with transaction(session):
            session.rows("select pg_advisory_xact_lock(hashtext('ticket-to-dashboard'))")
            super().prepare_load(session, schema)

    def copy_files(self, session: Session, table: str, columns: Sequence[str], files: Sequence[Path]) -> None:
        """COPY from here, batch by batch."""
        cast("PostgresSession", session).load(table, columns, files)

    def drop_raw_table(self, session: Session, target: LoadTarget) -> None:
        """One that views stand on, such as those of earlier releases, is put aside under another name instead."""
        session.rows("savepoint before_drop")
        try:
            super().drop_raw_table(session, target)
        except Rejected:
            session.rows("rollback to savepoint before_drop")
            ((number,),) = session.rows("select pg_current_xact_id()::text")
            aside = self.quote(f"{target.name[:40]}__before_{number}")
            session.rows(f"alter table {self.relation(target.relation)} rename to {aside}")

    def create_copy(self, session: Session, source: str, target: str) -> None:
        """As the template does; constraints and indexes are copied, but for references to other tables."""
        kept = " ".join(f"including {each}" for each in KEPT_IN_COPIES)
        session.rows(f"create table {self.relation(target)} (like {self.relation(source)} {kept})")
        session.rows(f"insert into {self.relation(target)} select * from {self.relation(source)}")

    def replace_view(self, session: Session, schema: str, view: str, query: str) -> None:
        """A view whose columns change is dropped first; one whose columns stay keeps what stands on it."""
        session.rows("savepoint before_view")
        try:
            super().replace_view(session, schema, view, query)
        except Rejected:
            session.rows("rollback to savepoint before_view")
            session.rows(f"drop view if exists {self.quote(schema, view)}")
            super().replace_view(session, schema, view, query)

    def read_view_settings(self, session: Session, schema: str) -> Settings:
        """Owner, rights, comments and options, of views and of their columns."""
        return read_view_settings(session, schema)

    def write_view_setting(self, view: str, setting: ViewSetting, remove: bool = False) -> str:
        """GRANT, REVOKE, COMMENT or ALTER VIEW."""
        return write_view_setting(self, view, setting, remove)

    def check_view_settings(
        self,
        session: Session,
        release: Release,
        columns: Mapping[str, Mapping[str, str]],
        kept: Settings,
    ) -> None:
        """Also that nothing stands on a view that has to be dropped, because its columns change."""
        super().check_view_settings(session, release, columns, kept)
        now = {mart: self.columns(session, self.serving, mart) for mart in release.marts if mart in kept}
        refuse_dropped_views(
            session, self.serving, kept, {mart: (old, columns[mart]) for mart, old in now.items()}
        )

    def point_views(self, session: Session, before: set[str], release: Release) -> None:
        """Wait for a lock on a view only briefly: readers queue behind whoever waits."""
        session.rows(f"set local lock_timeout = '{LOCK_WAIT}'")
        super().point_views(session, before, release)
