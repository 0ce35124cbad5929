"""Stages on Snowflake, on the stand-in: finals of every kind, incremental models, the main job by a saved block."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from blocks.dbt.project import DbtProject
from blocks.errors import Misconfigured
from blocks.records import BuildReport, Plan, Release
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.blocks.warehouse.snowflake_account import (
    Account,
    Fault,
    child,
    house_of,
    serving_account,
)
from tests.conftest import ROOT
from tests.flows.conftest import SCALE, Place, Run
from tests.flows.test_adopting import adopt_files, write_files

PROJECT = {
    "dbt_project.yml": "name: finals\nversion: '1.0'\nprofile: finals\nmodel-paths: [models]\n",
    "models/rides.yml": (
        "sources: [{name: bikes, schema: raw_bikes, loader: dlt, tables: [{name: rides}]}]\n"
        "models: [{name: log, columns: [{name: ride_id, data_tests: [unique, not_null]}]}]\n"
    ),
    "models/log.sql": (
        "{{ config(materialized='incremental', unique_key='ride_id', incremental_strategy='delete+insert',"
        " tmp_relation_type='table') }}\n"
        "select ride_id, station, '{{ invocation_id }}' as built_by from {{ source('bikes', 'rides') }}\n"
        "{% if is_incremental() %}where ride_id > (select max(ride_id) from {{ this }}){% endif %}\n"
    ),
    "models/stations.sql": (
        "{{ config(materialized='dynamic_table' if target.type == 'snowflake' else 'table',"
        " snowflake_warehouse=target.get('warehouse'), scheduler='DISABLE') }}\n"
        "select station, count(*) as rides from {{ ref('log') }} group by station\n"
    ),
    "models/north.sql": (
        "{{ config(materialized='materialized_view' if target.type == 'snowflake' else 'table',"
        " copy_grants=true) }}\n"
        "select ride_id from {{ ref('log') }} where station = 'North'\n"
    ),
    "models/flat.sql": (
        "{{ config(materialized='table', transient=true) }}\nselect * from {{ ref('log') }}\n"
    ),
}
FINALS = ("log", "stations", "north", "flat")


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    pytest.importorskip("fakesnow", reason="the stand-in for Snowflake is not installed")
    with serving_account() as account:
        yield account


@pytest.fixture(params=["duckdb", "snowflake"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    if request.param == "duckdb":
        return DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    found: Warehouse = house_of(request.getfixturevalue("account"))
    return found


@pytest.fixture
def project(tmp_path: Path) -> DbtProject:
    for name, text in PROJECT.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    macros = tmp_path / "project" / "macros"
    macros.mkdir()
    shutil.copy(ROOT / "dbt" / "macros" / "snowflake_materialized_view.sql", macros)
    return DbtProject(folder=tmp_path / "project", state=tmp_path / "state")


def test_finals_of_every_kind_and_incremental_models_on_top_of_the_last_release(
    house: Warehouse, project: DbtProject, prefect_server: str, request: pytest.FixtureRequest
) -> None:
    from flows.transform import transform

    rides = [(1, "North"), (2, "South")]
    with house.session() as session:
        house.make_schema(session, "raw_bikes")
        session.rows("create table raw_bikes.rides (ride_id integer, station varchar)")
    runs: dict[str, BuildReport] = {}
    steps = [("a", rides, False), ("b", [(3, "North")], False), ("c", [], True)]
    for run, more, full_refresh in steps if isinstance(house, DuckDBWarehouse) else steps[:2]:
        with house.session() as session:
            for ride in more:
                session.rows("insert into raw_bikes.rides values (?, ?)", ride)
        runs[run] = transform(project, house, Plan(run=run, select=FINALS), full_refresh=full_refresh)
        assert runs[run].passed
        house.flip(Release(run=run, marts=runs[run].marts, published_at=control.now()))
        with house.session() as session:
            assert session.rows("select ride_id from serving.north order by 1")[0] == (1,)
            assert sum(row[0] for row in session.rows("select rides from serving.stations")) == len(rides) + (
                run != "a"
            )
    schemas = {run: next(iter(build.marts.values())).split(".")[0] for run, build in runs.items()}
    assert all(schema.startswith(f"rel_{run}") for run, schema in schemas.items())
    with house.session() as session:
        first = {row[0] for row in session.rows(f"select distinct built_by from {schemas['a']}.log")}
        second = dict(session.rows(f"select ride_id, built_by from {schemas['b']}.log"))
    assert {second[1], second[2]} == first  # carried over
    assert second[3] not in first  # built on top
    if isinstance(house, DuckDBWarehouse):
        with house.session() as session:
            third = {row[0] for row in session.rows(f"select distinct built_by from {schemas['c']}.log")}
        assert len(third) == 1  # built whole
        assert not third & {*second.values()}
        return
    asked = "\n".join(request.getfixturevalue("account").asked(house.database)).lower()
    clone = f'create or replace transient table "{schemas["b"]}"."log" clone "{schemas["a"]}"."log"'
    assert clone in asked
    assert "scheduler = 'disable'" in asked
    assert "alter dynamic table" in asked
    assert "create or replace materialized view" in asked


def test_a_cancelled_build_cancels_dbts_queries_in_snowflake(
    account: Account, project: DbtProject, prefect_server: str
) -> None:
    house = house_of(account)
    with house.session() as session:
        house.make_schema(session, "raw_bikes")
        session.rows("create table raw_bikes.rides (ride_id integer, station varchar)")
    slow = project.folder / "models" / "slow.sql"
    slow.write_text("{{ config(materialized='table') }} select system$wait(100) as waited")
    waiting = threading.Event()
    account.faults[:] = [Fault(house.database, r"system\$wait", lambda _: waiting.set())]
    run = child(
        house,
        "from blocks.dbt.project import DbtProject\n"
        "from blocks.records import Plan\n"
        "from flows.transform import transform\n"
        f"project = DbtProject(folder={str(project.folder)!r}, state={str(project.state)!r})\n"
        "transform(project, house, Plan(run='x', select=('slow',)))",
    )
    assert waiting.wait(120)
    time.sleep(0.5)
    run.send_signal(signal.SIGINT)  # as Ctrl-C does
    _, message = run.communicate(timeout=60)
    assert "KeyboardInterrupt" in message
    assert any("cancel_all_queries" in sql for sql in account.asked(house.database))


def test_a_dynamic_table_that_refreshes_by_itself_is_not_promoted(account: Account) -> None:
    house = house_of(account)
    with house.session() as session:
        house.make_schema(session, "rel_a")
        session.rows(
            "create dynamic table rel_a.sales target_lag = '1 hour' warehouse = loading as select 1 as x"
        )
    with pytest.raises(Misconfigured, match=r"sales refreshes by itself.*scheduler: DISABLE"):
        house.check_flip(Release(run="a", marts={"sales": "rel_a.sales"}, published_at=control.now()))
    assert house.read_served() is None


@pytest.fixture(scope="module")
def prod(account: Account, prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A saved block with a key pair, as a user saves it; every secret is in the credentials' block alone."""
    from prefect_snowflake import SnowflakeCredentials

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pass-not-real")
    )
    who = SnowflakeCredentials(
        account="local", user="LOADER_USER", private_key=key, private_key_passphrase="pass-not-real"
    )
    who.save("prod")
    house = house_of(account, credentials=SnowflakeCredentials.load("prod"), readers="bi", threads=2)
    house.save("prod")
    return house


