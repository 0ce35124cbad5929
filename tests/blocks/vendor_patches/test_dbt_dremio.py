"""dbt-dremio under its guards: builds twice in a row, and each known fault, provoked."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import pytest

from blocks.errors import Misconfigured
from blocks.vendor_patches import dbt_dremio, versions
from blocks.warehouse.base import Batch
from blocks.warehouse.dremio.warehouse import DremioWarehouse
from tests.blocks.warehouse.test_warehouse_contract import RIDES
from tests.conftest import ROOT
from tests.dremio.dbt import Dbt, dbt
from tests.dremio.standin import StandIn, stand_in

PROJECT = ROOT / "tests" / "dremio" / "project"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    pytest.importorskip("dbt.adapters.dremio", reason="extra `dremio` is not installed")
    with stand_in(tmp_path_factory.mktemp("dremio") / "lake") as running:
        yield running


@pytest.fixture(scope="module")
def warehouse(server: StandIn) -> DremioWarehouse:
    house = server.warehouse(database="house.prod", deadline_seconds=5, threads=2)
    house.ingest(Batch(RIDES, "append", [], [], []))
    with house.session() as session:
        house.make_schema(session, "rel_1")
    return house


@pytest.fixture(scope="module")
def running(warehouse: DremioWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    with dbt(warehouse, PROJECT, "rel_1", tmp_path_factory.mktemp("dbt")) as process:
        yield process


@pytest.fixture(scope="module")
def built(running: Dbt) -> Dbt:
    answer = running.run("build")
    assert answer.success, answer
    assert answer.statuses == {
        "prices": "success",
        "staged": "success",
        "sold": "success",
        "added": "success",
        "ridden": "success",
        "kept": "success",
        "unique_sold_code": "pass",
        "not_null_sold_code": "pass",
        "prices_add_up": "pass",
        "rides_are_copied": "pass",
    }
    return running


def test_it_builds_twice_in_a_row(built: Dbt, warehouse: DremioWarehouse) -> None:
    answer = built.run("build")
    assert answer.success, answer
    with warehouse.session() as session:
        sold = session.rows(f"select code, price, times from {warehouse.relation('rel_1.sold')} order by 1")
        added = session.rows(f"select count(*) from {warehouse.relation('rel_1.added')}")
    assert sold == [("007", Decimal("1.50"), 1), ("008", Decimal("2.25"), 1)]
    assert added == [(2,)]


def test_tables_and_views_lie_where_the_one_setting_says(built: Dbt, warehouse: DremioWarehouse) -> None:
    with warehouse.session() as session:
        for name, kind in (("sold", "TABLE"), ("prices", "TABLE"), ("~staged", "VIEW")):
            path = warehouse.names.path("rel_1", name)
            assert path[:-2] == (("house", "prod") if kind == "VIEW" else ("lake", "house", "prod"))
            assert warehouse.columns(session, "rel_1", name), name
        assert warehouse.columns(session, "rel_1", "prices") == {
            "code": "VARCHAR",
            "price": "DECIMAL(12,2)",
            "since": "DATE",
        }
    assert warehouse.list_releases() == ["rel_1"]
    assert warehouse.locate_model("house.prod.rel_1", "sold", "table") == "rel_1.sold"
    assert warehouse.locate_model("prod.rel_1", "staged", "view") == "rel_1.~staged"


def test_a_cancelled_job_ends_dbts_wait(built: Dbt, server: StandIn) -> None:
    server.fail('create or replace view "house"."prod"."rel_1"."staged"', "cancelled")
    answer = built.run("run", "--select", "staged")
    assert answer.statuses == {"staged": "error"}
    assert "Dremio's job is canceled" in answer.results["staged"][1]


def test_a_server_that_is_away_for_a_moment_fails_no_model(built: Dbt, server: StandIn) -> None:
    server.fail("GET /api/v3/job", 503, 2)
    assert built.run("run", "--select", "staged").success


def test_a_statement_is_never_sent_twice(built: Dbt, server: StandIn) -> None:
    server.fail("POST /api/v3/sql", 503)
    before = len(server.engine.asks)
    answer = built.run("run", "--select", "staged")
    assert not answer.success
    repeated = [ask for ask in server.engine.asks[before:] if ask.startswith("create or replace view")]
    assert len(repeated) <= 1


def test_a_job_that_never_ends_is_cancelled_at_the_deadline(built: Dbt, server: StandIn) -> None:
    server.fail('create or replace view "house"."prod"."rel_1"."staged"', "stuck")
    before = len(server.engine.cancelled)
    answer = built.run("run", "--select", "staged")
    assert "not done after 5 s: running; cancelled" in answer.results["staged"][1]
    assert len(server.engine.cancelled) == before + 1


def test_the_password_is_in_no_file(built: Dbt) -> None:
    state = Path(built.flags[built.flags.index("--profiles-dir") + 1])
    files = [path for path in state.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if b"dremio123" in path.read_bytes()]


def test_the_guards_are_for_one_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert version("dbt-dremio") == dbt_dremio.SEEN
    monkeypatch.setattr(versions, "read_version", lambda name: "1.12.0")
    with pytest.raises(Misconfigured, match=r"1\.12\.0"):
        dbt_dremio.install()


def test_cloud_is_reached_by_token_and_project(server: StandIn) -> None:
    house = server.warehouse(
        host="api.dremio.cloud",
        project="p-1",
        user=None,
        password=None,
        token="pat-1",
        source=None,
        tls=True,
        database="catalog.house",
    )
    target, environment = house.make_dbt_target("rel_1")
    assert (target["cloud_host"], target["cloud_project_id"]) == ("api.dremio.cloud", "p-1")
    assert (target["object_storage_source"], target["object_storage_path"]) == ("catalog", "house.rel_1")
    assert (target["dremio_space"], target["dremio_space_folder"]) == ("catalog", "house.rel_1")
    assert "pat-1" not in str(target)
    assert environment["DBT_ENV_SECRET_DREMIO"] == "pat-1"
    session = house.connect()
    assert session.rest.base_url + session.rest.api == "https://api.dremio.cloud/v0/projects/p-1"
    assert session.flight.headers == [(b"project_id", b"p-1"), (b"authorization", b"Bearer pat-1")]
    session.close()


def test_an_interrupt_reaches_the_server(built: Dbt, server: StandIn) -> None:
    """The last one: it ends dbt's process."""
    server.fail('create or replace view "house"."prod"."rel_1"."staged"', "stuck")
    before = len(server.engine.cancelled)
    built.start("run", "--select", "staged")
    wait_for(lambda: any(job.stuck for job in server.engine.jobs.values()))
    os.kill(built.process.pid, signal.SIGINT)
    wait_for(lambda: len(server.engine.cancelled) > before, 4)
    assert "staged" in server.engine.cancelled[-1]
    assert not any(job.stuck for job in server.engine.jobs.values())


def wait_for(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
