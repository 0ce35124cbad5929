"""A SQLAlchemy dialect for DuckDB that leaves transactions alone.

Great Expectations reads through SQLAlchemy, whose begin and rollback around each query make duckdb-engine
return empty results; with these calls silent, it reads what is there (tried with great-expectations 1.24).
"""

from __future__ import annotations

from pathlib import Path

from duckdb_engine import Dialect
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL


class AutocommitDialect(Dialect):  # type: ignore[misc]
    """duckdb-engine's dialect without transactions."""

    driver = "autocommit"
    supports_statement_cache = False

    def do_begin(self, connection: object) -> None:
        """Nothing: every statement stands alone."""

    def do_commit(self, connection: object) -> None:
        """Nothing: every statement stands alone."""

    def do_rollback(self, connection: object) -> None:
        """Nothing: every statement stands alone."""


def make_url(path: Path) -> str:
    """The SQLAlchemy URL of a file under this dialect."""
    registry.register("duckdb.autocommit", __name__, AutocommitDialect.__name__)
    return URL.create("duckdb+autocommit", database=str(path)).render_as_string(hide_password=False)
