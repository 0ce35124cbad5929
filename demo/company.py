"""The generator: CRM (SQLite), ERP (a CSV a trading day) and FX (JSON) of a UK gift wholesaler.

The company is made by SQL in DuckDB (the .sql files beside this one) and written here, whole or not at all.
Not here: the FX server (fx_api.py), the tickets (tickets/).
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

HERE = Path(__file__).parent
VERSION = 1  # raise it when the SQL changes, so that companies made before are made anew
LINES_AT_ONCE = 400_000
LINES_AT_SCALE_1 = 60_000
CRM_SCHEMA = """
create table accounts (
    account_id integer, name text, segment text, country text, owner text, signed_up_on date
);
create table opportunities (
    opportunity_id integer primary key, account_id integer, stage text, amount numeric(18, 2), currency text,
    created_on date, closed_on date, updated_at timestamp
);
"""


@dataclass(frozen=True)
class Company:
    """Where the sources are. crm: SQLite file; erp: folder of CSVs; fx: JSON file."""

    folder: Path

    @property
    def crm(self) -> Path:
        return self.folder / "crm.sqlite"

    @property
    def erp(self) -> Path:
        return self.folder / "erp"

    @property
    def fx(self) -> Path:
        return self.folder / "fx.json"


def generate(folder: Path, scale: float = 1.0, seed: int = 7, days: int | None = None) -> Company:
    """Make the company in `folder`, unless the same one is there. Scale 1 is about 60,000 invoice lines.

    days: only the ERP's first so many trading days; CRM and FX stay whole. Same arguments, same bytes.
    Raises FileExistsError if the folder holds something else.
    """
    wanted = json.dumps({"version": VERSION, "scale": scale, "seed": seed, "days": days})
    marker = folder / ".generated.json"
    if marker.is_file() and marker.read_text(encoding="utf-8") == wanted:
        return Company(folder)
    if folder.exists() and any(folder.iterdir()) and not marker.is_file():
        raise FileExistsError(f"{folder} holds something else than a generated company; name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        made = Company(Path(scratch) / "new")
        made.erp.mkdir(parents=True)
        _make(made, scale, seed, days)
        (made.folder / marker.name).write_text(wanted, encoding="utf-8")
        if folder.exists():
            os.rename(folder, Path(scratch) / "old")
        os.rename(made.folder, folder)
    return Company(folder)


def _make(company: Company, scale: float, seed: int, days: int | None) -> None:
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
    calendar = connection.execute("select day_no, day from trading_days order by day_no").fetchall()[:days]
    for batch in _batches(calendar, scale):
        connection.execute(_sql("erp_lines"), {"first": batch[0][0], "last": batch[-1][0]})
        for number, day in batch:
            lines = connection.sql("select * exclude (day_no) from lines where day_no = $number", params={"number": number})
            lines.write_csv(str(folder / f"{day}.csv"), header=True)


def _batches(calendar: list[tuple[int, date]], scale: float) -> Iterator[list[tuple[int, date]]]:
    """Runs of days that fit in memory together."""
    size = max(1, int(LINES_AT_ONCE / (LINES_AT_SCALE_1 * scale) * len(calendar)))
    for start in range(0, len(calendar), size):
        yield calendar[start : start + size]


def _write_crm(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    accounts = connection.execute(
        "select account_id, name, segment, country, owner, cast(signed_up_on as varchar) from crm_accounts"
    ).fetchall()
    with sqlite3.connect(path) as crm:
        crm.executescript(CRM_SCHEMA)
        crm.executemany("insert into accounts values (?, ?, ?, ?, ?, ?)", accounts)
        opportunities = connection.execute(
            "select * replace (cast(created_on as varchar) as created_on, cast(closed_on as varchar) as closed_on,"
            " strftime(updated_at, '%Y-%m-%d %H:%M:%S') as updated_at) from crm_opportunities"
        )
        while rows := opportunities.fetchmany(50_000):
            crm.executemany("insert into opportunities values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    crm.close()


def _write_fx(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    rates = connection.execute("select cast(rate_date as varchar), currency, rate from fx_rates").fetchall()
    fields = ("rate_date", "currency", "rate")
    path.write_text(json.dumps([dict(zip(fields, row, strict=True)) for row in rates], indent=0), encoding="utf-8")


def _sql(name: str) -> str:
    return (HERE / f"{name}.sql").read_text(encoding="utf-8")
