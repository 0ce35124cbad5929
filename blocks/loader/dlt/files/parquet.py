"""Parquet: values are typed already; they pass through text like all others, without loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blocks.loader.dlt.contract import Reading, quoted
from blocks.loader.dlt.files.formats import LINKED, File, Format, Group, broken, grouped
from blocks.records import SourceTable


def _groups(connection: Any, table: SourceTable, files: Sequence[File]) -> list[Group]:
    return grouped(table, [(file, _names(connection, table, file)) for file in files])


def _names(connection: Any, table: SourceTable, file: File) -> tuple[str, ...]:
    import duckdb

    try:
        found = connection.execute("describe select * from read_parquet(?)", [str(file.path)]).fetchall()
    except (duckdb.IOException, duckdb.InvalidInputException):
        found = []
    if not found:
        raise broken(table, file.item, "it is no Parquet file, or cut off")
    return tuple(row[0] for row in found)


def _reading(table: SourceTable, group: Group, rejects: str) -> Reading:
    texts = {name: f"cast(c.{quoted(name)} as varchar)" for name in group.names}
    return Reading(f"read_parquet(?, filename = '_path') {LINKED}", texts, "l.item")


PARQUET = Format(_groups, _reading)
