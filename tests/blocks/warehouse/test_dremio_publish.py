"""Publishing on Dremio, of each kind: what a looping reader sees, kills at every statement, reflections, retention."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import Forbidden, Misconfigured, PlatformError, Rejected, TimedOut
from blocks.records import BuildReport, Check, GateReport, Release, State
from blocks.warehouse import control
from blocks.warehouse.dremio.rest import DremioRest
from blocks.warehouse.dremio.session import QUERY, DremioSession
from blocks.warehouse.dremio.warehouse import DremioWarehouse
from blocks.warehouse.view_setting import ViewSetting
from tasks.promotion import promote_release, recover, retain, retire_marts, roll_back
from tests.dremio.standin import StandIn, stand_in

MARTS = ("people", "sales")
WAYS: dict[str, dict[str, Any]] = {
    "views": {},
    "slot": {"publish": "slot"},
    "branch": {"publish": "branch", "source": None, "database": "nessie.a"},
}

DEAD = "killed"


class Killed(BaseException):
    """The process is gone: nothing that handles exceptions runs."""


@contextmanager
def killed_before(deadly: int) -> Iterator[list[str]]:
    """Die at the n-th statement that writes; the list gets those that ran, and DEAD at the end."""
    ran: list[str] = []
    plain = DremioSession.rows

    def rows(self: DremioSession, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        if not QUERY.match(sql):
            if len(ran) + 1 == deadly:
                raise Killed
            ran.append(sql)
        return plain(self, sql, parameters)

    DremioSession.rows = rows  # type: ignore[method-assign]
    try:
        yield ran
    except Killed:
        ran.append(DEAD)
    finally:
        DremioSession.rows = plain  # type: ignore[method-assign]


def built(
    warehouse: DremioWarehouse, run: str, value: int, marts: tuple[str, ...] = MARTS, more: str = ""
) -> BuildReport:
    with warehouse.session() as session:
        warehouse.make_schema(session, f"rel_{run}")
        for mart in marts:
            table = warehouse.relation(f"rel_{run}.{mart}")
            session.rows(f"create table {table} as select {value} as run_no{more}")
    report = BuildReport(run=run, marts={m: f"rel_{run}.{m}" for m in marts}, models=2, tests=0, seconds=0)
    control.write_journal(warehouse, run, State.validated, gate(run).model_dump_json())
    return report


def gate(run: str) -> GateReport:
    return GateReport(run=run, passed=True, checks=(Check(scope="m", name="x", kind="suite", passed=True),))


def promote(warehouse: DremioWarehouse, run: str, value: int, *marts: str, more: str = "") -> Release:
    return promote_release.fn(warehouse, built(warehouse, run, value, marts or MARTS, more), gate(run))


def seen(warehouse: DremioWarehouse, marts: tuple[str, ...] = MARTS) -> list[int]:
    with warehouse.session() as session:
        return [
            session.rows(f"select run_no from {warehouse.quote('serving', mart)}")[0][0] for mart in marts
        ]


@pytest.fixture(params=sorted(WAYS))
def publishing(request: pytest.FixtureRequest) -> dict[str, Any]:
    return WAYS[request.param]


@pytest.fixture
def warehouse(dremio_server: StandIn, publishing: dict[str, Any]) -> DremioWarehouse:
    return dremio_server.warehouse(keep=2, **publishing)


def test_a_reader_in_a_loop_sees_what_the_way_of_publishing_says(warehouse: DremioWarehouse) -> None:
    """A join of two marts: never an error, never an older release again; mixed only where views flip one by one."""
    promote(warehouse, "r0", 0)
    reports = [built(warehouse, f"r{value}", value) for value in range(1, 6)]
    with looking(warehouse, "s.run_no, p.run_no") as (pairs, wrong):
        for report in reports:
            promote_release.fn(warehouse, report, gate(report.run))
    assert not wrong
    assert len(pairs) > 20
    assert {pair[0] for pair in pairs} >= {0, 5}
    assert all(one <= other for one, other in pairwise(pairs))
    if warehouse.publish != "views":
        assert all(one == other for one, other in pairs)
    assert all(abs(one - other) <= 1 for one, other in pairs)


def test_a_reader_meets_no_error_while_columns_come_and_go(warehouse: DremioWarehouse) -> None:
    promote(warehouse, "r0", 0, more=", 1 as old")
    shapes = [", 1 as old", ", 2 as news", ", 'x' as news", "", ", 1 as old"]
    reports = [built(warehouse, f"r{at}", at, more=more) for at, more in enumerate(shapes, 1)]
    with looking(warehouse, "s.run_no, p.run_no") as (pairs, wrong):
        for report in reports:
            promote_release.fn(warehouse, report, gate(report.run))
    assert not wrong
    assert {pair[0] for pair in pairs} >= {0, 5}


@contextmanager
def looking(warehouse: DremioWarehouse, columns: str) -> Iterator[tuple[list[Any], list[PlatformError]]]:
    """A reader who joins both marts all the time; what it saw, and the errors it met."""
    pairs, wrong, stop = list[Any](), list[PlatformError](), threading.Event()
    sales, people = (warehouse.quote("serving", mart) for mart in ("sales", "people"))

    def read() -> None:
        with warehouse.session() as session:
            while not stop.is_set():
                try:
                    pairs.extend(session.rows(f"select {columns} from {sales} as s cross join {people} as p"))
                except PlatformError as error:
                    wrong.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield pairs, wrong
    finally:
        stop.set()
        reader.join()


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_every_statement_the_next_run_repairs_it(
    tmp_path: Path, publishing: dict[str, Any], stride: int
) -> None:
    """Killed before one write after another: readers have a whole release or, by views, a whole mart; then recovery."""
    moments, deadly, died = set(), 0, True
    while died:
        deadly += stride
        with stand_in(tmp_path / str(deadly)) as server:
            warehouse = server.warehouse(keep=2, **publishing)
            promote(warehouse, "a", 1)
            report = built(warehouse, "b", 2, ("sales",), ", 'x' as news")
            with killed_before(deadly) as ran:
                promote_release.fn(warehouse, report, gate("b"))
                retain.fn(warehouse)
            died = ran[-1] == DEAD
            moments.add(repaired(warehouse))
    assert deadly > 5
    assert moments == {(1, 1), (1, 2), (2, 2)}, "no kill fell before, within and after the flip"


def repaired(warehouse: DremioWarehouse) -> tuple[int, int]:
    """What readers saw of the mart in question after the kill, and see after the next run's recovery."""
    before, served = seen(warehouse), warehouse.read_served()
    assert served is not None
    assert before in ([1, 1], [1, 2])
    assert (served.run == "b") <= (before == [1, 2]), "the marker is ahead of the views"
    state = {entry.run: entry.state for entry in control.read_journal(warehouse)}["b"]
    recover.fn(warehouse, "c")
    retain.fn(warehouse)
    after, ended = seen(warehouse), {entry.run: entry.state for entry in control.read_journal(warehouse)}["b"]
    assert after == ([1, 1] if state is State.validated else [1, 2])
    assert ended is (State.abandoned if state is State.validated else State.published)
    return before[1], after[1]


