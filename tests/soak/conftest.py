"""The servers of the warehouses' own tests."""

from tests.blocks.warehouse.conftest import dremio_server, postgres_server, snowflake_account

__all__ = ["dremio_server", "postgres_server", "snowflake_account"]
