"""A small SQLAlchemy dialect over Arrow Flight, for Great Expectations; the public one fails (docs/dremio.md).

Read-only. Names in it are a warehouse's own `schema.table`, so suites are the same as everywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sqlalchemy import pool, types
from sqlalchemy.dialects import registry
from sqlalchemy.engine import URL, default
from sqlalchemy.sql import compiler

from blocks.warehouse.dremio import dbapi

if TYPE_CHECKING:
    from blocks.warehouse.dremio.warehouse import DremioWarehouse

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


def url(warehouse: DremioWarehouse) -> str:
    """The SQLAlchemy URL of a warehouse under this dialect."""
    registry.register("dremio.flight", __name__, DremioDialect.__name__)
    # great-expectations 1.24 knows the name `dremio` and looks its types up in this module of the public dialect
    sys.modules.setdefault("sqlalchemy_dremio", ModuleType("sqlalchemy_dremio"))
    sys.modules.setdefault("sqlalchemy_dremio.pyodbc", sys.modules[__name__])
    return URL.create("dremio+flight", database=dbapi.known(warehouse)).render_as_string()


class Compiler(compiler.SQLCompiler):
    """`schema.table` as the whole path that the warehouse gives it."""

    dialect: DremioDialect

    def visit_table(self, table: Any, asfrom: bool = False, **options: Any) -> str:  # type: ignore[override]
        """A table's name."""
        plain: str = super().visit_table(table, asfrom=asfrom, **options)  # type: ignore[no-untyped-call]
        if not (asfrom and table.schema):
            return plain
        return self.dialect.warehouse.relation(f"{table.schema.strip(QUOTE)}.{table.name.strip(QUOTE)}")

    def visit_column(self, column: Any, include_table: bool = True, **options: Any) -> str:  # type: ignore[override]
        """A column; of a table with a schema, by the table's last name."""
        schema = getattr(column.table, "schema", None)
        plain: str = super().visit_column(column, include_table=include_table and not schema, **options)
        return f"{self.preparer.quote(column.table.name)}.{plain}" if include_table and schema else plain


class Preparer(compiler.IdentifierPreparer):
    """Every name quoted: a column may be one of Dremio's many reserved words."""

    def _requires_quotes(self, value: str) -> bool:
        return True


class DremioDialect(default.DefaultDialect):
    """Enough of a dialect to read a table and to say what columns it has."""

    name, driver = "dremio", "flight"
    supports_statement_cache, supports_sane_rowcount, supports_native_boolean = True, False, True
    supports_native_decimal, default_paramstyle = True, "pyformat"
    preparer, statement_compiler, poolclass = Preparer, Compiler, pool.SingletonThreadPool
    warehouse: DremioWarehouse

    @classmethod
    def import_dbapi(cls) -> Any:
        """Ours."""
        return dbapi

    def create_connect_args(self, url: URL) -> tuple[Sequence[str], dict[str, Any]]:
        """The warehouse that the URL names."""
        self.warehouse = dbapi.warehouses[str(url.database)]
        return (), {"warehouse": url.database}

    def initialize(self, connection: Any) -> None:
        """Ask nothing at the start."""

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        """True if it has columns."""
        return bool(self.get_columns(connection, table_name, schema))

    def get_columns(
        self, connection: Any, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        """Columns with their types."""
        session = connection.connection.dbapi_connection.session
        found = self.warehouse.columns(session, schema or "", table_name)
        return [
            {"name": column, "type": _type(kind), "nullable": True, "default": None}
            for column, kind in found.items()
        ]

    def get_table_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        """Names of a schema's tables."""
        return self._names(connection, schema, "TABLE")

    def get_view_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        """Names of a schema's views."""
        return self._names(connection, schema, "VIEW")

    def get_schema_names(self, connection: Any, **kw: Any) -> list[str]:
        """Release schemas: all that is audited."""
        return self.warehouse.releases()

    def get_pk_constraint(self, *args: Any, **kw: Any) -> Any:
        """Dremio knows none."""
        return {"constrained_columns": [], "name": None}

    def get_foreign_keys(self, *args: Any, **kw: Any) -> list[Any]:
        """Dremio knows none."""
        return []

    def get_indexes(self, *args: Any, **kw: Any) -> list[Any]:
        """Dremio knows none."""
        return []

    def _names(self, connection: Any, schema: str | None, kind: str) -> list[str]:
        folder = self.warehouse.names.path if kind == "TABLE" else self.warehouse.names.view_folder
        rows = connection.connection.dbapi_connection.session.rows(
            'select TABLE_NAME from INFORMATION_SCHEMA."TABLES" where TABLE_SCHEMA = ? and TABLE_TYPE = ?',
            (".".join(folder(schema or "")), kind),
        )
        return [row[0] for row in rows]


def _type(kind: str) -> Any:
    base, _, arguments = kind.partition("(")
    made = TYPES.get(base, types.NullType)
    return made(*(int(part) for part in arguments.rstrip(")").split(","))) if arguments else made()
