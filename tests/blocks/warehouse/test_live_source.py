"""Where a BI server would read each warehouse itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse


def test_a_local_file_cannot_be_read_live(tmp_path: Path) -> None:
    assert DuckDBWarehouse(database=str(tmp_path / "w.duckdb")).describe_live_source() is None


def test_snowflake_is_read_at_its_account_with_the_readers_role() -> None:
    pytest.importorskip("prefect_snowflake", reason="extra `snowflake` is not installed")
    from prefect_snowflake import SnowflakeCredentials

    from blocks.warehouse.snowflake.warehouse import SnowflakeWarehouse

    credentials = SnowflakeCredentials(account="acme-eu", user="builder", password="hidden")
    given = {"database": "analytics", "warehouse": "bi", "role": "builder", "readers": "analysts"}
    live = SnowflakeWarehouse(credentials=credentials, **given).describe_live_source()
    assert (live.kind, live.server) == ("snowflake", "acme-eu.snowflakecomputing.com")
    assert (live.database, live.schema_name, live.warehouse, live.role) == (
        "ANALYTICS",
        "SERVING",
        "BI",
        "ANALYSTS",
    )
    assert "hidden" not in live.model_dump_json()
