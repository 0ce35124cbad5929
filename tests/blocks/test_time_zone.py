"""One declared time zone decides on which day a point in time falls, whatever the machine's is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from blocks.catalogue import Catalogue
from blocks.errors import Misconfigured
from blocks.site.extract import Extract, label_sql
from blocks.site.hyper import write_hyper
from blocks.time_zone import read_time_zone
from tests.blocks.site.tableau.files import extracts
from tests.conftest import ROOT

# Around both switches of 2026 in Berlin, 29 March and 25 October: UTC, and the day it is there.
MOMENTS = {
    "2026-03-28 22:59:59+00": "2026-03-28",
    "2026-03-28 23:00:00+00": "2026-03-29",
    "2026-03-29 21:59:59+00": "2026-03-29",
    "2026-03-29 22:00:00+00": "2026-03-30",
    "2026-10-24 21:59:59+00": "2026-10-24",
    "2026-10-24 22:00:00+00": "2026-10-25",
    "2026-10-25 22:59:59+00": "2026-10-25",
    "2026-10-25 23:00:00+00": "2026-10-26",
}
MODEL = {
    "name": "calls",
    "depends_on": {"nodes": ["model.p.calls"]},
    "defaults": {"agg_time_dimension": "called_at"},
    "dimensions": [
        {"name": "called_at", "type": "time", "type_params": {"time_granularity": "day"}},
        {"name": "begun", "type": "time", "type_params": {"time_granularity": "month"}, "expr": "called_at"},
    ],
    "measures": [{"name": "calls", "agg": "count", "expr": "1"}],
}
# Runs in a process of its own, since a machine's zone is read once: days, then months, as text.
PROGRAM = """
import json, sys
from pathlib import Path
from blocks.catalogue import Catalogue
from blocks.records import Dashboard
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
folder, manifest, zone = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
warehouse = DuckDBWarehouse(database=str(folder / "w.duckdb"))
(dataset,) = Catalogue(manifest, zone).datasets(("calls",), ("begun",))
with warehouse.session() as session:
    warehouse.use_time_zone(session, dataset.time_zone)
    session.export(dataset.sql("calls"), folder / "calls.parquet")
import duckdb
rows = duckdb.sql(f"select called_at::varchar, begun::varchar, calls from '{folder}/calls.parquet' order by 1, 2")
print(json.dumps(rows.fetchall()))
"""


def manifest() -> dict[str, Any]:
    node = {"name": "calls", "resource_type": "model", "unique_id": "model.p.calls", "schema": "s"}
    metric = {"name": "calls", "type": "simple", "type_params": {"measure": {"name": "calls"}}}
    return {
        "metadata": {"adapter_type": "duckdb"},
        "sources": {},
        "exposures": {},
        "nodes": {"model.p.calls": node | {"alias": "calls", "config": {}}},
        "semantic_models": {"calls": MODEL},
        "metrics": {"calls": metric},
    }


def served(folder: Path, zone: str, machine: str, moments: Iterable[str] = MOMENTS) -> list[list[Any]]:
    """The rows that a dashboard gets on a machine in another zone."""
    with duckdb.connect(str(folder / "w.duckdb")) as connection:
        rows = ", ".join(f"(timestamptz '{moment}')" for moment in moments)
        connection.execute(f"CREATE OR REPLACE TABLE calls AS FROM (VALUES {rows}) AS t(called_at)")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), json.dumps(manifest()), zone],
        env={**os.environ, "TZ": machine, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[list[Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("machine", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_days_are_those_of_the_declared_zone_on_any_machine(tmp_path: Path, machine: str) -> None:
    days: dict[str, int] = {}
    for day in MOMENTS.values():
        days[day] = days.get(day, 0) + 1
    assert served(tmp_path, "Europe/Berlin", machine) == [
        [day, f"{day[:7]}-01", calls] for day, calls in days.items()
    ]


@pytest.mark.parametrize(
    ("machine", "zone"),
    [
        ("Asia/Kolkata", "America/New_York"),
        ("Europe/Berlin", "Asia/Kolkata"),
        ("America/New_York", "Europe/Berlin"),
    ],
)
def test_every_half_hour_around_each_switch_is_on_its_day(tmp_path: Path, machine: str, zone: str) -> None:
    """Of both switches of 2026 in New York and in Berlin, from the day before to the day after."""
    switches = (datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 8), (3, 29), (10, 25), (11, 1)))
    moments = [at + timedelta(minutes=30 * step) for at in switches for step in range(-48, 96)]
    days = Counter(moment.astimezone(ZoneInfo(zone)).date() for moment in moments)
    assert served(tmp_path, zone, machine, map(str, moments)) == [
        [str(day), f"{day:%Y-%m}-01", count] for day, count in sorted(days.items())
    ]


def test_a_point_in_time_is_shown_in_the_declared_zone_on_page_and_in_hyper(tmp_path: Path) -> None:
    catalogue = Catalogue(manifest(), "Europe/Berlin")
    (dataset,) = catalogue.datasets(("calls",), ("begun",))
    dataset = dataset.model_copy(update={"dimensions": ("begun",), "time": None})
    path = tmp_path / "calls.parquet"
    rows = "SELECT timestamptz '2026-07-01 22:30:00+00' AS begun, 3 AS calls"
    duckdb.sql(rows).write_parquet(str(path))
    with Extract(dataset, path) as extract:
        assert extract.rows(f"SELECT {label_sql('begun')} FROM extract") == [("2026-07-02 00:30:00+02",)]
    write_hyper({"Extract": path}, tmp_path / "calls.hyper", time_zone=dataset.time_zone)
    found = extracts().ask(tmp_path / "calls.hyper", '"begun"')
    assert str(found) == "2026-07-02 00:30:00"


def test_without_a_declared_zone_days_are_utcs(tmp_path: Path) -> None:
    days = sorted({moment[:10] for moment in MOMENTS})
    assert [row[0] for row in served(tmp_path, "UTC", "Pacific/Kiritimati")] == days


def test_a_project_declares_its_zone() -> None:
    assert read_time_zone({}) == "UTC"
    assert read_time_zone({"vars": {"ticket_to_dashboard": {"not_run": "warn"}}}) == "UTC"
    assert (
        read_time_zone({"vars": {"ticket_to_dashboard": {"time_zone": "Europe/Berlin"}}}) == "Europe/Berlin"
    )
    assert Catalogue(manifest(), "Europe/Berlin").datasets(("calls",), ())[0].time_zone == "Europe/Berlin"
    for wrong in ("Mars/Olympus", "../etc/passwd", "'; drop table t; --", 7):
        with pytest.raises(Misconfigured, match="no time zone"):
            read_time_zone({"vars": {"ticket_to_dashboard": {"time_zone": wrong}}})
