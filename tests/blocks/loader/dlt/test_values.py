"""Texts as values: exactly, or a bad row with its reason; and what a column's meta says of its source's way."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from blocks.errors import Misconfigured
from blocks.loader.dlt.values import build_cast, build_complaint, build_text
from blocks.records import Column, SourceTable
from tests.blocks.loader.origins import LINES

LONGEST = "12345678901234567890123456789012345678"


def read(text: str | None, kind: str, **meta: Any) -> str | None:
    """The value as text; None for one that is none."""
    column = Column(name="a", data_type=kind, origin="a", meta=meta)
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    sql = f"select cast({build_cast(column, 'x')} as varchar) from (select ? as x)"
    ((found,),) = connection.execute(sql, [text]).fetchall()
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("decimal(9,2)", "1.50", "1.50"),
        ("decimal(9,2)", " -1.5000 ", "-1.50"),
        ("decimal(9,2)", "+.5", "0.50"),
        ("decimal(9,2)", "1.5e1", "15.00"),
        ("decimal(9,2)", "1500e-3", "1.50"),
        ("decimal(9,2)", "1.005", None),
        ("decimal(9,2)", "1005e-3", None),
        ("decimal(9,2)", "1e-5", None),
        ("decimal(9,2)", "0.0000000000000000000000000000000000000000001", None),
        ("decimal(9,2)", "1_000", None),
        ("decimal(9,2)", "1,50", None),
        ("decimal(9,2)", "NaN", None),
        ("decimal(9,2)", "12345678.00", None),
        ("decimal(9,2)", "-0", "0.00"),
        ("decimal(38,0)", LONGEST, LONGEST),
        ("decimal(38,0)", f"-{LONGEST}.000", f"-{LONGEST}"),
        ("numeric(9)", "7.0", "7"),
        ("numeric(9)", "7.1", None),
        ("bigint", "9007199254740993.5", None),
        ("bigint", "9007199254740993.0", "9007199254740993"),
        ("integer", "0x10", None),
        ("integer", "1e2", "100"),
        ("integer", "2147483648", None),
        ("double", "1_0", None),
        ("boolean", " True ", "true"),
        ("boolean", "2", None),
        ("double", "1e400", None),
        ("double", "9007199254740992", "9007199254740992.0"),
        ("double", "9007199254740993", None),
        ("double", " -9007199254740993.00 ", None),
        ("double", "+09007199254740994.0", "9007199254740994.0"),
        ("double", "9007199254740993.5", None),
        ("double", "12345678901234567.89", None),
        ("double", "123456789012345680000", "1.2345678901234568e+20"),  # as JavaScript writes a double
        ("double", "123456789012345683968.00", "1.2345678901234568e+20"),  # and `%.2f`
        ("double", "123456789012345678901", None),
        ("double", "1" + "0" * 45, "1e+45"),
        ("double", "9" * 45, None),
        ("double", "1.2345678901234567890e+20", "1.2345678901234568e+20"),
        ("double", "0.12345678901234567890", "0.12345678901234568"),
        ("double", "1234567890123.456", "1234567890123.456"),
        ("double", "1e-3", "0.001"),
        ("date", "0001-01-01", "0001-01-01"),
        ("timestamp", "9999-12-31 23:59:59", "9999-12-31 23:59:59"),
        ("timestamp", "2026-01-05 10:00:00+05:45", "2026-01-05 04:15:00"),
        ("timestamp", "2026-01-05 10:00:00-11:45", "2026-01-05 21:45:00"),
        ("timestamp", "2026-01-05 10:00:00+99:00", None),
        ("timestamp", "2026-01-05 10:00:00+05:60", None),
        ("timestamp", "2026-01-05 10:00:00.123456000Z", "2026-01-05 10:00:00.123456"),
        ("timestamp", "2026-01-05 10:00:00.1234567", None),
        ("timestamp", "2026-01-05 10:00:00.1234567+02", None),
        ("timestamp", "2026-01-05 24:00:00", "2026-01-06 00:00:00"),
        ("date", "2026-01-05 24:00:00", "2026-01-06"),
        ("date", "2026-01-05 99:99", None),
        ("date", "2026-01-05 10:00:00.1234567", "2026-01-05"),
        ("date", "10000-01-01", None),
        ("boolean", "maybe", None),
    ],
)
def test_a_value_is_exact_or_none(kind: str, text: str, value: str | None) -> None:
    assert read(text, kind) == value


@pytest.mark.parametrize(
    ("kind", "meta", "text", "value"),
    [
        ("decimal(9,2)", {"round": True}, "1.005", "1.01"),
        ("decimal(9,2)", {"round": True}, "1005e-3", "1.01"),
        ("integer", {"round": True}, "1.5", "2"),
        ("double", {"round": True}, "9007199254740993", "9007199254740992.0"),
        ("double", {"decimal": ",", "thousands": "."}, "9.007.199.254.740.993,00", None),
        ("double", {"decimal": ",", "thousands": "."}, "9.007.199.254.740.994,00", "9007199254740994.0"),
        ("decimal(12,2)", {"decimal": ",", "thousands": "."}, "1.234.567,89", "1234567.89"),
        ("decimal(12,2)", {"decimal": ",", "thousands": "."}, "1234567,8", "1234567.80"),
        ("decimal(12,2)", {"decimal": ",", "thousands": "."}, "1.5", None),
        ("decimal(12,2)", {"decimal": ",", "thousands": "."}, "12.34,5", None),
        ("decimal(12,2)", {"decimal": ",", "thousands": "."}, "1,234.56", None),
        ("decimal(12,3)", {"decimal": ",", "thousands": "."}, "0.123", None),
        ("decimal(12,3)", {"thousands": ","}, "-0,500", None),
        ("decimal(12,3)", {"thousands": ","}, "012,345", None),
        ("decimal(12,3)", {"thousands": ","}, "0.5", "0.500"),
        ("decimal(12,2)", {"decimal": ","}, "1,234", None),
        ("decimal(12,3)", {"decimal": ","}, "1,234", "1.234"),
        ("decimal(12,2)", {"thousands": ","}, "-1,234.56", "-1234.56"),
        ("integer", {"thousands": " "}, "1\u202f234\u00a0567", "1234567"),
        ("double", {"thousands": "'"}, "1'234.5", "1234.5"),
        ("date", {"format": "%d/%m/%Y"}, "05/01/2026", "2026-01-05"),
        ("date", {"format": "%d/%m/%Y"}, "05/01/26", None),
        ("date", {"format": "%d/%m/%Y"}, "31/02/2026", None),
        ("date", {"format": "%d/%m/%Y"}, "05/01/2026 x", None),
        ("date", {"format": "%d/%m/%Y"}, "2026-01-05", None),
        ("date", {"format": "%d.%m.%y"}, "5.1.26", "2026-01-05"),
        (
            "timestamp",
            {"format": ["%d/%m/%Y", "%m-%d-%Y %I:%M %p"]},
            "1-5-2026 3:04 PM",
            "2026-01-05 15:04:00",
        ),
        ("timestamp", {"format": "%Y%m%dT%H%M%S%z"}, "20260105T100000+0200", "2026-01-05 08:00:00"),
        ("timestamp", {"format": "%Y%m%dT%H%M%S%z"}, "20260105T100000+9900", None),
        ("timestamp", {"format": "%Y%m%dT%H%M%S%z"}, "20260105T100000Z", "2026-01-05 10:00:00"),
        ("timestamp", {"format": "%Y%m%dT%H%M%S%z"}, "20260105T100000", None),
        ("timestamp", {"round": True}, "2026-01-05T10:00:00.1234567Z", "2026-01-05 10:00:00.123456"),
    ],
)
def test_a_column_says_how_its_source_writes(
    kind: str, meta: dict[str, Any], text: str, value: str | None
) -> None:
    assert read(text, kind, **meta) == value


@pytest.mark.parametrize("meta", [{"format": "%Q"}, {"format": "dd/mm"}, {"format": []}, {"decimal": "x"}])
def test_a_way_of_writing_that_is_none_is_refused(meta: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match="load column a"):
        read("1", "date" if "format" in meta else "integer", **meta)


@pytest.mark.parametrize("meta", [{"thousands": "."}, {"decimal": ","}, {"decimal": ",", "thousands": ","}])
def test_one_sign_is_not_both_decimal_and_thousands(meta: dict[str, str]) -> None:
    """`thousands: "."` alone would make 1250 of 12.50, as a point is the decimal sign where none is declared."""
    if meta == {"decimal": ","}:
        assert read("12,50", "decimal(9,2)", **meta) == "12.50"
        return
    with pytest.raises(Misconfigured, match="stands for its `decimal` and for its `thousands`"):
        read("12.50", "decimal(9,2)", **meta)


def test_the_reason_says_that_decimals_would_be_lost() -> None:
    column = Column(name="a", data_type="decimal(9,2)", origin="a")
    sql = f"select {build_complaint(column, 'x')} from (select unnest(['1.005', 'x']) as x)"
    assert [row[0] for row in duckdb.sql(sql).fetchall()] == [
        "a: more decimals than decimal(9,2) has, and no `round: true`",
        "a: not a number",
    ]


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("bigint", "18446744073709551615", "larger than bigint holds"),
        ("integer", "-2147483649.0", "larger than integer holds"),
        ("integer", "1.5", "not an integer"),
        ("integer", "x", "not an integer"),
        ("decimal(9,2)", "12345678.00", "larger than decimal(9,2) holds"),
        ("decimal(9,2)", "1_2345678", "not a number"),
    ],
)
def test_the_reason_says_that_a_number_is_too_large(kind: str, text: str, reason: str) -> None:
    column = Column(name="a", data_type=kind, origin="a")
    sql = f"select {build_complaint(column, 'x')} from (select ? as x)"
    assert duckdb.execute(sql, [text]).fetchall() == [(f"a: {reason}",)]


def test_the_reason_says_that_digits_of_a_whole_number_would_be_lost() -> None:
    column = Column(name="a", data_type="double", origin="a")
    texts = "unnest(['9007199254740993', 'x', 'inf', '9_007_199_254_740_993']) as x"
    assert duckdb.sql(f"select {build_complaint(column, 'x')} from (select {texts})").fetchall() == [
        ("a: more digits than a double keeps (declare bigint or decimal), and no `round: true`",),
        *[("a: not a number",)] * 3,
    ]


def test_the_reason_says_that_digits_of_a_second_would_be_lost() -> None:
    column = Column(name="a", data_type="timestamp", origin="a")
    texts = "unnest(['2026-01-05 10:00:00.1234567', 'x']) as x"
    assert duckdb.sql(f"select {build_complaint(column, 'x')} from (select {texts})").fetchall() == [
        ("a: more digits of a second than 6, and no `round: true`",),
        ("a: not a timestamp",),
    ]


@pytest.mark.parametrize(("of_table", "of_column"), [(["-", "0000-00-00"], None), (None, "0000-00-00")])
def test_texts_that_stand_for_nothing(of_table: list[str] | None, of_column: str | None) -> None:
    """A column's own list goes before the table's."""
    column = Column(name="a", origin="a", meta={"null_values": of_column} if of_column else {})
    table: SourceTable = LINES.model_copy(update={"meta": {"null_values": of_table} if of_table else {}})
    sql = f"select {build_text(table, column, 'x')} from (select unnest(['0000-00-00', '2026-01-01', null]) as x)"
    assert [row[0] for row in duckdb.sql(sql).fetchall()] == [None, "2026-01-01", None]


@pytest.mark.parametrize("text", ["0000-00-00", "0000-00-00 00:00:00.000000", " 0000-00-00T00:00 "])
def test_a_day_that_stands_for_nothing_is_its_midnight_too(text: str) -> None:
    for kind, found in (
        ("timestamp", None),
        ("date", None),
        ("varchar", text if " 00" in text or "T" in text else None),
    ):
        column = Column(name="a", data_type=kind, origin="a", meta={"null_values": "0000-00-00"})
        sql = f"select {build_text(LINES, column, 'x')} from (select ? as x)"
        assert duckdb.execute(sql, [text]).fetchall() == [(found,)]


def test_how_numbers_are_written_takes_nothing_from_a_text() -> None:
    assert read("1.234,5 or so", "varchar", decimal=",", thousands=".") == "1.234,5 or so"


def test_blanks_around_what_stands_for_nothing_are_none() -> None:
    """Of numbers and times; a text is taken as it is."""
    for kind, found in (("integer", None), ("varchar", " - ")):
        column = Column(name="a", data_type=kind, origin="a", meta={"null_values": ["-"]})
        sql = f"select {build_text(LINES, column, 'x')} from (select ' - ' as x)"
        assert duckdb.sql(sql).fetchall() == [(found,)]
