"""JSON records: lines of a file, a file's array, or an API's answers; they stay text until DuckDB parses them.

DuckDB reads a number with decimals as a double. Where a record holds one whose digits a double may change, its
numbers are made texts first, so that every digit arrives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from blocks.loader.dlt.contract import (
    MISSPELLED,
    NO_OBJECT,
    TextRelation,
    check_columns,
    find_misspelled,
)
from blocks.loader.dlt.files.formats import (
    WITH_ITEM,
    FileFormat,
    FileGroup,
    SourceFile,
    build_file_error,
    build_lines_relation,
    check_final_newline,
)
from blocks.loader.dlt.values import DUCKDB, describe_type
from blocks.records import SourceTable
from blocks.sql import write_literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# a line is one value: JSON holds no raw control character
LINE_OPTIONS = "delim = '\x1f', quote = '', escape = '', header = false"
RECORD_OBJECT = "case when json_valid(record) and starts_with(ltrim(record, ' \t\r\n'), '{') then record end"
REPEATED = "len(ks) <> len(list_distinct(ks))"
LARGEST_OBJECT = 1 << 26  # bytes of one record of an array
# numbers that DuckDB may write in another way than they came: long ones and 1e3; 1.50; 0.00001. A pattern that begins
# with a sign of its own takes a fifth of the time of one that begins with any of several
LONG_NUMBER = r"\s*-?[0-9](?:[0-9.]{16}|[0-9.]*[eE])"
LAST_ZERO = r"\.[0-9]+0[,}\]\s]"
SMALL_NUMBER = "0.000"
# a string as a whole, so that nothing in it is taken for a number; or a number that is no whole one
STRING_OR_NUMBER = r'("(?:[^"\\]|\\.)*")|(-?[0-9]+[.eE][0-9.eE+-]*)'
MARK = "\\u0001#"  # begins a text that is a number, written as in JSON
_MARK = write_literal(MARK, DUCKDB)
_MARKED = write_literal(f"the row: a text with {MARK} beside a number of many digits", DUCKDB)
NUMBERS = "('BIGINT', 'UBIGINT', 'DOUBLE')"  # what DuckDB calls them
ARRAY, LINES, OBJECTS = "array", "newline_delimited", "unstructured"
TAIL = 1 << 16  # bytes of a file's end
CONTINUED = re.compile(rb'[\r\n][ \t]*[,:}\]"]')  # a line that goes on with an object
SEVERAL = re.compile(rb"\}\s*\{")  # objects on one line; in a text it does no harm


class RecordNames(NamedTuple):
    """What is known of records before they are read.

    names: item → the names that its records have, sorted. odd_numbers: there are numbers that need to become texts.
    repeated: there are records with a name twice. broken: there are some that are no object, or have no names.
    """

    names: dict[str, list[str]]
    odd_numbers: bool
    repeated: bool = False
    broken: bool = True


def list_numbers(table: SourceTable) -> tuple[str, ...]:
    """List the names of those values that are read as numbers alone: 1.50 and 1.5 are one."""
    if "null_values" in table.meta:
        return ()
    return tuple(
        column.origin
        for column in table.columns
        if describe_type(column) in ("a number", "an integer") and "null_values" not in column.meta
    )


def read_record_names(
    connection: DuckDBPyConnection,
    relation: str,
    item: str,
    parameters: Sequence[object],
    numbers: Sequence[str] = (),
) -> RecordNames:
    """Read the names, and what is odd about the records; most have the same names, which are compared once.

    numbers: as `list_numbers` has them.
    """
    found: dict[str, list[str]] = {}
    odd = repeated = broken = False
    is_odd = _match_odd(numbers)
    for at, name, odd_here, repeated_here in connection.execute(
        "select i, k, bool_or(o), bool_or(r) from"
        f" (select i, unnest(case when len(ks) > 0 then ks else [null] end) as k, o, {REPEATED} as r from"
        " (select i, any_value(ks) as ks, bool_or(o) as o from"  # lists are compared by their hash: twice as fast
        f" (select {item} as i, json_keys(case when json_valid(record) then record end) as ks, {is_odd} as o"
        f" from {relation}) group by i, hash(ks))) group by all order by all",
        list(parameters),
    ).fetchall():
        if name is None:
            broken = True
        else:
            found.setdefault(at, []).append(name)
        odd, repeated = odd or bool(odd_here), repeated or bool(repeated_here)
    return RecordNames(found, odd, repeated, broken)


def build_record_relation(
    table: SourceTable,
    relation: str,
    names: Sequence[str],
    odd_numbers: bool,
    item: str = "null",
    order: str = "0",
    repeated: bool = False,
    broken: bool = True,
) -> TextRelation:
    """Read values out of a relation's column `record`. odd_numbers, repeated, broken: look for them in each record."""
    numbers = list_numbers(table)
    pointers = {name: _write_pointer(name) for name in names}
    paths = ", ".join(write_literal(pointer, DUCKDB) for pointer in pointers.values())
    record, texts = "object", {name: f"v[{at + 1}]" for at, name in enumerate(names)}
    if odd_numbers:
        record = f"case when odd then {_mark_numbers('object')} else object end"
        texts = {name: f"case when odd then {_unmark(text)} else {text} end" for name, text in texts.items()}
    return TextRelation(
        f"(select *, json_extract_string({record}, [{paths}]::varchar[]) as v from"
        f" (select *, {RECORD_OBJECT if broken else 'record'} as object,"
        f" {_match_odd(numbers) if odd_numbers else 'false'} as odd from {relation}))",
        texts,
        item,
        order,
        row="record",
        problem=f"case when object is null then {write_literal(NO_OBJECT, DUCKDB)}"
        + (f" when {_find_repeated()} then 'the row: a name is there more than once'" if repeated else "")
        + (f" when odd and contains(record, {_MARK}) then {_MARKED}" if odd_numbers else "")
        + "".join(
            f" when {_find_type(pointers[name])} <> 'NULL' and {_find_type(_write_pointer(right))} is null"
            f" then {write_literal(f'the row: {right} {MISSPELLED}', DUCKDB)}"
            for name, right in find_misspelled(table, names).items()
        )
        + " end",
        numbers={
            name: f"coalesce({_find_type(pointer)} in {NUMBERS}, false)" for name, pointer in pointers.items()
        },
    )


