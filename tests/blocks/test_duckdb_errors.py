"""What DuckDB's errors say without the values of rows, whoever asked."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from blocks.dbt.messages import leave_out_rows
from blocks.duckdb_errors import describe_duckdb_error, hide_values

VALUE = "it's 4711-secret\n\n4711-secret"
OF_ROWS = [
    ("select cast(v as int) from t", "to INT"),
    ("select cast(v as date) from t", "invalid date field format"),
    ("select strptime(v, '%Y') from t", "Could not parse string"),
    ("select v::struct(a int) from t", "STRUCT(a INTEGER)"),
    ("select json_extract(v, '$.a') from t", "Malformed JSON"),
    ("select cast(n as tinyint) from t", "out of range"),
    ("select cast(n * 1.0::double as decimal(4,2)) from t", "DECIMAL"),
    (
        "create table u (k varchar primary key); insert into u select v from t; insert into u from u",
        "Duplicate key",
    ),
]


@pytest.mark.parametrize(("sql", "reason"), OF_ROWS)
def test_no_value_of_a_row_is_in_what_an_error_says(sql: str, reason: str) -> None:
    connection = duckdb.connect()
    connection.execute("create table t as select ? as v, 4711 as n", [VALUE])
    with pytest.raises(duckdb.Error) as failed:
        connection.execute(sql).fetchall()
    by_dbt = f"Runtime Error in model m (models/m.sql)\n  {failed.value}\n  compiled code at target/m.sql"
    assert "4711" in by_dbt
    for said in (describe_duckdb_error(failed.value), hide_values(str(failed.value)), leave_out_rows(by_dbt)):
        assert "4711" not in said
        assert "secret" not in said
    assert "target/m.sql" in leave_out_rows(by_dbt)
    if reason != "DECIMAL":  # whose digits go, too
        assert reason in leave_out_rows(by_dbt)


def test_what_is_wrong_with_a_file_is_said_without_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('id,x\n1,1\n2,"4711-secret\n4711-secret"\n')
    with pytest.raises(duckdb.Error) as failed:
        duckdb.sql(
            f"select * from read_csv('{path}', columns = {{'id': 'integer', 'x': 'integer'}})"
        ).fetchall()
    said = hide_values(str(failed.value))
    assert "4711" in str(failed.value)
    assert "4711" not in said
    assert 'Error when converting column "x"' in said


@pytest.mark.parametrize(
    ("kept", "quoted"),
    [
        ("invalid input syntax for type integer: ", '"4711-secret"'),
        ("date/time field value out of range: ", '"4711-secret"'),
        ("Numeric value ", "'4711-secret'"),
        ("Timestamp ", "'4711-secret'"),
        (
            "duplicate key value violates unique constraint\n",
            "  DETAIL:  Key (k)=(4711-secret) already exists.",
        ),
        ("NumberFormatException: For input string: ", '"4711-secret"'),
    ],
)
def test_nor_in_what_other_warehouses_say_through_dbt(kept: str, quoted: str) -> None:
    said = leave_out_rows(
        f'Database Error in model m (models/m.sql)\n  {kept}{quoted}\n  column "k" of relation "m"'
    )
    assert "4711" not in said
    assert kept.strip() in said
    assert 'column "k" of relation "m"' in said
