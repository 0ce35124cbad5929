"""What is particular to PostgreSQL, on a real server: promotion under readers, kills, rights, cancelling, exports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine

from blocks.errors import (
    BadAnswer,
    Busy,
    ContractBroken,
    Forbidden,
    Misconfigured,
    NotFound,
    Rejected,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from blocks.records import State
from blocks.warehouse import control
from blocks.warehouse.postgres.session import open_session
from tests.blocks.warehouse.test_warehouse_contract import batch, make_release, make_wider_release, read
from tests.conftest import ROOT

if TYPE_CHECKING:
    from tests.blocks.warehouse.postgres_server import Server

READER = """
import os, sys, psycopg
seen = set()
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    print("ready", flush=True)
    while True:
        for order in ("serving.sales s, serving.people p", "serving.people p, serving.sales s"):
            seen.update(connection.execute(f"select s.run_no, p.run_no from {order}").fetchall())
        if not os.path.exists(sys.argv[2]):
            break
print(sorted(seen))
"""


@pytest.fixture
def server(postgres_server: Server) -> Server:
    return postgres_server


def child(house: Any, code: str) -> subprocess.Popen[str]:
    """A process of its own with the same block."""
    given = {
        **house.model_dump(mode="json", exclude={"block_type_slug"}),
        "password": house.password.get_secret_value(),
    }
    start = (
        "import json, os, signal, sys, time\n"
        "from blocks.records import Release\n"
        "from blocks.warehouse.postgres.session import PostgresSession\n"
        "from blocks.warehouse.postgres.warehouse import PostgresWarehouse\n"
        f"house = PostgresWarehouse(**json.loads({json.dumps(given)!r}))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", start + code],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


# promotion


def test_readers_in_a_loop_never_see_a_mixture(server: Server, tmp_path: Path) -> None:
    """Two readers, in processes of their own and in both orders of the marts, over many flips."""
    house = server.warehouse()
    releases = [make_release(house, f"r{n}", n) for n in range(3)]
    house.flip(releases[0])
    go = tmp_path / "go"
    go.touch()
    found = house.build_connection_arguments()
    where = " ".join(f"{key}={found[key]}" for key in ("host", "port", "dbname", "user", "password"))
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, where, str(go)], text=True, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout is not None
        reader.stdout.readline()
    for at in range(40):
        house.flip(releases[at % 3])
    go.unlink()
    for reader in readers:
        answer, _ = reader.communicate(timeout=60)
        assert reader.returncode == 0
        pairs = [tuple(pair) for pair in json.loads(answer.replace("(", "[").replace(")", "]"))]
        assert set(pairs) <= {(0, 0), (1, 1), (2, 2)}
        assert len(pairs) > 1


def test_a_promotion_waits_for_a_long_query_and_other_readers_do_not_wait_for_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = server.warehouse()
    first, second = make_release(house, "a", 1), make_release(house, "b", 2)
    house.flip(first)
    with house.session() as long:
        long.rows("begin")
        long.rows("select * from serving.sales")
        with monkeypatch.context() as brief:
            brief.setattr(type(house), "flip_seconds", 1)
            with pytest.raises(Busy):
                house.flip(second)
        flip = threading.Thread(target=house.flip, args=(second,))
        flip.start()
        waits = []
        for _ in range(20):
            begun = time.monotonic()
            assert read(house, "select run_no from serving.people") == [(1,)]
            waits.append(time.monotonic() - begun)
        long.rows("commit")
    flip.join()
    assert house.read_served() == second
    assert max(waits) < 5


def test_a_release_whose_columns_change_and_what_stands_on_views_whose_columns_stay(server: Server) -> None:
    house = server.warehouse()
    house.flip(make_release(house, "a", 1))
    with house.session() as session:
        session.rows("create view public.report as select run_no from serving.people")
        house.make_schema(session, "rel_b")
        session.rows("create table rel_b.sales as select 'x' as other, 2 as run_no")
        session.rows("create table rel_b.people as select 2 as run_no, cast('2026-01-01' as date) as day")
    release = make_release(house, "c", 3).model_copy(
        update={"run": "b", "marts": {"sales": "rel_b.sales", "people": "rel_b.people"}}
    )
    house.flip(release)
    assert read(house, "select other, run_no from serving.sales") == [("x", 2)]
    assert read(house, "select run_no from public.report") == [(2,)]


ADMINISTRATION = (
    "grant select (run_no, day) on serving.people to reader_2",
    "grant select, update (run_no) on serving.people to reader_2 with grant option",
    "revoke insert on serving.people from current_user",
    "grant select on serving.people to public",
    "comment on view serving.people is 'it''s'",
    "comment on column serving.people.day is 'when'",
    "alter view serving.people set (security_barrier = true)",
    "alter view serving.people alter column run_no set default 7",
)


def make_role(server: Server, name: str) -> None:
    server.run(f"do $$ begin create role {name}; exception when duplicate_object then null; end $$")


def administer(house: Any, server: Server) -> list[tuple[str, ...]]:
    """Put all kinds of things on a view; return them as PostgreSQL has them."""
    make_role(server, "reader_2")
    for sql in ADMINISTRATION:
        read(house, sql)
    return settings_of(house)


def settings_of(house: Any) -> list[tuple[str, ...]]:
    in_order = "(select string_agg(x::text, ' ' order by x::text) from unnest({}) x)"
    acls = (
        f"select 'view', {in_order.format('relacl')}, reloptions::text, obj_description(oid) from pg_class"
        " where oid = $$serving.people$$::regclass"
    )
    columns = (
        f"select attname::text, {in_order.format('attacl')}, pg_get_expr(d.adbin, d.adrelid),"
        " col_description(a.attrelid, attnum)"
        " from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum"
        " where attrelid = $$serving.people$$::regclass and attname in ('run_no', 'day')"
    )
    return sorted(read(house, f"{acls} union all {columns}"))


OTHER_COLUMNS = {
    "same": "2 as run_no, cast('2026-01-01' as date) as day",
    "added": "2 as run_no, cast('2026-01-01' as date) as day, 3 as more",
    "between": "2 as run_no, 3 as more, cast('2026-01-01' as date) as day",
    "retyped": "cast(2 as bigint) as run_no, 'x' as day",
}


@pytest.mark.parametrize("columns", OTHER_COLUMNS.values(), ids=OTHER_COLUMNS)
def test_what_an_administrator_put_on_a_view_survives_a_flip(server: Server, columns: str) -> None:
    house = server.warehouse()
    house.flip(make_release(house, "a", 1))
    before = administer(house, server)
    assert "security_barrier" in str(before)
    release = make_wider_release(house, "b", columns)
    house.check_flip(release)
    house.flip(release)
    assert house.is_shown(release)
    assert settings_of(house) == before


def test_default_rights_of_the_schema_are_not_added_to_what_a_view_had(server: Server) -> None:
    """A reader who may see one column does not see all of a view that is made again, nor of one that comes back."""
    house = server.warehouse(role="owner_3", readers="readers_3")
    house.setup(apply=True)
    house.flip(make_release(house, "a", 1))
    read(house, "revoke select on serving.people from readers_3")
    read(house, "grant select (run_no) on serving.people to readers_3")
    before = settings_of(house)
    house.flip(make_wider_release(house, "b", OTHER_COLUMNS["between"]))
    assert settings_of(house) == before
    house.flip(make_release(house, "c", 2, ["sales"]))
    house.flip(make_wider_release(house, "d", OTHER_COLUMNS["between"]))
    assert settings_of(house) == before
    assert read(house, "select has_table_privilege('readers_3', 'serving.people', 'select')") == [(False,)]


def test_another_owner_stays_the_owner(server: Server) -> None:
    """The view reads with the rights of its owner: it decides what readers see."""
    house = server.warehouse()
    house.flip(make_release(house, "a", 1))
    make_role(server, "holder")
    read(house, "grant create, usage on schema serving to holder")
    read(house, "alter view serving.people owner to holder")
    before = administer(house, server)
    house.flip(make_wider_release(house, "b", OTHER_COLUMNS["between"]))
    assert settings_of(house) == before
    assert read(house, "select viewowner::text from pg_views where viewname = 'people'") == [("holder",)]


@pytest.mark.parametrize(
    ("put", "named"),
    [
        (
            "grant select (day) on serving.people to reader_2",
            r"people\.day \(grant\).*revoke SELECT \(.day.\) on",
        ),
        ("create view public.report as select run_no from serving.people", "public.report on people"),
        ("create rule noted as on insert to serving.people do instead nothing", "rule noted on people"),
    ],
)
def test_what_would_be_lost_refuses_the_release_before_anything_changed(
    server: Server, put: str, named: str
) -> None:
    house = server.warehouse()
    first = make_release(house, "a", 1)
    house.flip(first)
    make_role(server, "reader_2")
    read(house, put)
    narrow = make_wider_release(house, "b", "2 as run_no")
    with pytest.raises(Misconfigured, match=named):
        house.check_flip(narrow)
    assert house.is_shown(first)
    wider = make_wider_release(house, "c", OTHER_COLUMNS["added"])
    house.check_flip(wider)
    house.flip(wider)
    assert house.is_shown(wider)


def test_what_cannot_be_put_back_takes_the_whole_flip_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = server.warehouse()
    first = make_release(house, "a", 1)
    house.flip(first)
    before = administer(house, server)
    write = type(house).write_view_setting
    monkeypatch.setattr(
        type(house),
        "write_view_setting",
        lambda self, view, setting, remove=False: (
            "select 1" if setting.kind == "comment" else write(self, view, setting, remove)
        ),
    )
    with pytest.raises(BadAnswer, match=r"people comment.*people day comment"):
        house.flip(make_wider_release(house, "b", OTHER_COLUMNS["between"]))
    assert house.is_shown(first)
    assert settings_of(house) == before


FORKING = """
import itertools
from tasks.promotion import promote_release, retain
from tests.tasks.test_promotion import gate
from blocks.records import BuildReport
run, before = PostgresSession.rows, {before}
marts = {{mart: f"rel_b.{{mart}}" for mart in ("people", "sales")}}
report = BuildReport(run="b", marts=marts, models=2, tests=0, seconds=0)
def die(database, deadly):
    count = 0
    def rows(self, sql, parameters=()):
        nonlocal count
        count += 1
        if count == deadly and before: os.kill(os.getpid(), signal.SIGKILL)
        result = run(self, sql, parameters)
        if count == deadly: os.kill(os.getpid(), signal.SIGKILL)
        return result
    PostgresSession.rows = rows
    mine = house.model_copy(update={{"database": database}})
    promote_release.fn(mine, report, gate("b"))
    retain.fn(mine)
    os._exit(0)