def _write_pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _find_type(pointer: str) -> str:
    """Build the SQL of a value's type; NULL where the record has no such name."""
    return f"json_type(object, {write_literal(pointer, DUCKDB)})"


def _find_repeated() -> str:
    """Build the SQL that is true for a record with a name twice; which of its values counts, nobody knows."""
    return REPEATED.replace("ks", "json_keys(object)")


def _match_odd(numbers: Sequence[str]) -> str:
    """Build the SQL that is true for a record with an odd number; rather for one too many than for one too few."""
    named, first, later, zero = (
        f"regexp_matches(record, {write_literal(pattern, DUCKDB)})"
        for pattern in (f":{LONG_NUMBER}", rf"\[{LONG_NUMBER}", f",{LONG_NUMBER}", LAST_ZERO)
    )
    small = f"contains(record, {write_literal(SMALL_NUMBER, DUCKDB)})"
    in_list = f"(contains(record, '[') and ({first} or {later}))"
    if numbers:
        zero = f"case when {zero} then not {_match_zeros_of(numbers)} else false end"
    return f"({named} or {in_list} or (contains(record, '.') and ({zero} or {small})))"


def _match_zeros_of(numbers: Sequence[str]) -> str:
    """Build the SQL that is true for a record of which only these numbers, on its first level, end in zeros.

    One pattern, which reads the record from its first sign to its last: a string without escapes as a whole, and a
    number up to what ends it. A record with an object or an escaped sign in it is none: behind these it may be another
    record's name.
    """
    end, names = r"[,}\]\s]", "|".join(map(re.escape, numbers))
    plain = rf"[0-9]+(?:\.(?:[0-9]*[1-9]|0))?{end}"  # 5.0 is how DuckDB writes it, too
    own = rf'"(?:{names})"\s*:\s*-?[0-9]+\.[0-9]+{end}'
    whole = rf'\s*\{{(?:[^"0-9{{]|"[^"\\]*"|{plain}|{own})*'
    return f"regexp_full_match(record, {write_literal(whole, DUCKDB)})"


def _mark_numbers(record: str) -> str:
    """Build the SQL of a record whose numbers with decimals or exponents are marked texts.

    Each string is followed by an empty number and each number by the signs around it; valid JSON has neither sign.
    """
    pattern = write_literal(STRING_OR_NUMBER, DUCKDB)
    signed = f"regexp_replace({record}, {pattern}, '\\1' || chr(2) || '\\2' || chr(3), 'g')"
    opened = (
        f"replace(replace({signed}, chr(2) || chr(3), ''), chr(2), {write_literal(chr(34) + MARK, DUCKDB)})"
    )
    return f"replace({opened}, chr(3), {write_literal(chr(34), DUCKDB)})"


