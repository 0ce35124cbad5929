"""What PostgreSQL's helpers take: fields of the block, and the arguments of every connection."""

from __future__ import annotations

from typing import ClassVar, Literal, TypedDict

from pydantic import Field, SecretStr

from blocks.http.address import Host
from blocks.query_tags import query_tag
from blocks.warehouse.settings import SharedSettings

NAME = r"^([a-z_][a-z0-9_]*)?$"


class ConnectionArguments(TypedDict):
    """libpq's arguments."""

    host: str
    port: int
    dbname: str
    user: str
    password: str
    sslmode: str
    connect_timeout: int
    application_name: str
    options: str


class PostgresSettings(SharedSettings):
    """A database on a server, how to get there, and as whom."""

    dialect: ClassVar[str] = "postgres"
    longest_name: ClassVar[int | None] = 63

    host: Host = Field(description="the server")
    port: int = Field(5432, description="its port")
    user: str = Field(description="who logs in")
    password: SecretStr = Field(description="the password")
    role: str = Field("", pattern=NAME, description="role that owns all that is made; empty: the user")
    readers: str = Field("", pattern=NAME, description="role of the readers, for set-up")
    sslmode: Literal["disable", "require", "verify-full"] = Field("verify-full", description="encryption")

    @property
    def lease_key(self) -> tuple[str, ...]:
        """Which control schema on which server."""
        return (*super().lease_key, self.host, str(self.port))

    def clock(self, seconds: float = 0) -> str:
        """The server's time, not its transaction's."""
        return f"(clock_timestamp() at time zone 'UTC' + interval '{seconds:.3f} seconds')"

    def build_connection_arguments(self, role: str = "") -> ConnectionArguments:
        """libpq's arguments. role: whom to act as, instead of the block's."""
        acting = role or self.role or self.user
        options = f"-c statement_timeout={self.statement_seconds}s -c timezone=UTC -c datestyle=ISO -c role={acting}"
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password.get_secret_value(),
            "sslmode": self.sslmode,
            "connect_timeout": 10,
            "application_name": query_tag()[: self.longest_name],
            "options": options,
        }
