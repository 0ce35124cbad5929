"""What an earlier gate found of the very same relations is found again without a look; of all else it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blocks.catalogue import Catalogue
from blocks.quality.suites import Suites
from blocks.records import BuildReport, Check, GateReport, RelationState, State
from blocks.records import Release as Published
from blocks.warehouse import control
from tasks.carried_checks import Carried, limit_to, read_carried
from tasks.gate import audit_suites, check_marts, compare_with_live, judge
from tests.blocks.test_entity_joins import CUSTOMER_MODEL, HOMES, TWICE, Release, catalogue
from tests.blocks.test_foreign_keys import KEY, MA, MB, model

SUITE = Check(scope="orders", name="of its suite", passed=True, kind="suite")


def report(release: Release, run: str = "r1", **more: Any) -> BuildReport:
    """A build that writes down what its relations are made of, as every one does that may show one again."""
    known = {"states": (RelationState(unique_id="model.p.orders"),), "rows": dict.fromkeys(release.marts, 1)}
    return BuildReport(run=run, models=2, tests=0, seconds=1, **({"marts": release.marts} | known | more))


def find_again(release: Release, build: BuildReport, checks: list[Check]) -> Carried:
    """The checks of a gate, as a later run has them from the journal."""
    gate = judge(build, [SUITE], checks, [])
    control.write_journal(release.warehouse, build.run, State.validated, gate.model_dump_json())
    return read_carried(release.warehouse, [build.run])


def drop(release: Release, mart: str) -> None:
    with release.warehouse.session() as session:
        session.rows(f"drop table rel.{mart}")


def test_rows_keys_and_joins_of_the_same_relation_are_not_asked_again(tmp_path: Path) -> None:
    release, found = Release(tmp_path), catalogue(CUSTOMER_MODEL, filtered=HOMES)
    first = check_marts.fn(release.warehouse, found, report(release))
    assert {check.name for check in first} == {"has rows", "one row for each customer"}
    carried = find_again(release, report(release), first)
    drop(release, "customers")
    again = check_marts.fn(release.warehouse, found, report(release, "r2"), carried=carried)
    assert [(each.full_name, each.passed, each.made_by) for each in again] == [
        (each.full_name, True, "r1") for each in first
    ]
    release.add("new", TWICE)
    release.marts = {"orders": "rel.orders", "customers": "rel.new"}
    other = check_marts.fn(release.warehouse, found, report(release, "r3"), carried=carried)
    assert {(each.full_name, each.passed, each.made_by) for each in other} == {
        ("orders: has rows", True, "r1"),
        ("customers: has rows", True, ""),
        ("customers: one row for each customer", False, ""),
    }


def test_where_nothing_is_written_down_of_relations_nothing_is_carried(tmp_path: Path) -> None:
    release, found = Release(tmp_path), catalogue(CUSTOMER_MODEL, filtered=HOMES)
    plain = report(release, states=())
    checks = check_marts.fn(release.warehouse, found, plain)
    assert {check.made_of for check in checks} == {""}
    uncounted = check_marts.fn(release.warehouse, found, report(release, states=(), rows={}))
    assert {check.passed for check in uncounted if check.name == "has rows"} == {False}
    (orders, customers) = compare_with_live.fn(release.warehouse, found, plain)
    assert (orders.made_of, customers.made_of) == ("", "")


def test_a_foreign_key_of_the_same_two_relations_is_not_asked_again(tmp_path: Path) -> None:
    release = Release(tmp_path)
    nodes = [model("ma"), model("mb", MA, columns={"k": {"constraints": [KEY]}})]
    names = ("metadata", "sources", "exposures", "parent_map", "semantic_models", "metrics")
    parts: dict[str, Any] = {name: {} for name in names}
    found = Catalogue({**parts, "nodes": {each["unique_id"]: each for each in nodes}})
    for name, values in (("ma", "(values (1)) as t(k)"), ("mb", "(values (1)) as t(k)")):
        release.add(name, values)

    def check(run: str, relations: dict[str, str], carried: Carried | None = None) -> list[Check]:
        build = report(release, run, marts={}, rows={}, relations=relations)
        return check_marts.fn(release.warehouse, found, build, carried=carried)

    first = check("r1", {MA: "rel.ma", MB: "rel.mb"})
    assert [(each.scope, each.passed) for each in first] == [("mb", True)]
    carried = find_again(release, report(release), first)
    drop(release, "mb")
    assert [each.made_by for each in check("r2", {MA: "rel.ma", MB: "rel.mb"}, carried)] == ["r1"]
    release.add("mb_new", "(values (7)) as t(k)")
    assert [each.passed for each in check("r3", {MA: "rel.ma", MB: "rel.mb_new"}, carried)] == [False]
    assert (
        check("r4", {MB: "rel.mb_new"}) == check("r4", {MA: "rel.ma"}) == []
    )  # its other side was not built


def test_the_suite_of_the_same_relation_is_not_evaluated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = '{"expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "id"}}]}'
    for mart in ("orders", "customers"):
        (tmp_path / f"{mart}.json").write_text(suite)
    release, evaluated = Release(tmp_path), list[str]()

    def evaluate(_: Suites, __: object, relations: dict[str, str], ___: object) -> list[Check]:
        evaluated.extend(relations.values())
        return [SUITE.model_copy(update={"scope": mart}) for mart in relations]

    monkeypatch.setattr(Suites, "evaluate", evaluate)
    suites = Suites(folder=tmp_path, docs=tmp_path)
    first = audit_suites.fn(suites, release.warehouse, report(release))
    carried = find_again(release, report(release), first)
    release.marts = {"orders": "rel.orders", "customers": "rel.new"}
    again = audit_suites.fn(suites, release.warehouse, report(release, "r2"), carried=carried)
    assert evaluated == ["rel.orders", "rel.customers", "rel.new"]
    assert {(each.scope, each.made_by) for each in again} == {("orders", "r1"), ("customers", "")}
    plain = audit_suites.fn(suites, release.warehouse, report(release, "r3", states=()))
    assert {each.made_of for each in plain} == {""}
    (tmp_path / "orders.json").write_text(suite.replace('"id"', '"amount"'))
    other = audit_suites.fn(suites, release.warehouse, report(release, "r4"), carried=carried)
    assert {each.made_by for each in other} == {""}


def test_totals_are_carried_while_all_that_a_metric_reads_is_what_readers_see(tmp_path: Path) -> None:
    release, found = Release(tmp_path), catalogue(CUSTOMER_MODEL, filtered=HOMES)
    release.warehouse.flip(Published(run="r1", marts=release.marts))
    (orders, customers) = compare_with_live.fn(release.warehouse, found, report(release))
    assert orders.metrics == {"sales": (150, 150), "some": (30, 30)}
    known = orders.model_copy(update={"metrics": {"sales": (1, 151), "some": (2, 31)}})  # to be told apart
    carried = Carried(diffs={known.made_of: known, customers.made_of: customers})
    (again, _) = compare_with_live.fn(release.warehouse, found, report(release, "r2"), carried)
    assert again.metrics == {"sales": (151, 151), "some": (31, 31)}
    assert again.made_of == orders.made_of
    release.add("new", "(values ('a', 'Office', 'ES')) as c(id, segment, country)")
    release.marts = {"orders": "rel.orders", "customers": "rel.new"}
    (moved, _) = compare_with_live.fn(release.warehouse, found, report(release, "r3"), carried)
    assert moved.metrics == {"sales": (150, 150), "some": (30, None)}
    with release.warehouse.session() as session:
        session.rows("insert into rel.new values ('b', 'Home', 'DE')")
    release.warehouse.flip(
        Published(run="r3", marts=release.marts)
    )  # orders stay as they are, customers moved
    (later, _) = compare_with_live.fn(release.warehouse, found, report(release, "r5"), carried)
    assert later.metrics == {"sales": (150, 150), "some": (30, 30)}
    release.warehouse.flip(Published(run="r1", marts=release.marts | {"customers": "rel.customers"}))
    carried.diffs[moved.made_of] = known  # it was compared once, with other readers
    (other, _) = compare_with_live.fn(release.warehouse, found, report(release, "r4"), carried)
    assert other.metrics == later.metrics


def test_only_what_passed_is_carried_and_what_held_for_a_day_on_that_day(tmp_path: Path) -> None:
    release = Release(tmp_path)
    good = SUITE.model_copy(update={"made_of": "a"})
    bad = good.model_copy(update={"passed": False})
    unknown = good.model_copy(update={"not_run": True})
    assert Carried(checks={"a": [good]}).find("a") == [good]
    for checks in ([good, bad], [unknown], []):
        assert Carried(checks={"a": checks}).find("a") == []
    assert Carried(checks={"": [good]}).find("") == []
    today = Carried(checks={limit_to("a", "2026-11-27"): [good]}, day="2026-11-27")
    assert today.find("a") == [good]
    assert Carried(checks=today.checks, day="2026-11-28").find("a") == []
    for run, passed in (("r1", True), ("r2", False)):
        checks = (
            good.model_copy(update={"made_of": run}),
            good.model_copy(update={"made_of": "", "name": "x"}),
        )
        gate = GateReport(run=run, passed=passed, checks=checks)
        control.write_journal(release.warehouse, run, State.validated, gate.model_dump_json())
    carried = read_carried(release.warehouse, ["r1", "r2", "unheard of"])
    assert {made_of: [each.made_by for each in found] for made_of, found in carried.checks.items()} == {
        "r1": ["r1"]
    }
