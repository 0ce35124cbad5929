"""What every Warehouse does. Another implementation joins by a fixture of its own, named in `warehouse`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blocks.adoption import profile
from blocks.adoption.profile import profile_expression, profile_relation
from blocks.catalogue import Catalogue
from blocks.errors import Busy, ContractBroken, Misconfigured, PlatformError, Rejected
from blocks.notebook.frames import read_query
from blocks.notebook.reader import ServedReader
from blocks.records import Column, LedgerEntry, Release, SourceTable, State
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from blocks.warehouse.batch import Batch, MergeKey
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.proposals import read_proposals, write_proposal
from blocks.warehouse.reads import ROWS, export_largest_values
from blocks.warehouse.sql_warehouse import SqlWarehouse
from blocks.warehouse.view_setting import ViewSetting
from tests.blocks.warehouse.snowflake_account import Account, house_of
from tests.dremio.standin import StandIn

if TYPE_CHECKING:
    from tests.blocks.warehouse.postgres_server import Server

NOW = datetime(2026, 1, 2, 3, 4, 5)
RIDES = SourceTable(
    source="bikes",
    name="rides",
    schema_name="raw_bikes",
    identifier="rides",
    loader="dlt",
    meta={},
    columns=(
        Column(name="ride_id", data_type="bigint", origin="ride_id"),
        Column(name="station", data_type="varchar", origin="station"),
    ),
)


def duckdb_warehouse(folder: Path) -> Warehouse:
    return DuckDBWarehouse(database=str(folder / "house" / "warehouse.duckdb"))


@pytest.fixture
def duckdb(tmp_path: Path) -> Warehouse:
    return duckdb_warehouse(tmp_path)


@pytest.fixture
def snowflake(snowflake_account: Account) -> Warehouse:
    house: Warehouse = house_of(snowflake_account)
    return house


@pytest.fixture
def postgres(postgres_server: Server) -> Warehouse:
    return postgres_server.warehouse()


@pytest.fixture
def dremio(dremio_server: StandIn) -> Warehouse:
    return dremio_server.warehouse()


@pytest.fixture
def dremio_slot(dremio_server: StandIn) -> Warehouse:
    return dremio_server.warehouse(publish="slot")


@pytest.fixture
def dremio_branch(dremio_server: StandIn) -> Warehouse:
    return dremio_server.warehouse(publish="branch", source=None, database="nessie.analytics")


@pytest.fixture(params=["duckdb", "postgres", "snowflake", "dremio"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture(params=["duckdb", "postgres", "snowflake", "dremio", "dremio_slot", "dremio_branch"])
def publisher(request: pytest.FixtureRequest) -> Warehouse:
    """Every way in which a release gets to its readers."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def batch(
    folder: Path,
    rows: Sequence[dict[str, object]],
    item: str = "a.csv",
    mode: str = "append",
    bad: Sequence[str] = (),
    key: Sequence[str] = (),
    table: SourceTable = RIDES,
) -> Batch:
    stamped = [{**row, "_item": item, "_loaded_at": NOW} for row in rows]
    waste = [
        {"_row": text, "_reason": "ride_id: not a number", "_item": item, "_loaded_at": NOW} for text in bad
    ]
    files: list[list[Path]] = [[], []]
    for kind, content in enumerate((stamped, waste)):
        if content:
            path = folder / f"{item}-{kind}-{len(list(folder.iterdir()))}.parquet"
            pq.write_table(pa.Table.from_pylist(content), path)
            files[kind].append(path)
    entry = LedgerEntry(
        source=table.source,
        table=table.name,
        item=item,
        fingerprint="1",
        rows=len(rows),
        quarantined=len(bad),
        bytes=10,
        watermark="2026-01-02",
        run="r1",
    )
    return Batch(table, mode, files[0], files[1], [entry], key)


def placed(warehouse: Warehouse, sql: str) -> str:
    """SQL whose relations stand in braces, `{schema.table}`, as this warehouse names them."""
    return re.sub(r"\{(\w+\.\w+)\}", lambda found: warehouse.relation(found[1]), sql)


def read(warehouse: Warehouse, sql: str) -> list[tuple[object, ...]]:
    with warehouse.session() as session:
        return session.rows(placed(warehouse, sql))


