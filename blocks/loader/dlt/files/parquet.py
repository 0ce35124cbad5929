"""Parquet: values are typed already; they pass through text like all others, without loss."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.loader.dlt.contract import TextRelation, describe_names
from blocks.loader.dlt.files.formats import (
    FileFormat,
    FileGroup,
    SourceFile,
    build_file_error,
    build_item_join,
    check_names,
    group_by_columns,
)
from blocks.records import SourceTable
from blocks.sql import quote_identifier

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from duckdb import DuckDBPyConnection

MOST_DIGITS = 38  # of a decimal
NUMBERS = ("DECIMAL", "DOUBLE", "FLOAT", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U")
TIMES = ("DATE", "TIMESTAMP")
SINGLE = re.compile(r"\bFLOAT(?=[\[),]|$)")  # a type, and no member's name: a type follows that
NANOSECONDS_IN_UTC = "%isAdjustedToUTC=1%NANOS=NanoSeconds()%"
FARTHEST_SECOND = 9_214_000_000  # from 1970: what nanoseconds in 64 bits reach, with a margin


def _group_files(
    connection: DuckDBPyConnection, table: SourceTable, files: Sequence[SourceFile]
) -> list[FileGroup]:
    """Group files by names and types: DuckDB would read all by the types of the first, and round their values."""
    by_types: dict[tuple[str, ...], list[tuple[SourceFile, tuple[str, ...]]]] = {}
    for file in files:
        names, types = _read_columns(connection, table, file)
        by_types.setdefault(types, []).append((file, names))
    return [
        group._replace(types=types)
        for types, found in by_types.items()
        for group in group_by_columns(table, found)
    ]


def _read_columns(
    connection: DuckDBPyConnection, table: SourceTable, file: SourceFile
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a file's columns: their names, and their types."""
    import duckdb

    try:
        found = connection.execute("describe select * from read_parquet(?)", [str(file.path)]).fetchall()
    except (duckdb.IOException, duckdb.InvalidInputException):
        found = []
    if not found:
        raise build_file_error(table, file.label, "it is no Parquet file, or cut off")
    check_names(table, file, _read_names(connection, file))
    _check_decimals(connection, table, file)
    _check_nanoseconds(connection, table, file)
    return tuple(row[0] for row in found), tuple(row[1] for row in found)


def _read_names(connection: DuckDBPyConnection, file: SourceFile) -> list[str]:
    """Return the columns' names as they are written: DuckDB numbers those that are there twice."""
    _root, *nodes = connection.execute(
        "select name, coalesce(num_children, 0) from parquet_schema(?)", [str(file.path)]
    ).fetchall()
    names, inside = [], 0  # nodes still to come that are in a column
    for name, children in nodes:
        if inside:
            inside += children - 1
        else:
            names.append(name)
            inside = children
    return names


def _check_decimals(connection: DuckDBPyConnection, table: SourceTable, file: SourceFile) -> None:
    """Raise ContractBroken for a decimal that DuckDB has no type for: it would read a double, of wrong values."""
    wide = connection.execute(
        "select name, precision from parquet_schema(?) where precision > ?", [str(file.path), MOST_DIGITS]
    ).fetchone()
    if wide:
        raise build_file_error(
            table,
            file.label,
            f"{describe_names([wide[0]])} is a decimal of {wide[1]} digits, of which {MOST_DIGITS} can be read",
            f"Have the source write it with at most {MOST_DIGITS} digits, or as text.",
        )


