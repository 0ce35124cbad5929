"""A source table's contract as SQL: declared types, required values, new columns. No data is touched here.

Whatever the source, a value arrives as text. The SQL made here turns it into a value of its declared type, or
says why that can't be done.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from blocks.errors import ContractBroken, Misconfigured
from blocks.loader.dlt.table_config import get_key
from blocks.records import Column, SourceTable
from blocks.sql import write_literal

DUCKDB = "duckdb"  # the dialect of the staging database

TYPES = re.compile(
    r"(varchar|text|string|smallint|integer|int|bigint|double|date|timestamp|boolean"
    r"|(decimal|numeric)(\(\d+(, ?\d+)?\))?)"
)
TYPE_DESCRIPTIONS = {
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
DAY, CLOCK = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}", r"\d{1,2}:\d\d"
RESERVED = ("_item", "_loaded_at", "_row", "_reason", "_cursor", "_order")


@dataclass(frozen=True)
class TextRelation:
    """What DuckDB reads rows from. relation: a FROM clause whose columns are texts.

    texts: name at the source → SQL of its value as text. item: SQL of the row's item, order: of its number, in the
    order in which they came. row: SQL of the row
    as a whole, if it is more than its values. problem: SQL of why a row can't be read at all, NULL if it can.
    """

    relation: str
    texts: Mapping[str, str]
    item: str = "null"
    order: str = "0"
    row: str = "null"
    problem: str = "null"


def get_type(column: Column) -> str:
    """Return the declared type. Raises Misconfigured for one that is not known: it becomes SQL."""
    declared = (column.data_type or "varchar").lower().strip()
    if not TYPES.fullmatch(declared):
        raise Misconfigured(
            f"load column {column.name}",
            f"its data_type `{declared}` is not known here",
            "Declare varchar, integer, bigint, double, decimal(p,s), date, timestamp or boolean.",
        )
    return declared


def describe_type(column: Column) -> str | None:
    """Say what a value has to be; None for text, which anything is."""
    return TYPE_DESCRIPTIONS.get(get_type(column).partition("(")[0])


def build_cast(column: Column, text: str) -> str:
    """Build the SQL of a text as the declared type, NULL if it is none. No value is rounded or cut."""
    kind = get_type(column)
    cast = f"try_cast({text} as {kind})"
    if TYPE_DESCRIPTIONS.get(kind) == "an integer":  # a cast would round 1.5
        return f"case when try_cast({text} as double) = {cast} then {cast} end"
    if kind in ("date", "timestamp"):
        return _build_time_cast(kind, text)
    if kind == "double":  # NaN and infinity would poison every sum
        return f"case when isfinite({cast}) then {cast} end"
    return cast


def _build_time_cast(kind: str, text: str) -> str:
    """Build the SQL of a text as a date or a timestamp in UTC, NULL if it is none from its first sign to its last.

    A bare cast reads 05-01-26 as a day of the year 5, ignores what follows a date, and most offsets.
    """
    local, zoned, loose = (
        write_literal(rf"{DAY}{rest}", DUCKDB)
        for rest in (
            rf"(?:[ T]+{CLOCK}(?::\d\d(?:\.\d+)?)?)?",
            rf"[ T]{CLOCK}:\d\d(?:\.\d+)?[+-]\d\d(?::\d\d)?",
            rf"[ T]+{CLOCK}(?::\d\d(?:\.\d+)?)?\s*(?i:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)",
        )
    )
    bare = f"replace(case when {text} like '%Z' then {text}[:-2] else {text} end, 'T', ' ')"
    fast, trimmed = f"try_cast({bare} as {kind})", f"trim({text})"
    offset = f"regexp_replace({trimmed}, '\\s*(?i:Z|UTC|GMT)$', '+00:00')"
    offset = f"regexp_replace({offset}, '\\s*([+-]\\d\\d):?(\\d\\d)?$', '\\1:\\2')"
    offset = f"regexp_replace({offset}, ':$', ':00')"
    offset = f"regexp_replace({offset}, '^(\\S+[ T]+\\d+:\\d\\d)([+-])', '\\1:00\\2')"
    return (  # most texts are as DuckDB would write the value, which is quicker to see than to match
        f"case when cast({fast} as varchar) = {bare} and isfinite({fast}) then {fast}"
        f" when regexp_full_match({text}, {zoned})"
        f" then cast(cast(try_cast({text} as timestamptz) as timestamp) as {kind})"
        f" when regexp_full_match({trimmed}, {local}) then try_cast({trimmed} as {kind})"
        f" when regexp_full_match({trimmed}, {loose})"
        f" then cast(cast(try_cast({offset} as timestamptz) as timestamp) as {kind}) end"
    )


def build_rejection_reason(table: SourceTable, problem: str = "p") -> str:
    """Build the SQL of why a row is rejected, NULL if it is good. Texts are s0, s1, ..., typed values t0, t1, ...

    Reasons name the column and never hold the value: they end up in reports.
    """
    needed = set(get_key(table)) if table.meta.get("load") == "merge" else set()
    broken, words = [f"{problem} is not null"], [problem]
    for at, column in enumerate(table.columns):
        if describe_type(column):
            broken.append(f"(s{at} is not null and t{at} is null)")
            why = write_literal(f"{column.name}: not {describe_type(column)}", DUCKDB)
            words.append(f"case when {broken[-1]} then {why} end")
        if column.required or column.name in needed:
            broken.append(f"s{at} is null")
            words.append(
                f"case when s{at} is null then {write_literal(f'{column.name}: missing', DUCKDB)} end"
            )
    return f"case when {' or '.join(broken)} then concat_ws('; ', {', '.join(words)}) end"


def check_columns(table: SourceTable, names: Iterable[str], label: str, optional: bool = False) -> None:
    """Raise ContractBroken if the source no longer has a declared column.

    optional: a column that is not required may be absent, as a JSON record leaves out a key without a value.
    """
    found = set(names)
    gone = [column.origin for column in table.columns if column.origin not in found]
    if optional:
        needed = set(get_key(table))
        gone = [c.origin for c in table.columns if c.origin in gone and (c.required or c.name in needed)]
    if gone:
        raise ContractBroken(
            f"load {table.full_name} from {label}",
            f"column {', '.join(gone)} is missing",
            "Have the source bring it back, or take it out of the dbt source and of what reads it.",
        )


def name_extra_columns(table: SourceTable, names: Iterable[str]) -> dict[str, str]:
    """Name the columns that are not declared: name at the source → snake_case name in RAW."""
    declared = {column.origin for column in table.columns}
    taken = {column.name.lower() for column in table.columns} | set(RESERVED)
    extras: dict[str, str] = {}
    for at, origin in enumerate(name for name in names if name not in declared):
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", origin)
        plain = re.sub(r"[^a-z0-9_]+", "_", words.lower()).strip("_")[:60] or f"column_{at + 1}"
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name)
        extras[origin] = name
    return extras