def test_rollback_and_retention(warehouse: DremioWarehouse) -> None:
    for value, run in enumerate("abcd", 1):
        promote(warehouse, run, value)
        retain.fn(warehouse)
    assert roll_back.fn(warehouse, None).run == "c"
    assert seen(warehouse) == [3, 3]
    retain.fn(warehouse)
    assert warehouse.list_releases() == ["rel_c", "rel_d"]
    assert roll_back.fn(warehouse, "d").run == "d"
    assert seen(warehouse) == [4, 4]


def test_columns_marts_and_their_order_may_change(warehouse: DremioWarehouse) -> None:
    promote(warehouse, "a", 1)
    promote(warehouse, "b", 2)
    promote(warehouse, "c", 3, more=", 'x' as news")
    promote(warehouse, "d", 4, "sales", "stock", more=", 1.5 as news")
    assert seen(warehouse, ("people", "sales", "stock")) == [3, 4, 4]
    with warehouse.session() as session:
        assert session.rows(f"select news from {warehouse.quote('serving', 'people')}") == [("x",)]
        assert warehouse.columns(session, "serving", "sales")["news"].startswith("DECIMAL")
    assert roll_back.fn(warehouse, "a").run == "a"
    assert seen(warehouse) == [1, 1]
    with warehouse.session() as session:
        assert not warehouse.columns(session, "serving", "stock")
        assert list(warehouse.columns(session, "serving", "sales")) == ["run_no"]


