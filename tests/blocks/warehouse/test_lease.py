"""A lease that is lost is noticed: fencing numbers, stopped processes, skewed clocks, every interleaving."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from blocks.errors import Busy, LeaseLost, Unavailable
from blocks.records import LedgerEntry, State
from blocks.warehouse import control, lease, release_history
from blocks.warehouse.duckdb.session import DuckDBSession
from blocks.warehouse.settings import SharedSettings
from tasks.promotion import retain
from tests.blocks.warehouse.interleaving import (
    LeasedDuckDB,
    Parent,
    Stage,
    expire,
    find_violations,
    look,
    promotion,
    recovery,
    start,
)
from tests.conftest import ROOT
from tests.dremio.standin import StandIn

if TYPE_CHECKING:
    from tests.blocks.warehouse.postgres_server import Server
    from tests.blocks.warehouse.snowflake_account import Account


EVERY = pytest.mark.parametrize(
    "every", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["some", "all"]
)
"""Whether each step is stopped before, or some."""


@pytest.fixture(scope="module")
def base() -> Iterator[LeasedDuckDB]:
    """Readers see run z, after run y; a and b wait, and c."""
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        warehouse = LeasedDuckDB(database=f"{folder}/base.duckdb")
        start(warehouse)
        yield warehouse


def stage_of(base: LeasedDuckDB, name: str) -> Stage:
    path = Path(base.database).with_name(f"{name}.duckdb")
    shutil.copy(base.database, path)
    warehouse = base.model_copy(update={"database": str(path)})

    def undo(session: DuckDBSession) -> None:
        with suppress(duckdb.Error):  # a process that died has closed it
            session.connection.rollback()

    return Stage(warehouse, DuckDBSession, lambda: look(warehouse), lambda: expire(warehouse), undo)


@EVERY
def test_every_interleaving_of_two_parents_is_old_or_new_and_never_older(every: bool) -> None:
    """Stop or kill one before each of its steps; another promotes, rolls back, recovers, or dies at each of its own.

    every: all of them; else a part, also of those in which the second one dies as well.
    """
    words = [sys.executable, "-m", "tests.blocks.warehouse.every_interleaving", "1" if every else "13"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts["violations"] == 0, done.stdout[-5000:]
    assert counts["played"] > 60
    assert counts["refused"] > 20


# real servers and stand-ins


def stall(stage: Stage, at: int) -> tuple[str, list[object]] | None:
    """A promotes and is stopped before this step, B promotes, A goes on, another run recovers.

    How A ended, and what must not have been; None where A has no such step.
    """
    two = Parent()

    def go_second(step: int) -> None:
        if step == at:
            stage.stop(one)
            stage.run(two, promotion("b"))

    one = Parent(go_second)
    with stage.spied():
        end = stage.run(one, promotion("a"))
        if one.asked < at:
            return None
        expire(stage.warehouse)
        assert stage.run(Parent(), recovery) == "done"
    return end, find_violations(stage, look(stage.warehouse), one.number > two.number > 0)


def stall_at_each_step(stage_at: Any, steps: range) -> tuple[int, int, list[Any]]:
    """At each of these steps: how many there are, how often A was refused, what was wrong."""
    count, refused, wrong = 0, 0, []
    for at in steps:
        if (found := stall(stage_at(at), at)) is None:
            break
        end, violations = found
        count, refused = count + 1, refused + (end == "LeaseLost")
        if violations:
            wrong.append((at, end, violations))
    print(f"{count} interleavings, {refused} stale holders refused, {len(wrong)} violations")
    return count, refused, wrong


@EVERY
def test_a_stopped_run_is_refused_on_postgresql(postgres_server: Server, every: bool) -> None:
    from blocks.warehouse.postgres.session import PostgresSession

    def stage_at(at: int) -> Stage:
        house = postgres_server.warehouse()
        start(house)

        def undo(session: PostgresSession) -> None:
            ended = f"select pg_terminate_backend({session.connection.info.backend_pid}, 5000)"
            postgres_server.run(ended)  # as idle_in_transaction_session_timeout does

        return Stage(house, PostgresSession, lambda: look(house), lambda: expire(house), undo)

    count, refused, wrong = stall_at_each_step(stage_at, range(1, 99, 1 if every else 8))
    assert not wrong, wrong
    assert refused > 5 < count


# the connector asks for the end of a slow query in a thread of its own, and nothing comes of it if that has no answer
@pytest.mark.filterwarnings("ignore:Exception in thread:pytest.PytestUnhandledThreadExceptionWarning")
@EVERY
def test_a_stopped_run_is_refused_on_snowflakes_stand_in(snowflake_account: Account, every: bool) -> None:
    from blocks.warehouse.snowflake.session import SnowflakeSession
    from tests.blocks.warehouse.snowflake_account import house_of

    def stage_at(at: int) -> Stage:
        house = house_of(snowflake_account)
        start(house)

        def undo(session: SnowflakeSession) -> None:
            session.connection.cursor().execute("rollback")

        return Stage(house, SnowflakeSession, lambda: look(house), lambda: expire(house), undo)

    count, refused, wrong = stall_at_each_step(stage_at, range(2, 99, 1 if every else 32))
    assert not wrong, wrong
    assert refused > 1 < count


@pytest.mark.parametrize("publish", ["views", "slot", "branch"])
@EVERY
def test_a_stopped_run_is_refused_on_dremios_stand_in(
    dremio_server: StandIn, publish: str, every: bool
) -> None:
    """Where a statement can't ask for the lease, one may come late by `views` and `slot`: the next run mends it."""
    from blocks.warehouse.dremio.session import DremioSession

    at_place = {"branch": {"source": None}}.get(publish, {})

    def stage_at(at: int) -> Stage:
        place = f"nessie.a{at}" if publish == "branch" else f"analytics{at}"
        house = dremio_server.warehouse(publish=publish, database=place, **at_place)
        start(house)
        return Stage(house, DremioSession, lambda: look(house), lambda: expire(house))

    count, refused, wrong = stall_at_each_step(stage_at, range(2, 120, 1 if every else 11))
    assert all(found[-1][-1][0] != "end" for found in wrong), wrong  # mended, whatever was seen on the way
    assert not wrong or publish != "branch", wrong
    assert publish == "views" or len(wrong) < count / 2  # view by view a reader may always meet both releases
    assert refused > 2


