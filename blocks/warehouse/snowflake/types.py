"""Types between Snowflake and Arrow: of a result, for extracts, and of a file, for loads.

A result's batches come with integers as narrow as their values and timestamps in nanoseconds: one file needs
one schema, so it is taken from the result's description.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.warehouse.snowflake.names import to_plain

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.connector.cursor import ResultMetadata


def make_arrow_schema(description: Sequence[ResultMetadata]) -> pa.Schema:
    """The Arrow schema of a result. NUMBER without decimals is int64 where its values can be expected to fit."""
    import pyarrow as pa
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    kinds = {
        "REAL": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "BINARY": pa.binary(),
        "TIME": pa.time64("us"),
        "TIMESTAMP_NTZ": pa.timestamp("us"),
        "TIMESTAMP_LTZ": pa.timestamp("us", "UTC"),
        "TIMESTAMP_TZ": pa.timestamp("us", "UTC"),
    }
    fields = []
    for column in description:
        name = FIELD_ID_TO_NAME[column.type_code]
        if name == "FIXED":
            kind = pa.decimal128(38, column.scale) if column.scale else pa.int64()
        else:
            kind = kinds.get(name, pa.string())
        fields.append(pa.field(to_plain(column.name), kind))
    return pa.schema(fields)


def read_column_types(path: Path) -> dict[str, str]:
    """Columns of a Parquet file → the type they take in Snowflake."""
    import pyarrow.parquet as pq

    return {field.name: convert_column_type(field.type) for field in pq.read_schema(path)}


def convert_column_type(kind: pa.DataType) -> str:
    """Snowflake's type for an Arrow type."""
    from pyarrow import types

    if types.is_decimal(kind):
        return f"NUMBER({kind.precision},{kind.scale})"
    if types.is_timestamp(kind):
        return "TIMESTAMP_LTZ" if kind.tz else "TIMESTAMP_NTZ"
    for found, name in (
        (types.is_integer, "NUMBER(38,0)"),
        (types.is_floating, "FLOAT"),
        (types.is_boolean, "BOOLEAN"),
        (types.is_date, "DATE"),
        (types.is_time, "TIME"),
        (types.is_nested, "VARIANT"),
        (types.is_binary, "BINARY"),
        (types.is_large_binary, "BINARY"),
    ):
        if found(kind):
            return name
    return "VARCHAR"  # text, and a column of nothing but nulls


def can_load_type(incoming: str, known: str) -> bool:
    """True if values of one type can be loaded into a column of the other without loss."""
    family, _, digits = incoming.partition("(")
    other, _, room = known.partition("(")
    if family != other:
        return False
    if family != "NUMBER":
        return True
    return int(digits.rstrip(")").split(",")[-1]) <= int(room.rstrip(")").split(",")[-1] or 0)
