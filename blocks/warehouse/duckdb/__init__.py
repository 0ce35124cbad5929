"""DuckDB as the warehouse: one file, the embedded default."""

from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse as DuckDBWarehouse
