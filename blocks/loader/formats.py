"""How DuckDB reads each file format as text: which columns a file has, and the FROM clause over many files.

Files come linked under numbers, so no name of the source is in any SQL; the table `links` says which is which.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from blocks.errors import ContractBroken, Misconfigured
from blocks.loader.contract import Reading, check_columns, literal, quoted
from blocks.records import SourceTable

JOIN = "join links l on l.path = c.filename"
WHOLE = "delim = '\x1f', quote = '', escape = '', header = false"  # a line is one value: JSON has no raw \x1f


class File(NamedTuple):
    """A file to load. item: its path relative to the location. path: its link in the working folder."""

    item: str
    path: Path
    size: int
    fingerprint: str


class Group(NamedTuple):
    """Files with the same columns."""

    names: tuple[str, ...]
    files: tuple[File, ...]

    def paths(self) -> list[str]:
        """The links, as DuckDB's parameter."""
        return [str(file.path) for file in self.files]


class Format(NamedTuple):
    """groups: checks each file's columns. reading: what DuckDB reads of a group; rejects go to that table."""

    groups: Callable[[Any, SourceTable, Sequence[File]], list[Group]]
    reading: Callable[[SourceTable, Group, str], Reading]


def broken(
    table: SourceTable, file: str, answer: str, remedy: str = "Have the source write it again."
) -> ContractBroken:
    """The error for a file that can't be loaded."""
    return ContractBroken(f"load {table.full_name} from {file}", answer, remedy)


def _grouped(table: SourceTable, names: Sequence[tuple[File, tuple[str, ...]]]) -> list[Group]:
    groups: dict[tuple[str, ...], list[File]] = {}
    for file, columns in names:
        check_columns(table, columns, file.item)
        groups.setdefault(columns, []).append(file)
    return [Group(columns, tuple(files)) for columns, files in groups.items()]


def _csv_header(table: SourceTable, file: File) -> tuple[str, ...]:
    try:
        with file.path.open(encoding="utf-8-sig", newline="") as lines:
            names = [name.strip() for name in next(csv.reader(lines, delimiter=_delimiter(table)), [])]
    except UnicodeDecodeError:
        names, problem = [], "it is not UTF-8"
    except csv.Error:
        names, problem = [], "its first line is no CSV header"
    else:
        problem = "its first line is empty" if not names else ""
    twice = sorted({name for name in names if [n.lower() for n in names].count(name.lower()) > 1})
    if problem or twice:
        raise broken(table, file.item, problem or f"column {', '.join(twice)} is there more than once")
    return tuple(names)


def _csv_groups(connection: Any, table: SourceTable, files: Sequence[File]) -> list[Group]:
    for file in files:
        with file.path.open("rb") as content:
            content.seek(-1, 2)
            if table.meta.get("final_newline") and content.read(1) not in b"\r\n":
                raise broken(table, file.item, "it is cut off: the last line does not end")
    return _grouped(table, [(file, _csv_header(table, file)) for file in files])


def _delimiter(table: SourceTable) -> str:
    sign = str(table.meta.get("delimiter", ","))
    if len(sign) != 1:
        raise Misconfigured(
            f"load {table.full_name}", "the delimiter is not one character", "Correct its meta."
        )
    return sign


def _lines(columns: Sequence[str], options: str, rejects: str) -> str:
    struct = ", ".join(f"'{column}': 'varchar'" for column in columns)
    return (
        f"(select c.*, l.item from read_csv(?, auto_detect = false, {options}, columns = {{{struct}}}, filename = true,"
        f" store_rejects = true, rejects_table = '{rejects}', rejects_scan = '{rejects}_scans', rejects_limit = 0)"
        f" c {JOIN})"
    )


def _csv_reading(table: SourceTable, group: Group, rejects: str) -> Reading:
    columns = [f"c{at}" for at in range(len(group.names))]
    options = f"""delim = {literal(_delimiter(table))}, quote = '"', escape = '"', header = true"""
    return Reading(
        _lines(columns, options, rejects), dict(zip(group.names, columns, strict=True)),
        "json_object({})".format(", ".join(f"{literal(n)}, {c}" for n, c in zip(group.names, columns, strict=True))),
        "item",
    )  # fmt: skip


def json_reading(relation: str, names: Sequence[str], item: str = "null") -> Reading:
    """Records that are JSON text in a column `record` of a relation."""
    paths = ", ".join(literal("/" + name.replace("~", "~0").replace("/", "~1")) for name in names)
    good = "case when json_valid(record) and json_type(record) = 'OBJECT' then record end"
    return Reading(
        f"(select *, json_extract_string({good}, [{paths}]::varchar[]) as v from {relation})",
        {name: f"v[{at + 1}]" for at, name in enumerate(names)}, "record", item,
        f"case when {good} is null then 'the row: not a JSON object' end",
    )  # fmt: skip


def json_names(connection: Any, relation: str, item: str, parameters: Sequence[Any]) -> dict[str, list[str]]:
    """item → the names its records have, in order of appearance."""
    good = "case when json_valid(record) and json_type(record) = 'OBJECT' then record end"
    rows = connection.execute(
        f"select coalesce(i, ''), k from (select {item} as i, unnest(json_keys({good})) as k from {relation})"
        " group by all order by 1, 2", list(parameters),
    ).fetchall()  # fmt: skip
    names: dict[str, list[str]] = {}
    for at, name in rows:
        names.setdefault(at, []).append(name)
    return names


def _json_groups(connection: Any, table: SourceTable, files: Sequence[File]) -> list[Group]:
    everything = Group((), tuple(files))
    found = json_names(connection, _lines(["record"], WHOLE, "names"), "item", [everything.paths()])
    for file in files:
        if file.item in found:
            check_columns(table, found[file.item], file.item)
    return [Group(tuple(dict.fromkeys(name for names in found.values() for name in names)), tuple(files))]


def _json_reading(table: SourceTable, group: Group, rejects: str) -> Reading:
    return json_reading(_lines(["record"], WHOLE, rejects), group.names, "item")


def _parquet_groups(connection: Any, table: SourceTable, files: Sequence[File]) -> list[Group]:
    import duckdb

    names: list[tuple[File, tuple[str, ...]]] = []
    for file in files:
        try:
            rows = connection.execute("describe select * from read_parquet(?)", [str(file.path)]).fetchall()
        except duckdb.Error:
            rows = []
        if not rows:
            raise broken(table, file.item, "it can't be read as Parquet")
        names.append((file, tuple(row[0] for row in rows)))
    return _grouped(table, names)


def _parquet_reading(table: SourceTable, group: Group, rejects: str) -> Reading:
    texts = {name: f"cast(c.{quoted(name)} as varchar)" for name in group.names}
    row = "json_object({})".format(", ".join(f"{literal(name)}, {text}" for name, text in texts.items()))
    return Reading(f"read_parquet(?, filename = true) c {JOIN}", texts, row, "l.item")


FORMATS = {
    "csv": Format(_csv_groups, _csv_reading),
    "jsonl": Format(_json_groups, _json_reading),
    "parquet": Format(_parquet_groups, _parquet_reading),
}