def _unmark(text: str) -> str:
    """Write SQL that takes the marks of numbers off a text: of one number, or of numbers inside JSON."""
    inside = write_literal(chr(34) + re.escape(MARK) + '([^"]*)"', DUCKDB)
    bare = f"case when starts_with({text}, chr(1) || '#') then {text}[3:] else {text} end"
    return f"regexp_replace({bare}, {inside}, '\\1', 'g')"


def _group_files(
    connection: DuckDBPyConnection, table: SourceTable, files: Sequence[SourceFile]
) -> list[FileGroup]:
    check_final_newline(table, files)
    shapes: dict[str, list[SourceFile]] = {}
    for file in files:
        shapes.setdefault(_find_shape(table, file), []).append(file)
    groups = []
    for at, (shape, members) in enumerate(shapes.items()):
        group = FileGroup((), tuple(members), shape=shape)
        found = _read_names(connection, table, group, f"rejects_names_{at}")
        for file in members:
            if file.item in found.names:
                check_columns(table, found.names[file.item], file.item, optional=True)
        names = tuple(dict.fromkeys(name for names in found.names.values() for name in names))
        by_file = tuple({tuple(each): None for each in found.names.values()})
        groups.append(
            group._replace(
                names=names,
                odd_numbers=found.odd_numbers,
                repeated=found.repeated,
                broken=found.broken,
                by_file=by_file,
            )
        )
    return groups


def _read_names(
    connection: DuckDBPyConnection, table: SourceTable, group: FileGroup, rejects: str
) -> RecordNames:
    """Read the names of a group's records. Raises ContractBroken for a file that is no JSON, by its name."""
    import duckdb

    try:
        return read_record_names(
            connection, _build_source(group, rejects), "item", [group.get_paths()], list_numbers(table)
        )
    except duckdb.InvalidInputException:
        pass  # raised below: the error holds what came
    if len(group.files) == 1:
        raise build_file_error(table, group.files[0].label, "it can't be read as JSON")
    for at, file in enumerate(group.files):
        _read_names(connection, table, group._replace(files=(file,)), f"{rejects}_{at}")
    raise build_file_error(table, group.files[0].label, "it can't be read as JSON with the other files")


def _find_shape(table: SourceTable, file: SourceFile) -> str:
    """Say how a file holds its records: an array, objects over any lines, or else lines."""
    with file.path.open("rb") as content:
        start = content.read(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] == b"[":
        _check_array_end(table, file)
        return ARRAY
    first = start.split(b"\n", 1)[0].rstrip()
    goes_on = start[:1] == b"{" and (
        first[-1:] in b"{[,:" or bool(SEVERAL.search(first) or CONTINUED.search(start))
    )
    return OBJECTS if goes_on or table.meta.get("format") == "json" else LINES


def _check_array_end(table: SourceTable, file: SourceFile) -> None:
    """Raise ContractBroken for an array that does not end: DuckDB reads one that was cut off behind a comma."""
    with file.path.open("rb") as content:
        content.seek(max(0, file.path.stat().st_size - TAIL))
        if not content.read().rstrip(b" \t\r\n\0").endswith(b"]"):
            raise build_file_error(
                table, file.label, "it can't be read as JSON: it is cut off, or more comes after its array"
            )


def _build_source(group: FileGroup, rejects: str) -> str:
    if group.shape == LINES:
        lines = build_lines_relation(["record"], LINE_OPTIONS, rejects)
        # an empty line is no record; to trim each would take as long as to parse them
        return f"(select * from {lines} where starts_with(record, '{{') or trim(record, ' \t') <> '')"
    return (
        "(select json::varchar as record, l.item, l.number from"
        f" read_json_objects(?, format = '{group.shape}', filename = '_path',"
        f" maximum_object_size = {LARGEST_OBJECT}) {WITH_ITEM})"
    )


def _build_relation(table: SourceTable, group: FileGroup, rejects: str) -> TextRelation:
    return build_record_relation(
        table,
        _build_source(group, rejects),
        group.names,
        group.odd_numbers,
        "item",
        "number",
        group.repeated,
        group.broken,
    )


JSON_RECORDS = FileFormat(_group_files, _build_relation)
