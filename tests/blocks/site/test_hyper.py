"""What Tableau reads equals what the Parquet file holds, also where the types differ."""

from __future__ import annotations

import math
import os
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blocks.errors import BadInput, TimedOut
from blocks.site.hyper import write_hyper
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse


def parquet(path: Path, sql: str) -> Path:
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    return path


def read_back(path: Path, table: str = "Extract") -> tuple[dict[str, str], list[list[Any]]]:
    from tableauhyperapi import Connection, HyperProcess, TableName, Telemetry

    with (
        HyperProcess(Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU, parameters={"log_config": ""}) as process,
        Connection(process.endpoint, path) as connection,
    ):
        name = TableName("Extract", table)
        columns = connection.catalog.get_table_definition(name).columns
        rows = connection.execute_list_query(f"SELECT * FROM {name} ORDER BY 1")
        return {column.name.unescaped: str(column.type) for column in columns}, rows


def tables_of(path: Path) -> list[str]:
    from tableauhyperapi import Connection, HyperProcess, Telemetry

    with (
        HyperProcess(Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU, parameters={"log_config": ""}) as process,
        Connection(process.endpoint, path) as connection,
    ):
        return [table.name.unescaped for table in connection.catalog.get_table_names("Extract")]


def plain(value: Any) -> Any:
    """A Hyper value as Python's own."""
    if type(value).__name__ == "Timestamp":
        return value.to_datetime()
    return value.to_date() if type(value).__name__ == "Date" else value


def test_every_value_of_an_extract_arrives(make_card, tmp_path):
    card = make_card()
    rows = write_hyper({"Extract": card.extracts[0]}, tmp_path / "sales.hyper")
    with duckdb.connect() as connection:
        wanted = connection.execute(f"SELECT * FROM '{card.extracts[0]}'").fetchall()
    types, found = read_back(tmp_path / "sales.hyper")
    assert rows == {"Extract": len(wanted)}
    assert sorted(tuple(map(plain, row)) for row in found) == sorted(wanted)
    assert types["gross"] == types["returned"] == "NUMERIC(18, 2)"
    assert types["day"] == "DATE"
    assert types["orders"] == "BIG_INT"


@pytest.mark.parametrize(
    ("sql", "kind", "value"),
    [
        ("12345678901234567.25::DECIMAL(38,2)", "DOUBLE", 12345678901234567.25),
        ("1234567890123456.25::DECIMAL(38,2)", "NUMERIC(18, 2)", Decimal("1234567890123456.25")),
        ("1234567890123456789::DECIMAL(38,0)", "BIG_INT", 1234567890123456789),
        ("12::DECIMAL(38,0)", "BIG_INT", 12),
        ("12345678901234567890123::DECIMAL(38,0)", "DOUBLE", 1.2345678901234568e22),
        ("0.1::FLOAT", "DOUBLE", 0.10000000149011612),
        ("9007199254740993::BIGINT", "BIG_INT", 9007199254740993),
        ("42::UBIGINT", "BIG_INT", 42),
        ("18446744073709551615::UBIGINT", "TEXT", "18446744073709551615"),
        ("sum(3::BIGINT)", "DOUBLE", 3.0),
        ("200::UTINYINT", "SMALL_INT", 200),
        ("60000::USMALLINT", "INT", 60000),
        ("4000000000::UINTEGER", "BIG_INT", 4000000000),
        ("TIMESTAMPTZ '2025-01-02 01:02:03+05'", "TIMESTAMP", datetime(2025, 1, 1, 20, 2, 3)),
        ("TIMESTAMP_NS '2025-01-02 01:02:03.123456789'", "TIMESTAMP", datetime(2025, 1, 2, 1, 2, 3, 123456)),
        ("DATE '2024-02-29'", "DATE", date(2024, 2, 29)),
        ("TIME '23:59:59'", "TIME", time(23, 59, 59)),
        ("NULL::VARCHAR", "TEXT", None),
        ("NULL::DECIMAL(38,4)", "NUMERIC(18, 4)", None),
        ("NULL::DATE", "DATE", None),
        ("''", "TEXT", ""),
        ("'a\u2028\U0001f642'", "TEXT", "a\u2028\U0001f642"),
        ("true", "BOOL", True),
        ("'2b6f0cc9-2f1c-4d7a-9f0e-0123456789ab'::UUID", "TEXT", "2b6f0cc9-2f1c-4d7a-9f0e-0123456789ab"),
        ("'a'::ENUM('a', 'b')", "TEXT", "a"),
        ("[1, 2]", "TEXT", "[1, 2]"),
        ("'\\xAB'::BLOB", "BYTES", b"\xab"),
    ],
)
def test_types_hyper_does_not_take_are_cast_on_purpose(hyper_of, sql, kind, value):
    types, rows = hyper_of(f'SELECT {sql} AS "we""ird näme"')
    assert list(types.items()) == [('we"ird näme', kind)]
    found = plain(rows[0][0])
    assert found == value
    assert type(found) is type(value) or value is None


