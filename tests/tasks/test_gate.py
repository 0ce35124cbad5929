"""The verdict, the quarantine's budget and missing suites: what passes, what does not, and what is never a pass."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from blocks.quality.suites import Suites
from blocks.records import BuildReport, Check, LedgerEntry, Release, SourceTable, State
from blocks.warehouse import control
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.gate import audit_suites, check_quarantine_budget, check_removed_marts, judge

PASSED = Check(scope="m", name="c", passed=True, kind="suite")
FAILED = PASSED.model_copy(update={"passed": False})


def build(marts: tuple[str, ...] = ("m",), checks: tuple[Check, ...] = ()) -> BuildReport:
    return BuildReport(
        run="r", marts={m: f"rel.{m}" for m in marts}, models=1, tests=0, seconds=0, checks=checks
    )


@pytest.mark.parametrize(
    ("report", "suites", "other", "passed"),
    [
        (build(), [PASSED], [], True),
        (build(), [], [PASSED], False),
        (build(), [PASSED, FAILED], [], False),
        (build(), [PASSED], [FAILED], False),
        (build(checks=(FAILED,)), [PASSED], [], False),
        (build(marts=()), [PASSED], [], False),
        (build(), [PASSED.model_copy(update={"warned": True})], [], True),
    ],
)
def test_a_release_passes_only_with_checks_that_all_pass(
    report: BuildReport, suites: list[Check], other: list[Check], passed: bool
) -> None:
    gate = judge(report, suites, other, [])
    assert gate.passed is passed
    assert {*suites, *other, *report.checks} <= set(gate.checks)
    assert gate.passed is not bool(gate.failures) or not suites


def test_a_release_without_marts_is_a_consequence_of_what_failed() -> None:
    skipped = FAILED.model_copy(update={"name": "d", "because_of": (FAILED.full_name,)})
    gate = judge(build(marts=(), checks=(skipped, FAILED)), [], [], [])
    assert gate.root_failures == (FAILED,)
    assert [(each.name, each.because_of) for each in gate.consequences] == [
        ("d", ("m: c",)),
        ("has marts", ("m: c",)),
    ]
    assert gate.failures[0] == FAILED
    assert [each.name for each in judge(build(marts=()), [], [], []).root_failures] == ["has marts"]


def test_a_mart_without_a_suite_or_without_a_result_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mart in ("m", "silent"):
        suite = {"expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "k"}}]}
        (tmp_path / f"{mart}.json").write_text(json.dumps(suite))
    monkeypatch.setattr(Suites, "evaluate", lambda *_: [PASSED])  # which says nothing of the other mart
    suites = Suites(folder=tmp_path, docs=tmp_path)
    checks = audit_suites.fn(suites, None, build(("m", "silent", "none")))  # type: ignore[arg-type]
    assert {(check.scope, check.name, check.passed) for check in checks} == {
        ("m", "c", True),
        ("silent", "has evaluated checks", False),
        ("none", "has a suite", False),
    }
    (alone,) = audit_suites.fn(suites, None, build(("none",)))  # type: ignore[arg-type]
    assert (alone.scope, alone.passed) == ("none", False)
    (tmp_path / "broken.json").write_text("{")
    (broken,) = audit_suites.fn(suites, None, build(("broken",)))  # type: ignore[arg-type]
    assert (broken.scope, broken.name, broken.passed) == ("broken", "has a suite", False)


@pytest.mark.parametrize(
    ("status", "tested", "passed"),
    [
        ({"passed": True}, ("unique_m_k",), True),
        ({"passed": False}, ("unique_m_k",), True),  # it fails by itself
        ({"passed": False, "not_run": True}, ("unique_m_k",), False),
        ({"passed": True}, ("unique_other_k",), False),
        ({"passed": True}, (), False),
    ],
)
def test_dbts_own_tests_are_suite_enough_where_they_were_evaluated(
    tmp_path: Path, status: dict[str, bool], tested: tuple[str, ...], passed: bool
) -> None:
    ran = Check(scope="m", name="unique_m_k", kind="dbt test", **status)
    report = build(checks=(ran,))
    suites = Suites(folder=tmp_path, docs=tmp_path)
    (check,) = audit_suites.fn(suites, None, report, {"m": tested})  # type: ignore[arg-type]
    assert (check.scope, check.name, check.passed) == ("m", "has a suite", passed)
    assert judge(report, [check], [], []).passed is (passed and ran.passed)


def test_a_long_list_of_tests_is_cut(tmp_path: Path) -> None:
    ran = tuple(Check(scope="m", name=f"{'n' * 90}{at}", kind="dbt test", passed=True) for at in range(9))
    suites = Suites(folder=tmp_path, docs=tmp_path)
    tested = {"m": [check.name for check in ran]}
    (check,) = audit_suites.fn(suites, None, build(checks=ran), tested)  # type: ignore[arg-type]
    assert len(check.observed) == 500


class Project:
    """One source table, with this budget."""

    def __init__(self, budget: Any) -> None:
        meta = {} if budget is None else {"quarantine_budget": budget}
        self.table = SourceTable(
            source="s", name="t", schema_name="raw", identifier="t", loader="dlt", meta=meta
        )

    def source_tables(self, source: str) -> tuple[SourceTable, ...]:
        return (self.table,)


@pytest.fixture
def house(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))


def load(house: DuckDBWarehouse, run: str, good: int, bad: int, table: str = "t") -> None:
    control.write_journal(house, run, State.building)
    house.write_ledger_lines(
        [LedgerEntry(source="s", table=table, item=run, fingerprint=run, rows=good, quarantined=bad, run=run)]
    )


def judged(house: DuckDBWarehouse, budget: Any, run: str) -> list[tuple[str, str]]:
    found = check_quarantine_budget.fn(house, Project(budget), ["s"], run)  # type: ignore[arg-type]
    return [(check.status, check.observed) for check in found]


@pytest.mark.parametrize(
    ("budget", "good", "bad", "expected"),
    [
        (0.2, 8, 2, [("passed", "2 of 10 (20.00%)")]),
        (0.19, 8, 2, [("failed", "2 of 10 (20.00%)")]),
        (0, 10, 0, [("passed", "0 of 10 (0.00%)")]),
        (0, 9, 1, [("failed", "1 of 10 (10.00%)")]),
        (1, 0, 1, [("passed", "1 of 1 (100.00%)")]),
        (None, 1, 9, [("passed", "9 of 10 (90.00%)")]),
        (None, 0, 9, [("failed", "9 of 9 (100.00%)")]),
        (None, 9, 0, []),
        (0.1, 0, 0, []),
        ("x", 1, 0, [("not run", "'x' is no share from 0 to 1")]),
        (True, 1, 0, [("not run", "True is no share from 0 to 1")]),
        (1.1, 1, 0, [("not run", "1.1 is no share from 0 to 1")]),
        (-0.1, 1, 0, [("not run", "-0.1 is no share from 0 to 1")]),
    ],
)
def test_bad_rows_are_held_to_their_budget(
    house: DuckDBWarehouse, budget: Any, good: int, bad: int, expected: list[tuple[str, str]]
) -> None:
    load(house, "r1", good, bad)
    load(house, "r1_other", 1000, 0, table="another")
    assert judged(house, budget, "r1") == expected


def test_bad_rows_count_until_a_gate_has_passed_them(house: DuckDBWarehouse) -> None:
    """What the present run loaded counts in any case."""
    load(house, "r1", 5, 5)
    assert judged(house, 0.1, "r1") == [("failed", "5 of 10 (50.00%)")]
    load(house, "r2", 10, 0)
    assert judged(house, 0.1, "r2") == [("failed", "5 of 20 (25.00%)")]
    control.mark_judged(house, {("s", "t", "r1"), ("s", "t", "r2")})
    assert judged(house, 0.1, "r3") == []
    assert judged(house, 0.1, "r1") == [("failed", "5 of 10 (50.00%)")]
    load(house, "r3", 1, 1)
    assert judged(house, 0.5, "r3") == [("passed", "1 of 2 (50.00%)")]
    (check,) = check_quarantine_budget.fn(house, Project(0.1), ["s"], "r3")  # type: ignore[arg-type]
    assert check.evidence == ("r3: 1 bad rows",)


def test_the_items_with_the_most_bad_rows_are_shown(house: DuckDBWarehouse) -> None:
    for run, bad in (("r1", 2), ("r2", 9), ("r3", 0), ("r4", 5), ("r5", 7)):
        load(house, run, 1, bad)
    (check,) = check_quarantine_budget.fn(house, Project(0.1), ["s"], "r6")  # type: ignore[arg-type]
    assert check.evidence == ("r2: 9 bad rows", "r5: 7 bad rows", "r4: 5 bad rows")


def test_a_mart_that_the_project_does_not_have_any_more_is_said(house: DuckDBWarehouse) -> None:
    project = SimpleNamespace(models={"kept": None}, disabled={"off"})
    assert check_removed_marts(house, project) == []  # type: ignore[arg-type]
    with house.session() as session:
        session.rows("create schema rel_a")
        for mart in ("gone", "kept", "off"):
            session.rows(f"create table rel_a.{mart} as select 1 as k")
    house.flip(Release(run="a", marts={mart: f"rel_a.{mart}" for mart in ("gone", "kept", "off")}))
    checks = check_removed_marts(house, project)  # type: ignore[arg-type]
    assert [(each.scope, each.status) for each in checks] == [("gone", "warned"), ("off", "warned")]
    assert checks[0].observed.startswith("it is gone; readers see its last release until")
    assert checks[1].observed.startswith("it is switched off (enabled: false); readers see")