for deadly in itertools.count({first}, {stride}):
    database = input()
    child = os.fork()
    if child == 0:
        die(database, deadly)
    status = os.waitpid(child, 0)[1]
    print("end" if status == 0 else "killed" if os.WTERMSIG(status) == signal.SIGKILL else status, flush=True)
    if status == 0: break
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_every_statement_it_is_the_old_release_or_the_new(
    server: Server, moment: str, stride: int
) -> None:
    """SIGKILL at one statement after another of promotion and retention; then the next run recovers."""
    from tasks.promotion import recover
    from tests.tasks.test_promotion import gate

    base = server.warehouse(keep=2)
    with base.session() as session:
        for run, value in (("a", 1), ("b", 2)):
            base.make_schema(session, f"rel_{run}")
            for mart in ("people", "sales"):
                session.rows(f"create table rel_{run}.{mart} as select {value} as value")
    shown = make_release(base, "z", 0).model_copy(
        update={"run": "a", "marts": {mart: f"rel_a.{mart}" for mart in ("people", "sales")}}
    )
    base.flip(shown)
    control.write_journal(base, "a", State.published, shown.model_dump_json())
    control.write_journal(base, "b", State.validated, gate("b").model_dump_json())
    outcomes, kills = set(), 0
    first = 1 if moment == "before" else min(2, stride)
    runner = child(base, FORKING.format(before=moment == "before", first=first, stride=stride))
    assert runner.stdin is not None
    assert runner.stdout is not None
    while True:
        database = f"{base.database}_{kills}"
        server.run(f"create database {database} template {base.database}")
        runner.stdin.write(f"{database}\n")
        runner.stdin.flush()
        answer = runner.stdout.readline().strip()
        if answer == "end":
            break
        assert answer == "killed"
        kills += 1
        house = base.model_copy(update={"database": database})
        before = read(house, "select s.value, p.value from serving.sales s, serving.people p")
        assert before in ([(1, 1)], [(2, 2)])
        state = {entry.run: entry.state for entry in control.read_journal(house)}["b"]
        recover.fn(house, "c")
        after = read(house, "select s.value, p.value from serving.sales s, serving.people p")
        assert after == ([(1, 1)] if state is State.validated else [(2, 2)])
        outcomes.add((before[0][0], after[0][0]))
        server.run(f"drop database {database} with (force)")
    runner.communicate(timeout=120)
    assert kills > 45 / stride
    assert {(1, 1), (1, 2), (2, 2)} <= outcomes


