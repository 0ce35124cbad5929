"""Promotion, recovery, rollback and retention on a real warehouse, killed at every statement."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import tasks.building
from blocks.errors import GateFailed, NotFound, Rejected
from blocks.records import BuildReport, Check, GateReport, RelationState, Release, State
from blocks.release_names import release_schema
from blocks.warehouse import control
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.relation_states import TABLE as STATES_TABLE
from blocks.warehouse.relation_states import read_states, record_states
from blocks.warehouse.release_history import (
    RELATIONS_TABLE,
    choose_attempt,
    forget_relations,
    is_whole,
    list_kept_schemas,
    list_published_releases,
    list_seen_releases,
    read_last_relations,
)
from tasks.building import carry_over
from tasks.promotion import (
    find_removed_marts,
    list_unfinished,
    promote_release,
    publish_accepted,
    recover,
    retain,
    retire_marts,
    roll_back,
)
from tests.blocks.test_catalogue_names import versions
from tests.blocks.warehouse.readers import read_file
from tests.property.project import StandInRun

MARTS = ("people", "sales")


def build_release(
    warehouse: DuckDBWarehouse,
    run: str,
    value: int,
    marts: tuple[str, ...] = MARTS,
    relations: dict[str, str] | None = None,
) -> BuildReport:
    with warehouse.session() as session:
        session.rows(f"create schema rel_{run}")
        for mart in marts:
            session.rows(f"create table rel_{run}.{mart} as select {value} as value")
    report = BuildReport(
        run=run,
        marts={m: f"rel_{run}.{m}" for m in marts},
        models=2,
        tests=0,
        seconds=0,
        relations=relations or {},
    )
    control.write_journal(warehouse, run, State.building, report.model_dump_json())
    return report


def gate(run: str, passed: bool = True) -> GateReport:
    report = GateReport(
        run=run, passed=passed, checks=(Check(scope="sales", name="x", kind="suite", passed=passed),)
    )
    return report


def promote(
    warehouse: DuckDBWarehouse,
    run: str,
    value: int,
    marts: tuple[str, ...] = MARTS,
    relations: dict[str, str] | None = None,
) -> None:
    report = build_release(warehouse, run, value, marts, relations)
    control.write_journal(warehouse, run, State.validated, gate(run).model_dump_json())
    promote_release.fn(warehouse, report, gate(run))


def seen(warehouse: DuckDBWarehouse) -> list[int]:
    """What a reader sees of each mart."""
    with warehouse.session() as session:
        return [session.rows(f"select value from serving.{mart}")[0][0] for mart in MARTS]


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(database=str(tmp_path / "w.duckdb"), keep=2)


def test_a_failed_gate_is_never_promoted(warehouse: DuckDBWarehouse) -> None:
    promote(warehouse, "a", 1)
    report = build_release(warehouse, "b", 2)
    with pytest.raises(GateFailed):
        promote_release.fn(warehouse, report, gate("b", passed=False))
    with pytest.raises(GateFailed):
        promote_release.fn(warehouse, report, gate("a"))  # another run's verdict
    assert seen(warehouse) == [1, 1]


def test_promoting_twice_is_the_same_as_once(warehouse: DuckDBWarehouse) -> None:
    promote(warehouse, "a", 1)
    before = warehouse.read_served()
    report = BuildReport(run="a", marts={m: f"rel_a.{m}" for m in MARTS}, models=2, tests=0, seconds=0)
    assert promote_release.fn(warehouse, report, gate("a")) == before == warehouse.read_served()


def test_a_run_of_some_marts_leaves_the_others_served(warehouse: DuckDBWarehouse) -> None:
    promote(warehouse, "a", 1)
    promote(warehouse, "b", 2, ("sales",))
    assert seen(warehouse) == [1, 2]
    retain.fn(warehouse)
    assert seen(warehouse) == [1, 2]


def test_marts_that_waited_are_shown_beside_the_others(warehouse: DuckDBWarehouse) -> None:
    for run, value, marts in (("a", 1, MARTS), ("b", 2, ("sales",))):
        build_release(warehouse, run, value, marts)
        waited = {mart: f"rel_{run}.{mart}" for mart in marts}
        shown = publish_accepted(warehouse, run, waited, {f"model.p.{mart}": waited[mart] for mart in marts})
        assert warehouse.read_served() == shown
    assert seen(warehouse) == [1, 2]
    assert read_last_relations(warehouse, shown) == {
        "model.p.people": "rel_a.people",
        "model.p.sales": "rel_b.sales",
    }


def test_rollback_goes_back_one_by_one_and_forward_by_name(warehouse: DuckDBWarehouse) -> None:
    for value, run in enumerate("abc", 1):
        promote(warehouse, run, value)
    assert roll_back.fn(warehouse, None).run == "b"
    assert seen(warehouse) == [2, 2]
    assert roll_back.fn(warehouse, None).run == "a"
    assert roll_back.fn(warehouse, "c").run == "c"
    assert seen(warehouse) == [3, 3]


def test_a_rollback_goes_to_what_readers_last_saw(warehouse: DuckDBWarehouse) -> None:
    promote(warehouse, "a", 1)
    promote(warehouse, "b", -1)  # found to be bad
    roll_back.fn(warehouse, None)
    promote(warehouse, "c", 3)
    assert roll_back.fn(warehouse, None).run == "a"
    assert seen(warehouse) == [1, 1]
    with pytest.raises(NotFound, match="readers saw none before"):
        roll_back.fn(warehouse, None)


def test_no_one_is_led_back_to_a_release_whose_history_is_not_known_any_more(
    warehouse: DuckDBWarehouse,
) -> None:
    """Its marts are still there, because later releases show them; where its models stood is forgotten."""
    for number, mart in enumerate(("trail", "days", "days", "days", "days")):
        run = f"n{number}"
        promote(warehouse, run, number, (mart,), {f"model.p.{mart}": f"rel_{run}.{mart}"})
        retain.fn(warehouse)
    assert "rel_n0" in warehouse.list_releases()
    with pytest.raises(NotFound, match="Kept: n3"):
        roll_back.fn(warehouse, "n0")
    back = roll_back.fn(warehouse, "n3")
    assert read_last_relations(warehouse, back)["model.p.trail"] == "rel_n0.trail"


def test_a_schema_that_readers_see_or_may_be_led_back_to_is_refused(warehouse: DuckDBWarehouse) -> None:
    for run in ("a", "b", "c", "d"):
        promote(warehouse, run, 1)
        retain.fn(warehouse)
    assert list_kept_schemas(warehouse) == {"rel_c", "rel_d"}
    for schema in ("rel_c", "rel_d"):
        with pytest.raises(Rejected, match="readers see it"):
            warehouse.open_release(schema)
    warehouse.open_release("rel_e")


def test_each_attempt_of_a_run_has_a_schema_of_its_own(warehouse: DuckDBWarehouse) -> None:
    assert release_schema("a", choose_attempt(warehouse, "a")) == "rel_a"
    for state in (State.building, State.building, State.rejected):
        control.write_journal(warehouse, "a", state)
    assert release_schema("a", choose_attempt(warehouse, "a")) == "rel_ar3"


def test_a_model_goes_on_from_where_it_last_passed(warehouse: DuckDBWarehouse) -> None:
    def relations() -> dict[str, str]:
        served = warehouse.read_served()
        return read_last_relations(warehouse, served) if served else {}

    promote(warehouse, "a", 1, relations={"model.p.history": "rel_a.history", "model.p.days": "rel_a.days"})
    promote(warehouse, "b", 2, ("sales",), relations={"model.p.days": "rel_b.days"})
    assert relations() == {"model.p.history": "rel_a.history", "model.p.days": "rel_b.days"}
    roll_back.fn(warehouse, None)
    assert relations() == {"model.p.history": "rel_a.history", "model.p.days": "rel_a.days"}
    for run in ("c", "d", "e"):
        promote(warehouse, run, 3)
        retain.fn(warehouse)
    assert "rel_a" in warehouse.list_releases()  # readers see none of it, but history stands there
    assert relations()["model.p.history"] == "rel_a.history"


def test_a_retired_mart_leaves_readers_and_stays_away(warehouse: DuckDBWarehouse) -> None:
    promote(warehouse, "a", 1)
    promote(warehouse, "b", 2)
    assert find_removed_marts(warehouse, {"sales", "days"}) == ["people"]
    retire_marts.fn(warehouse, ["people"])
    promote(warehouse, "c", 3, ("sales",))
    with warehouse.session() as session:
        views = [
            row[0]
            for row in session.rows(
                "select table_name from information_schema.views where table_schema = 'serving' order by 1"
            )
        ]
    assert views == ["_release", "sales"]
    assert find_removed_marts(warehouse, {"sales"}) == []
    with pytest.raises(NotFound, match="readers see no people"):
        retire_marts.fn(warehouse, ["people"])
    assert roll_back.fn(warehouse, None).marts == {"sales": "rel_b.sales"}
    assert roll_back.fn(warehouse, None).run == "a"
    assert seen(warehouse) == [1, 1]


def test_each_version_of_a_model_goes_on_from_its_own_rows(warehouse: DuckDBWarehouse) -> None:
    project, marts = versions(), ["orders_v1", "orders_v2"]
    for run, key in (("a", 1), ("b", 2)):
        with warehouse.session() as session:
            session.rows("create schema if not exists raw")
            session.rows(f"create or replace table raw.t as select {key} as k, {key} as v")
        dbt = StandInRun(project, warehouse, f"rel_{run}")
        carried = carry_over.fn(warehouse, dbt.catalogue, f"rel_{run}", marts)
        assert carried == ([] if run == "a" else marts)
        report = tasks.building.build_release(dbt, warehouse, run, f"rel_{run}", marts)
        assert report.marts == {mart: f"rel_{run}.{mart}" for mart in marts}
        control.write_journal(warehouse, run, State.building, report.model_dump_json())
        control.write_journal(warehouse, run, State.validated, gate(run).model_dump_json())
        promote_release.fn(warehouse, report, gate(run))
    with warehouse.session() as session:
        rows = [session.rows(f"select k, v from serving.{mart} order by k") for mart in marts]
    assert rows == [[(1, 101), (2, 102)], [(1, 201), (2, 202)]]
    assert find_removed_marts(warehouse, StandInRun(project, warehouse, "rel_c").catalogue.models) == []


def test_rejected_releases_do_not_pile_up(warehouse: DuckDBWarehouse) -> None:
    promote(warehouse, "a", 1)
    for run in ("b", "c", "d"):
        build_release(warehouse, run, 2)
        control.write_journal(warehouse, run, State.rejected)
        retain.fn(warehouse)
    assert warehouse.list_releases() == ["rel_a", "rel_d"]
    build_release(warehouse, "e", 2)
    assert retain.fn(warehouse) == ["rel_d"]
    assert warehouse.list_releases() == ["rel_a", "rel_e"]


def test_of_attempts_what_is_needed_stays_and_the_newest_runs_for_a_look(
    warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "PRUNED_AT_ONCE", 1)
    warehouse = warehouse.model_copy(update={"journal_runs": 1})
    promote(warehouse, "a", 1)
    build_release(warehouse, "b", -2)
    with warehouse.session() as session:
        for schema in ("rel_ar2", "rel_br2"):
            session.rows(f"create schema {schema}")
        session.rows("create table rel_br2.sales as select 2 as value")
    report = BuildReport(run="b", marts={"sales": "rel_br2.sales"})
    control.write_journal(warehouse, "b", State.validated, gate("b").model_dump_json())
    promote_release.fn(warehouse, report, gate("b"))
    assert retain.fn(warehouse) == ["rel_ar2"]
    for value, run in enumerate("cd", 3):
        promote(warehouse, run, value, ("people",))
    assert retain.fn(warehouse) == ["rel_a", "rel_b"]
    assert seen(warehouse) == [4, 2]
    states = {run: [e.state for e in control.read_journal(warehouse) if e.run == run] for run in "ab"}
    assert states["a"] == [State.published]
    assert State.validated in states["b"]  # readers see what it built, and its checks beside it
    build_release(warehouse, "e", 5)
    with warehouse.session() as session:
        session.rows("create schema rel_er2")
    assert retain.fn(warehouse) == []
    assert warehouse.list_releases() == ["rel_br2", "rel_c", "rel_d", "rel_e", "rel_er2"]


def test_the_journal_keeps_one_line_of_old_runs_and_all_of_what_readers_see(
    warehouse: DuckDBWarehouse,
) -> None:
    warehouse = warehouse.model_copy(update={"journal_runs": 10})
    promote(warehouse, "shown", 1)
    for at in range(45):
        report = build_release(warehouse, f"r{at}", at, ("sales",))
        if at % 2:
            control.write_journal(
                warehouse, f"r{at}", State.rejected, gate(f"r{at}", passed=False).model_dump_json()
            )
        else:
            control.write_journal(warehouse, f"r{at}", State.validated, gate(f"r{at}").model_dump_json())
            promote_release.fn(warehouse, report, gate(f"r{at}"))
        retain.fn(warehouse)
    entries = control.read_journal(warehouse)
    lines = {run: [e for e in entries if e.run == run] for run in ("shown", "r0", "r1", "r44")}
    assert [len(found) for found in lines.values()] == [4, 1, 1, 4]
    assert (lines["r0"][0].state, lines["r0"][0].detail) == (State.published, "")
    assert len([e for e in entries if e.detail]) < 4 * 32
    assert [release.run for release in list_seen_releases(warehouse)][-2:] == ["r42", "r44"]
    assert recover.fn(warehouse, "") == []
    assert roll_back.fn(warehouse, None).run == "r42"
    assert seen(warehouse) == [1, 42]


def test_rollback_to_what_is_not_kept_says_what_is(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(NotFound, match="nothing is published"):
        roll_back.fn(warehouse, None)
    promote(warehouse, "a", 1)
    with pytest.raises(NotFound, match="Kept: a"):
        roll_back.fn(warehouse, "zzz")
    with pytest.raises(NotFound):
        roll_back.fn(warehouse, None)


def test_retention_keeps_the_last_and_what_is_served(warehouse: DuckDBWarehouse) -> None:
    for value, run in enumerate("abcd", 1):
        promote(warehouse, run, value)
    roll_back.fn(warehouse, "a")
    retain.fn(warehouse)
    assert warehouse.list_releases() == ["rel_a", "rel_c", "rel_d"]
    assert seen(warehouse) == [1, 1]
    assert [release.run for release in list_published_releases(warehouse)] == ["a", "b", "c", "d"]


def test_what_is_promoted_is_known_by_what_it_is_made_of(warehouse: DuckDBWarehouse) -> None:
    relations = {"model.shop.sales": "rel_a.sales"}
    state = RelationState(unique_id="model.shop.sales", relation="rel_a.sales", fingerprint="{}", rows=1)
    report = build_release(warehouse, "a", 1, relations=relations).model_copy(update={"states": (state,)})
    control.write_journal(warehouse, "a", State.validated, gate("a").model_dump_json())
    promote_release.fn(warehouse, report, gate("a"))
    assert [each.relation for each in read_states(warehouse)] == ["rel_a.sales"]


def test_retention_forgets_what_gone_relations_were_made_of(warehouse: DuckDBWarehouse) -> None:
    for value, run in enumerate("abcd", 1):
        promote(warehouse, run, value, relations={"model.shop.sales": f"rel_{run}.sales"})
        state = RelationState(unique_id="model.shop.sales", relation=f"rel_{run}.sales", fingerprint="{}")
        record_states(warehouse, run, [state])
    retain.fn(warehouse)
    with warehouse.session() as session:
        known = session.rows(f"select relation from {warehouse.control}.{STATES_TABLE} order by 1")
    assert known == [("rel_c.sales",), ("rel_d.sales",)]


def test_recovery_keeps_where_the_models_of_a_publication_are(warehouse: DuckDBWarehouse) -> None:
    report = build_release(warehouse, "a", 1, relations={"model.shop.sales": "rel_a.sales"})
    first = Release(run="a", marts=report.marts, published_at=control.now())
    control.write_journal(warehouse, "a", State.publishing, first.model_dump_json())
    assert recover.fn(warehouse, "b") == ["run a had died while publishing; it is published now"]
    assert read_last_relations(warehouse, first) == {"model.shop.sales": "rel_a.sales"}
    promote(warehouse, "b", 2, relations={"model.shop.people": "rel_b.people"})
    report = build_release(warehouse, "d", 4, relations={"model.shop.people": "rel_d.people"})
    later = Release(run="d", marts=report.marts, published_at=control.now())
    control.write_journal(warehouse, "d", State.publishing, later.model_dump_json())
    recover.fn(warehouse, "e")
    assert seen(warehouse) == [4, 4]
    known = {"model.shop.people": "rel_d.people", "model.shop.sales": "rel_a.sales"}
    assert read_last_relations(warehouse, later) == known
    control.write_journal(warehouse, "a", State.publishing, first.model_dump_json())  # a rollback that died
    recover.fn(warehouse, "c")
    assert seen(warehouse) == [1, 1]
    assert read_last_relations(warehouse, first) == {"model.shop.sales": "rel_a.sales"}  # as it was then


def test_nothing_is_forgotten_where_nothing_was_kept(warehouse: DuckDBWarehouse) -> None:
    forget_relations(warehouse, ["a"])  # nothing was ever written
    promote(warehouse, "a", 1, relations={"model.shop.sales": "rel_a.sales"})
    (release,) = list_seen_releases(warehouse, 1)
    forget_relations(warehouse, [])
    assert list(read_last_relations(warehouse, release)) == ["model.shop.sales"]
    promote(warehouse, "b", 2, relations={"model.shop.sales": "rel_b.sales"})
    forget_relations(warehouse, ["b"])
    assert read_last_relations(warehouse, release) == {}
    assert not is_whole(warehouse, release, ["rel_a", "rel_b"])
    with warehouse.session() as session:  # as it is where a version before this table published
        session.rows(f"drop table {warehouse.control}.{RELATIONS_TABLE}")
    assert is_whole(warehouse, release, ["rel_a", "rel_b"])
    assert not is_whole(warehouse, release, ["rel_b"])
    elsewhere = Release(run="a", marts={"sales": "lake.rel_a.sales"})
    assert is_whole(warehouse, elsewhere, ["lake.rel_a"])
    assert not is_whole(warehouse, elsewhere, ["lake"])
    assert list_kept_schemas(warehouse, [elsewhere]) == {"lake.rel_a"}


def test_a_publication_that_cannot_be_finished_is_closed_once_with_its_reason(
    warehouse: DuckDBWarehouse,
) -> None:
    """Its schema was dropped by hand; readers keep what they have, and later runs are not held up."""
    promote(warehouse, "a", 1)
    report = build_release(warehouse, "b", 2)
    release = Release(run="b", marts=report.marts, published_at=control.now())
    control.write_journal(warehouse, "b", State.publishing, release.model_dump_json())
    warehouse.drop_releases(["rel_b"])
    (line,) = recover.fn(warehouse, "c")
    assert list_unfinished([line, "another"]) == [line]
    assert "rel_b.people" in line
    assert recover.fn(warehouse, "c") == []
    assert seen(warehouse) == [1, 1]
    assert {entry.run: entry.state for entry in control.read_journal(warehouse)}["b"] is State.abandoned
    promote(warehouse, "c", 3)
    assert roll_back.fn(warehouse, None).run == "a"


def test_what_a_flip_needs_is_looked_at_before_the_journal_says_publishing(
    warehouse: DuckDBWarehouse,
) -> None:
    promote(warehouse, "a", 1)
    report = build_release(warehouse, "b", 2)
    warehouse.drop_releases(["rel_b"])
    with pytest.raises(NotFound, match=r"rel_b\.sales\) does not exist any more"):
        promote_release.fn(warehouse, report, gate("b"))
    assert State.publishing not in {
        entry.state for entry in control.read_journal(warehouse) if entry.run == "b"
    }
    assert seen(warehouse) == [1, 1]


def test_a_view_that_was_changed_behind_the_release_is_led_back_by_the_next_run(
    warehouse: DuckDBWarehouse,
) -> None:
    promote(warehouse, "a", 1)
    promote(warehouse, "b", 2)
    with warehouse.session() as session:
        session.rows("create or replace view serving.sales as select * from rel_a.sales")
    assert seen(warehouse) == [2, 1]
    assert recover.fn(warehouse, "c") == ["readers saw another release than run b; they see that one again"]
    assert seen(warehouse) == [2, 2]


def test_what_readers_saw_and_is_gone_is_said_and_holds_up_no_run(warehouse: DuckDBWarehouse) -> None:
    promote(warehouse, "a", 1)
    promote(warehouse, "b", 2)
    warehouse.drop_releases(["rel_b"])
    with warehouse.session() as session:
        session.rows("create or replace view serving.sales as select * from rel_a.sales")
    (line,) = recover.fn(warehouse, "c")
    assert line.startswith("the publication could not be finished of run b, which readers saw: ")
    promote(warehouse, "c", 3)
    assert recover.fn(warehouse, "d") == []
    assert seen(warehouse) == [3, 3]


def test_recovery_closes_what_died_before_the_flip(warehouse: DuckDBWarehouse) -> None:
    promote(warehouse, "a", 1)
    build_release(warehouse, "b", 2)
    assert recover.fn(warehouse, "c") == ["run b had died while building; it is abandoned"]
    assert recover.fn(warehouse, "c") == []
    assert seen(warehouse) == [1, 1]


VICTIM = """
import os, shutil, signal, sys
from pathlib import Path
from blocks.warehouse.duckdb.session import DuckDBSession
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.records import BuildReport
from tasks.promotion import promote_release, retain
from tests.tasks.test_promotion import MARTS, gate

