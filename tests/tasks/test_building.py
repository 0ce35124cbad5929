"""What dbt's results say once everything has been written: asked again, or not answered."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from blocks.errors import BuildFailed, Misconfigured
from blocks.records import Release
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.adoption import list_failures
from tasks.building import NONE_JUDGED, TOO_EARLY, ask_tests_again, check_hooks, raise_broken, read_checks
from tasks.gate import check_removed_marts

if TYPE_CHECKING:
    from blocks.dbt.worker import NodeResult

HOOK = {"unique_id": "model.p.mb", "resource_type": "model", "schema": "rel_a"}
NULLS = "select * from rel_a.ma where k is null"


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    warehouse = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    with warehouse.session() as session:
        session.rows("create schema rel_a")
        session.rows("create table rel_a.ma as select unnest([1, null, null]) as k")
    return warehouse


def make_result(sql: str, status: str = "pass", kind: str = "test", name: str = "test.p.t") -> NodeResult:
    return {
        "unique_id": name,
        "name": "t",
        "scope": "ma",
        "kind": kind,
        "status": status,
        "message": "dbt's word",
        "failures": 0,
        "seconds": 0.0,
        "sql": sql,
        "age_seconds": None,
        "description": "",
        "generic": "",
        "arguments": {},
    }


def ask(
    warehouse: DuckDBWarehouse, test: NodeResult, hook: str, parents: tuple[str, ...] = ("ma",), **config: Any
) -> NodeResult:
    """The test's result, once a model with this hook was built beside it."""
    nodes = {
        "test.p.t": {
            "resource_type": "test",
            "config": config,
            "depends_on": {"nodes": [f"model.p.{each}" for each in parents]},
        },
        "model.p.mb": {**HOOK, "config": {"post-hook": [{"sql": hook}]}},
    }
    built = make_result("", "success", "model", "model.p.mb")
    return ask_tests_again([built, test], {"nodes": nodes}, warehouse)[1]


def test_tests_are_asked_again_after_a_models_hook_that_writes(warehouse: DuckDBWarehouse) -> None:
    early, writes = make_result(NULLS), "insert into {{ ref('ma') }} values (null)"
    for harmless in ("grant select on {{ this }} to reader", "delete from {{ this }}"):
        assert ask(warehouse, early, harmless) == early
    found = ask(warehouse, early, writes)
    assert (found["status"], found["failures"]) == ("fail", 2)
    assert ask(warehouse, early, writes, error_if="> 2", warn_if="> 1")["status"] == "warn"
    assert ask(warehouse, early, writes, error_if="> 2", warn_if="> 2") == early


def test_what_a_hook_does_before_the_models_changes_no_answer(warehouse: DuckDBWarehouse) -> None:
    early = make_result(NULLS)
    for tag, status in (("on-run-start", "pass"), ("on-run-end", "fail")):
        hook = {"resource_type": "operation", "raw_code": "create table x", "config": {}, "tags": [tag]}
        test = {"resource_type": "test", "config": {}, "depends_on": {"nodes": ["model.p.ma"]}}
        ran = make_result("", "success", "operation", "operation.p.h")
        nodes = {"operation.p.h": hook, "test.p.t": test}
        found = ask_tests_again([ran, early], {"nodes": nodes}, warehouse)
        assert found[1]["status"] == status


def test_an_answer_that_cannot_be_had_again_is_none(warehouse: DuckDBWarehouse) -> None:
    found = ask(warehouse, make_result("select only_dbt_knows()"), "delete from {{ ref('ma') }}")
    (check,) = read_checks([found], warehouse, lambda *_: [])
    assert (check.status, check.passed, check.observed) == ("not run", False, TOO_EARLY)


def test_a_test_without_ref_counts_as_it_is_once_all_is_built(warehouse: DuckDBWarehouse) -> None:
    """dbt may ask it before its table is there, or while that still has the rows of before."""
    assert ask(warehouse, make_result(NULLS), "", parents=())["status"] == "fail"
    mended = ask(warehouse, make_result("select * from rel_a.ma where k = 5", "error"), "", parents=())
    assert (mended["status"], mended["message"]) == ("pass", "")
    broken = make_result("select * from rel_a.nowhere", "error")
    assert ask(warehouse, broken, "", parents=()) == broken


def test_a_test_whose_where_leaves_nothing_says_so(warehouse: DuckDBWarehouse) -> None:
    for least, observed in ((0, "dbt's word"), (5, NONE_JUDGED)):
        sql = f"select k from (select * from rel_a.ma where k > {least}) dbt_subquery where k is null"
        (check,) = read_checks([make_result(sql)], warehouse, lambda *_: [])
        assert (check.passed, check.warned, check.observed) == (True, least == 5, observed)


def test_a_hook_of_the_run_that_may_write_into_what_readers_see_is_refused() -> None:
    hook = {
        "name": "clean",
        "resource_type": "operation",
        "raw_code": "delete from {{ ref('ma') }}",
        "config": {},
        "depends_on": {"nodes": ["model.p.ma"]},
    }
    nodes = {"operation.p.clean": hook, "model.p.ma": {"name": "ma", "resource_type": "model"}}
    check_hooks(nodes, {})
    with pytest.raises(Misconfigured, match="clean may write into ma"):
        check_hooks(nodes, {"model.p.ma": ("rel_before", "ma")})


@pytest.mark.parametrize(
    ("age", "message", "observed"),
    [
        (7200.0, "", "2.0 hours old"),
        (63_000_000_000.0, "", "no row says when it was loaded"),
        (
            None,
            "Runtime Error in source t (models/s.yml)\n  Binder Error: no column at",
            "Binder Error: no column at",
        ),
        (None, "dbt says so", "dbt says so"),
    ],
)
def test_what_is_said_of_a_sources_age(
    warehouse: DuckDBWarehouse, age: float | None, message: str, observed: str
) -> None:
    source = {**make_result("", "error", "source"), "age_seconds": age, "message": message}
    (check,) = read_checks([cast("NodeResult", source)], warehouse, lambda *_: [])
    assert check.observed == observed


@pytest.mark.parametrize(("disabled", "word"), [({"ma"}, "switched off"), (set(), "gone")])
def test_a_mart_that_is_switched_off_is_not_called_gone(disabled: set[str], word: str) -> None:
    warehouse = SimpleNamespace(read_served=lambda: Release(run="r", marts={"ma": "rel_r.ma"}))
    catalogue = SimpleNamespace(models={}, disabled=disabled)
    (check,) = check_removed_marts(cast("Any", warehouse), cast("Any", catalogue))
    assert (check.status, word in check.observed) == ("warned", True)


def test_why_a_ragged_seed_cannot_be_read_is_said_to_its_end(tmp_path: Path) -> None:
    """DuckDB says what it tried first, and what is wrong far below it."""
    import duckdb

    (tmp_path / "ragged.csv").write_text("id,name,x\n1,a,1\n2\n3,b\n")
    columns = "columns = {'id': 'integer', 'name': 'varchar', 'x': 'integer'}"
    with pytest.raises(duckdb.Error) as failed:
        duckdb.sql(f"select * from read_csv('{tmp_path / 'ragged.csv'}', delim = ',', {columns})")
    message = f"Runtime Error in seed ragged (seeds/ragged.csv)\n  {failed.value}"
    seed = {**make_result("", "error", "seed", "seed.p.ragged"), "message": message, "name": "ragged"}
    reason = "It does not match the number of columns found by the sniffer: 1"
    (note,) = list_failures([cast("NodeResult", seed)])
    assert reason in note
    with pytest.raises(BuildFailed, match=reason):
        raise_broken([cast("NodeResult", seed)])