# one writer, rights


def test_only_one_run_writes_and_a_dead_ones_lease_is_free_at_once(server: Server) -> None:
    house = server.warehouse()
    with house.exclusive(), house.exclusive():
        pass
    other = child(house, "with house.exclusive(): print('got it', flush=True); time.sleep(60)")
    assert other.stdout is not None
    assert other.stdout.readline().strip() == "got it"
    with pytest.raises(Busy, match="another run does"), house.exclusive():
        pass
    other.kill()
    other.communicate()
    with house.exclusive():
        pass


def test_setup_can_be_repeated_and_readers_see_serving_alone(server: Server) -> None:
    house = server.warehouse(role="owner_1", readers="readers_1")
    house.setup(apply=True)
    house.setup(apply=True)
    for value, run in enumerate("ab"):
        house.flip(make_release(house, run, value))
    server.run("drop role if exists eve")
    server.run("create role eve login password 'eve-not-real' in role readers_1")
    eve = house.model_copy(
        update={"user": "eve", "role": "", "password": type(house.password)("eve-not-real")}
    )
    assert read(eve, "select run_no from serving.sales") == [(1,)]
    for sql in ("select * from rel_b.sales", "drop view serving.sales", "create table serving.x (a integer)"):
        with pytest.raises((Forbidden, NotFound)):
            read(eve, sql)
    ((owner,),) = read(house, "select viewowner from pg_views where viewname = 'sales'")
    assert owner == "owner_1"