def test_sums_of_whole_numbers_stay_whole_and_exact(tmp_path):
    """2^53 + 1 is the first whole number that a double does not have."""
    with DuckDBWarehouse(database=str(tmp_path / "w.duckdb")).session() as session:
        rows = "(VALUES (9007199254740992::BIGINT), (1)) AS t(n)"
        query = f'SELECT sum(n) AS "a ""sum""", sum(n) / 2 AS half, count(*) AS n FROM {rows}'
        assert session.export(query, tmp_path / "in.parquet") == 1
    write_hyper({"Extract": tmp_path / "in.parquet"}, tmp_path / "out.hyper")
    types, found = read_back(tmp_path / "out.hyper")
    assert found == [[9007199254740993, 4503599627370496.5, 2]]
    assert list(types.items()) == [('a "sum"', "BIG_INT"), ("half", "DOUBLE"), ("n", "BIG_INT")]


@pytest.fixture
def hyper_of(tmp_path):
    def make(sql: str) -> tuple[dict[str, str], list[list[Any]]]:
        write_hyper({"Extract": parquet(tmp_path / "in.parquet", sql)}, tmp_path / "out.hyper")
        return read_back(tmp_path / "out.hyper")

    return make


def test_not_a_number_and_infinity_stay(hyper_of):
    _, rows = hyper_of("SELECT 'nan'::DOUBLE AS n, 'inf'::DOUBLE AS i")
    assert math.isnan(rows[0][0])
    assert rows[0][1] == math.inf


def test_arrow_files_with_time_zones_and_null_columns(tmp_path):
    when = datetime(2025, 7, 1, 23, 30, tzinfo=UTC)
    zone = pa.array([when], pa.timestamp("us", tz="Asia/Tokyo"))
    pq.write_table(pa.table({"when": zone, "nothing": pa.nulls(1)}), tmp_path / "in.parquet")
    write_hyper({"Extract": tmp_path / "in.parquet"}, tmp_path / "out.hyper")
    _, rows = read_back(tmp_path / "out.hyper")
    assert [plain(value) for value in rows[0]] == [datetime(2025, 7, 1, 23, 30), None]


def test_one_table_a_dataset_in_one_file(tmp_path):
    tables = {
        name: parquet(tmp_path / f"{name}.parquet", f"SELECT {n} AS n FROM range({n})")
        for name, n in (("sales", 2), ("pipeline", 3))
    }
    assert write_hyper(tables, tmp_path / "both.hyper") == {"sales": 2, "pipeline": 3}
    assert read_back(tmp_path / "both.hyper", "pipeline")[1] == [[3], [3], [3]]


def test_an_empty_extract_keeps_its_columns(tmp_path):
    empty = parquet(tmp_path / "in.parquet", "SELECT 1::BIGINT AS a, 'x' AS b WHERE false")
    assert write_hyper({"Extract": empty}, tmp_path / "out.hyper") == {"Extract": 0}
    assert read_back(tmp_path / "out.hyper") == ({"a": "BIG_INT", "b": "TEXT"}, [])


def test_nothing_but_the_file_is_left(tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    write_hyper({"Extract": parquet(tmp_path / "in.parquet", "SELECT 1 AS a")}, work / "out.hyper")
    assert os.listdir(work) == ["out.hyper"]


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "in.parquet").write_text("half a file")
    with pytest.raises(BadInput, match=r"Read in\.parquet"):
        write_hyper({"Extract": tmp_path / "in.parquet"}, tmp_path / "out.hyper")


def test_a_deadline_ends_the_build(tmp_path):
    many = parquet(tmp_path / "in.parquet", "SELECT i, i::VARCHAR AS s FROM range(3000000) AS r(i)")
    with pytest.raises(TimedOut, match=r"out\.hyper"):
        write_hyper({"Extract": many}, tmp_path / "out.hyper", deadline=0.2)


def test_a_million_rows_take_no_memory_in_python(tmp_path):
    import tracemalloc

    many = parquet(tmp_path / "in.parquet", "SELECT i, i::VARCHAR AS s FROM range(1000000) AS r(i)")
    tracemalloc.start()
    try:
        assert write_hyper({"Extract": many}, tmp_path / "out.hyper") == {"Extract": 1_000_000}
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
