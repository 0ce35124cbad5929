"""A PostgreSQL of the tests' own, and warehouses in databases of their own on it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy.engine import URL, make_url

from blocks.warehouse.postgres.warehouse import PostgresWarehouse


class Server:
    """Where it is, and how its administrator gets in."""

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url)

    @property
    def arguments(self) -> dict[str, Any]:
        """libpq's arguments for the administrator."""
        found = self.url
        return {"host": found.host, "port": found.port, "user": found.username, "password": found.password}

    def run(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """One statement as the administrator."""
        with psycopg.connect(**self.arguments, dbname=database, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def warehouse(self, **fields: Any) -> PostgresWarehouse:
        """A warehouse, in a new database where none is named."""
        if "database" not in fields:
            fields["database"] = f"db_{uuid4().hex[:10]}"
            self.run(f"create database {fields['database']}")
        return PostgresWarehouse(**{"sslmode": "disable", "threads": 2, **self.arguments, **fields})
