"""Parquet: values are typed already; they pass through text like all others, without loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from blocks.loader.dlt.contract import TextRelation, describe_names
from blocks.loader.dlt.files.formats import (
    WITH_ITEM,
    FileFormat,
    FileGroup,
    SourceFile,
    build_file_error,
    group_by_columns,
)
from blocks.records import SourceTable
from blocks.sql import quote_identifier

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_DIGITS = 38  # of a decimal


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
    _check_decimals(connection, table, file)
    return tuple(row[0] for row in found), tuple(row[1] for row in found)


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


def _build_relation(table: SourceTable, group: FileGroup, rejects: str) -> TextRelation:
    texts = {name: _build_text(name, kind) for name, kind in zip(group.names, group.types, strict=True)}
    return TextRelation(f"read_parquet(?, filename = '_path') {WITH_ITEM}", texts, "l.item", "l.number")


def _build_text(name: str, kind: str) -> str:
    """Build the SQL of a value as text: JSON, as in JSON lines, if it is nested."""
    value = f"c.{quote_identifier(name)}"
    nested = kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))
    return f"cast({f'to_json({value})' if nested else value} as varchar)"


PARQUET = FileFormat(_group_files, _build_relation, is_text=False)
