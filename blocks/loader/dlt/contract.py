"""A source table's contract as SQL: declared types, required values, new columns. No data is touched here.

Whatever the source, a value arrives as text; here is what makes it a value of its declared type, or a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from blocks.errors import ContractBroken, Misconfigured
from blocks.loader.dlt.load_context import cursor, key
from blocks.records import Column, SourceTable

TYPES = re.compile(
    r"(varchar|text|string|smallint|integer|int|bigint|double|date|timestamp|boolean"
    r"|(decimal|numeric)(\(\d+(, ?\d+)?\))?)"
)
NOUNS = {
    "smallint": "an integer",
    "integer": "an integer",
    "int": "an integer",
    "bigint": "an integer",
    "double": "a number",
    "decimal": "a number",
    "numeric": "a number",
    "date": "a date",
    "timestamp": "a timestamp",
    "boolean": "true or false",
}
RESERVED = ("_item", "_loaded_at", "_row", "_reason", "_cursor")


@dataclass(frozen=True)
class Reading:
    """What DuckDB reads from. relation: a FROM clause whose columns are texts.

    texts: name at the source → SQL of its value as text. item: SQL of the row's item. row: SQL of the row
    as a whole, if it is more than its values. problem: SQL of why a row can't be read at all, NULL if it can.
    """

    relation: str
    texts: Mapping[str, str]
    item: str = "null"
    row: str = "null"
    problem: str = "null"


def literal(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def type_of(column: Column) -> str:
    """The declared type, checked: it becomes SQL."""
    declared = (column.data_type or "varchar").lower().strip()
    if not TYPES.fullmatch(declared):
        raise Misconfigured(
            f"load column {column.name}",
            f"its data_type `{declared}` is not known here",
            "Declare varchar, integer, bigint, double, decimal(p,s), date, timestamp or boolean.",
        )
    return declared


def noun(column: Column) -> str | None:
    """What a value has to be, in words; None for text, which anything is."""
    return NOUNS.get(type_of(column).partition("(")[0])


def typed(column: Column, text: str) -> str:
    """SQL of a text as the declared type, NULL if it is none. What DuckDB would bend is refused."""
    kind = type_of(column)
    cast = f"try_cast({text} as {kind})"
    if NOUNS.get(kind) == "an integer":  # a cast would round 1.5
        return f"case when try_cast({text} as double) = {cast} then {cast} end"
    if kind == "timestamp":  # a cast would ignore the offset; RAW holds UTC then
        zoned = f"length({text}) > 19 and regexp_matches({text}, '(Z|[+-]\\d\\d(:?\\d\\d)?)$')"
        cast = f"case when {zoned} then cast(try_cast({text} as timestamptz) as timestamp) else {cast} end"
    if kind in ("double", "date", "timestamp"):  # NaN and infinity would poison every sum
        return f"case when isfinite({cast}) then {cast} end"
    return cast


def reason(table: SourceTable, problem: str = "p") -> str:
    """SQL of why a row is no good, NULL if it is. Texts are s0, s1, ..., typed values t0, t1, ...

    Reasons name the column and never hold the value: they end up in reports.
    """
    needed = {*key(table), *cursor(table)} if table.meta.get("load") == "merge" else set()
    broken, words = [f"{problem} is not null"], [problem]
    for at, column in enumerate(table.columns):
        if noun(column):
            broken.append(f"(s{at} is not null and t{at} is null)")
            words.append(f"case when {broken[-1]} then {literal(f'{column.name}: not {noun(column)}')} end")
        if column.required or column.name in needed:
            broken.append(f"s{at} is null")
            words.append(f"case when s{at} is null then {literal(f'{column.name}: missing')} end")
    return f"case when {' or '.join(broken)} then concat_ws('; ', {', '.join(words)}) end"


def check_columns(table: SourceTable, names: Iterable[str], label: str) -> None:
    """Raise ContractBroken if the source no longer has a declared column."""
    found = set(names)
    gone = [column.origin for column in table.columns if column.origin not in found]
    if gone:
        raise ContractBroken(
            f"load {table.full_name} from {label}",
            f"column {', '.join(gone)} is missing",
            "Have the source bring it back, or take it out of the dbt source and of what reads it.",
        )


def extra_columns(table: SourceTable, names: Iterable[str]) -> dict[str, str]:
    """Columns that are not declared: name at the source → snake_case name in RAW."""
    declared = {column.origin for column in table.columns}
    taken = {column.name.lower() for column in table.columns} | set(RESERVED)
    extras: dict[str, str] = {}
    for at, origin in enumerate(name for name in names if name not in declared):
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", origin)
        plain = re.sub(r"[^a-z0-9_]+", "_", words.lower()).strip("_")[:60] or f"column_{at + 1}"
        name, turn = plain, 2
        while name in taken:
            name, turn = f"{plain}_{turn}", turn + 1
        taken.add(name)
        extras[origin] = name
    return extras