database, left = Path(sys.argv[1]), Path(sys.argv[2])
run, moments, last = DuckDBSession.rows, 0, None

def keep():
    # what a SIGKILL would leave at this moment: what was written is in the files, and nothing else is
    global moments, last
    moments += 1
    found = [path for path in database.parent.rglob("*") if path.is_file()]
    files = {path.relative_to(database.parent): path.read_bytes() for path in found}
    if files != last:
        shutil.copytree(database.parent, left / str(moments))
    last = files

def rows(self, sql, parameters=()):
    keep()
    result = run(self, sql, parameters)
    keep()
    return result

warehouse = DuckDBWarehouse(database=str(database), keep=2)
DuckDBSession.rows = rows
marts = {mart: f"rel_b.{mart}" for mart in MARTS}
promote_release.fn(warehouse, BuildReport(run="b", marts=marts, models=2, tests=0, seconds=0), gate("b"))
retain.fn(warehouse)
print(moments, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_at_every_statement_it_is_the_old_release_or_the_new(tmp_path: Path) -> None:
    """What SIGKILL leaves before and after statement 1, 2, 3 ... of promotion and retention; then a run recovers."""
    for folder in ("base", "left"):
        (tmp_path / folder).mkdir()
    base = DuckDBWarehouse(database=str(tmp_path / "base" / "w.duckdb"), keep=2)
    promote(base, "a", 1)
    build_release(base, "b", 2)
    control.write_journal(base, "b", State.validated, gate("b").model_dump_json())
    victim = subprocess.run(
        [sys.executable, "-c", VICTIM, base.database, str(tmp_path / "left")],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert victim.returncode == -signal.SIGKILL, victim.stderr
    assert int(victim.stdout) > 30
    outcomes = set()
    for folder in sorted((tmp_path / "left").iterdir(), key=lambda path: int(path.name)):
        warehouse = DuckDBWarehouse(database=str(folder / "w.duckdb"), keep=2)
        with warehouse.session():  # held, so that the file is opened once
            served = seen(warehouse)
            assert served in ([1, 1], [2, 2]), f"a mixture in {folder}"
            opened = read_file(
                warehouse.readers.path, "select s.value, p.value from sales s cross join people p"
            )
            assert opened in ([(1, 1)], [(2, 2)]), f"a mixture in {warehouse.readers.path}"
            state = {entry.run: entry.state for entry in control.read_journal(warehouse)}["b"]
            recover.fn(warehouse, "c")
            after = seen(warehouse)
            assert [*read_file(warehouse.readers.path, "select value from sales")[0]] == after[:1]
            assert after == ([1, 1] if state is State.validated else [2, 2])
            ended = {entry.run: entry.state for entry in control.read_journal(warehouse)}["b"]
            assert ended is (State.abandoned if state is State.validated else State.published)
        outcomes.add((served[0], after[0]))
    assert len(list((tmp_path / "left").iterdir())) > 4, "nothing was written on the way"
    assert {(1, 1), (1, 2), (2, 2)} <= outcomes, "no kill fell before, within and after the flip"


def test_a_reader_in_a_loop_sees_all_old_or_all_new(warehouse: DuckDBWarehouse) -> None:
    """A thread reads both marts in one query while releases flip."""
    import threading

    for value in range(6):
        build_release(warehouse, f"r{value}", value)
    promote_release.fn(
        warehouse,
        BuildReport(run="r0", marts={m: f"rel_r0.{m}" for m in MARTS}, models=2, tests=0, seconds=0),
        gate("r0"),
    )
    pairs: list[tuple[int, int]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with warehouse.session() as session:
                pairs.extend(
                    session.rows("select s.value, p.value from serving.sales s cross join serving.people p")
                )

    reader = threading.Thread(target=read)
    reader.start()
    for value in range(1, 6):
        marts = {m: f"rel_r{value}.{m}" for m in MARTS}
        report = BuildReport(run=f"r{value}", marts=marts, models=2, tests=0, seconds=0)
        promote_release.fn(warehouse, report, gate(f"r{value}"))
    stop.set()
    reader.join()
    assert len(pairs) > 5
    assert all(sales == people for sales, people in pairs)
