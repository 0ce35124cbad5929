"""A small SQLAlchemy dialect over Arrow Flight, for Great Expectations; the public one fails (docs/dremio.md).

Read-only. Names in it are the warehouse's `schema.table`, so suites are the same as everywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from sqlalchemy import Table, pool, types
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL, Connection, default
from sqlalchemy.engine.interfaces import (
    ReflectedColumn,
    ReflectedForeignKeyConstraint,
    ReflectedIndex,
    ReflectedPrimaryKeyConstraint,
)
from sqlalchemy.sql import compiler
from sqlalchemy.types import TypeEngine

import blocks.warehouse.dremio.dbapi as flight_dbapi
from blocks.vendor_patches.great_expectations import name_type_module
from blocks.warehouse.dremio.dbapi import register_settings, registered
from blocks.warehouse.dremio.releases import list_releases
from blocks.warehouse.dremio.session import DremioSession, read_columns
from blocks.warehouse.dremio.settings import DremioSettings

TYPES = {
    "VARCHAR": types.VARCHAR,
    "BIGINT": types.BIGINT,
    "INTEGER": types.INTEGER,
    "DOUBLE": types.DOUBLE,
    "FLOAT": types.FLOAT,
    "DECIMAL": types.DECIMAL,
    "BOOLEAN": types.BOOLEAN,
    "DATE": types.DATE,
    "TIME": types.TIME,
    "TIMESTAMP": types.TIMESTAMP,
    "VARBINARY": types.VARBINARY,
}
QUOTE = '"'
globals().update(TYPES)  # Great Expectations looks for types by name in the dialect's module


def make_url(settings: DremioSettings) -> str:
    """The SQLAlchemy URL of a warehouse under this dialect; no secret in it."""
    registry.register("dremio.flight", __name__, DremioDialect.__name__)
    name_type_module("sqlalchemy_dremio.pyodbc", sys.modules[__name__])
    return URL.create("dremio+flight", database=register_settings(settings)).render_as_string()


class DremioCompiler(compiler.SQLCompiler):
    """Write `schema.table` as the whole path that the settings give it."""

    dialect: DremioDialect

    def visit_table(self, table: Table, asfrom: bool = False, **options: object) -> str:  # type: ignore[override]
        """A table's name."""
        plain: str = super().visit_table(table, asfrom=asfrom, **options)  # type: ignore[no-untyped-call]
        if not (asfrom and table.schema):
            return plain
        return self.dialect.settings.relation(f"{table.schema.strip(QUOTE)}.{table.name.strip(QUOTE)}")

    def visit_column(self, column: Any, include_table: bool = True, **options: Any) -> str:  # type: ignore[override]
        """A column; of a table with a schema, by the table's last name."""
        schema = getattr(column.table, "schema", None)
        plain: str = super().visit_column(column, include_table=include_table and not schema, **options)
        return f"{self.preparer.quote(column.table.name)}.{plain}" if include_table and schema else plain


class DremioPreparer(compiler.IdentifierPreparer):
    """Every name quoted: a column may be one of Dremio's many reserved words."""

    def _requires_quotes(self, value: str) -> bool:
        return True


class DremioDialect(default.DefaultDialect):
    """Enough of a dialect to read a table and to say what columns it has."""

    name, driver = "dremio", "flight"
    supports_statement_cache, supports_sane_rowcount, supports_native_boolean = True, False, True
    supports_native_decimal, default_paramstyle = True, "pyformat"
    preparer, statement_compiler, poolclass = DremioPreparer, DremioCompiler, pool.SingletonThreadPool
    settings: DremioSettings

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """The database API over Flight sessions."""
        return flight_dbapi

    def create_connect_args(self, url: URL) -> tuple[Sequence[str], dict[str, object]]:
        """The settings that the URL names."""
        self.settings = registered[str(url.database)]
        return (), {"name": url.database}

    def initialize(self, connection: Connection) -> None:
        """Do nothing: the server is asked nothing at the start."""

    def has_table(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: object
    ) -> bool:
        """True if it has columns."""
        return bool(self.get_columns(connection, table_name, schema))

    def get_columns(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: object
    ) -> list[ReflectedColumn]:
        """Columns with their types."""
        path = self.settings.names.path(schema or "", table_name)
        return [
            {"name": column, "type": _make_type(kind), "nullable": True, "default": None}
            for column, kind in read_columns(_find_session(connection), path).items()
        ]

    def get_table_names(self, connection: Connection, schema: str | None = None, **kw: object) -> list[str]:
        """Names of a schema's tables."""
        return _list_names(connection, self.settings.names.path(schema or ""), "TABLE")

    def get_view_names(self, connection: Connection, schema: str | None = None, **kw: object) -> list[str]:
        """Names of a schema's views."""
        return _list_names(connection, self.settings.names.view_folder(schema or ""), "VIEW")

    def get_schema_names(self, connection: Connection, **kw: object) -> list[str]:
        """Release schemas: all that is audited."""
        return list_releases(self.settings, _find_session(connection))

    def get_pk_constraint(self, *args: object, **kw: object) -> ReflectedPrimaryKeyConstraint:
        """Dremio knows none."""
        return {"constrained_columns": [], "name": None}

    def get_foreign_keys(self, *args: object, **kw: object) -> list[ReflectedForeignKeyConstraint]:
        """Dremio knows none."""
        return []

    def get_indexes(self, *args: object, **kw: object) -> list[ReflectedIndex]:
        """Dremio knows none."""
        return []


def _find_session(connection: Connection) -> DremioSession:
    session: DremioSession = connection.connection.dbapi_connection.session  # type: ignore[union-attr]
    return session


def _list_names(connection: Connection, folder: Sequence[str], kind: str) -> list[str]:
    return [name for name, found in _find_session(connection).list_relations(folder).items() if found == kind]


def _make_type(kind: str) -> TypeEngine[object]:
    base, _, arguments = kind.partition("(")
    made: type[TypeEngine[object]] = TYPES.get(base, types.NullType)
    return made(*(int(part) for part in arguments.rstrip(")").split(","))) if arguments else made()
