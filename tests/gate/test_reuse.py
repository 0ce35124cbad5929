"""Only what changed, with dbt itself: a kept table is read by what is built, and a test that changed is asked of it."""

from __future__ import annotations

from blocks.records import BuildReport, GateReport, LedgerEntry, State
from blocks.warehouse import control
from tests.gate.conftest import SmallProject, find_check

DECLARED = """
sources:
  - {name: raw, schema: raw, loader: dlt, tables: [{name: t}]}
models:
  - name: base
    columns: [{name: k, data_tests: [not_null, {accepted_values: {arguments: {values: [%s], quote: false}}}]}]
"""
VALUES = "accepted_values_base_k__False__%s"


def read_build(small: SmallProject, run: str) -> dict[str, bool]:
    """Model → whether the run built it."""
    detail = control.read_last_detail(small.warehouse, State.building, run)
    assert detail
    return {state.name: state.built for state in BuildReport.model_validate_json(detail).states}


def carried(gate: GateReport) -> set[tuple[str, str]]:
    return {(check.name, check.made_by) for check in gate.checks if check.made_by}


def test_a_kept_table_is_built_upon_and_asked_again_what_changed(small: SmallProject) -> None:
    small.write("models/s.yml", DECLARED % "1, 2")
    small.write("models/base.sql", "select k, v from {{ source('raw', 't') }}")
    small.write("seeds/more.csv", "b\n1\n")
    small.model("ma", "select k, v + (select b from {{ ref('more') }}) as v from {{ ref('base') }}")
    line = LedgerEntry(source="raw", table="t", item="t", fingerprint="1", rows=2, run="load")
    small.warehouse.write_ledger_lines([line])
    assert small.run("ma").passed
    small.model("ma", "select k, v + 1 + (select b from {{ ref('more') }}) as v from {{ ref('base') }}")
    gate = small.run("ma")
    assert gate.passed
    assert read_build(small, gate.run) == {"ma": True, "base": False, "more": False}
    first = next(iter({made_by for _, made_by in carried(gate)}))
    assert carried(gate) == {("not_null_base_k", first), (VALUES % "1__2", first)}
    assert small.seen("select k, v from serving.ma order by k") == [(1, 12), (2, 22)]
    small.write("models/s.yml", DECLARED % "1")
    gate = small.run("ma")
    assert not gate.passed
    assert read_build(small, gate.run) == {"ma": False, "base": False, "more": False}
    assert [check.name for check in gate.root_failures] == [VALUES % "1"]
    assert find_check(gate, "has rows").made_by


FRESH = """
sources:
  - name: raw
    schema: raw
    loader: dlt
    tables: [{name: t, config: {loaded_at_field: loaded, freshness: {%s: {count: 1, period: hour}}}}]
"""


def test_what_is_shown_again_is_held_to_its_sources_age_of_today(small: SmallProject) -> None:
    """Nothing is loaded and nothing is built, and yet the data have become too old."""
    small.execute(
        f"alter table {small.raw} add column loaded timestamptz", f"update {small.raw} set loaded = now()"
    )
    small.write("models/s.yml", FRESH % "error_after")
    small.model("ma", "select k, v from {{ source('raw', 't') }}")
    line = LedgerEntry(source="raw", table="t", item="t", fingerprint="1", rows=2, run="load")
    small.warehouse.write_ledger_lines([line])
    assert small.run("ma").passed
    small.execute(f"update {small.raw} set loaded = now() - interval 90 minute")
    small.write("models/s.yml", FRESH % "warn_after")
    for is_built in (True, False):  # rows that somebody changed; then nothing
        gate = small.run("ma")
        assert read_build(small, gate.run) == {"ma": is_built}
        assert [(check.kind, check.made_by) for check in gate.warnings] == [("freshness", "")]
        assert gate.passed
    small.write("models/s.yml", FRESH % "error_after")
    gate = small.run("ma")
    assert read_build(small, gate.run) == {"ma": False}
    assert [(check.kind, check.made_by) for check in gate.root_failures] == [("freshness", "")]