def test_loads_at_the_same_time_do_not_trip_over_each_other(server: Server, tmp_path: Path) -> None:
    house = server.warehouse()
    batches = []
    for at in range(4):
        table = batch(tmp_path, []).table.model_copy(update={"identifier": f"t{at}", "name": f"t{at}"})
        batches.append(batch(tmp_path, [{"ride_id": at, "station": ""}], item=f"{at}.csv", table=table))
    troubles: list[BaseException] = []

    def load(part: Any) -> None:
        try:
            house.ingest(part)
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=load, args=(part,)) for part in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles
    assert len(control.read_ledger(house)) == 4
    assert read(house, "select station from raw_bikes.t0") == [("",)]


# faults


def test_what_a_login_is_refused_for(server: Server) -> None:
    house = server.warehouse()
    wrong = house.model_copy(update={"password": type(house.password)("hunter2-wrong")})
    with pytest.raises(Unauthorized) as caught:
        wrong.check()
    assert "hunter2" not in str(caught.value)
    with pytest.raises(NotFound, match="Create the database"):
        house.model_copy(update={"database": "nowhere"}).check()
    with pytest.raises(Unavailable):
        house.model_copy(update={"port": 9}).check()


def test_a_statement_that_takes_too_long(server: Server) -> None:
    with pytest.raises(TimedOut, match="statement_seconds"):
        read(server.warehouse(statement_seconds=1), "select pg_sleep(30)")