def test_the_main_job_runs_on_it_as_on_duckdb(
    account: Account, prod: Any, delivered: Place, command_line: Any, tmp_path: Path
) -> None:
    account.bill([], credits=2.5)
    setup = command_line(
        "setup", "--apply", "--warehouse", "snowflake-warehouse/prod", "--state", tmp_path / "s"
    )
    assert setup.returncode == 0, setup.stdout + setup.stderr
    assert f"create database if not exists {prod.database};" in setup.stdout
    done = command_line(
        "--warehouse", "snowflake-warehouse/prod", "--state", tmp_path / "s", "--scale", SCALE, timeout=600
    )
    message = done.stdout + done.stderr
    assert done.returncode == 0, message
    tags = [each.tag for each in account.statements if each.login.database == prod.database.upper()]
    served, local = prod.read_served(), delivered.warehouse.read_served()
    assert served is not None
    assert local is not None
    assert set(served.marts) == set(local.marts)
    for mart in served.marts:
        with prod.session() as theirs, delivered.warehouse.session() as ours:
            columns = delivered.warehouse.columns(ours, "serving", mart)
            assert list(prod.columns(theirs, "serving", mart)) == list(columns)
            names = ", ".join(columns)
            sql = f"select {names} from serving.{mart} order by {names}"
            assert len(rows := theirs.rows(sql)) == len(ours.rows(sql)) > 0
            assert [plain(row) for row in rows] == [plain(row) for row in ours.rows(sql)]
    assert {"extract_load", "transform", "validate", "promote", "publish"} <= {
        tag.get("stage") for tag in tags
    }
    built = [tag for tag in tags if tag.get("stage") == "transform"]
    assert all(tag["run"] == served.run and "AN-1" in tag["tickets"] for tag in built)
    asked = account.asked(prod.database)
    assert not [
        sql for sql in asked if sql.lower().startswith("insert into") and '"RAW_' in sql and "values" in sql
    ]
    everything = (
        message
        + "".join(asked)
        + "".join(
            path.read_text(errors="ignore")
            for path in (tmp_path / "s").rglob("*")
            if path.is_file() and path.suffix in {".json", ".yml", ".log", ".html", ".yaml", ".txt"}
        )
    )
    assert "pass-not-real" not in everything
    assert "PRIVATE KEY" not in everything
    cost = command_line(
        "status", "--cost", "--warehouse", "snowflake-warehouse/prod", "--state", tmp_path / "s"
    )
    assert "2.5000 credits in 30 days, of which 2.5000 belong to no run" in " ".join(cost.stdout.split())


@pytest.mark.soak
def test_from_a_folder_of_files_to_a_dashboard_on_it(
    account: Account, prod: Any, command_line: Run, tmp_path: Path
) -> None:
    folder = write_files(tmp_path / "exports")
    house = house_of(account, credentials=prod.credentials)
    house.save("files", overwrite=True)
    adopt_files(
        folder, command_line, "--warehouse", "snowflake-warehouse/files", "--state", tmp_path / "state"
    )
    with house.session() as session:
        sql = f"select count(*), sum(pieces), min(post_code) from {house.quote('serving', 'sales')}"
        assert session.rows(sql) == [(60, 90, "01000")]


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Numbers as numbers, whatever a driver gives them as."""
    return tuple(float(v) if isinstance(v, int | float | Decimal) else v for v in row)
