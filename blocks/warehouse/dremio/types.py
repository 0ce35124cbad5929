"""Types: as dbt sources declare them, as Dremio's INFORMATION_SCHEMA names them."""

from __future__ import annotations

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