def test_the_idle_slots_release_stays_as_long_as_readers_views_stand_on_it(dremio_server: StandIn) -> None:
    warehouse = dremio_server.warehouse(keep=2, publish="slot")
    for value, run in enumerate("abc", 1):
        promote(warehouse, run, value)
    roll_back.fn(warehouse, "a")
    promote(warehouse, "d", 4)  # the idle slot still shows a, which is no longer among the last two
    retain.fn(warehouse)
    assert seen(warehouse) == [4, 4]
    assert "rel_a" in warehouse.list_releases()


def test_an_error_in_the_loop_puts_the_old_views_back(dremio_server: StandIn) -> None:
    warehouse = dremio_server.warehouse()
    first = promote(warehouse, "a", 1)
    report = built(warehouse, "b", 2, ("people", "sales", "stock"))
    dremio_server.fail('view "analytics"."serving"."stock"', "failed")
    with pytest.raises(PlatformError):
        promote_release.fn(warehouse, report, gate("b"))
    assert warehouse.read_served() == first
    assert seen(warehouse) == [1, 1]
    with warehouse.session() as session:
        assert not warehouse.columns(session, "serving", "stock")


NOTED = frozenset(
    {
        ViewSetting("wiki", value="# Who's who"),
        ViewSetting("label", value="gold"),
        ViewSetting("label", value="people"),
        ViewSetting("grant", name="ROLE name of r1 r1", value="SELECT"),
        ViewSetting("grant", name="USER name of u1 u1", value="ALTER"),
        ViewSetting("grant", name="USER name of u1 u1", value="SELECT"),
    }
)


def note(warehouse: DremioWarehouse) -> None:
    """What an administrator puts on the view of `people`."""
    with warehouse.session() as session:
        warehouse.change_view_settings(session, "serving", "people", (), NOTED)


def noted(warehouse: DremioWarehouse, view: str = "people") -> frozenset[ViewSetting]:
    with warehouse.session() as session:
        return warehouse.read_view_settings(session, "serving").get(view, frozenset())


@pytest.mark.parametrize("kept", [False, True], ids=["lost", "kept"])
def test_wiki_labels_and_privileges_are_on_the_view_that_replaces_another(
    dremio_server: StandIn, publishing: dict[str, Any], kept: bool
) -> None:
    """Whether Dremio keeps them or not: also on a view that readers did without for a while, and after a rollback."""
    warehouse = dremio_server.warehouse(keep=2, **publishing)
    dremio_server.engine.keeps_notes = kept
    promote(warehouse, "a", 1)
    note(warehouse)
    assert noted(warehouse) == NOTED
    promote(warehouse, "b", 2, more=", 'x' as news")
    assert noted(warehouse) == NOTED
    roll_back.fn(warehouse, None)
    assert noted(warehouse) == NOTED
    retire_marts.fn(warehouse, ["people"])
    promote(warehouse, "c", 3, "people")
    assert noted(warehouse) == NOTED
    assert not noted(warehouse, "sales")
    assert seen(warehouse) == [3, 1]


