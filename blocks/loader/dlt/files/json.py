"""JSON records: lines of a file, or an API's answers; they stay JSON text until DuckDB parses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from blocks.loader.dlt.contract import DUCKDB, TextRelation, check_columns
from blocks.loader.dlt.files.formats import (
    FileFormat,
    FileGroup,
    SourceFile,
    build_lines_relation,
    check_final_newline,
)
from blocks.records import SourceTable
from blocks.sql import write_literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# a line is one value: JSON holds no raw control character
LINE_OPTIONS = "delim = '\x1f', quote = '', escape = '', header = false"
RECORD_OBJECT = "case when json_valid(record) and json_type(record) = 'OBJECT' then record end"


def read_record_names(
    connection: DuckDBPyConnection, relation: str, item: str, parameters: Sequence[object]
) -> dict[str, list[str]]:
    """Return item → the names that its records have, sorted."""
    found: dict[str, list[str]] = {}
    for at, name in connection.execute(
        f"select i, k from (select {item} as i, unnest(json_keys({RECORD_OBJECT})) as k from {relation})"
        " group by all order by all",
        list(parameters),
    ).fetchall():
        found.setdefault(at, []).append(name)
    return found


def build_record_relation(
    relation: str, names: Sequence[str], item: str = "null", order: str = "0"
) -> TextRelation:
    """Read values out of a relation's column `record`."""
    pointers = ("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
    paths = ", ".join(write_literal(pointer, DUCKDB) for pointer in pointers)
    return TextRelation(
        f"(select *, json_extract_string({RECORD_OBJECT}, [{paths}]::varchar[]) as v from {relation})",
        {name: f"v[{at + 1}]" for at, name in enumerate(names)},
        item,
        order,
        row="record",
        problem=f"case when {RECORD_OBJECT} is null then 'the row: not a JSON object' end",
    )


def _group_files(
    connection: DuckDBPyConnection, table: SourceTable, files: Sequence[SourceFile]
) -> list[FileGroup]:
    check_final_newline(table, files)
    everything = FileGroup((), tuple(files))
    found = read_record_names(
        connection,
        build_lines_relation(["record"], LINE_OPTIONS, "rejects_names"),
        "item",
        [everything.get_paths()],
    )
    for file in files:
        if file.item in found:
            check_columns(table, found[file.item], file.item, optional=True)
    return [
        everything._replace(names=tuple(dict.fromkeys(name for names in found.values() for name in names)))
    ]


def _build_relation(table: SourceTable, group: FileGroup, rejects: str) -> TextRelation:
    return build_record_relation(
        build_lines_relation(["record"], LINE_OPTIONS, rejects), group.names, "item", "number"
    )


JSON_LINES = FileFormat(_group_files, _build_relation)
