"""Loading into Dremio without transactions: kills between any two steps, lost answers, leftovers, parallel loads."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blocks.errors import Misconfigured, Transient, Unavailable
from blocks.warehouse import control
from blocks.warehouse.base import Batch
from blocks.warehouse.dremio.staging import land_files
from blocks.warehouse.dremio.warehouse import DremioWarehouse
from tests.blocks.warehouse.test_dremio_publish import DEAD, killed_before
from tests.blocks.warehouse.test_warehouse_contract import RIDES, batch, read
from tests.dremio.standin import StandIn, stand_in

NORTH, WEST, EAST = ({"ride_id": at, "station": name} for at, name in enumerate(("North", "West", "East"), 1))


@pytest.fixture
def warehouse(dremio_server: StandIn) -> DremioWarehouse:
    return dremio_server.warehouse()


def rides(warehouse: DremioWarehouse) -> list[tuple[object, ...]]:
    return read(warehouse, "select ride_id, station from {raw_bikes.rides} order by 1, 2")


def ledger(warehouse: DremioWarehouse) -> dict[str, int]:
    return {entry.item: entry.rows for entry in control.read_ledger(warehouse)}


@pytest.mark.parametrize("mode", ["append", "merge", "replace"])
def test_killed_before_every_write_the_same_load_again_repairs_it(tmp_path: Path, mode: str) -> None:
    deadly, died = 2, True  # the first two writes see to the control tables
    key = ["ride_id"] if mode == "merge" else []
    files = tmp_path / "files"
    files.mkdir()
    loads = (
        batch(files, [NORTH, WEST], mode=mode, bad=["x"], key=key),
        batch(
            files,
            [{"ride_id": 2, "station": "South"}, EAST],
            item="a.csv",
            mode=mode,
            bad=["y", "z"],
            key=key,
        ),
    )
    while died:
        deadly += 1
        with stand_in(tmp_path / str(deadly)) as server:
            warehouse = server.warehouse()
            warehouse.ingest(loads[0])
            with killed_before(deadly) as ran:
                warehouse.ingest(loads[1])
            died = ran[-1] == DEAD
            known = ledger(warehouse)
            assert known in ({"a.csv": 2}, {}), "the ledger knows an item whose rows are not all there"
            if known and died:
                assert rides(warehouse) == [(1, "North"), (2, "West")], "the ledger says what is not so"
            warehouse.ingest(loads[1])
            kept = [(1, "North")] if mode == "merge" else []
            assert rides(warehouse) == [*kept, (2, "South"), (3, "East")]
            assert read(warehouse, "select _row from {raw_bikes.rides__quarantine} order by 1") == [
                ("y",),
                ("z",),
            ]
            assert ledger(warehouse) == {"a.csv": 2}
    assert deadly > 6


def test_rows_of_a_killed_load_leave_with_the_next_one_whatever_it_brings(
    warehouse: DremioWarehouse, tmp_path: Path
) -> None:
    """A cursor's window has another upper bound, and with it another item, when it is read again later."""
    warehouse.ingest(batch(tmp_path, [NORTH], item="until Monday"))
    with killed_before(100) as ran:
        warehouse.ingest(batch(tmp_path, [WEST], item="probe"))
    with killed_before(len(ran)):
        warehouse.ingest(batch(tmp_path, [WEST], item="until Tuesday", bad=["x"]))
    assert (2, "West") in rides(warehouse)
    warehouse.ingest(batch(tmp_path, [WEST, EAST], item="until Wednesday"))
    left = read(warehouse, "select _item, station from {raw_bikes.rides} order by ride_id, 1")
    assert [row for row in left if row[0] != "probe"] == [
        ("until Monday", "North"),
        ("until Wednesday", "West"),
        ("until Wednesday", "East"),
    ]
    assert read(warehouse, "select count(*) from {raw_bikes.rides__quarantine}") == [(0,)]


def test_a_lost_answer_is_not_taken_for_a_failure_or_a_success(
    dremio_server: StandIn, warehouse: DremioWarehouse, tmp_path: Path
) -> None:
    """COPY INTO ran, its answer did not come: the load is unavailable, and done again it has every row once."""
    load = batch(tmp_path, [NORTH, WEST], bad=["x"])
    dremio_server.fail("copy into", "lost")
    with pytest.raises(Unavailable):
        warehouse.ingest(load)
    assert ledger(warehouse) == {}
    warehouse.ingest(load)
    assert rides(warehouse) == [(1, "North"), (2, "West")]
    assert ledger(warehouse) == {"a.csv": 2}


