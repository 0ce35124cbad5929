"""JSON records: lines of a file, or what an API sends; JSON text until DuckDB takes it apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blocks.loader.dlt.contract import Reading, check_columns, literal
from blocks.loader.dlt.files.formats import File, Format, Group, check_end, lines
from blocks.records import SourceTable

# a line is one value: JSON holds no raw control character
WHOLE = "delim = '\x1f', quote = '', escape = '', header = false"
OBJECT = "case when json_valid(record) and json_type(record) = 'OBJECT' then record end"


def record_names(
    connection: Any, relation: str, item: str, parameters: Sequence[Any]
) -> dict[str, list[str]]:
    """item → the names its records have, sorted."""
    found: dict[str, list[str]] = {}
    for at, name in connection.execute(
        f"select i, k from (select {item} as i, unnest(json_keys({OBJECT})) as k from {relation})"
        " group by all order by all",
        list(parameters),
    ).fetchall():
        found.setdefault(at, []).append(name)
    return found


def record_reading(relation: str, names: Sequence[str], item: str = "null") -> Reading:
    """Records in a column `record` of a relation."""
    pointers = ("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
    paths = ", ".join(literal(pointer) for pointer in pointers)
    return Reading(
        f"(select *, json_extract_string({OBJECT}, [{paths}]::varchar[]) as v from {relation})",
        {name: f"v[{at + 1}]" for at, name in enumerate(names)},
        item,
        row="record",
        problem=f"case when {OBJECT} is null then 'the row: not a JSON object' end",
    )


def _groups(connection: Any, table: SourceTable, files: Sequence[File]) -> list[Group]:
    check_end(table, files)
    everything = Group((), tuple(files))
    found = record_names(connection, lines(["record"], WHOLE, "rejects_names"), "item", [everything.paths()])
    for file in files:
        if file.item in found:
            check_columns(table, found[file.item], file.item)
    return [
        everything._replace(names=tuple(dict.fromkeys(name for names in found.values() for name in names)))
    ]


def _reading(table: SourceTable, group: Group, rejects: str) -> Reading:
    return record_reading(lines(["record"], WHOLE, rejects), group.names, "item")


JSON_LINES = Format(_groups, _reading)
