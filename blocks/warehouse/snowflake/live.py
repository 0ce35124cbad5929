"""How Tableau reads Snowflake's serving schema itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.warehouse.bi_connection import LiveSource
from blocks.warehouse.snowflake.names import kept

if TYPE_CHECKING:
    from blocks.warehouse.snowflake.warehouse import SnowflakeWarehouse


def live_source(warehouse: SnowflakeWarehouse) -> LiveSource:
    """The account's host and serving; with the readers' role, or the BI user's own where the block names none."""
    return LiveSource(
        kind="snowflake",
        server=f"{warehouse.credentials.account}.snowflakecomputing.com",
        database=kept(warehouse.database),
        schema_name=kept(warehouse.serving),
        warehouse=kept(warehouse.warehouse),
        role=kept(warehouse.readers) if warehouse.readers else "",
    )
