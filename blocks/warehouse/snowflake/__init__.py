"""Snowflake as the warehouse."""

from blocks.warehouse.snowflake.warehouse import SnowflakeWarehouse as SnowflakeWarehouse
