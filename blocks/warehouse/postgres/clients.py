"""How dbt, Great Expectations and a BI server get to the same database. Secrets are in no file and no URL."""

from __future__ import annotations

from blocks.time_zone import UTC_ZONE
from blocks.warehouse.bi_connection import LiveSource
from blocks.warehouse.postgres.settings import PostgresSettings

PASSED_IN = "DBT_ENV_SECRET_POSTGRES_PASSWORD"  # dbt keeps variables of this beginning out of its logs


class PostgresClients(PostgresSettings):
    """The settings, as each client takes them."""

    def make_dbt_target(
        self, schema: str, time_zone: str = UTC_ZONE
    ) -> tuple[dict[str, object], dict[str, str]]:
        """dbt-postgres' profile output, and the environment of dbt's process: libpq reads PGOPTIONS."""
        arguments = self.build_connection_arguments()
        options = arguments["options"].replace("timezone=UTC", f"timezone={time_zone}")
        environment = {PASSED_IN: arguments["password"], "PGOPTIONS": options}
        shown = {name: value for name, value in arguments.items() if name not in ("options", "password")}
        own = {"type": "postgres", "schema": schema, "threads": self.threads, "role": self.role or None}
        return {**shown, **own, "password": f"{{{{ env_var('{PASSED_IN}') }}}}"}, environment

    def make_gx_connection(self) -> tuple[str, dict[str, object]]:
        """SQLAlchemy's URL, which needs no more than the driver, and engine arguments."""
        from blocks.warehouse.postgres.watched_connection import make_url

        return make_url(), {
            "connect_args": self.build_connection_arguments(),
            "hide_parameters": True,
        }

    def describe_live_source(self) -> LiveSource:
        """Serving as a BI server reaches it."""
        place = {
            "server": self.host,
            "port": self.port,
            "database": self.database,
            "schema_name": self.serving,
        }
        return LiveSource.model_validate(
            {**place, "kind": "postgres", "encrypted": self.sslmode != "disable"}
        )
