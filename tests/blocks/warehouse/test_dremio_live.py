"""Against a real Dremio, if the environment names one; see docs/dremio.md. It makes and drops one folder.

DREMIO_HOST, DREMIO_TOKEN or DREMIO_USER and DREMIO_PASSWORD, DREMIO_SOURCE, DREMIO_DATABASE, DREMIO_LANDING and
DREMIO_LANDING_URL are needed; DREMIO_PORT, DREMIO_FLIGHT_HOST, DREMIO_FLIGHT_PORT, DREMIO_TLS, DREMIO_PROJECT and
DREMIO_PUBLISH are not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from blocks.quality.suites import Suites
from blocks.records import State
from blocks.warehouse import control
from blocks.warehouse.dremio.warehouse import DremioWarehouse
from tasks.promotion import recover, retain, roll_back
from tests.blocks.vendor_patches.test_dbt_dremio import PROJECT
from tests.blocks.warehouse.test_dremio_load import EAST, NORTH, WEST, ledger, rides
from tests.blocks.warehouse.test_dremio_publish import looking, promote, seen
from tests.blocks.warehouse.test_warehouse_contract import batch
from tests.dremio.dbt import dbt

NEEDED = ("HOST", "DATABASE", "LANDING", "LANDING_URL")
MISSING = [f"DREMIO_{name}" for name in NEEDED if f"DREMIO_{name}" not in os.environ]
pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")]


def asked(name: str, default: str = "") -> str | None:
    return os.environ.get(f"DREMIO_{name}", default) or None


@pytest.fixture(scope="module")
def warehouse() -> Iterator[DremioWarehouse]:
    place = f"t{uuid4().hex[:8]}"
    house = DremioWarehouse(
        host=asked("HOST"),
        port=int(asked("PORT", "9047") or 0),
        flight_host=asked("FLIGHT_HOST"),
        flight_port=int(asked("FLIGHT_PORT", "32010") or 0),
        tls=asked("TLS", "true") != "false",
        project=asked("PROJECT"),
        user=asked("USER"),
        password=asked("PASSWORD"),
        token=asked("TOKEN"),
        source=asked("SOURCE"),
        database=f"{asked('DATABASE')}.{place}",
        landing=asked("LANDING"),
        landing_url=asked("LANDING_URL"),
        publish=asked("PUBLISH", "views"),
        deadline_seconds=300,
        keep=2,
    )
    house.setup(apply=True)
    yield house
    with house.session() as session:
        for schema in [*house.list_releases(), house.serving, *house.slots, "raw_bikes", house.control]:
            for folder in dict.fromkeys((house.names.path(schema), house.names.view_folder(schema))):
                rows = session.rows(
                    'select TABLE_NAME, TABLE_TYPE from INFORMATION_SCHEMA."TABLES" where TABLE_SCHEMA = ?',
                    (".".join(folder),),
                )
                for name, kind in sorted(rows, key=lambda row: row[1] != "VIEW"):
                    path = ".".join(f'"{part}"' for part in (*folder, name))
                    session.rows(f"drop {'view' if kind == 'VIEW' else 'table'} if exists {path}")
        session.rest.delete_folder(house.names.views)


def test_check(warehouse: DremioWarehouse) -> None:
    assert "tables in" in warehouse.check()


def test_a_load_twice_is_the_same_as_once(warehouse: DremioWarehouse, tmp_path: Path) -> None:
    for _ in range(2):
        warehouse.ingest(batch(tmp_path, [NORTH, WEST], bad=["x"]))
    warehouse.ingest(batch(tmp_path, [EAST], item="b.csv"))
    assert [row[0] for row in rides(warehouse)] == [1, 2, 3]
    assert ledger(warehouse) == {"a.csv": 2, "b.csv": 1}


def test_dbt_builds_twice_in_a_row(warehouse: DremioWarehouse, tmp_path: Path) -> None:
    with warehouse.session() as session:
        warehouse.make_schema(session, "rel_dbt")
    with dbt(warehouse, PROJECT, "rel_dbt", tmp_path) as process:
        for _ in range(2):
            answer = process.run("build")
            assert answer.success, answer


def test_a_suite_is_evaluated(warehouse: DremioWarehouse, tmp_path: Path) -> None:
    kinds = {
        "expect_column_values_to_be_unique": {"column": "code"},
        "expect_column_values_to_match_regex": {"column": "code", "regex": "^0"},
        "expect_column_values_to_be_between": {"column": "price", "min_value": 0},
    }
    suite = {
        "name": "m",
        "expectations": [{"type": kind, "kwargs": kwargs} for kind, kwargs in kinds.items()],
    }
    (tmp_path / "m.json").write_text(json.dumps(suite))
    checks = Suites(folder=tmp_path, docs=tmp_path / "docs").audit(warehouse, {"m": "rel_dbt.sold"})
    assert all(check.passed for check in checks)
    assert len(checks) == 3


def test_releases_flip_under_a_reader_and_back(warehouse: DremioWarehouse) -> None:
    promote(warehouse, "a", 1)
    with looking(warehouse, "s.run_no, p.run_no") as (pairs, wrong):
        promote(warehouse, "b", 2)
        promote(warehouse, "c", 3)
    assert not wrong
    if warehouse.publish != "views":
        assert all(one == other for one, other in pairs)
    assert roll_back.fn(warehouse, None).run == "b"
    assert seen(warehouse) == [2, 2]
    retain.fn(warehouse)
    control.write_journal(warehouse, "d", State.building)
    assert recover.fn(warehouse, "e") == ["run d had died while building; it is abandoned"]
