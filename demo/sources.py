"""The company's sources, made by SQL in DuckDB and written: a CSV a trading day, SQLite, JSON.

The ERP's lines exist only a few days at a time, so that memory does not grow with the scale.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from demo.folder import Company

if TYPE_CHECKING:
    import duckdb

HERE = Path(__file__).parent
LINES_AT_ONCE = 400_000
LINES_AT_SCALE_1 = 60_000
CALENDAR = "select day_no, day from trading_days order by day_no"
LINES_OF_A_DAY = "select * exclude (day_no) from lines where day_no = $day_no"
CRM_SCHEMA = """
create table accounts (
    account_id integer, name text, segment text, country text, owner text, signed_up_on date
);
create table opportunities (
    opportunity_id integer primary key, account_id integer, stage text, amount numeric(18, 2), currency text,
    created_on date, closed_on date, updated_at timestamp
);
"""
ACCOUNTS = "select account_id, name, segment, country, owner, cast(signed_up_on as varchar) from crm_accounts"
OPPORTUNITIES = """
select
    opportunity_id, account_id, stage, amount, currency, cast(created_on as varchar),
    cast(closed_on as varchar), strftime(updated_at, '%Y-%m-%d %H:%M:%S')
from crm_opportunities
"""
INSERTS = {
    ACCOUNTS: "insert into accounts values (?, ?, ?, ?, ?, ?)",
    OPPORTUNITIES: "insert into opportunities values (?, ?, ?, ?, ?, ?, ?, ?)",
}
RATES = "select cast(rate_date as varchar) as rate_date, currency, rate from fx_rates"


def write_sources(company: Company, scale: float, seed: int, days: int | None) -> None:
    """Write all three sources into the company's folder, which is empty."""
    import duckdb

    with duckdb.connect(config={"memory_limit": "1GB", "threads": 2}) as connection:
        connection.execute("set variable scale = $scale", {"scale": scale})
        connection.execute("set variable seed = $seed", {"seed": seed})
        for name in ("base", "erp", "crm"):
            connection.execute(_sql(name))
        _write_erp(connection, company.erp, scale, days)
        _write_crm(connection, company.crm)
        _write_fx(connection, company.fx)


def _write_erp(connection: duckdb.DuckDBPyConnection, folder: Path, scale: float, days: int | None) -> None:
    folder.mkdir()
    calendar = connection.execute(CALENDAR).fetchall()
    at_once = max(1, int(LINES_AT_ONCE * len(calendar) / (LINES_AT_SCALE_1 * scale)))
    for batch in _batches(calendar[:days], at_once):
        connection.execute(_sql("erp_lines"), {"first": batch[0][0], "last": batch[-1][0]})
        for number, day in batch:
            lines = connection.sql(LINES_OF_A_DAY, params={"day_no": number})
            lines.write_csv(str(folder / f"{day}.csv"), header=True)


def _batches(calendar: list[tuple[int, date]], size: int) -> Iterator[list[tuple[int, date]]]:
    for start in range(0, len(calendar), size):
        yield calendar[start : start + size]


def _write_crm(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    with closing(sqlite3.connect(path)) as crm, crm:
        crm.executescript(CRM_SCHEMA)
        for query, insert in INSERTS.items():
            cursor = connection.execute(query)
            while rows := cursor.fetchmany(50_000):
                crm.executemany(insert, rows)


def _write_fx(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    rates = connection.sql(RATES)
    records = [dict(zip(rates.columns, row, strict=True)) for row in rates.fetchall()]
    path.write_text(json.dumps(records, indent=0), encoding="utf-8")


def _sql(name: str) -> str:
    return (HERE / f"{name}.sql").read_text(encoding="utf-8")
