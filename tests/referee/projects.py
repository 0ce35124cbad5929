"""dbt projects with made-up marts, parsed by dbt itself: one written by hand, others drawn by a seed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from blocks.catalogue import Catalogue

SCHEMA = "marts"
SALES = """
SELECT i AS sale_id,
    date '2024-11-20' + (hash(i, 1) % 430)::int AS sold_on,
    timestamp '2024-11-20 00:00:00' + to_seconds((hash(i, 1) % 430 * 86400 + hash(i, 2) % 86400)::bigint) AS booked_at,
    date '2024-10-01' + (hash(i, 3) % 500)::int AS due_on,
    [NULL, 'North', 'South', 'East', 'West'][1 + (hash(i, 4) % 5)::int] AS region,
    ['Chair', 'Desk', 'Lamp'][1 + (hash(i, 5) % 3)::int] AS product,
    1 + (hash(i, 6) % 40)::int AS customer_id,
    CASE WHEN hash(i, 7) % 11 > 0 THEN (hash(i, 8) % 90000 / 100.0)::decimal(18, 2) END AS amount,
    (hash(i, 9) % 7)::int AS quantity,
    CASE WHEN hash(i, 10) % 13 > 0 THEN hash(i, 10) % 3 = 0 END AS is_gift
FROM range(900) AS numbers(i)
"""
BALANCES = """
SELECT bal_on, account, branch, kind, balance FROM (
    SELECT (date '2025-01-01' + (d * (1 + a % 3))::int) AS bal_on, 'A' || a AS account, ['X', 'Y'][1 + a % 2] AS branch,
        ['open', 'shut'][1 + (hash(a, d) % 4 // 3)::int] AS kind,
        CASE WHEN hash(a, d, 2) % 9 > 0 THEN (hash(a, d, 3) % 5000)::int END AS balance
    FROM range(60) AS days(d), range(7) AS accounts(a) WHERE hash(a, d, 4) % 5 > 0)
"""
CUSTOMERS = """
SELECT c AS customer_id, ['Home', 'Office'][1 + c % 2] AS segment, date '2024-01-01' + (c * 9)::int AS joined_on,
    CASE WHEN c % 7 > 0 THEN c % 6 END AS area_id
FROM range(1, 36) AS customers(c)
"""
AREAS = """
SELECT a AS id, [NULL, 'Coast', 'Hills'][1 + a % 3] AS land, date '2020-01-01' + (a * 40)::int AS opened_on
FROM range(5) AS areas(a)
"""
SPINE = "SELECT date '2024-01-01' + d::int AS date_day FROM range(1200) AS days(d)"
TABLES = {"sales": SALES, "balances": BALANCES, "customers": CUSTOMERS, "areas": AREAS, "time_spine": SPINE}


class ParsedProject(NamedTuple):
    """What dbt wrote of a project, and the DuckDB file with its marts."""

    catalogue: Catalogue
    semantic_manifest: str
    database: Path


def parse_project(
    folder: Path, resources: dict[str, Any], tables: dict[str, str] | None = None
) -> ParsedProject:
    """Have dbt parse a project of these resources, and fill the marts by statements."""
    tables = TABLES if tables is None else tables
    models = folder / "models"
    models.mkdir(parents=True)
    output = {"type": "duckdb", "path": str(folder / "company.duckdb"), "schema": SCHEMA}
    files = {
        "profiles.yml": {"p": {"target": "t", "outputs": {"t": output}}},
        "dbt_project.yml": {"name": "p", "version": "1.0", "profile": "p"},
        "models/p.yml": resources,
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    for name in tables:
        (models / f"{name}.sql").write_text("select 1", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "dbt.cli.main",
        "--no-use-colors",
        "--no-send-anonymous-usage-stats",
        "parse",
    ]
    done = subprocess.run(
        [*command, "--profiles-dir", str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(folder / "company.duckdb")) as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for name, sql in tables.items():
            connection.execute(f"CREATE TABLE {SCHEMA}.{name} AS {sql}")
    manifest = json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))
    semantic = (folder / "target" / "semantic_manifest.json").read_text(encoding="utf-8")
    return ParsedProject(Catalogue(manifest), semantic, folder / "company.duckdb")


def _time(name: str, grain: str = "day", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "time", "type_params": {"time_granularity": grain}, **more}


def _dimension(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "categorical", **more}


MODELS = [
    {
        "name": "time_spine",
        "time_spine": {"standard_granularity_column": "date_day"},
        "columns": [{"name": "date_day", "granularity": "day"}],
    },
    {"name": "sales"},
    {"name": "balances"},
    {"name": "customers"},
    {"name": "areas"},
]
SALES_DIMENSIONS = [
    _time("sold_on"),
    _time("booked_at"),
    _time("due_on", "month"),
    _dimension("region"),
    _dimension("product", expr="upper(product)"),
    _dimension("is_gift"),
]
BALANCE_DIMENSIONS = [
    _time("bal_on"),
    _dimension("branch"),
    _dimension("kind"),
    _dimension("account_name", expr="account"),
]
CUSTOMER_MODEL = {
    "name": "customers",
    "model": "ref('customers')",
    "defaults": {"agg_time_dimension": "joined_on"},
    "entities": [
        {"name": "customer", "type": "primary", "expr": "customer_id"},
        {"name": "area", "type": "foreign", "expr": "area_id"},
    ],
    "dimensions": [_time("joined_on"), _dimension("segment")],
    "measures": [{"name": "customer_count", "agg": "count", "expr": "customer_id"}],
}
AREA_MODEL = {
    "name": "areas",
    "model": "ref('areas')",
    "entities": [{"name": "area", "type": "primary", "expr": "id"}],
    "dimensions": [_time("opened_on"), _dimension("land", expr="upper(land)")],
}
