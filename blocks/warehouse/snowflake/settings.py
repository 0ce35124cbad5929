"""What Snowflake's helpers take: fields of the block, and its names, literals and types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

from prefect_snowflake import SnowflakeCredentials
from pydantic import Field

from blocks.query_tags import query_tag
from blocks.warehouse.bi_connection import LiveSource
from blocks.warehouse.settings import SharedSettings
from blocks.warehouse.snowflake.names import to_stored

NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


class SnowflakeSettings(SharedSettings):
    """A database in Snowflake, how to get there, and as whom."""

    dialect: ClassVar[str] = "snowflake"
    sets_dbt_zone: ClassVar[bool] = False  # dbt's sessions have the user's

    database: str = Field(pattern=NAME, description="database that holds every schema")
    serving: str = Field("serving", pattern=NAME, description="the schema readers see")
    control: str = Field("control", pattern=NAME, description="the schema of ledger and journal")
    credentials: SnowflakeCredentials = Field(description="account, user and key pair, OAuth or identity")
    warehouse: str = Field(pattern=NAME, description="virtual warehouse that runs the queries")
    role: str = Field(pattern=NAME, description="role that builds and owns releases")
    readers: str = Field("", description="role of the readers, for set-up; may stay empty")
    connection: dict[str, object] = Field({}, description="more for the connector, say a proxy; no secrets")

    @property
    def lease_key(self) -> tuple[str, ...]:
        """Which control schema in which account."""
        return (*super().lease_key, self.credentials.account)

    def clock(self, seconds: float = 0) -> str:
        """The account's time in UTC."""
        return f"dateadd(millisecond, {seconds * 1000:.0f}, sysdate())"

    def draw(self, share: float) -> str:
        """As elsewhere; its random() gives whole numbers of any size."""
        return f"uniform(0::float, 1::float, random()) < {share:.8f}"

    @property
    def next_schema(self) -> str:
        """The schema the next release is put together in, before it is swapped with serving."""
        return f"{self.serving}_next"

    def quote(self, *parts: str) -> str:
        """Quoted, with plain lower-case names in the upper case they have in Snowflake."""
        return super().quote(*map(to_stored, parts))

    def build_connection_arguments(self) -> dict[str, object]:
        """Arguments of every connection, beside its credentials'."""
        parameters = {
            "QUERY_TAG": query_tag(),
            "STATEMENT_TIMEOUT_IN_SECONDS": self.statement_seconds,
            "ABORT_DETACHED_QUERY": True,
            "TIMEZONE": "UTC",
            "WEEK_START": 1,  # Monday, as on pages
        }
        given = cast("Mapping[str, object]", self.connection.get("session_parameters", {}))
        return {
            "database": self.database,
            "warehouse": self.warehouse,
            "role": self.role,
            "autocommit": True,
            "paramstyle": "qmark",
            "arrow_number_to_decimal": True,
            "login_timeout": 60,
            "network_timeout": 300,
            "platform_detection_timeout_seconds": 0,  # or each login asks clouds' addresses where it runs
            **self.connection,
            "session_parameters": {**parameters, **given},
        }

    def describe_live_source(self) -> LiveSource:
        """The account's host and serving; with the readers' role, or the BI user's own where none is named."""
        return LiveSource(
            kind="snowflake",
            server=f"{self.credentials.account}.snowflakecomputing.com",
            database=to_stored(self.database),
            schema_name=to_stored(self.serving),
            warehouse=to_stored(self.warehouse),
            role=to_stored(self.readers) if self.readers else "",
        )