def _check_nanoseconds(connection: DuckDBPyConnection, table: SourceTable, file: SourceFile) -> None:
    """Raise ContractBroken for a time that DuckDB would cut, unless its column says `round: true`.

    These are INT96, and nanoseconds in UTC. INT96 that 64 bits of nanoseconds can't hold (before 1678, after 2261) are
    not looked at.
    """
    cut_off = connection.execute(
        f"select 1 from parquet_schema(?) where type = 'INT96' or logical_type like '{NANOSECONDS_IN_UTC}' limit 1",
        [str(file.path)],
    ).fetchone()
    if not cut_off:
        return
    cut = {column.origin for column in table.columns if column.meta.get("round") is True}
    if name := _find_nanoseconds(file.path, cut):
        raise build_file_error(
            table,
            file.label,
            f"{describe_names([name])} has times (INT96, or nanoseconds in UTC) with more digits of a second than 6",
            "Have the source write microseconds instead, or declare the column with `round: true`, which cuts them.",
        )


def _find_nanoseconds(path: Path, cut: Collection[str]) -> str | None:
    """Return the first column, of others than those to cut, with a time between two microseconds."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    exact = pq.ParquetFile(path, memory_map=True)
    rough = pq.ParquetFile(path, memory_map=True, coerce_int96_timestamp_unit="us")
    leaves = [exact.schema.column(at) for at in range(len(exact.schema.names))]
    for leaf in (each for each in leaves if each.physical_type == "INT96" or _is_utc_nanoseconds(each)):
        name = str(leaf.path).split(".")[0]
        if name in cut:
            continue
        batches = (each.iter_batches(1 << 16, columns=[leaf.path]) for each in (exact, rough))
        for parts in zip(*batches, strict=True):
            fine, cut_off = (_flatten(part.column(0)).cast("int64") for part in parts)
            if leaf.physical_type != "INT96":  # both are nanoseconds
                cut_off = pc.divide(fine, 1000)
            near = pc.less(pc.abs(pc.divide(cut_off, 1_000_000)), FARTHEST_SECOND)
            # a remainder only where the nanoseconds did not overflow
            lost = pc.and_(near, pc.not_equal(fine, pc.multiply(cut_off, 1000)))
            if pc.any(lost).as_py():
                return name
    return None


def _is_utc_nanoseconds(leaf: pq.ColumnSchema) -> bool:
    """True for a leaf that has them by its own type; nanoseconds without a zone arrive all."""
    kind = json.loads(leaf.logical_type.to_json())
    return kind.get("timeUnit") == "nanoseconds" and kind.get("isAdjustedToUTC") is True


def _flatten(values: pa.Array) -> pa.Array:
    """Return what is in lists and structs of one member."""
    import pyarrow as pa

    while pa.types.is_nested(values.type):
        values = values.flatten()[0] if pa.types.is_struct(values.type) else values.flatten()
    return values


def _build_relation(table: SourceTable, group: FileGroup, rejects: str) -> TextRelation:
    types = dict(zip(group.names, group.types, strict=True))
    lower = [name.lower() for name in types]
    path = next(name for at in count() if (name := f"_path{at}") not in lower)
    return TextRelation(
        f"read_parquet(?, filename = '{path}') {build_item_join(path)}",
        {name: _build_text(name, kind) for name, kind in types.items()},
        "l.item",
        "l.number",
        numbers={name: "true" for name, kind in types.items() if kind.startswith(NUMBERS)},
        times={name: "true" for name, kind in types.items() if kind.startswith(TIMES)},
        typed={name: (f"c.{quote_identifier(name)}", kind) for name, kind in types.items()},
    )


def _build_text(name: str, kind: str) -> str:
    """Build the SQL of a value as text: JSON, as in JSON lines, if it is nested."""
    value = f"c.{quote_identifier(name)}"
    if kind == "BLOB":  # old writers do not say which bytes are texts; one with a NUL is none
        text = f"try(decode({value}))"
        return f"case when not contains({text}, chr(0)) then {text} else cast({value} as varchar) end"
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))
    if nested and SINGLE.search(kind):  # JSON has doubles, with more digits than a float of 32 bits means
        value = f"cast(cast({value} as {SINGLE.sub('VARCHAR', kind)}) as {SINGLE.sub('DOUBLE', kind)})"
    return f"cast({f'to_json({value})' if nested else value} as varchar)"


PARQUET = FileFormat(_group_files, _build_relation, is_text=False)