HOLDER = """
import sys
from blocks.errors import LeaseLost
try:
    with house.exclusive():
        print("mine", flush=True)
        sys.stdin.readline()
        house.flip(Release.model_validate_json(sys.stdin.readline()))
        print("flipped", flush=True)
except LeaseLost as error:
    print("lost:", error, flush=True)
"""


def test_a_process_that_is_stopped_by_a_signal_is_refused_when_it_goes_on(postgres_server: Server) -> None:
    """SIGSTOP until the lease has run out, another promotes, SIGCONT: on a real server, by its clock."""
    from tests.blocks.warehouse.test_postgres import child
    from tests.blocks.warehouse.test_warehouse_contract import make_release

    house = postgres_server.warehouse(lease_seconds=6)
    old, new = make_release(house, "a", 1), make_release(house, "b", 2)
    process = child(house, HOLDER)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "mine\n"
    with pytest.raises(Busy, match="server's clock"), house.exclusive():
        pass
    process.send_signal(signal.SIGSTOP)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                with house.exclusive():
                    house.flip(new)
                break
            except Busy:
                assert time.monotonic() < deadline
                time.sleep(0.5)
    finally:
        process.send_signal(signal.SIGCONT)
    output, _ = process.communicate(f"\n{old.model_dump_json()}\n", timeout=120)
    assert "lost:" in output
    assert "flipped" not in output
    assert house.read_served() == new


# clocks, namespaces, renewals


