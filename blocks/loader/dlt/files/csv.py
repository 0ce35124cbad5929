"""CSV: UTF-8, a header, quotes doubled. DuckDB reads every value as text; the header is read here."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TYPE_CHECKING

from blocks.errors import Misconfigured
from blocks.loader.dlt.contract import TextRelation
from blocks.loader.dlt.files.formats import (
    FileFormat,
    FileGroup,
    SourceFile,
    build_file_error,
    build_lines_relation,
    check_final_newline,
    group_by_columns,
)
from blocks.loader.dlt.values import DUCKDB
from blocks.records import SourceTable
from blocks.sql import write_literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def _group_files(
    connection: DuckDBPyConnection, table: SourceTable, files: Sequence[SourceFile]
) -> list[FileGroup]:
    groups = group_by_columns(table, [(file, _read_header(table, file)) for file in files])
    check_final_newline(table, files)
    for group in groups:
        lower = [name.lower() for name in group.names]
        twice = sorted({name for name in group.names if lower.count(name.lower()) > 1})
        if twice:
            raise build_file_error(
                table, group.files[0].item, f"column {', '.join(twice)} is there more than once"
            )
    return groups


def _read_header(table: SourceTable, file: SourceFile) -> tuple[str, ...]:
    problem, names = "its first line is empty", list[str]()
    try:
        with file.path.open(encoding="utf-8-sig", newline="") as content:
            names = [name.strip() for name in next(csv.reader(content, delimiter=_get_delimiter(table)), [])]
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except csv.Error:
        problem = "its first line is no CSV header"
    if not names:
        raise build_file_error(table, file.item, problem)
    return tuple(names)


def _get_delimiter(table: SourceTable) -> str:
    sign = str(table.meta.get("delimiter", ","))
    if len(sign) != 1:
        raise Misconfigured(
            f"load {table.full_name}", "its delimiter is not one character", "Correct its meta."
        )
    return sign


def _build_relation(table: SourceTable, group: FileGroup, rejects: str) -> TextRelation:
    texts = {name: f"c{at}" for at, name in enumerate(group.names)}
    options = (
        f"delim = {write_literal(_get_delimiter(table), DUCKDB)}, quote = '\"', escape = '\"', header = true"
    )
    return TextRelation(build_lines_relation(list(texts.values()), options, rejects), texts, "item", "number")


CSV = FileFormat(_group_files, _build_relation)
