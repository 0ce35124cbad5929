"""PostgreSQL as the warehouse."""

from blocks.warehouse.postgres.warehouse import PostgresWarehouse as PostgresWarehouse
