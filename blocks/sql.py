"""SQL text: identifiers, literals and types, for every warehouse's dialect, on sqlglot. Nothing is run here.

A dialect is sqlglot's name of it: `duckdb`, `snowflake`, `dremio`, `postgres`. Whatever a project, a file or a
ticket wrote gets into a statement through one of these functions, or as a bound parameter. Add here what another
dialect writes in another way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from blocks.errors import Misconfigured

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot.expressions import Expr

PORTABLE = "duckdb"  # the dialect that types are declared in, where a warehouse's own does not know them
EXACT_TYPES = {
    "snowflake": {"double": "FLOAT", "timestamp": "TIMESTAMP_NTZ", "timestamptz": "TIMESTAMP_LTZ"},
    "duckdb": {"hugeint": "HUGEINT"},
}
"""Portable types whose name sqlglot would leave to a setting of the server, or writes in a way of its own."""
WIDEST_INTEGER = "DECIMAL(38, 0)"  # where a dialect has no integer of 128 bits
TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\?")


def quote_identifier(*parts: str) -> str:
    """A name in double quotes, part by part, joined by dots."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def split_path(dotted: str) -> tuple[str, ...]:
    """The parts of a dotted path; a part with dots in it stands in double quotes."""
    parts, inside, part = [], False, ""
    for character in dotted:
        if character == '"':
            inside = not inside
        elif character == "." and not inside:
            parts.append(part)
            part = ""
        else:
            part += character
    return (*parts, part)


def write_literal(value: object, dialect: str) -> str:
    """A value as a literal. Raises TypeError for a kind of value that has no literal in every dialect."""
    from sqlglot import exp

    if isinstance(value, datetime):
        kind = "timestamptz" if value.tzinfo else "timestamp"
        text = (value.astimezone(UTC) if value.tzinfo else value).isoformat(" ")
        return exp.cast(exp.Literal.string(text), kind).sql(dialect=dialect)
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "date").sql(dialect=dialect)
    if isinstance(value, float):
        if math.isfinite(value):
            return repr(value)
        return exp.cast(exp.Literal.string(repr(value)), "double").sql(dialect=dialect)
    if value is None or isinstance(value, str | bool | int | Decimal):
        return exp.convert(value).sql(dialect=dialect)
    raise TypeError(f"a {type(value).__name__} has no literal")


@lru_cache(maxsize=1024)
def write_type(data_type: str, dialect: str) -> str:
    """A declared type as a dialect names it. Raises Misconfigured for what is no type."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    exact = EXACT_TYPES.get(dialect, {}).get(data_type.strip().lower())
    if exact:
        return exact
    for read in (dialect, PORTABLE):
        try:
            kind = exp.DataType.build(data_type, dialect=read)
        except SqlglotError:
            continue
        if isinstance(kind, exp.DataType):  # more than a type is parsed as a block of statements
            wide = dialect != "duckdb" and kind.is_type("int128")
            return WIDEST_INTEGER if wide else kind.sql(dialect=dialect)
    raise Misconfigured(
        "read a column's type", f"{data_type[:80]!r} is none", "Declare it as DuckDB names it."
    )


def parse_expression(text: str, dialect: str) -> Expr:
    """One expression, such as a dimension's `expr`. Raises Misconfigured for anything else or more."""
    from sqlglot import exp

    parsed = parse_select(f"select {text}\n", dialect, f"{text[:80]!r} is not one expression")
    if (
        not isinstance(parsed, exp.Select)
        or len(parsed.selects) != 1
        or set(_list_clauses(parsed)) - {"expressions"}
    ):
        raise Misconfigured("read SQL of the project", f"{text[:80]!r} is not one expression")
    found: Expr = parsed.selects[0]
    return found


def parse_select(text: str, dialect: str, problem: str = "") -> Expr:
    """One query that only reads. Raises Misconfigured for anything else or more."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        parsed = [statement for statement in sqlglot.parse(text, dialect=dialect) if statement]
    except SqlglotError:
        parsed = []
    if (
        len(parsed) == 1
        and isinstance(parsed[0], exp.Query)
        and not parsed[0].find(exp.DML, exp.DDL, exp.Into)
    ):
        return parsed[0]
    raise Misconfigured("read SQL of the project", problem or f"{text[:80]!r} is not one SELECT")


def fill_placeholders(sql: str, write: Callable[[int], str]) -> str:
    """A statement with its question marks outside of quotes replaced. write: gets each one's number from 0."""
    numbers = iter(range(len(sql)))
    return TOKEN.sub(lambda found: write(next(numbers)) if found[0] == "?" else found[0], sql)


def _list_clauses(select: Expr) -> list[str]:
    return [name for name, value in select.args.items() if value]


def is_same_type(one: str, other: str, dialect: str) -> bool:
    """True if two types, as a dialect names them, hold the same values: texts of any length are one type."""
    from sqlglot import exp

    left, right = (exp.DataType.build(kind, dialect=dialect) for kind in (one, other))
    texts = exp.DataType.TEXT_TYPES
    return left == right or (left.this in texts and right.this in texts)


def convert_arrow_type(kind: pa.DataType) -> str:
    """The portable type of a column of a Parquet file; what is nested is JSON, what is not known is text."""
    from pyarrow import types

    if types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    if types.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    checks = (
        (types.is_boolean, "boolean"),
        (types.is_uint64, "decimal(20, 0)"),
        (types.is_int64, "bigint"),
        (types.is_uint32, "bigint"),
        (types.is_int8, "smallint"),
        (types.is_int16, "smallint"),
        (types.is_uint8, "smallint"),
        (types.is_integer, "integer"),
        (types.is_float64, "double"),
        (types.is_floating, "real"),
        (types.is_date, "date"),
        (types.is_time, "time"),
        (types.is_nested, "json"),
        (types.is_binary, "blob"),
        (types.is_large_binary, "blob"),
    )
    return next((name for check, name in checks if check(kind)), "varchar")


def make_arrow_type(kind: str, dialect: str) -> pa.DataType:
    """The Arrow type for a dialect's type; what Arrow has no type for is text. A decimal needs its precision."""
    import pyarrow as pa
    from sqlglot import exp

    parsed = exp.DataType.build(kind, dialect=dialect)
    if parsed.is_type("decimal"):
        return pa.decimal128(*(int(size.name) for size in parsed.expressions))
    kinds = {
        "BOOLEAN": pa.bool_(),
        "SMALLINT": pa.int16(),
        "INT": pa.int32(),
        "BIGINT": pa.int64(),
        "FLOAT": pa.float32(),
        "DOUBLE": pa.float64(),
        "DATE": pa.date32(),
        "TIME": pa.time64("us"),
        "TIMESTAMP": pa.timestamp("us"),
        "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
    }
    return kinds.get(parsed.this.name, pa.string())