def test_a_server_that_is_silent_is_given_up_and_one_that_works_is_not(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped as a whole, in the midst of a statement; a transaction's rollback does not wait for it again."""
    from blocks.warehouse.postgres import watched_connection

    monkeypatch.setattr(watched_connection, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(watched_connection, "MOST_SILENT", 1)
    house = server.warehouse()
    ((folder,),) = server.run("show data_directory")
    stopped = [int((Path(folder) / "postmaster.pid").read_text().split()[0])]
    with open_session({**house.build_connection_arguments(), "connect_timeout": 2}) as session:
        assert session.rows("select pg_sleep(1)")
        stopped += [row[0] for row in session.rows("select pg_backend_pid()")]
        session.rows("begin")
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        start = time.monotonic()
        try:
            with pytest.raises(Unavailable, match="it is silent, and answers no new connection"):
                session.rows("select 1")
            with pytest.raises(Unavailable, match="closed"):
                session.rows("rollback")
        finally:
            for process in stopped:
                os.kill(process, signal.SIGCONT)
    assert time.monotonic() - start < 6


def test_great_expectations_has_connections_that_give_a_silent_server_up(server: Server) -> None:
    from blocks.warehouse.postgres.watched_connection import WatchedConnection

    url, arguments = server.warehouse().make_gx_connection()
    engine = create_engine(url, **arguments)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select 1").fetchall() == [(1,)]
        assert isinstance(connection.connection.dbapi_connection, WatchedConnection)
    engine.dispose()


def test_a_name_that_the_server_would_cut_is_refused(server: Server) -> None:
    with pytest.raises(Misconfigured, match="63 bytes"):
        server.warehouse().quote("x" * 64)


def test_a_text_that_cannot_be_stored_breaks_its_contract(server: Server, tmp_path: Path) -> None:
    house = server.warehouse()
    with pytest.raises(ContractBroken, match="NUL"):
        house.ingest(batch(tmp_path, [{"ride_id": 1, "station": "a\0b"}]))
    with pytest.raises(NotFound):
        read(house, "select * from raw_bikes.rides")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_a_run_that_is_cancelled_cancels_its_query_in_the_server(
    server: Server, sent: signal.Signals
) -> None:
    house = server.warehouse()
    run = child(
        house,
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "with house.session() as session: session.rows('select pg_sleep(100)')",
    )
    running = f"select count(*) from pg_stat_activity where datname = '{house.database}' and query like '%pg_sleep(1%'"
    running += " and state = 'active' and pid <> pg_backend_pid()"
    deadline = time.monotonic() + 120
    while not server.run(running)[0][0] and time.monotonic() < deadline:
        time.sleep(0.1)
    run.send_signal(sent)
    run.communicate(timeout=120)
    while server.run(running)[0][0] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert server.run(running) == [(0,)]


# data in and out


def test_every_kind_of_value_comes_out_as_it_went_in(server: Server, tmp_path: Path) -> None:
    import datetime as dt

    rows = {
        "ride_id": pa.array([1, None], pa.int64()),
        "station": pa.array(["", None]),
        "fare": pa.array([Decimal("12345678901.25"), None], pa.decimal128(20, 2)),
        "share": pa.array([0.1, float("nan")], pa.float64()),
        "open": pa.array([True, None]),
        "day": pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
        "seen": pa.array([dt.datetime(2026, 1, 2, 3, 4, 5, 678901), None], pa.timestamp("us")),
        "sent": pa.array([dt.datetime(2026, 1, 2, tzinfo=dt.UTC), None], pa.timestamp("us", "UTC")),
        "raw": pa.array([b"\0\xff", None], pa.binary()),
        "nested": pa.array([{"a": ["x", 'y"\n']}, None]),
        "_item": pa.array(["i", "i"]),
        "_loaded_at": pa.array([dt.datetime(2026, 1, 2)] * 2, pa.timestamp("us")),
    }
    house, given = server.warehouse(), batch(tmp_path, [{"ride_id": 1, "station": "x"}], item="i")
    pq.write_table(pa.table(rows), given.data[0])
    house.ingest(given)
    ((raw, nested),) = read(house, "select raw, nested from raw_bikes.rides where ride_id = 1")
    assert (raw, nested) == (b"\0\xff", {"a": ["x", 'y"\n']})
    kept = ", ".join(name for name in rows if name not in ("raw", "nested"))
    with house.session() as session:
        assert (
            session.export(f"select {kept} from raw_bikes.rides order by ride_id", tmp_path / "x.parquet")
            == 2
        )
    found = pq.read_table(tmp_path / "x.parquet")
    expected = pa.table(rows).select(found.column_names)
    assert found.schema.equals(expected.schema), (found.schema, expected.schema)
    assert repr(found.to_pylist()) == repr(expected.to_pylist())


def test_sums_are_exact_and_an_empty_answer_has_its_columns(server: Server, tmp_path: Path) -> None:
    house = server.warehouse()
    sql = "select sum(x) as whole, sum(y) as money from (values (9007199254740993, 0.10), (0, 0.205)) as v (x, y)"
    with house.session() as session:
        session.export(sql, tmp_path / "s.parquet")
        assert session.export("select 1 as a where false", tmp_path / "e.parquet") == 0
    assert pq.read_table(tmp_path / "s.parquet").to_pylist() == [
        {"whole": Decimal(9007199254740993), "money": Decimal("0.305")}
    ]
    assert pq.read_table(tmp_path / "e.parquet").column_names == ["a"]


def test_a_million_rows_go_through_in_bounded_memory(server: Server, tmp_path: Path) -> None:
    house = server.warehouse()
    table = pa.table(
        {
            "ride_id": pa.array(range(500_000), pa.int64()),
            "station": pa.array(["North"] * 500_000),
            "_item": pa.array(["i"] * 500_000),
            "_loaded_at": pa.array([0] * 500_000, pa.timestamp("us")),
        }
    )
    given = batch(tmp_path, [{"ride_id": 1, "station": "x"}], item="i", mode="merge", key=["ride_id"])
    pq.write_table(table, given.data[0], row_group_size=50_000)
    for _ in range(2):
        house.ingest(given)
    with house.session() as session:
        assert session.export("select * from raw_bikes.rides", tmp_path / "out.parquet") == 500_000


def test_somebody_cancels_the_query(server: Server) -> None:
    with pytest.raises((Rejected, TimedOut)), server.warehouse().session() as session:
        session.rows("select pg_cancel_backend(pg_backend_pid()), pg_sleep(5)")


def test_tableau_reads_it_live_without_a_secret(server: Server) -> None:
    house = server.warehouse(sslmode="verify-full")
    live = house.describe_live_source()
    assert (live.kind, live.server, live.database, live.schema_name) == (
        "postgres",
        house.host,
        house.database,
        "serving",
    )
    assert live.encrypted
    assert house.password.get_secret_value() not in live.model_dump_json()
    profile, secrets = house.make_dbt_target("rel_x")
    assert house.password.get_secret_value() not in json.dumps(profile)
    assert house.password.get_secret_value() in secrets.values()
    assert house.password.get_secret_value() not in house.make_gx_connection()[0]