def test_a_relation_is_profiled_where_it_is(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """`init` proposes by what a mart's rows say; of many rows some are drawn, and a key has to hold for all of them."""
    lines = [
        f"select {n} as id, {n % 3 or 1} as twice, 'item {n % 4}' as item, cast({n % 5} as decimal(9, 2)) as amount,"
        f" cast('2026-01-{n % 28 + 1:02}' as date) as sold_on, {n % 2} = 1 as is_gift"
        for n in range(40)
    ]
    with warehouse.session() as session:
        warehouse.make_schema(session, "rel_init")  # type: ignore[attr-defined]
        made = warehouse.relation("rel_init.sales")
        session.rows(f"create table {made} as {' union all '.join(lines)}")
        whole = profile_relation(warehouse, session, "sales", "rel_init.sales")
        column = profile_expression(warehouse, session, "rel_init.sales", "large", "id > 20", 40)
        monkeypatch.setattr(profile, "MOST_DRAWN", 20)
        drawn = profile_relation(warehouse, session, "sales", "rel_init.sales")
    assert (whole.rows, whole.key, whole.sampled, whole.of) == (40, ("id",), False, None)
    found = {each.name: each for each in whole.columns}
    assert found["item"].values == ("item 0", "item 1", "item 2", "item 3")
    assert [each.name for each in whole.list_measures()] == ["twice", "amount"]
    assert [each.name for each in whole.list_parts()] == ["item", "is_gift"]
    assert str(found["sold_on"].largest).startswith("2026-01-28")
    assert str(whole.find_time()).startswith("name='sold_on'")
    assert (column.distinct, column.is_category) == (2, True)
    assert (drawn.of, drawn.sampled) == (40, True)
    assert 0 < drawn.rows < 40
    assert drawn.key in {("id",), ()}
    warehouse.drop_releases(["rel_init"])
    assert "rel_init" not in warehouse.list_releases()


def test_check_says_where_it_is(warehouse: Warehouse) -> None:
    assert len(warehouse.check().splitlines()) == 1


def test_a_session_takes_the_days_of_a_time_zone(warehouse: Warehouse) -> None:
    """Dremio's points in time have no zone. The stand-in for Snowflake takes the statement, without effect."""
    point = "cast('2026-03-28 23:30:00+00:00' as timestamp with time zone)"
    with warehouse.session() as session:
        warehouse.use_time_zone(session, "UTC")
        if type(warehouse).__name__ == "DremioWarehouse":
            warehouse.use_time_zone(session, "Europe/Berlin")
            point = "cast('2026-03-28 23:30:00' as timestamp)"
            assert str(session.rows(f"select cast({point} as date)")[0][0]) == "2026-03-28"
            return
        assert str(session.rows(f"select cast({point} as date)")[0][0]) == "2026-03-28"
        warehouse.use_time_zone(session, "Europe/Berlin")
        day = "2026-03-28" if type(warehouse).__name__ == "SnowflakeWarehouse" else "2026-03-29"
        assert str(session.rows(f"select cast({point} as date)")[0][0]) == day
    with warehouse.session() as session:  # another one begins in UTC again
        assert str(session.rows(f"select cast({point} as date)")[0][0]) == "2026-03-28"


def test_ingest_loads_rows_quarantine_and_ledger(warehouse: Warehouse, tmp_path: Path) -> None:
    report = warehouse.ingest(batch(tmp_path, [{"ride_id": 1, "station": "North"}], bad=["x,South"]))
    assert (report.rows, report.quarantined, report.watermark) == (1, 1, "2026-01-02")
    assert read(warehouse, "select ride_id, station, _item from {raw_bikes.rides}") == [(1, "North", "a.csv")]
    assert read(warehouse, "select _row, _reason from {raw_bikes.rides__quarantine}") == [
        ("x,South", "ride_id: not a number")
    ]
    (entry,) = control.read_ledger(warehouse, "bikes")
    assert (entry.item, entry.rows, entry.quarantined, entry.run) == ("a.csv", 1, 1, "r1")


def test_ingest_again_replaces_the_items_rows(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.ingest(batch(tmp_path, [{"ride_id": 1, "station": "North"}], bad=["x"]))
    warehouse.ingest(batch(tmp_path, [{"ride_id": 2, "station": "West"}], item="b.csv"))
    warehouse.ingest(batch(tmp_path, [{"ride_id": 9, "station": "East"}]))
    assert read(warehouse, "select ride_id from {raw_bikes.rides} order by 1") == [(2,), (9,)]
    assert read(warehouse, "select count(*) from {raw_bikes.rides__quarantine}") == [(0,)]
    assert {entry.item: entry.rows for entry in control.read_ledger(warehouse)} == {"a.csv": 1, "b.csv": 1}


def test_merge_replaces_by_key(warehouse: Warehouse, tmp_path: Path) -> None:
    first = [{"ride_id": 1, "station": "North"}, {"ride_id": 2, "station": "South"}]
    warehouse.ingest(batch(tmp_path, first, mode="merge", key=["ride_id"]))
    second = [{"ride_id": 2, "station": "West"}, {"ride_id": 3, "station": "East"}]
    warehouse.ingest(batch(tmp_path, second, item="b", mode="merge", key=["ride_id"]))
    assert read(warehouse, "select ride_id, station from {raw_bikes.rides} order by 1") == [
        (1, "North"),
        (2, "West"),
        (3, "East"),
    ]


EVENTS = RIDES.model_copy(
    update={
        "columns": (*RIDES.columns, Column(name="changed_at", data_type="timestamp", origin="changed_at"))
    }
)


def merge_batch(
    folder: Path,
    item: str,
    rows: Sequence[tuple[int, str, datetime | None]] = (),
    gone: Sequence[tuple[int, datetime | None]] = (),
    *,
    keeps: bool = False,
    mode: str = "merge",
) -> Batch:
    """Rows and deleted keys of the three columns of EVENTS, with their cursor."""
    kinds = {"ride_id": pa.int64(), "station": pa.string(), "changed_at": pa.timestamp("us")}
    loads = {"_item": pa.string(), "_loaded_at": pa.timestamp("us")}
    data, deleted = folder / f"{item}.data.parquet", folder / f"{item}.gone.parquet"
    names = [*kinds, *loads]
    table = [dict(zip(names, (*row, item, NOW), strict=True)) for row in rows]
    pq.write_table(pa.Table.from_pylist(table, pa.schema({**kinds, **loads})), data)
    left = [{"ride_id": key, "changed_at": at} for key, at in gone]
    pq.write_table(
        pa.Table.from_pylist(left, pa.schema({n: kinds[n] for n in ("ride_id", "changed_at")})), deleted
    )
    entry = LedgerEntry(source="bikes", table="rides", item=item, fingerprint="1", rows=len(rows), run="r1")
    files = ([data] if rows else []), ([deleted] if gone else [])
    key = MergeKey(("ride_id",), "changed_at", keeps)
    return Batch(EVENTS, mode, files[0], [], [entry], key, files[1], len(gone))


def day(number: int) -> datetime:
    return datetime(2026, 1, number)


def test_merge_keeps_the_youngest_by_cursor(warehouse: Warehouse, tmp_path: Path) -> None:
    """Whatever comes first: a row without a cursor is the oldest, and of two alike the one that comes stays."""
    first = [(1, "there", day(9)), (2, "there", day(2)), (3, "there", None), (4, "there", day(5))]
    first += [(5, "there", None), (6, "there", day(9)), (7, "there", day(9))]
    warehouse.ingest(merge_batch(tmp_path, "a", first))
    second = [(1, "came", day(2)), (2, "came", day(9)), (3, "came", None), (4, "came", day(5))]
    second += [(5, "came", day(1)), (6, "came", None), (8, "came", day(1))]
    warehouse.ingest(merge_batch(tmp_path, "b", second, [(7, day(2))]))
    found = dict(read(warehouse, "select ride_id, station from {raw_bikes.rides}"))  # type: ignore[arg-type]
    assert {key for key, station in found.items() if station == "there"} == {1, 6, 7}
    assert {key for key, station in found.items() if station == "came"} == {2, 3, 4, 5, 8}
    warehouse.ingest(merge_batch(tmp_path, "c", [], [(1, day(9)), (3, None), (4, None)]))
    assert sorted(read(warehouse, "select ride_id from {raw_bikes.rides}")) == [
        (2,),
        (4,),
        (5,),
        (6,),
        (7,),
        (8,),
    ]


def test_a_deleted_row_stays_away_from_older_ones(warehouse: Warehouse, tmp_path: Path) -> None:
    """An older version that comes after the deletion is not let in, a younger one is."""
    warehouse.ingest(merge_batch(tmp_path, "a", [(1, "x", day(1))], [(2, day(5)), (3, day(5))], keeps=True))
    late = [(1, "y", day(2)), (2, "older", day(4)), (3, "younger", day(6))]
    warehouse.ingest(merge_batch(tmp_path, "b", late, keeps=True))
    assert sorted(read(warehouse, "select ride_id, station from {raw_bikes.rides}")) == [
        (1, "y"),
        (3, "younger"),
    ]
    warehouse.ingest(merge_batch(tmp_path, "c", [], [(2, day(7)), (3, day(5))], keeps=True))
    warehouse.ingest(merge_batch(tmp_path, "d", [(2, "older", day(6)), (3, "again", day(6))], keeps=True))
    assert sorted(read(warehouse, "select ride_id, station from {raw_bikes.rides}")) == [
        (1, "y"),
        (3, "again"),
    ]
    warehouse.ingest(merge_batch(tmp_path, "e", [(1, "all", day(1))], keeps=True, mode="replace"))
    warehouse.ingest(merge_batch(tmp_path, "f", [(2, "back", day(1))], keeps=True))
    assert sorted(read(warehouse, "select ride_id, station from {raw_bikes.rides}")) == [
        (1, "all"),
        (2, "back"),
    ]


def test_replace_takes_the_whole_table(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.ingest(batch(tmp_path, [{"ride_id": 1, "station": "North"}], mode="replace", item="1"))
    warehouse.ingest(batch(tmp_path, [{"ride_id": 2, "station": "South"}], mode="replace", item="2"))
    assert read(warehouse, "select ride_id from {raw_bikes.rides}") == [(2,)]


def test_replace_forgets_what_was_loaded_before(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.ingest(batch(tmp_path, [{"ride_id": 1, "station": "North"}]))
    warehouse.ingest(batch(tmp_path, [{"ride_id": 2, "station": "West"}], item="b.csv", mode="replace"))
    assert [entry.item for entry in control.read_ledger(warehouse)] == ["b.csv"]


@pytest.mark.parametrize("news", [[], [{"ride_id": 3, "station": "East"}]])
def test_rows_that_are_gone_at_the_source_leave(
    warehouse: Warehouse, tmp_path: Path, news: list[dict[str, object]]
) -> None:
    rows = [{"ride_id": 1, "station": "North"}, {"ride_id": 2, "station": "South"}]
    warehouse.ingest(batch(tmp_path, rows, mode="merge", key=["ride_id"]))
    gone = tmp_path / "gone.parquet"
    pq.write_table(pa.table({"ride_id": pa.array([2, 77], pa.int64())}), gone)
    change = batch(tmp_path, news, item="b", mode="merge", key=["ride_id"])
    report = warehouse.ingest(Batch(RIDES, "merge", change.data, [], change.entries, ["ride_id"], [gone], 1))
    assert (report.rows, report.deleted) == (len(news), 1)
    left = [row[0] for row in read(warehouse, "select ride_id from {raw_bikes.rides} order by 1")]
    assert left == [1, *(row["ride_id"] for row in news)]


def test_rows_that_another_system_loaded_are_noted(warehouse: Warehouse) -> None:
    entry = LedgerEntry(
        source="crm", table="deals", item="t", fingerprint="f", rows=3, watermark="2026-01-02", run="r1"
    )
    warehouse.write_ledger_lines([entry])
    warehouse.write_ledger_lines([entry.model_copy(update={"rows": 4})])
    assert [(line.item, line.rows) for line in control.read_ledger(warehouse, "crm")] == [("t", 4)]


def test_new_column_widens_the_table_and_is_reported(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.ingest(batch(tmp_path, [{"ride_id": 1, "station": "North"}]))
    report = warehouse.ingest(batch(tmp_path, [{"ride_id": 2, "station": "N", "bike": "b7"}], item="b.csv"))
    assert [change for change in report.schema_changes if "bike" in change]
    assert read(warehouse, "select ride_id, bike from {raw_bikes.rides} order by 1") == [(1, None), (2, "b7")]


def test_changed_type_is_refused_and_nothing_of_it_is_visible(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.ingest(batch(tmp_path, [{"ride_id": 1, "station": "North"}]))
    with pytest.raises(ContractBroken, match="ride_id"):
        warehouse.ingest(batch(tmp_path, [{"ride_id": "one", "station": "N"}], item="b.csv", bad=["?"]))
    assert read(warehouse, "select ride_id from {raw_bikes.rides}") == [(1,)]
    assert [entry.item for entry in control.read_ledger(warehouse)] == ["a.csv"]
    assert read(warehouse, "select count(*) from {raw_bikes.rides__quarantine}") == [(0,)]


def test_a_changed_type_is_taken_where_all_rows_are_replaced(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.ingest(batch(tmp_path, [{"ride_id": 1, "station": "North"}]))
    if warehouse.dialect in {"duckdb", "postgres"}:  # an earlier release's view stands on it
        with warehouse.session() as session:
            warehouse.make_schema(session, "rel_old")
            rides = warehouse.relation("raw_bikes.rides")
            session.rows(f"create view {warehouse.quote('rel_old', 'stg')} as select * from {rides}")
    as_text = (RIDES.columns[0].model_copy(update={"data_type": "varchar"}), RIDES.columns[1])
    table = RIDES.model_copy(update={"columns": as_text})
    text = {"ride_id": "one", "station": "N"}
    with pytest.raises(ContractBroken, match=r"by --only-sources bikes --full-refresh") as refused:
        warehouse.ingest(batch(tmp_path, [text], item="b.csv", table=table))
    assert (refused.value.table, refused.value.columns, refused.value.retyped) == (
        "bikes.rides",
        ("ride_id",),
        True,
    )
    report = warehouse.ingest(batch(tmp_path, [text], item="b.csv", mode="replace", table=table))
    assert [change for change in report.schema_changes if change.startswith("column ride_id is")]
    assert read(warehouse, "select ride_id from {raw_bikes.rides}") == [("one",)]
    assert [entry.item for entry in control.read_ledger(warehouse)] == ["b.csv"]
    again = warehouse.ingest(batch(tmp_path, [text], item="b.csv", mode="replace", table=table))
    assert not again.schema_changes


def test_a_load_that_fails_at_its_end_leaves_nothing(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows, quarantine and ledger go together; without transactions the ledger no longer knows the item at least."""

    def fail(*_: object) -> None:
        raise Rejected("load", "the connection is gone", "Run it again.")

    warehouse.ingest(batch(tmp_path, [{"ride_id": 1, "station": "North"}], bad=["x"]))
    again = batch(tmp_path, [{"ride_id": 2, "station": "West"}], bad=["y", "z"])
    with monkeypatch.context() as patch:
        patch.setattr("blocks.warehouse.sql_warehouse.write_ledger", fail)
        with pytest.raises(Rejected):
            warehouse.ingest(again)
    known = [entry.quarantined for entry in control.read_ledger(warehouse)]
    if not warehouse.transactional:
        assert known == []
        return
    assert known == [1]
    assert read(warehouse, "select ride_id from {raw_bikes.rides}") == [(1,)]
    assert read(warehouse, "select _row from {raw_bikes.rides__quarantine}") == [("x",)]


def test_empty_batch_makes_the_declared_table(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.ingest(batch(tmp_path, []))
    with warehouse.session() as session:
        assert list(warehouse.columns(session, "raw_bikes", "rides")) == [
            "ride_id",
            "station",
            "_item",
            "_loaded_at",
        ]


def make_release(
    warehouse: Warehouse, run: str, value: int, marts: Sequence[str] = ("sales", "people")
) -> Release:
    schema = f"rel_{run}"
    with warehouse.session() as session:
        warehouse.make_schema(session, schema)
        for mart in marts:
            table = warehouse.relation(f"{schema}.{mart}")
            session.rows(
                f"create table {table} as select {value} as run_no, cast('2026-01-01' as date) as day"
            )
    return Release(run=run, marts={mart: f"{schema}.{mart}" for mart in marts}, published_at=NOW)


def test_flip_shows_a_release_and_its_name(publisher: Warehouse) -> None:
    assert publisher.read_served() is None
    first, second = make_release(publisher, "a", 1), make_release(publisher, "b", 2)
    publisher.flip(first)
    assert publisher.read_served() == first
    publisher.flip(second)
    publisher.flip(second)
    assert publisher.read_served() == second
    assert read(
        publisher, "select s.run_no, p.run_no, s.day from {serving.sales} s cross join {serving.people} p"
    ) == [(2, 2, date(2026, 1, 1))]


def test_flip_takes_away_what_the_release_lacks(publisher: Warehouse) -> None:
    publisher.flip(make_release(publisher, "a", 1))
    publisher.flip(make_release(publisher, "b", 2, ["sales"]))
    with publisher.session() as session:
        assert not publisher.columns(session, "serving", "people")


def test_flip_to_what_does_not_exist_changes_nothing(publisher: Warehouse) -> None:
    first = make_release(publisher, "a", 1)
    publisher.flip(first)
    gone = make_release(publisher, "b", 2)
    with publisher.session() as session:
        session.rows(placed(publisher, "drop table {rel_b.sales}"))
    with pytest.raises(PlatformError):
        publisher.flip(gone)
    assert publisher.read_served() == first
    assert read(publisher, "select run_no from {serving.people}") == [(1,)]


def comment_on(warehouse: SqlWarehouse, view: str, column: str, text: str) -> None:
    with warehouse.session() as session:
        setting = ViewSetting("comment", column, "", text)
        warehouse.change_view_settings(session, "serving", view, (), {setting})


def comments_of(warehouse: SqlWarehouse, view: str) -> set[tuple[str, str]]:
    with warehouse.session() as session:
        found = warehouse.read_view_settings(session, "serving").get(view, frozenset())
    return {(each.column, each.value) for each in found if each.kind == "comment"}


def make_wider_release(warehouse: Warehouse, run: str, columns: str) -> Release:
    """A release whose mart `people` has other columns than `make_release` gives it."""
    release = make_release(warehouse, run, 2)
    with warehouse.session() as session:
        session.rows(placed(warehouse, "drop table {rel_%s.people}" % run))  # noqa: UP031  # braces are `placed`'s
        session.rows(placed(warehouse, f"create table {{rel_{run}.people}} as select {columns}"))
    return release


@pytest.fixture(params=["duckdb", "postgres", "snowflake"])
def carrier(request: pytest.FixtureRequest) -> SqlWarehouse:
    """Warehouses that carry what an administrator put on a view."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "columns",
    ["2 as run_no, 1 as day, 3 as more", "3 as more, cast('2026-01-01' as date) as day, 2 as run_no"],
)
def test_what_is_on_a_view_survives_a_flip_to_other_columns(carrier: SqlWarehouse, columns: str) -> None:
    carrier.flip(make_release(carrier, "a", 1))
    comment_on(carrier, "people", "", "who's who")
    comment_on(carrier, "people", "run_no", "the run; \n'quoted'")
    release = make_wider_release(carrier, "b", columns)
    carrier.check_flip(release)
    carrier.flip(release)
    assert comments_of(carrier, "people") == {("", "who's who"), ("run_no", "the run; \n'quoted'")}
    assert comments_of(carrier, "sales") == set()
    assert read(carrier, "select more from {serving.people}") == [(3,)]


CANNOT_GO = (  # each vendor's words for taking it off
    r"(?i)people\.day \(comment\).*(comment on column .*day.* is null|alter column .*day.* comment '')"
)


def test_a_column_that_bears_something_cannot_go(carrier: SqlWarehouse) -> None:
    first = make_release(carrier, "a", 1)
    carrier.flip(first)
    comment_on(carrier, "people", "day", "when")
    narrow = make_wider_release(carrier, "b", "2 as run_no")
    with pytest.raises(Misconfigured, match=CANNOT_GO):
        carrier.check_flip(narrow)
    assert carrier.is_shown(first)
    with carrier.session() as session:
        view, setting = carrier.quote("serving", "people"), ViewSetting("comment", "day", "", "when")
        session.rows(carrier.write_view_setting(view, setting, remove=True))
    carrier.check_flip(narrow)
    carrier.flip(narrow)
    assert carrier.is_shown(narrow)


def test_what_was_on_a_view_that_went_is_on_the_one_that_comes_back(carrier: SqlWarehouse) -> None:
    """But for columns that it does not have any more."""
    carrier.flip(make_release(carrier, "a", 1))
    comment_on(carrier, "people", "", "who")
    comment_on(carrier, "people", "day", "when")
    for run in ("b", "e"):
        carrier.flip(make_release(carrier, run, 2, ["sales"]))
    again = make_wider_release(carrier, "c", "2 as run_no")
    carrier.check_flip(again)
    carrier.flip(again)
    assert comments_of(carrier, "people") == {("", "who")}
    comment_on(carrier, "people", "", "newer")
    carrier.flip(make_release(carrier, "d", 3))
    assert comments_of(carrier, "people") == {("", "newer")}


def test_releases_and_drop(warehouse: Warehouse) -> None:
    make_release(warehouse, "a", 1)
    make_release(warehouse, "b", 2)
    assert warehouse.list_releases() == ["rel_a", "rel_b"]
    warehouse.drop_releases(["rel_a", "rel_none"])
    assert warehouse.list_releases() == ["rel_b"]


def test_exclusive_is_held_by_one_process(warehouse: Warehouse, tmp_path: Path) -> None:
    import subprocess
    import sys

    if not isinstance(warehouse, DuckDBWarehouse):
        pytest.skip("those that many machines reach are held to the lease's own tests")
    code = (
        "import sys; from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse; from blocks.errors import Busy\n"
        "try:\n  with DuckDBWarehouse(database=sys.argv[1]).exclusive(): print('got it')\n"
        "except Busy as error: print('busy', error)"
    )
    run = [sys.executable, "-c", code, warehouse.database]
    with warehouse.exclusive(), warehouse.exclusive():
        held = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    free = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert held.startswith("busy")
    assert free.strip() == "got it"


def test_export_writes_what_the_query_gives(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "it's.parquet"
    with warehouse.session() as session:
        assert session.export("select 1 as a, 'x' as b union all select 2, null", path) == 2
    assert sorted(pq.read_table(path).to_pylist(), key=lambda row: row["a"]) == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": None},
    ]


def test_the_largest_values_of_a_column_are_exported_with_their_sums(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    query = (
        "select 'a' as kind, 2 as n union all select 'b', 5 union all select 'a', 2 union all select null, 9"
    )
    query += " union all select 'c', 1"
    path = tmp_path / "sizes.parquet"
    with warehouse.session() as session:
        assert export_largest_values(warehouse, session, query, "kind", ("n",), 2, path) == 2
        found = {row["kind"]: int(row["n"]) for row in pq.read_table(path).to_pylist()}
        assert found == {"b": 5, "a": 4}
        export_largest_values(warehouse, session, query, "kind", (), 1, path)
    assert [(row["kind"], int(row[ROWS])) for row in pq.read_table(path).to_pylist()] == [("a", 2)]


def test_frames_of_what_readers_see_have_one_type_on_all(warehouse: Warehouse) -> None:
    warehouse.flip(make_release(warehouse, "a", 1))
    nothing = {"sources": {}, "nodes": {}, "exposures": {}}
    sales = ServedReader(warehouse, Catalogue(nothing)).read_mart("sales")
    assert sales.to_dict("records") == [{"run_no": 1, "day": date(2026, 1, 1)}]
    assert sales.attrs["release"] == {"run": "a", "published_at": "2026-01-02T03:04:05.000Z"}
    given = {
        "n": ("9", "bigint"),
        "d": ("1.5", "decimal(18, 4)"),
        "f": ("0.5", "double"),
        "t": ("'x'", "varchar"),
    }
    kinds = {name: warehouse.type_of(kind) for name, (_, kind) in given.items()}
    values = ", ".join(f"cast({given[name][0]} as {kind}) as {name}" for name, kind in kinds.items())
    nulls = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in kinds.items())
    with warehouse.session() as session:
        frame = read_query(session, f"select {values} union all select {nulls}")
    assert str(frame["n"].dtype) == "Int64"
    assert str(frame["d"].dtype).startswith("decimal128(")
    assert str(frame["f"].dtype) == "Float64"
    assert str(frame["t"].dtype) == "str"
    assert frame.isna().sum().tolist() == [1, 1, 1, 1]
    assert [frame[name].dropna().item() for name in "ndft"] == [9, Decimal("1.5"), 0.5, "x"]


def test_journal_keeps_states_in_order(warehouse: Warehouse) -> None:
    for state in (State.building, State.validated, State.publishing, State.published):
        control.write_journal(warehouse, "r1", state, '{"x": "it\'s"}')
    entries = control.read_journal(warehouse)
    assert [entry.state for entry in entries] == ["building", "validated", "publishing", "published"]
    assert entries[0].detail == '{"x": "it\'s"}'


def test_journal_is_read_by_run_state_and_line(warehouse: Warehouse) -> None:
    for run in ("r1", "r2"):
        for state, detail in ((State.building, ""), (State.building, "{}"), (State.published, f'"{run}"')):
            control.write_journal(warehouse, run, state, detail)
    found = control.read_journal(warehouse, "r2", [State.building, State.published], details=False)
    assert [(each.run, each.state, each.detail) for each in found] == [
        ("r2", "building", ""),
        ("r2", "building", "-"),
        ("r2", "published", "-"),
    ]
    assert [each.detail for each in control.read_journal(warehouse, seqs=[3, 6])] == ['"r1"', '"r2"']
    assert control.read_last_detail(warehouse, State.published, "r1") == '"r1"'
    assert control.read_last_detail(warehouse, State.rejected) is None


def test_old_runs_leave_one_line_in_the_journal(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "PRUNED_AT_ONCE", 1)
    for run in range(12):
        for state in (State.validated, State.published):
            control.write_journal(warehouse, f"r{run}", state, "{}")
    few = warehouse.model_copy(update={"journal_runs": 10})
    assert control.prune_journal(few, control.read_journal(few, details=False), {"r0"}) == ["r1"]
    left = [(e.run, e.state, e.detail) for e in control.read_journal(warehouse)][:4]
    assert left == [
        ("r0", "validated", "{}"),
        ("r0", "published", "{}"),
        ("r1", "published", ""),
        ("r2", "validated", "{}"),
    ]


def test_loads_that_a_gate_judged_are_kept_once(warehouse: Warehouse) -> None:
    assert control.read_judged_loads(warehouse) == set()
    control.mark_judged(warehouse, {("crm", "deals", "r1")})
    control.mark_judged(warehouse, {("crm", "deals", "r1"), ("crm", "deals", "r2")})
    with warehouse.session() as session:
        table = warehouse.quote(warehouse.control, "judged")
        assert session.rows(f"select count(*) from {table}") == [(2,)]
    assert control.read_judged_loads(warehouse) == {("crm", "deals", "r1"), ("crm", "deals", "r2")}


def test_a_tickets_proposal_is_kept_once(warehouse: Warehouse) -> None:
    assert read_proposals(warehouse, ["AN-1"]) == {}
    for detail in ('{"version": 1}', '{"version": 2, "words": "Käse; it\'s"}'):
        write_proposal(warehouse, "AN-1", detail)
    write_proposal(warehouse, "AN-2", "{}")
    assert read_proposals(warehouse, ["AN-1", "AN-3"]) == {"AN-1": '{"version": 2, "words": "Käse; it\'s"}'}


def test_journal_keeps_long_reports(warehouse: Warehouse) -> None:
    detail = json.dumps({f"check {at}": f"it's ü {at * 7919}" for at in range(3000)})
    control.write_journal(warehouse, "r1", State.validated, detail)
    assert [entry.detail for entry in control.read_journal(warehouse)] == [detail]


def test_hostile_names_are_quoted(warehouse: Warehouse) -> None:
    with warehouse.session() as session:
        name = 'a"; drop schema control; --'
        warehouse.make_schema(session, "odd")
        session.rows(f"create table {warehouse.quote('odd', name)} (x integer)")
        assert list(warehouse.columns(session, "odd", name)) == ["x"]


def test_names_in_lower_case_mean_what_they_mean_unquoted(warehouse: Warehouse) -> None:
    with warehouse.session() as session:
        warehouse.make_schema(session, "rel_case")
        warehouse.make_schema(session, "rel_case")
        session.rows(f"create table {warehouse.relation('rel_case.sales')} (amount integer)")
        amount, table = warehouse.quote("amount"), warehouse.relation("rel_case.sales")
        plain = table if table.count(".") > 1 else "rel_case.sales"  # some put a path of their own in front
        session.rows(f"insert into {plain} (amount) values (5)")
        assert session.rows(f"select {amount} from {table}") == [(5,)]
        assert list(warehouse.columns(session, "rel_case", "sales")) == ["amount"]
    assert warehouse.list_releases() == ["rel_case"]


def test_literals_keep_every_character(warehouse: Warehouse) -> None:
    text = "it's a \\ 'back\\slash', \\' -- ü"
    assert read(warehouse, f"select {warehouse.literal(text)}") == [(text,)]


def test_clone_is_a_copy_of_its_own(warehouse: Warehouse) -> None:
    make_release(warehouse, "a", 1)
    warehouse.clone_table("rel_a.sales", "rel_b.sales")
    warehouse.clone_table("rel_a.sales", "rel_b.sales")
    warehouse.drop_releases(["rel_a"])
    assert read(warehouse, "select run_no from {rel_b.sales}") == [(1,)]


def test_a_release_that_readers_see_is_never_written_again(publisher: Warehouse) -> None:
    publisher.flip(make_release(publisher, "a", 1))
    make_release(publisher, "b", 2)
    with pytest.raises(Rejected, match="readers see it"):
        publisher.open_release("rel_a")
    with pytest.raises(Rejected, match="readers see it"):
        publisher.clone_table("rel_b.sales", "rel_a.sales")
    publisher.open_release("rel_c")
    assert read(publisher, "select run_no from {serving.sales}") == [(1,)]


def test_setup_says_what_an_administrator_runs(warehouse: Warehouse) -> None:
    assert all(line.strip() for line in warehouse.setup())


def test_ledger_takes_many_items_in_parts(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "LINES_AT_ONCE", 3)
    many = batch(tmp_path, [{"ride_id": 1, "station": "N"}])
    entries = [many.entries[0].model_copy(update={"item": f"{at}.csv"}) for at in range(7)]
    for _ in range(2):
        warehouse.ingest(Batch(RIDES, "append", many.data, (), entries))
    assert (
        len({entry.item for entry in control.read_ledger(warehouse)})
        == len(control.read_ledger(warehouse))
        == 7
    )


def test_vendor_errors_come_wrapped_and_without_sql(warehouse: Warehouse) -> None:
    with pytest.raises(PlatformError) as caught, warehouse.session() as session:
        session.rows("select secret_value_17 from nowhere where x = 'topsecret'")
    assert "topsecret" not in str(caught.value)


def test_vendor_errors_leave_no_rows_behind(warehouse: Warehouse) -> None:
    """Neither in the message nor in any error that it came from."""
    with pytest.raises(PlatformError) as caught, warehouse.session() as session:
        session.rows("select cast(x as integer) from (select 'planted-4711' as x) as t")
    error: BaseException | None = caught.value
    while error is not None:
        assert "4711" not in repr(error)
        assert isinstance(error, PlatformError)
        error = error.__cause__ or error.__context__


def test_busy_when_another_process_has_the_file(tmp_path: Path) -> None:
    import subprocess
    import sys

    house = duckdb_warehouse(tmp_path)
    house.check()
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, house.database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(Busy, match="another program"):
            house.check()
    finally:
        other.communicate("")


SUITE = {
    "expectations": [
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 3, "max_value": 3}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "ride_id"}},
        {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "ride_id", "type_": "bigint"}},
        {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "fare", "type_": "decimal(9,2)"}},
        {
            "type": "expect_column_values_to_be_in_type_list",
            "kwargs": {"column": "ride_day", "type_list": ["date", "timestamp"]},
        },
        {
            "type": "expect_column_values_to_be_in_set",
            "kwargs": {"column": "station", "value_set": ["North", "South"]},
            "meta": {"name": "stations"},
        },
        {
            "type": "expect_column_values_to_be_of_type",
            "kwargs": {"column": "station", "type_": "integer"},
            "meta": {"name": "a wrong type"},
        },
    ]
}


def test_one_suite_means_the_same_on_every_warehouse(warehouse: Warehouse, tmp_path: Path) -> None:
    pytest.importorskip("great_expectations")
    from blocks.quality.suites import Suites

    with warehouse.session() as session:
        warehouse.make_schema(session, "rel_suite")
        rows = [(1, "North", "2.50"), (2, "South", "3.00"), (3, "Elsewhere", "1.00")]
        values = " union all ".join(
            f"select cast({number} as bigint) as ride_id, '{station}' as station,"
            f" cast({fare} as decimal(9, 2)) as fare, cast('2026-01-01' as date) as ride_day"
            for number, station, fare in rows
        )
        session.rows(f"create table {warehouse.relation('rel_suite.rides')} as {values}")
    (tmp_path / "rides.json").write_text(json.dumps(SUITE))
    suites = Suites(folder=tmp_path, docs=tmp_path / "docs")
    checks = suites.audit(warehouse, {"rides": "rel_suite.rides"})
    assert len(checks) == len(SUITE["expectations"])
    failed = {check.name: check for check in checks if not check.passed}
    assert set(failed) == {"stations", "a wrong type"}
    assert failed["stations"].evidence == ("Elsewhere",)


def test_what_a_vendor_wrote_is_counted(warehouse: Warehouse) -> None:
    """By its own time stamps, in this warehouse's SQL: rows, deleted ones, the watermark, changes of columns."""
    from blocks.loader.fivetran.loader import FivetranLoader
    from blocks.loader.new_rows import count_new_rows

    table = RIDES.model_copy(update={"schema_name": "raw_vendor", "loader": "fivetran"})
    name = warehouse.quote("raw_vendor", "rides")
    with warehouse.session() as session:
        warehouse.make_schema(session, "raw_vendor")
        session.rows(
            f"create table {name} (ride_id bigint, station varchar, _fivetran_deleted boolean,"
            " _fivetran_synced timestamp)"
        )
    for ride, gone, synced in (
        (1, "false", "2026-01-01"),
        (2, "false", "2026-01-02"),
        (3, "true", "2026-01-03"),
    ):
        with warehouse.session() as session:
            session.rows(
                f"insert into {name} values ({ride}, 'North', {gone}, cast('{synced} 10:00:00' as timestamp))"
            )
        history = control.read_ledger(warehouse, "bikes")
        entry, report = count_new_rows(warehouse, table, FivetranLoader.vendor_columns, history, f"run{ride}")
        assert (report.rows, report.deleted) == ((0, 1) if gone == "true" else (1, 0))
        assert (report.watermark or "").startswith(synced)
        assert report.bytes == len("1North")
        assert entry is not None
        warehouse.write_ledger_lines([entry])
    entry, report = count_new_rows(
        warehouse, table, FivetranLoader.vendor_columns, control.read_ledger(warehouse, "bikes"), "run4"
    )
    assert (entry, report.rows, report.schema_changes) == (None, 0, ())