def test_a_clock_that_is_wrong_takes_no_live_lease(
    base: LeasedDuckDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the server's time counts: this machine's is years ahead."""
    stage = stage_of(base, "clock")
    other = Parent()
    monkeypatch.setattr(control, "now", lambda: pytest.fail("the client's clock was asked"))
    monkeypatch.setattr(time, "time", lambda: 4e9)
    with stage.warehouse.exclusive():
        assert stage.run(other, recovery) == "Busy"


def test_numbers_only_grow_and_an_old_table_gets_them(base: LeasedDuckDB) -> None:
    house = stage_of(base, "numbers").warehouse
    found = []
    for _ in range(3):
        with house.exclusive():
            found.append(house.lease_number())
    assert found == sorted(set(found))
    with house.session() as session:
        session.rows("drop table control.lease")
        session.rows("create table control.lease (name varchar, owner varchar, until timestamp)")
        session.rows("insert into control.lease values ('releases', 'old', now() + interval 5 minute)")
    with pytest.raises(Busy, match="older version"), house.exclusive():
        pass
    expire(house)
    with house.exclusive():
        assert house.lease_number() == 1
    assert house.lease_number() is None


@pytest.mark.parametrize(
    ("name", "dead"),
    [
        ("{host}:{boot}:{space}:{gone}:1:x", True),
        ("{host}:{boot}:{space}:{pid}:1:x", True),  # another process has its id by now
        ("{host}:{boot}:{space}:{pid}:{start}:x", False),
        ("{host}:{boot}:4711:{gone}:1:x", False),  # a container of the same name: its process may live
        ("{host}:another:{space}:{gone}:1:x", False),
        ("{host}::{space}:{gone}:1:x", False),
        ("{host}:{gone}:x", False),  # as older versions wrote it
    ],
)
def test_only_a_process_that_is_provably_gone_loses_its_lease_at_once(name: str, dead: bool) -> None:
    boot, space = lease._identify_machine()
    if not boot:
        pytest.skip("this system does not say which machine it is")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    pid = os.getpid()
    parts = {"host": socket.gethostname(), "boot": boot, "space": space, "gone": gone.pid, "pid": pid}
    assert lease._is_dead(name.format(**parts, start=lease._read_start_time(pid))) is dead


def test_a_renewal_that_fails_ends_the_run_once_the_lease_can_have_run_out(
    base: LeasedDuckDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = stage_of(base, "renewal").warehouse.model_copy(update={"lease_seconds": 1})

    def fail(*_: Any) -> bool:
        raise Unavailable("query", "the server is gone")

    def work() -> None:
        with house.exclusive():
            monkeypatch.setattr(lease, "_extend", fail)
            for _ in range(200):
                house.check_lease()
                time.sleep(0.1)

    with pytest.raises(LeaseLost, match=r"could not be renewed.*server is gone"):
        work()


def test_two_attempts_of_one_run_never_share_a_schema(base: LeasedDuckDB) -> None:
    """The first was stopped before the journal had a word of it."""
    from blocks.dbt.project import DbtProject
    from flows.run_context import open_run
    from tests.conftest import TINY

    stage = stage_of(base, "attempts")
    project = DbtProject(folder=TINY / "dbt", state=Path(base.database).parent / "dbt")
    schemas = []

    def attempt(house: Any) -> None:
        with open_run(project, house, "same") as context:
            schemas.append(context.schema)

    for _ in range(2):
        assert stage.run(Parent(), attempt) == "done"
    assert len(set(schemas)) == 2


def test_the_automation_takes_a_run_up_again_once_its_lease_is_free() -> None:
    import yaml

    heartbeat = 180  # seconds, by Prefect's default
    declared = yaml.safe_load((ROOT / "deploy" / "automations.yaml").read_text())["automations"]
    (lost,) = [each for each in declared if each["name"] == "a delivery lost its heartbeat"]
    lasts = SharedSettings(database="d").lease_seconds
    assert max(lasts, 2 * heartbeat) < lost["trigger"]["within"] < 2 * lasts


# every write to the control tables


def taken_over(warehouse: Any) -> None:
    """Another process has taken the lease since: as the server has it."""
    with warehouse.session() as session:
        table = warehouse.quote("control", "lease")
        owner, number = warehouse.quote("owner"), warehouse.quote("number")
        session.rows(f"update {table} set {owner} = 'another', {number} = {number} + 1")


def control_rows(warehouse: Any) -> dict[str, list[Any]]:
    with warehouse.session() as session:
        return {
            name: sorted(map(str, session.rows(f"select * from {warehouse.quote('control', name)}")))
            for name in ("loads", "journal", "judged", "relations", "history")
        }


def writes(warehouse: Any) -> dict[str, Any]:
    """Every write to the control tables, and what drops schemas."""
    line = LedgerEntry(source="s", table="t", item="i", fingerprint="f", rows=1, run="a")
    return {
        "ledger": lambda: warehouse.write_ledger_lines([line]),
        "journal": lambda: control.write_journal(warehouse, "a", State.rejected),
        "judged": lambda: control.mark_judged(warehouse, [("s", "t", "a")]),
        "history": lambda: control.write_history(warehouse, "a", {"m": "{}"}),
        "history pruned": lambda: control.prune_history(warehouse),
        "relations": lambda: release_history.record_relations(warehouse, "a", {"model.x": "rel_a.x"}, None),
        "forgotten": lambda: release_history.forget_relations(warehouse, ["z"]),
        "pruned": lambda: control.prune_journal(warehouse, control.read_journal(warehouse), ()),
        "retained": lambda: retain.fn(warehouse),
    }


def refused(warehouse: Any, write: Any) -> bool:
    """True if a holder whose lease was taken over can't write; not only told at its end."""
    found = []
    with suppress(LeaseLost), warehouse.exclusive():
        taken_over(warehouse)
        try:
            write()
        except LeaseLost as error:
            found.append(error)
    return bool(found)


@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_no_write_to_control_outlives_the_lease(
    kind: str, base: LeasedDuckDB, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    house: Any = stage_of(base, "writes").warehouse
    if kind == "postgres":
        house = request.getfixturevalue("postgres_server").warehouse()
        start(house)
    monkeypatch.setattr(control, "PRUNED_AT_ONCE", 1)
    house = house.model_copy(update={"journal_runs": 1})
    control.mark_judged(house, [("s", "t", "z")])
    for run in ("x", "y", "z"):
        control.write_history(house, run, {"m": "{}"})
    release_history.record_relations(house, "unseen", {"model.x": "rel_unseen.x"}, None)
    before, schemas = control_rows(house), house.list_releases()
    for name, write in writes(house).items():
        assert refused(house, write), f"{name} was written by a run that had lost its lease"
        assert control_rows(house) == before, name
        assert house.list_releases() == schemas, name
        expire(house)
    with house.exclusive():
        for write in writes(house).values():
            write()
    assert control_rows(house) != before
