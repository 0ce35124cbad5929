"""CSV: a header, quotes doubled. DuckDB reads every value as text; the header is read here.

Where the header is not what the table declares, the error shows it and says what to declare.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from shutil import copyfileobj
from typing import TYPE_CHECKING, NamedTuple, TextIO

from blocks.errors import Misconfigured
from blocks.loader.dlt.contract import TextRelation, describe_names, find_missing, raise_missing
from blocks.loader.dlt.files.encodings import explain_no_utf8
from blocks.loader.dlt.files.formats import (
    FileFormat,
    FileGroup,
    SourceFile,
    build_file_error,
    build_lines_relation,
    check_final_newline,
    check_names,
    get_count,
    name_blank,
    strip_name,
)
from blocks.loader.dlt.values import DUCKDB, describe_type
from blocks.records import SourceTable
from blocks.sql import write_literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DELIMITERS = {";": ";", "\t": "\\t", "|": "|", ",": ","}  # sign → as it is declared
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)  # as Excel writes it before the header
MARK = "\ufeff"  # a second mark (BOM), of a file that was joined or marked twice
EMPTY = "its first line is empty"
LOOKED_AT = 30  # lines in which a header is looked for, for the error's words
LONGEST_LINE = 1 << 20  # characters of a header
VALUE = re.compile(r"\s*(?:[-+]?\d[\d.,:/ -]*|\S+@\S+\.\S+)?\s*")  # what no column is called


class Header(NamedTuple):
    """A file's columns; skip: the number of lines before them, the line `sep=;` included."""

    names: tuple[str, ...]
    delimiter: str
    skip: int


def _group_files(
    connection: DuckDBPyConnection, table: SourceTable, files: Sequence[SourceFile]
) -> list[FileGroup]:
    groups: dict[Header, list[SourceFile]] = {}
    for file in files:
        header = _read_header(table, file)
        missing = find_missing(table, header.names)
        if missing:
            raise_missing(table, file.label, missing, *_explain_header(table, file, header))
        if header.names.count("") > 1:
            header = header._replace(names=name_blank(header.names))
        check_names(table, file, header.names)
        groups.setdefault(header, []).append(file)
    check_final_newline(table, files)
    return [
        FileGroup(header.names, tuple(members), delimiter=header.delimiter, skip=header.skip)
        for header, members in groups.items()
    ]


def _read_header(table: SourceTable, file: SourceFile) -> Header:
    problem, skip, delimiter = (
        EMPTY,
        get_count(table, "skip_lines"),
        get_delimiter(table),
    )
    names: list[str] = []
    try:
        with file.path.open(encoding="utf-8-sig", newline="") as content:
            for _ in range(skip):
                content.readline(LONGEST_LINE)
            first = content.readline(LONGEST_LINE).removeprefix(MARK)
            if found := SEPARATOR_LINE.fullmatch(first):
                delimiter, skip, first = found[1], skip + 1, content.readline(LONGEST_LINE)
            names = _split_line(first, content, delimiter)
        _unquote_preamble(file, skip)
    except UnicodeDecodeError:
        problem = explain_no_utf8(file.path)
    except csv.Error:
        problem = "its first line is no CSV header"
    if names and "\0" in "".join(names):
        names, problem = [], explain_no_utf8(file.path)
    if not names and problem != EMPTY:
        raise build_file_error(table, file.label, problem)
    return Header(tuple(names), delimiter, skip)


def _unquote_preamble(file: SourceFile, skip: int) -> None:
    """Write a file again without quotes in the lines before its header: DuckDB would count what they hold as one.

    Only the link in the working folder is replaced, not the source's file.
    """
    with file.path.open("rb") as content:
        lines = [content.readline() for _ in range(skip)]
        if not any(b'"' in line for line in lines):
            return
        plain = file.path.with_name(f"{file.path.name}-preamble")
        with plain.open("wb") as target:
            target.writelines(line.replace(b'"', b"'") for line in lines)
            copyfileobj(content, target, 1 << 20)
    plain.replace(file.path)


