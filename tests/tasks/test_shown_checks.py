"""A dashboard's checks are those of its marts, in the runs that built them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

from blocks.errors import NotFound
from blocks.records import Check, GateReport, Movement, RelationState, Release, State
from blocks.warehouse.control import JournalEntry, write_journal
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.relation_states import record_states
from tasks.shown_checks import find_build_times, find_gate, read_gates


class Project:
    """Mart `a` over staging `s`, a version and the sources `raw.t` and `raw.t.old`, mart `b` over nothing."""

    models: ClassVar = {"v_v2": SimpleNamespace(unique_id="model.p.v.v2")}

    def find_lineage(self, mart: str) -> set[str]:
        if mart == "gone":
            raise NotFound("look up mart", "no such")
        more = {"model.p.s", "model.p.v.v2", "source.p.raw.t", "source.p.raw.t.old"}
        return {f"model.p.{mart}"} | (more if mart == "a" else set())

    def metric_names(self) -> tuple[str, ...]:
        return ("of_a", "of_b")

    def mart_of(self, metric: str) -> str:
        return metric.removeprefix("of_")


def entry(run: str, *scopes: str, seq: int = 1) -> JournalEntry:
    checks = tuple(Check(scope=scope, name=f"{run} {scope}", passed=True, kind="k") for scope in scopes)
    gate = GateReport(run=run, passed=True, checks=checks)
    return JournalEntry(
        run=run, seq=seq, state=State.validated, at=datetime(2026, 1, 1), detail=gate.model_dump_json()
    )


JOURNAL = [
    entry("r1", "a", "s", "v_v2", "v_v1", "raw.t", "raw.t.old", "b", "release"),
    entry("r2", "a", "s", "raw.t", "b"),
    entry("r2", "b"),
    entry("r1_b", "b"),
    entry("r2", "b", "s").model_copy(update={"state": State.rejected}),
    entry("r2", "b").model_copy(update={"detail": ""}),
]


OF_A = ["r1 a", "r1 s", "r1 v_v2", "r1 raw.t", "r1 raw.t.old"]


def names(release: dict[str, str], *marts: str) -> list[str] | None:
    found = find_gate(Project(), JOURNAL, Release(run="r2", marts=release), marts)  # type: ignore[arg-type]
    return None if found is None else [check.name for check in found.checks]


def test_checks_of_the_marts_shown_from_the_runs_that_built_them() -> None:
    assert names({"a": "rel_r1.a", "b": "rel_r2.b"}, "a") == OF_A
    assert names({"a": "rel_r1.a", "b": "rel_r2.b"}, "a", "b") == [*OF_A, "r2 b"]


def test_attempts_and_schemas_of_models_own_belong_to_their_run() -> None:
    for relation in ("rel_r2r3.b", "rel_r2_marts.b", "lake.rel_r2.b", "rel_r2.sub.b", "REL_R2.b"):
        assert names({"b": relation}, "b") == ["r2 b"], relation
    assert names({"b": "rel_r1_b.b"}, "b") == ["r1_b b"]


def test_gates_are_read_of_the_runs_that_built_what_is_shown(tmp_path: Path) -> None:
    house = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    for run, state in (("r1", State.validated), ("r2", State.validated), ("r3", State.rejected)):
        write_journal(house, run, state, GateReport(run=run, passed=True, checks=()).model_dump_json())
    for relations, runs in (
        (("rel_r1.a", "rel_r3.b"), ["r1"]),
        (("lake.rel_r2.a",), ["r2"]),
        (("rel_r2r3.a",), ["r2"]),
        (("rel_r1.a", "rel_r2.b"), ["r1", "r2"]),
        (("rel_r9.a",), []),
    ):
        release = Release(run="r2", marts=dict(zip("ab", relations, strict=False)))
        assert [each.run for each in read_gates(house, release)] == runs


def test_of_runs_that_judged_the_same_relation_the_last_counts() -> None:
    journal = [
        entry(run, "b").model_copy(
            update={
                "detail": GateReport(
                    run=run,
                    passed=True,
                    checks=(Check(scope="b", name=run, passed=True, kind="k"),),
                    marts={"b": "rel_r1.b"},
                ).model_dump_json()
            }
        )
        for run in ("r1", "r2", "r3")
    ]
    for known in (1, 2, 3):
        found = find_gate(Project(), journal[:known], Release(run="r3", marts={"b": "rel_r1.b"}), ("b",))  # type: ignore[arg-type]
        assert found
        assert [check.name for check in found.checks] == [f"r{known}"]


def test_what_is_not_known_is_not_claimed() -> None:
    assert names({"b": "rel_r9.b"}, "b") is None
    assert names({}, "b") is None
    assert names({"gone": "rel_r1.gone", "b": "rel_r1.b"}, "gone", "b") == ["r1 b"]


def test_a_mart_has_the_movements_of_its_metrics_in_the_run_that_built_it() -> None:
    def moved(run: str, *metrics: str) -> JournalEntry:
        all_moved = tuple(Movement(metric=name, about="release", before=1, after=2) for name in metrics)
        gate = GateReport(run=run, passed=True, checks=(), movements=all_moved)
        return entry(run).model_copy(update={"detail": gate.model_dump_json()})

    journal = [moved("r1", "of_a", "of_b", "of_gone"), moved("r2", "of_b")]
    release = Release(run="r2", marts={"a": "rel_r1.a", "b": "rel_r2.b"})
    found = find_gate(Project(), journal, release, ("a", "b"))  # type: ignore[arg-type]
    assert found
    assert [each.metric for each in found.movements] == ["of_a", "of_b"]


def test_a_report_says_what_its_gates_say_and_where_the_first_ones_page_is() -> None:
    def page(run: str, passed: bool) -> JournalEntry:
        gate = GateReport(
            run=run, passed=passed, checks=(), data_docs=f"{run}.html", docs_url=f"https://d/{run}"
        )
        return entry(run).model_copy(update={"detail": gate.model_dump_json()})

    release = Release(run="r2", marts={"a": "rel_r1.a", "b": "rel_r2.b"})
    for second, passed in ((True, True), (False, False)):
        found = find_gate(Project(), [page("r1", True), page("r2", second)], release, ("a", "b"))  # type: ignore[arg-type]
        assert found
        assert (found.run, found.passed) == ("r2", passed)
        assert (str(found.data_docs), found.docs_url) == ("r1.html", "https://d/r1")


def test_a_mart_is_as_old_as_the_gate_that_its_relation_passed_last() -> None:
    def judged(run: str, day: int, marts: dict[str, str], state: State = State.validated) -> JournalEntry:
        gate = GateReport(run=run, passed=True, checks=(), marts=marts)
        changes = {"detail": gate.model_dump_json(), "at": datetime(2026, 1, day), "state": state}
        return entry(run).model_copy(update=changes)

    journal = [
        judged("r1", 1, {"a": "rel_r1.a", "b": "rel_r1.b"}),
        judged("r2", 2, {"a": "rel_r1.a"}),  # shown again
        judged("r3", 3, {"a": "rel_r1.a"}, State.rejected),
        judged("r4", 4, {"a": "rel_r4.a"}),  # readers do not see it
    ]
    release = Release(run="r2", marts={"a": "rel_r1.a", "b": "rel_r1.b", "c": "rel_r0.c", "none": ""})
    assert find_build_times(journal, release) == {"a": datetime(2026, 1, 2), "b": datetime(2026, 1, 1)}


def test_a_gate_that_judged_what_is_shown_again_is_read(tmp_path: Path) -> None:
    house = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    for run in ("r1", "r2", "r3"):
        write_journal(
            house, run, State.validated, GateReport(run=run, passed=True, checks=()).model_dump_json()
        )
    write_journal(house, "r2", State.validated)
    record_states(house, "r2", [RelationState(unique_id="model.p.a", relation="rel_r1.a", fingerprint="{}")])
    release = Release(run="r2", marts={"a": "rel_r1.a"})
    assert [(each.run, bool(each.detail)) for each in read_gates(house, release)] == [
        ("r1", True),
        ("r2", True),
    ]
