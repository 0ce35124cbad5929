"""Snowflake as the warehouse: what it does in another way than the template.

Names in plain lower case are Snowflake's unquoted ones, kept in upper case there and given back in lower case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ClassVar, cast

from blocks.errors import NotFound
from blocks.records import Release
from blocks.release_names import RELEASE_PREFIX
from blocks.time_zone import UTC_ZONE
from blocks.warehouse.batch import Batch, LoadTarget
from blocks.warehouse.costs import Costs
from blocks.warehouse.settings import Session
from blocks.warehouse.snowflake.clients import write_engine, write_profile
from blocks.warehouse.snowflake.costs import read_costs
from blocks.warehouse.snowflake.grants import write_setup
from blocks.warehouse.snowflake.load import copy_beside
from blocks.warehouse.snowflake.names import to_plain
from blocks.warehouse.snowflake.publish import check_flip, swap_serving
from blocks.warehouse.snowflake.session import SnowflakeSession, open_session
from blocks.warehouse.snowflake.staging import copy_sql, stage_groups
from blocks.warehouse.snowflake.types import can_load_type, read_column_types
from blocks.warehouse.snowflake.upcoming import SnowflakeConnection, claim_upcoming, list_schemas
from blocks.warehouse.snowflake.view_settings import read_view_settings, refuse_policies, write_view_setting
from blocks.warehouse.sql_warehouse import GONE, QUARANTINE, ROWS, SharedWarehouse
from blocks.warehouse.view_setting import Settings, ViewSetting


class SnowflakeWarehouse(SnowflakeConnection, SharedWarehouse):
    """A database in Snowflake. The credentials' role is used if the block names none."""

    _block_type_name = "Snowflake Warehouse"
    _block_type_slug = "snowflake-warehouse"

    ddl_rolls_back: ClassVar[bool] = False

    def check(self) -> str:
        """Connect and run a query on the virtual warehouse; return a one-line status."""
        with self.session() as session:
            (version,) = session.rows("select current_version()")[0]
        return f"Snowflake {version}, {self.database} in account {self.credentials.account} as {self.role}"

    def session(self) -> AbstractContextManager[SnowflakeSession]:
        """A connection that is closed at the end; the connector's errors come out as PlatformErrors."""
        return open_session(self.credentials, self.database, self.build_connection_arguments())

    def make_dbt_target(
        self, schema: str, time_zone: str = UTC_ZONE
    ) -> tuple[dict[str, object], dict[str, str]]:
        """dbt-snowflake's profile output, and the environment variables of its secrets.

        The adapter takes no time zone: dbt's sessions have the user's, its parameter TIMEZONE.
        """
        return write_profile(self, schema)

    def use_time_zone(self, session: Session, time_zone: str) -> None:
        """A parameter of the session. TIMESTAMP_TZ columns keep the offset that each value has."""
        if time_zone != UTC_ZONE:
            session.rows(f"alter session set timezone = {self.literal(time_zone)}")

    def make_gx_connection(self) -> tuple[str, dict[str, object]]:
        """snowflake-sqlalchemy's URL, without a secret in it, and the connection's arguments."""
        return write_engine(self)

    def columns(self, session: Session, schema: str, table: str) -> dict[str, str]:
        """Column → type, in order; empty if the relation does not exist or the role can't see it."""
        try:
            rows = session.rows(f"describe table {self.quote(schema, table)}")
        except NotFound:
            return {}
        return {to_plain(row[0]): str(row[1]) for row in rows}

    def read_file_columns(self, session: Session, files: Sequence[Path]) -> dict[str, str]:
        """Columns of files → the type they take."""
        return {name: kind for file in files for name, kind in read_column_types(file).items()}

    def can_load_type(self, incoming: str, known: str) -> bool:
        """Numbers fit into a NUMBER of as many decimals."""
        return can_load_type(incoming, known)

    @contextmanager
    def stage_files(self, session: Session, batch: Batch, target: LoadTarget) -> Iterator[Mapping[str, str]]:
        """A folder of the stage for each group; tables for what is matched by key."""
        files = {ROWS: batch.data, QUARANTINE: batch.quarantine, GONE: batch.gone}
        matched = (ROWS, GONE) if target.key else (GONE,)
        with (
            stage_groups(self, session, files) as folders,
            copy_beside(self, session, target, folders, matched) as tables,
        ):
            yield {**folders, **tables}

    def insert_files(self, session: Session, target: LoadTarget, staged: str) -> None:
        """COPY INTO from a folder; a table of rows that were matched by key is inserted."""
        if staged.startswith("@"):
            session.rows(copy_sql(self, target.relation, staged))
        else:
            super().insert_files(session, target, staged)

    def holds_lease(self, session: Session, owner: str, number: int, lock: bool = False) -> bool:
        """Whether a holder still has the lease. lock: update its row for nothing, so that others wait."""
        if lock:
            table, name = self.quote(self.control, "lease"), self.quote("owner")
            session.rows(f"update {table} set {name} = {name} where {name} = ?", (owner,))
        return super().holds_lease(session, owner, number, lock)

    def claim_flip(self, number: int) -> None:
        """Rename the upcoming schema to this number's: earlier runs have none to swap any more."""
        with self.session() as session:
            claim_upcoming(self, session, number)

    def check_release(self, session: Session, release: Release) -> None:
        """Check as well that no mart refreshes by itself, and that readers would keep their rights."""
        super().check_release(session, release)
        check_flip(self, cast("SnowflakeSession", session), release)

    def read_views(self, session: Session, schema: str) -> dict[str, str]:
        """A schema's views, by SHOW VIEWS."""
        rows = cast("SnowflakeSession", session).show(f"show views in schema {self.quote(schema)}")
        return {to_plain(str(row["name"])): str(row["text"]) for row in rows}

    def read_view_settings(self, session: Session, schema: str) -> Settings:
        """SECURE, comments, tags and policies, of views and of their columns."""
        return read_view_settings(self, cast("SnowflakeSession", session), schema)

    def write_view_setting(self, view: str, setting: ViewSetting, remove: bool = False) -> str:
        """ALTER VIEW."""
        return write_view_setting(self, view, setting, remove)

    def check_view_settings(
        self,
        session: Session,
        release: Release,
        columns: Mapping[str, Mapping[str, str]],
        kept: Settings,
    ) -> None:
        """Also that no policy is on a view, which the new one would not have."""
        refuse_policies(self, kept)
        super().check_view_settings(session, release, columns, kept)

    def change_over(self, release: Release) -> None:
        """Fill the upcoming schema, check it and its grants, swap it with serving."""
        swap_serving(self, release)

    def list_releases(self) -> list[str]:
        """Every release schema there is."""
        with self.session() as session:
            return sorted(list_schemas(self, session, RELEASE_PREFIX))

    def copy_table(self, source: str, target: str) -> None:
        """A zero-copy clone, transient as releases are."""
        with self.session() as session:
            session.rows(
                f"create or replace transient table {self.relation(target)} clone {self.relation(source)}"
            )

    def make_schema(self, session: Session, schema: str) -> None:
        """Create a schema where it is missing; releases are transient, without Fail-safe to pay for."""
        kind = "transient schema" if schema.startswith(RELEASE_PREFIX) else "schema"
        session.rows(f"create {kind} if not exists {self.quote(schema)}")

    def write_setup(self) -> list[str]:
        """Role, virtual warehouse, database, schemas and grants."""
        return write_setup(self)

    def administration(self) -> AbstractContextManager[SnowflakeSession]:
        """A connection without database, virtual warehouse and role."""
        missing = {"database", "warehouse", "role"}
        bare = {key: value for key, value in self.build_connection_arguments().items() if key not in missing}
        return open_session(self.credentials, "the account", bare)

    def read_costs(self, days: int) -> Costs | None:
        """Credits by query tag, from ACCOUNT_USAGE."""
        with self.session() as session:
            return read_costs(session, self.warehouse, days)
