"""Against a real Snowflake account: what the stand-in can't prove. Runs where its environment variables are set.

SNOWFLAKE_LIVE_ACCOUNT, _USER, _KEY_PATH (and _KEY_PASSPHRASE) or _PASSWORD, _ROLE, _WAREHOUSE, _DATABASE: a
database the role may create schemas in. It makes schemas named live_<random>_... and rel_live_<random>_..., and
drops them. Set SNOWFLAKE_LIVE_ADMIN=1 if the user is an administrator, to run the set-up too.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from blocks.errors import PlatformError, TimedOut
from blocks.records import Column, Release, SourceTable
from blocks.warehouse import control
from tests.blocks.warehouse.test_warehouse_contract import batch, read

NEEDED = ("ACCOUNT", "USER", "ROLE", "WAREHOUSE", "DATABASE")
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not all(os.environ.get(f"SNOWFLAKE_LIVE_{name}") for name in NEEDED),
        reason="SNOWFLAKE_LIVE_ACCOUNT and the others are not set",
    ),
]


def setting(name: str) -> str:
    return os.environ.get(f"SNOWFLAKE_LIVE_{name}", "")


@pytest.fixture(scope="module")
def house() -> Iterator[Any]:
    from prefect_snowflake import SnowflakeCredentials

    from blocks.warehouse.snowflake.warehouse import SnowflakeWarehouse

    who: dict[str, Any] = {"account": setting("ACCOUNT"), "user": setting("USER")}
    if setting("KEY_PATH"):
        who["private_key_path"] = Path(setting("KEY_PATH"))
        if setting("KEY_PASSPHRASE"):
            who["private_key_passphrase"] = setting("KEY_PASSPHRASE")
    else:
        who["password"] = setting("PASSWORD")
    own = f"live_{uuid4().hex[:8]}"
    house = SnowflakeWarehouse(
        credentials=SnowflakeCredentials(**who),
        database=setting("DATABASE"),
        role=setting("ROLE"),
        warehouse=setting("WAREHOUSE"),
        serving=f"{own}_serving",
        control=f"{own}_control",
    )
    house.check()
    yield house
    with house.session() as session:
        for row in session.show(f"show terse schemas in database {house.quote(house.database)}"):
            if own in row["name"].lower():
                session.rows(f"drop schema if exists {house.quote(row['name'])} cascade")


def release(house: Any, value: int) -> Release:
    schema = f"rel_{house.control}_{value}"
    with house.session() as session:
        house.make_schema(session, schema)
        for mart in ("sales", "people"):
            session.rows(f"create or replace transient table {schema}.{mart} as select {value} as run_no")
    marts = {mart: f"{schema}.{mart}" for mart in ("sales", "people")}
    return Release(run=schema[4:], marts=marts, published_at=control.now())


def test_a_load_is_there_once(house: Any, tmp_path: Path) -> None:
    table = SourceTable(
        source="bikes",
        name="rides",
        schema_name=f"{house.control}_raw",
        identifier="rides",
        loader="dlt",
        meta={},
        columns=(
            Column(name="ride_id", data_type="bigint", origin="ride_id"),
            Column(name="station", data_type="varchar", origin="station"),
        ),
    )
    rows: list[dict[str, object]] = [{"ride_id": n, "station": "Nord-Süd"} for n in range(3)]
    for _ in range(2):
        house.ingest(batch(tmp_path, rows, bad=["?"], table=table))
    found = read(house, f"select ride_id, station, _loaded_at from {house.control}_raw.rides order by 1")
    assert [row[:2] for row in found] == [(n, "Nord-Süd") for n in range(3)]
    assert found[0][2].year == 2026  # type: ignore[attr-defined]  # a timestamp, not a number
    assert len(control.read_ledger(house)) == 1


def test_a_concurrent_reader_sees_all_old_or_all_new(house: Any) -> None:
    first, second = release(house, 1), release(house, 2)
    house.flip(first)
    seen: set[tuple[object, ...]] = set()
    troubles: list[Exception] = []
    stop = threading.Event()

    def look() -> None:
        s = house.serving
        parts = [f"(select run_no from {s}.{mart})" for mart in ("sales", "people")]
        sql = f"select {', '.join(parts)}, (select max(run) from {s}._release)"
        with house.session() as session:
            session.rows("alter session set use_cached_result = false")
            while not stop.is_set():
                try:
                    seen.update(session.rows(sql))
                except PlatformError as error:
                    troubles.append(error)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for target in (second, first, second):
            house.flip(target)
            house.flip(target)
            assert house.read_served() == target
    finally:
        stop.set()
        reader.join()
    assert seen <= {(1, 1, first.run), (2, 2, second.run)}
    assert not troubles


def test_a_statement_is_cancelled_at_its_time_out(house: Any) -> None:
    brief = house.model_copy(update={"statement_seconds": 3})
    begun = time.monotonic()
    with pytest.raises(TimedOut):
        read(brief, "select system$wait(60)")
    assert time.monotonic() - begun < 30


def test_a_dynamic_table_without_scheduler_waits_for_its_refresh(house: Any) -> None:
    schema = f"rel_{house.control}_dt"
    with house.session() as session:
        house.make_schema(session, schema)
        session.rows(f"create or replace transient table {schema}.base as select 1 as x")
        session.rows(
            f"create or replace dynamic table {schema}.total warehouse = {house.warehouse} scheduler = 'DISABLE'"
            f" as select count(*) as n from {schema}.base"
        )
        session.rows(f"insert into {schema}.base select 2")
        assert session.rows(f"select n from {schema}.total") == [(1,)]
        session.rows(f"alter dynamic table {schema}.total refresh")
        assert session.rows(f"select n from {schema}.total") == [(2,)]
    shown = Release(run="dt", marts={"total": f"{schema}.total"}, published_at=control.now())
    house.flip(shown)
    assert read(house, f"select n from {house.serving}.total") == [(2,)]


def test_an_extract_is_a_parquet_file(house: Any, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    sql = 'select seq4() as "n", cast(1.5 as number(18, 4)) as "d", current_date as "day"'
    sql += " from table(generator(rowcount => 100000))"
    with house.session() as session:
        assert session.export(sql, tmp_path / "x.parquet") == 100_000
    assert pq.read_table(tmp_path / "x.parquet").num_rows == 100_000


def test_costs_can_be_read(house: Any) -> None:
    costs = house.read_costs(7)
    assert costs.unit == "credits"
    assert costs.total >= 0


@pytest.mark.skipif(not setting("ADMIN"), reason="SNOWFLAKE_LIVE_ADMIN is not set")
def test_setup_can_be_run_twice(house: Any) -> None:
    house.setup(apply=True)
    house.setup(apply=True)
    house.check()