def test_killed_while_it_puts_back_what_was_on_a_view_the_next_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = DremioRest.call
    for deadly in range(1, 4):
        with stand_in(tmp_path / str(deadly)) as server:
            warehouse, left = server.warehouse(keep=2), [deadly]
            promote(warehouse, "a", 1)
            note(warehouse)
            report = built(warehouse, "b", 2)

            def die(self: DremioRest, method: str, path: str, left: list[int] = left, **rest: Any) -> Any:
                if method == "PUT" or (path.endswith(("/wiki", "/tag")) and method == "POST"):
                    left[0] -= 1
                    if left[0] == 0:
                        raise Killed
                return plain(self, method, path, **rest)

            monkeypatch.setattr(DremioRest, "call", die)
            with pytest.raises(Killed):
                promote_release.fn(warehouse, report, gate("b"))
            monkeypatch.setattr(DremioRest, "call", plain)
            assert noted(warehouse) < NOTED
            assert "published now" in recover.fn(warehouse, "c")[0]
            assert noted(warehouse) == NOTED
            assert seen(warehouse) == [2, 2]


def test_privileges_that_cannot_be_read_stop_a_promotion_before_it_begins(dremio_server: StandIn) -> None:
    warehouse = dremio_server.warehouse()
    first = promote(warehouse, "a", 1)
    dremio_server.fail("/grants", 403)
    with pytest.raises(Forbidden, match="privileges of"):
        promote(warehouse, "b", 2)
    assert warehouse.read_served() == first
    dremio_server.fail("/grants", 404, times=9)  # an edition without privileges
    promote(warehouse, "c", 3)
    assert seen(warehouse) == [3, 3]


def test_branches_need_one_catalogue_for_both(dremio_server: StandIn) -> None:
    with pytest.raises(Misconfigured, match="source"):
        promote(dremio_server.warehouse(publish="branch"), "a", 1)


# reflections


def reflected(server: StandIn) -> list[tuple[str, ...]]:
    return sorted(tuple(each["path"][-2:]) for each in server.engine.reflections.values())


def test_readers_see_a_release_only_when_its_reflections_can_accelerate(dremio_server: StandIn) -> None:
    dremio_server.rest.building = 4  # looks until it is built
    warehouse = dremio_server.warehouse(reflections="required")
    unready: list[str] = []

    def watch(statement: str) -> None:
        looks = [each["looks"] for each in dremio_server.engine.reflections.values()]
        if statement.startswith("create or replace view") and (len(looks) < 2 or min(looks) < 4):
            unready.append(statement)

    dremio_server.engine.before = watch
    promote(warehouse, "a", 1)
    promote_release.fn(warehouse, BuildReport(run="a", marts={}, models=0, tests=0, seconds=0), gate("a"))
    assert unready == []
    assert reflected(dremio_server) == [("rel_a", "people"), ("rel_a", "sales")]


def test_a_reflection_that_fails_stops_the_flip_or_is_only_said(
    dremio_server: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    dremio_server.rest.outcome = "FAILED"
    with pytest.raises(Rejected, match="reflection is failed"):
        promote(dremio_server.warehouse(reflections="required"), "a", 1)
    assert dremio_server.warehouse().read_served() is None
    promote(dremio_server.warehouse(reflections="optional"), "b", 2)
    assert seen(dremio_server.warehouse()) == [2, 2]
    assert "without acceleration" in caplog.text


def test_reflections_are_awaited_until_the_deadline(dremio_server: StandIn) -> None:
    dremio_server.rest.building = 10_000
    with pytest.raises(TimedOut, match="cannot_accelerate_scheduled"):
        promote(dremio_server.warehouse(reflections="required", deadline_seconds=0.3), "a", 1)


def test_a_dropped_release_takes_its_reflections_along(dremio_server: StandIn) -> None:
    warehouse = dremio_server.warehouse(reflections="required", keep=2)
    for value, run in enumerate("abcd", 1):
        promote(warehouse, run, value)
        retain.fn(warehouse)
    assert {schema for schema, _ in reflected(dremio_server)} == {"rel_c", "rel_d"}