def _split_line(first: str, content: TextIO, delimiter: str) -> list[str]:
    """Split a line into its fields, and the lines after it that its quotes reach over."""
    lines = iter([first, *islice(content, LOOKED_AT)]) if first.count('"') % 2 else iter([first])
    return _list_names(lines, delimiter)


def _list_names(lines: Iterable[str], delimiter: str) -> list[str]:
    """List the names in the first of some lines; blanks before a quote are none of its name's, as in the rows."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != " ")
    return [strip_name(name) for name in next(reader, [])]


def _explain_header(table: SourceTable, file: SourceFile, header: Header) -> tuple[str, str]:
    """Say what the header is instead, and what to declare; what looks like data is not shown."""
    lines = _read_lines(file)
    for sign, written in DELIMITERS.items():
        for at, line in enumerate(lines):
            names = _split_quietly(line, sign)
            if find_missing(table, names) or (sign, at) == (header.delimiter, header.skip):
                continue
            changes = [f'`delimiter: "{written}"`'] if sign != header.delimiter else []
            changes += [f"`skip_lines: {at}`"] if at != header.skip else []
            return f"line {at + 1} has them, between `{written}`", f"Declare {' and '.join(changes)}."
    if not header.names:
        return EMPTY, ""
    if not find_missing(table, [name.strip('"') for name in header.names]):
        found = (
            f"its header is {describe_names(header.names)}, where quotes stand behind a tab or another sign"
        )
        return found, "Have the source write them right behind the delimiter."
    if any(VALUE.fullmatch(name) for name in header.names):
        return "its first line looks like data, not like a header", ""
    others = [sign for sign in DELIMITERS if sign != header.delimiter and sign in header.names[0]]
    if len(header.names) == 1 and others:
        written, names = DELIMITERS[others[0]], header.names[0].split(others[0])
        return f"found `{written}` between {describe_names(names)}", f'Declare `delimiter: "{written}"`.'
    return f"its header is {describe_names(header.names)}", ""


def _read_lines(file: SourceFile) -> list[str]:
    with file.path.open(encoding="utf-8-sig", errors="replace", newline="") as content:
        return [content.readline(LONGEST_LINE).removeprefix(MARK) for _ in range(LOOKED_AT)]


def _split_quietly(line: str, delimiter: str) -> list[str]:
    try:
        return _list_names([line], delimiter)
    except csv.Error:
        return []


def get_delimiter(table: SourceTable) -> str:
    """Return what stands between values. Raises Misconfigured for more than a sign."""
    given = str(table.meta.get("delimiter", ","))
    sign = "\t" if given == "\\t" else given
    if len(sign) != 1:
        raise Misconfigured(
            f"load {table.full_name}", "its delimiter is not one character", "Correct its meta."
        )
    return sign


def _build_relation(table: SourceTable, group: FileGroup, rejects: str) -> TextRelation:
    texts = {name: f"c{at}" for at, name in enumerate(group.names)}
    options = (
        f"delim = {write_literal(group.delimiter, DUCKDB)}, quote = '\"', escape = '\"', header = true,"
        f" skip = {group.skip}"
    )
    relation = build_lines_relation(list(texts.values()), options, rejects)
    return TextRelation(relation, texts, "item", "number", problem=_find_repeated_header(table, texts))


def _find_repeated_header(table: SourceTable, texts: Mapping[str, str]) -> str:
    """Build the SQL that names a header between the rows, as in joined files, where no column's type would tell."""
    if any(describe_type(column) for column in table.columns):
        return "null"
    same = " and ".join(f"trim({text}) = {write_literal(name, DUCKDB)}" for name, text in texts.items())
    return f"case when {same} then 'the row: the header again' end"


CSV = FileFormat(_group_files, _build_relation, quoted=True)
