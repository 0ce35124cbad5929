"""CSV: UTF-8, a header, quotes doubled. DuckDB reads every value as text; the header is read here."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

from blocks.errors import Misconfigured
from blocks.loader.dlt.contract import Reading, literal
from blocks.loader.dlt.files.formats import File, Format, Group, broken, check_end, grouped, lines
from blocks.records import SourceTable


def _groups(connection: Any, table: SourceTable, files: Sequence[File]) -> list[Group]:
    groups = grouped(table, [(file, _header(table, file)) for file in files])
    check_end(table, files)
    for group in groups:
        lower = [name.lower() for name in group.names]
        twice = sorted({name for name in group.names if lower.count(name.lower()) > 1})
        if twice:
            raise broken(table, group.files[0].item, f"column {', '.join(twice)} is there more than once")
    return groups


def _header(table: SourceTable, file: File) -> tuple[str, ...]:
    problem, names = "its first line is empty", list[str]()
    try:
        with file.path.open(encoding="utf-8-sig", newline="") as content:
            names = [name.strip() for name in next(csv.reader(content, delimiter=_delimiter(table)), [])]
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except csv.Error:
        problem = "its first line is no CSV header"
    if not names:
        raise broken(table, file.item, problem)
    return tuple(names)


def _delimiter(table: SourceTable) -> str:
    sign = str(table.meta.get("delimiter", ","))
    if len(sign) != 1:
        raise Misconfigured(
            f"load {table.full_name}", "its delimiter is not one character", "Correct its meta."
        )
    return sign


def _reading(table: SourceTable, group: Group, rejects: str) -> Reading:
    texts = {name: f"c{at}" for at, name in enumerate(group.names)}
    options = f"delim = {literal(_delimiter(table))}, quote = '\"', escape = '\"', header = true"
    return Reading(lines(list(texts.values()), options, rejects), texts, "item")


CSV = Format(_groups, _reading)
