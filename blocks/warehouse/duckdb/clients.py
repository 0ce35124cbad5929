"""How dbt and Great Expectations get to the same file."""

from __future__ import annotations

from blocks.time_zone import UTC_ZONE
from blocks.warehouse.duckdb.settings import DuckDBSettings


class DuckDBClients(DuckDBSettings):
    """The settings, as each client takes them."""

    def make_dbt_target(
        self, schema: str, time_zone: str = UTC_ZONE
    ) -> tuple[dict[str, object], dict[str, str]]:
        """dbt-duckdb's profile output; no secrets."""
        settings = {
            "memory_limit": self.memory_limit,
            "preserve_insertion_order": False,
            "TimeZone": time_zone,
        }
        target = {"type": "duckdb", "path": str(self.path), "schema": schema, "threads": self.threads}
        # after 1, 2, 4 s; what is tried again is the file's being open elsewhere
        waiting = {"connect_attempts": 4, "retryable_exceptions": ["IOException"]}
        return {**target, "settings": settings, "retries": waiting}, {}

    def make_gx_connection(self) -> tuple[str, dict[str, object]]:
        """The autocommit dialect (see sqlalchemy.py), read-only."""
        from blocks.warehouse.duckdb.sqlalchemy import make_url

        return make_url(self.path), {"connect_args": {"read_only": True}}
