"""Frames with the types that a warehouse has: whole numbers and decimals stay exact, nulls stay nulls.

A new type gets its row in `_choose_pandas_type`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from blocks.errors import BadAnswer
from blocks.records import Record
from blocks.time_zone import UTC_ZONE
from blocks.warehouse.settings import Session

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def read_query(session: Session, query: str, time_zone: str = UTC_ZONE) -> pd.DataFrame:
    """A query's rows. time_zone: in which points in time that have a zone are shown."""
    import pyarrow.parquet as pq

    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        count = session.export(query, path)
        # not as part of a data set: a folder's name must not become a column
        table = pq.ParquetFile(path).read()
    if len(table) != count:
        raise BadAnswer("read a query's rows", f"{len(table)} of {count} came", "Run it again.")
    return make_frame(table, time_zone)


def make_frame(table: pa.Table, time_zone: str = UTC_ZONE) -> pd.DataFrame:
    """An Arrow table as a frame: Int64, Float64, boolean, str, datetime64; Arrow's own for decimals and dates."""
    plain = table.replace_schema_metadata(None)
    for place, field in enumerate(plain.schema):
        kind, column = _convert_column(field.type, plain.column(place), time_zone)
        plain = plain.set_column(place, field.with_type(kind), column)
    frame: pd.DataFrame = plain.to_pandas(types_mapper=_choose_pandas_type)
    return frame


def make_records_frame(records: Iterable[Record], columns: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Records as a frame, a column a field. columns: field and its type, as Arrow names it; `utc`: a time in UTC."""
    import pyarrow as pa

    kinds = {name: pa.timestamp("us") if kind == "utc" else pa.type_for_alias(kind) for name, kind in columns}
    rows = [{name: getattr(record, name) for name in kinds} for record in records]
    table = pa.Table.from_pylist(rows, pa.schema(list(kinds.items())))
    for place, (name, kind) in enumerate(columns):
        if kind == "utc":
            table = table.set_column(place, name, table.column(place).cast(pa.timestamp("us", UTC_ZONE)))
    return make_frame(table)


def _convert_column(
    kind: pa.DataType, column: pa.ChunkedArray, time_zone: str
) -> tuple[pa.DataType, pa.ChunkedArray]:
    """A column as pandas gets it: wide whole numbers as 64 bits where all fit, points in time in one zone."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_decimal(kind) and kind.scale == 0:  # a sum of whole numbers, in most warehouses
        try:
            return pa.int64(), column.cast(pa.int64())
        except pa.ArrowInvalid:
            return kind, column
    if types.is_timestamp(kind):
        wanted = pa.timestamp("us" if kind.unit in ("s", "ms") else kind.unit, time_zone if kind.tz else None)
        return wanted, column.cast(wanted)
    if types.is_date(kind):
        return pa.date32(), column.cast(pa.date32())
    if isinstance(kind, pa.BaseExtensionType):  # an identifier, as UUID
        return pa.string(), pa.chunked_array(
            [pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())]
        )
    return kind, column


def _choose_pandas_type(kind: pa.DataType) -> object:
    """The type of a frame's column; None for pandas' own choice, which keeps nulls."""
    import pandas as pd
    from pyarrow import types

    if types.is_unsigned_integer(kind):
        return getattr(pd, f"UInt{kind.bit_width}Dtype")()
    if types.is_integer(kind):
        return getattr(pd, f"Int{kind.bit_width}Dtype")()
    if types.is_floating(kind) and kind.bit_width > 16:
        return getattr(pd, f"Float{kind.bit_width}Dtype")()
    if types.is_boolean(kind):
        return pd.BooleanDtype()
    if types.is_string(kind) or types.is_large_string(kind) or types.is_timestamp(kind):
        return None
    return pd.ArrowDtype(kind)
