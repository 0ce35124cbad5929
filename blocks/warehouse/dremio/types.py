"""Types: as dbt sources declare them, as Dremio's INFORMATION_SCHEMA names them, as Parquet files hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

DECLARED = {
    "bigint": "bigint",
    "int8": "bigint",
    "long": "bigint",
    "integer": "integer",
    "int": "integer",
    "smallint": "integer",
    "tinyint": "integer",
    "double": "double",
    "double precision": "double",
    "float8": "double",
    "float": "float",
    "real": "float",
    "boolean": "boolean",
    "bool": "boolean",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "datetime": "timestamp",
    "timestamptz": "timestamp",
    "blob": "varbinary",
    "binary": "varbinary",
    "hugeint": "decimal(38,0)",
}
STANDARD = {"CHARACTER VARYING": "VARCHAR", "BINARY VARYING": "VARBINARY"}


def map_declared_type(data_type: str | None) -> str:
    """Dremio's name of a portable type; what it does not know, and what is undeclared, is text."""
    text = (data_type or "varchar").lower().replace(", ", ",").strip()
    base, _, arguments = text.partition("(")
    if base.strip() in {"decimal", "numeric", "number"}:
        return f"decimal({arguments or '38,9)'}"
    return DECLARED.get(base.strip(), "varchar")


def map_schema_type(kind: str, precision: int | None, scale: int | None) -> str:
    """A type as INFORMATION_SCHEMA describes it, in one word, or as DECIMAL(precision,scale)."""
    kind = STANDARD.get(kind.upper(), kind.upper())
    return f"DECIMAL({precision},{scale or 0})" if kind == "DECIMAL" else kind


def map_arrow_type(kind: pa.DataType) -> str:
    """The type of a Parquet file's column once it is in Dremio, in capitals."""
    from pyarrow import types

    if types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    checks = (
        (types.is_boolean, "BOOLEAN"),
        (types.is_int64, "BIGINT"),
        (types.is_uint64, "DECIMAL(38,0)"),
        (types.is_uint32, "BIGINT"),
        (types.is_integer, "INTEGER"),
        (types.is_float64, "DOUBLE"),
        (types.is_floating, "FLOAT"),
        (types.is_date, "DATE"),
        (types.is_time, "TIME"),
        (types.is_timestamp, "TIMESTAMP"),
        (types.is_binary, "VARBINARY"),
        (types.is_large_binary, "VARBINARY"),
    )
    return next((name for test, name in checks if test(kind)), "VARCHAR")
