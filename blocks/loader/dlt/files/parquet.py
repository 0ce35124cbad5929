"""Parquet: values are typed already; they pass through text like all others, without loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from blocks.loader.dlt.contract import TextRelation
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


def _group_files(
    connection: DuckDBPyConnection, table: SourceTable, files: Sequence[SourceFile]
) -> list[FileGroup]:
    return group_by_columns(table, [(file, _read_names(connection, table, file)) for file in files])


def _read_names(connection: DuckDBPyConnection, table: SourceTable, file: SourceFile) -> tuple[str, ...]:
    import duckdb

    try:
        found = connection.execute("describe select * from read_parquet(?)", [str(file.path)]).fetchall()
    except (duckdb.IOException, duckdb.InvalidInputException):
        found = []
    if not found:
        raise build_file_error(table, file.item, "it is no Parquet file, or cut off")
    return tuple(row[0] for row in found)


def _build_relation(table: SourceTable, group: FileGroup, rejects: str) -> TextRelation:
    texts = {name: f"cast(c.{quote_identifier(name)} as varchar)" for name in group.names}
    return TextRelation(f"read_parquet(?, filename = '_path') {WITH_ITEM}", texts, "l.item")


PARQUET = FileFormat(_group_files, _build_relation)