def test_rows_that_came_twice_are_noticed_before_the_ledger_learns(
    dremio_server: StandIn, warehouse: DremioWarehouse, tmp_path: Path
) -> None:
    """A COPY of an earlier try is committed late, just while this one runs."""
    load = batch(tmp_path, [NORTH])
    engine, twice = dremio_server.engine, [True]

    def late(statement: str) -> None:
        if statement.startswith("copy into") and twice:
            twice.clear()
            engine.run(statement)

    engine.before = late
    with pytest.raises(Transient, match="2 rows came of 1"):
        warehouse.ingest(load)
    assert ledger(warehouse) == {}
    warehouse.ingest(load)
    assert rides(warehouse) == [(1, "North")]


def test_every_load_has_a_folder_of_its_own_and_leaves_none(
    dremio_server: StandIn, warehouse: DremioWarehouse, tmp_path: Path
) -> None:
    for item in ("a.csv", "it's b.csv"):
        warehouse.ingest(batch(tmp_path, [NORTH], item=item, bad=["x"]))
    copies = [ask for ask in dremio_server.engine.asks if ask.startswith("copy into")]
    folders = {ask.split("'")[1] for ask in copies}
    assert len(folders) == len(copies) == 4
    assert not list((dremio_server.lake / "landing").rglob("*.parquet"))


def test_tables_load_side_by_side(warehouse: DremioWarehouse, tmp_path: Path) -> None:
    tables = [RIDES.model_copy(update={"name": f"t{at}", "identifier": f"t{at}"}) for at in range(4)]
    for table in tables:
        (tmp_path / table.name).mkdir()
    loads = [batch(tmp_path / table.name, [NORTH], item=table.name, table=table) for table in tables]
    threads = [threading.Thread(target=warehouse.ingest, args=(load,)) for load in loads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger(warehouse) == {f"t{at}": 1 for at in range(4)}


def test_every_type_of_a_source_arrives(warehouse: DremioWarehouse, tmp_path: Path) -> None:
    from datetime import date, datetime
    from decimal import Decimal

    row = {
        "ride_id": 1,
        "station": "ü'\\",
        "price": Decimal("1.2345"),
        "share": 0.5,
        "ok": True,
        "day": date(2026, 1, 2),
        "moment": datetime(2026, 1, 2, 3, 4, 5, 678000),
        "nothing": None,
    }
    schema = pa.schema(
        [
            ("ride_id", pa.int64()),
            ("station", pa.string()),
            ("price", pa.decimal128(18, 4)),
            ("share", pa.float64()),
            ("ok", pa.bool_()),
            ("day", pa.date32()),
            ("moment", pa.timestamp("us")),
            ("nothing", pa.int32()),
            ("_item", pa.string()),
            ("_loaded_at", pa.timestamp("us")),
        ]
    )
    path = tmp_path / "typed.parquet"
    pq.write_table(
        pa.Table.from_pylist([{**row, "_item": "a.csv", "_loaded_at": row["moment"]}], schema), path
    )
    entry = batch(tmp_path, []).entries[0]
    report = warehouse.ingest(Batch(RIDES, "append", [path], [], [entry]))
    assert len(report.schema_changes) == 6
    names = ", ".join(f'"{name}"' for name in row)
    assert read(warehouse, f"select {names} from {{raw_bikes.rides}}") == [tuple(row.values())]
    with warehouse.session() as session:
        assert warehouse.columns(session, "raw_bikes", "rides")["price"] == "DECIMAL(18,4)"


def test_a_landing_folder_that_is_not_there_is_said(dremio_server: StandIn, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = dremio_server.warehouse(landing_url=str(tmp_path / "file" / "below"))
    with pytest.raises(Unavailable, match="write to"):
        nowhere.ingest(batch(tmp_path, [NORTH]))
    with pytest.raises(Misconfigured, match="landing_url"):
        dremio_server.warehouse(landing_url="nostore://x").ingest(batch(tmp_path, [NORTH]))


def test_files_land_in_an_object_store_with_the_blocks_keys(dremio_server: StandIn, tmp_path: Path) -> None:
    pytest.importorskip("s3fs", reason="extra `files` is not installed")
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    import s3fs

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {"endpoint_url": f"http://{host}:{port}", "key": "k", "secret": "s3cret-17"}
        s3fs.S3FileSystem(**options).mkdir("bucket")
        warehouse = dremio_server.warehouse(
            landing="lake.bucket.landing", landing_url="s3://bucket/landing", landing_options=options
        )
        file = batch(tmp_path, [NORTH]).data
        with land_files(warehouse, file, "raw.rides/1") as place:
            assert place == "@lake/bucket/landing/raw.rides/1"
            assert s3fs.S3FileSystem(**options, use_listings_cache=False).ls(
                "bucket/landing/raw.rides/1"
            ) == ["bucket/landing/raw.rides/1/0.parquet"]
        assert not s3fs.S3FileSystem(**options, use_listings_cache=False).exists("bucket/landing/raw.rides/1")
        assert "s3cret-17" not in repr(warehouse)
    finally:
        server.stop()
