"""Identifiers, literals and types in every dialect, and what is refused as SQL of a project."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
import sqlglot

from blocks.errors import Misconfigured
from blocks.sql import (
    convert_arrow_type,
    fill_placeholders,
    is_same_type,
    make_arrow_type,
    parse_expression,
    parse_select,
    quote_identifier,
    write_literal,
    write_type,
)

DIALECTS = ("duckdb", "snowflake", "dremio", "postgres")
TEXT = "it's a \\ 'back\\slash', \\' -- ü\n/* x */;"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_text_is_one_literal_and_nothing_else(dialect: str) -> None:
    (parsed,) = sqlglot.parse(f"select {write_literal(TEXT, dialect)}", dialect=dialect)
    assert parsed is not None
    assert [each.name for each in parsed.find_all(sqlglot.exp.Literal)] == [TEXT]


@pytest.mark.parametrize(
    "value",
    [
        TEXT,
        None,
        True,
        -3,
        1.5e22,
        float("inf"),
        Decimal("1.50"),
        date(2026, 1, 2),
        datetime(2026, 1, 2, 3, 4, 5, 678901),
        datetime(2026, 1, 2, tzinfo=UTC),
    ],
)
def test_a_literal_is_the_value(value: object) -> None:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        assert connection.execute(f"select {write_literal(value, 'duckdb')}").fetchall() == [(value,)]


def test_a_value_without_literal_is_refused() -> None:
    with pytest.raises(TypeError):
        write_literal([1], "duckdb")


def test_a_name_stays_a_name() -> None:
    assert quote_identifier("a", 'b"; drop table c; --') == '"a"."b""; drop table c; --"'


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("varchar", ("TEXT", "VARCHAR", "VARCHAR", "VARCHAR")),
        ("double", ("DOUBLE", "FLOAT", "DOUBLE", "DOUBLE PRECISION")),
        ("timestamp", ("TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP", "TIMESTAMP")),
        ("decimal(9,2)", ("DECIMAL(9, 2)",) * 4),
        ("hugeint", ("HUGEINT", "DECIMAL(38, 0)", "DECIMAL(38, 0)", "DECIMAL(38, 0)")),
        ("json", ("JSON", "VARIANT", "JSON", "JSON")),
    ],
)
def test_a_portable_type_in_every_dialect(kind: str, expected: tuple[str, ...]) -> None:
    assert tuple(write_type(kind, dialect) for dialect in DIALECTS) == expected


@pytest.mark.parametrize("kind", ["bigint); drop table x; --", "bigint; select 1", "nosuch", ""])
def test_what_is_no_type_is_refused(kind: str) -> None:
    for dialect in DIALECTS:
        with pytest.raises(Misconfigured):
            write_type(kind, dialect)


def test_types_compare_by_what_they_hold() -> None:
    assert is_same_type("TEXT", "character varying(20)", "postgres")
    assert is_same_type("INT", "integer", "postgres")
    assert is_same_type("DECIMAL(9, 2)", "numeric(9,2)", "postgres")
    assert not is_same_type("BIGINT", "text", "postgres")
    assert not is_same_type("DECIMAL(9, 2)", "numeric(9,3)", "postgres")


@pytest.mark.parametrize(
    "kind",
    [
        pa.bool_(),
        pa.int16(),
        pa.int32(),
        pa.int64(),
        pa.float32(),
        pa.float64(),
        pa.decimal128(20, 3),
        pa.date32(),
        pa.time64("us"),
        pa.timestamp("us"),
        pa.timestamp("us", "UTC"),
        pa.string(),
    ],
)
def test_arrows_types_come_back(kind: pa.DataType) -> None:
    assert make_arrow_type(write_type(convert_arrow_type(kind), "postgres"), "postgres") == kind


def test_placeholders_inside_quotes_are_none() -> None:
    sql = """select ?, '?', "a?", 'it''s ?' where x = ?"""
    filled = fill_placeholders(sql, lambda at: f"${at + 1}")
    assert filled == """select $1, '?', "a?", 'it''s ?' where x = $2"""


def test_only_one_query_that_reads_is_one() -> None:
    assert parse_select("with a as (select 1) select * from a union all select 2", "duckdb")
    assert parse_expression("regexp_matches(station, '^[A-Z][a-z]{2}')", "duckdb")
    for text in ("select 1; select 2", "drop table x", "delete from x", "select 1 into y", "with", ""):
        with pytest.raises(Misconfigured):
            parse_select(text, "postgres")
    for text in ("a, b", "1 from x", "a; drop table x", "a) -- ", "a where b"):
        with pytest.raises(Misconfigured):
            parse_expression(text, "duckdb")
