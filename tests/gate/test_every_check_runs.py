"""A check that did not run is not a check that passed: hooks, warnings, freshness, tests beyond a release."""

from __future__ import annotations

import pytest

from blocks.errors import BuildFailed
from tests.gate.conftest import PROJECT, SmallProject, find_check

SOURCE = """
sources:
  - {name: raw, schema: raw, tables: [{name: t}]}
"""
STALE = """
sources:
  - name: raw
    schema: raw
    tables:
      - name: t
        config: {loaded_at_field: "timestamp '2026-01-01 00:00:00'", freshness: {%s_after: {count: 1, period: hour}}}
"""
ONLY_ONES = """
models:
  - name: ma
    columns:
      - {name: k, data_tests: [{accepted_values: {arguments: {values: [1], quote: false}, config: {severity: warn}}}]}
"""
FEW_OTHERS = """
models:
  - name: ma
    columns:
      - name: k
        data_tests:
          - not_null
          - accepted_values: {arguments: {values: [1, 2], quote: false}, config: {error_if: ">1", warn_if: ">1"}}
"""
ADD_ROWS = """
{%% macro add_rows() %%}
  {%% do run_query('insert into ' ~ target.schema ~ '.ma values %s') %%}
{%% endmacro %%}
"""
ADD_WHERE = """
{% macro add_rows(place) %}
  {% if execute %}{% do run_query('insert into ' ~ place ~ ' values (7, 0), (8, 0), (9, 0)') %}{% endif %}
{% endmacro %}
"""
SAME_TOTAL = """
select 1
from (select sum(v) as s from {{ ref('ma') }}) as a, (select sum(v) as s from {{ ref('mb') }}) as b
where a.s <> b.s
"""
MART = "select k, v from {{ source('raw', 't') }}"
REFERENCE = """
models:
  - name: mb
    columns:
      - name: k
        data_tests: [{relationships: {name: mb_is_of_ma, arguments: {to: ref('ma'), field: k}}}]
"""


@pytest.fixture
def two(small: SmallProject) -> SmallProject:
    small.write("models/s.yml", SOURCE)
    small.model("ma", MART)
    small.model("mb", MART)
    return small


def test_a_hook_that_fails_fails_the_build(two: SmallProject) -> None:
    two.write("dbt_project.yml", PROJECT + 'on-run-end: ["select * from no_such_table"]\n')
    with pytest.raises(BuildFailed, match="no_such_table"):
        two.run("ma")
    assert two.warehouse.read_served() is None


def test_what_hooks_do_after_dbts_tests_is_tested_too(two: SmallProject) -> None:
    """With the test's own thresholds; a hook of the run, then one of a model built later, then a macro in its body."""
    two.write("models/ma.yml", FEW_OTHERS)
    two.write("dbt_project.yml", PROJECT + 'on-run-end: ["{{ add_rows() }}"]\n')
    two.write("macros/add_rows.sql", ADD_ROWS % "(5, 0), (6, 0), (6, 0)")
    gate = two.run("ma")
    check = find_check(gate, "accepted_values")
    assert (gate.passed, check.status, check.observed) == (False, "failed", "2 rows")
    assert set(check.evidence) == {"5, 1", "6, 2"}
    two.write("dbt_project.yml", PROJECT)
    late = "{{ config(post_hook=\"insert into {{ ref('ma') }} values (7, 0), (8, 0)\") }}"
    two.model("mb", late + MART + " where k in (select k from {{ ref('ma') }})")
    gate = two.run("ma", "mb")
    assert (gate.passed, find_check(gate, "accepted_values").observed) == (False, "2 rows")
    two.write("macros/add_rows.sql", ADD_WHERE)
    two.model("mb", "{{ add_rows(ref('ma')) }} " + MART + " where k in (select k from {{ ref('ma') }})")
    gate = two.run("ma", "mb")
    assert (gate.passed, find_check(gate, "accepted_values").observed) == (False, "3 rows")
    assert two.warehouse.read_served() is None


def test_warnings_and_what_could_not_run_are_checks_that_show(two: SmallProject) -> None:
    """A dbt warning with its rows, a stale source, a test over a mart that readers never saw; policy: warn."""
    two.write("dbt_project.yml", PROJECT + "vars: {ticket_to_dashboard: {not_run: warn}}\n")
    two.write("models/ma.yml", ONLY_ONES)
    two.write("models/s.yml", STALE % "warn")
    two.write("tests/same_total.sql", SAME_TOTAL)
    gate = two.run("ma")
    warned, stale, beyond = (find_check(gate, name) for name in ("accepted_values", "fresh", "same_total"))
    assert (warned.status, warned.evidence) == ("warned", ("2, 1",))
    assert (stale.scope, stale.status) == ("raw.t", "warned")
    assert "hours old" in stale.observed
    assert (beyond.status, beyond.passed) == ("not run", True)
    assert "mb" in beyond.observed
    assert gate.passed
    assert set(gate.warnings) == {warned, stale, beyond}


def test_a_stale_source_and_a_test_that_cannot_run_fail_the_gate(two: SmallProject) -> None:
    two.write("models/s.yml", STALE % "error")
    two.write("tests/same_total.sql", SAME_TOTAL)
    gate = two.run("ma")
    assert {check.status for check in gate.failures} == {"failed", "not run"}
    assert {check.kind for check in gate.failures} == {"freshness", "dbt test"}


def test_a_reference_from_a_model_that_nobody_sees_holds_nothing_up(two: SmallProject) -> None:
    """Of a first ticket alone; once readers see the model, its test counts."""
    two.write("models/mb.yml", REFERENCE)
    gate = two.run("ma")
    beyond = find_check(gate, "mb_is_of_ma")
    assert (beyond.status, beyond.passed, gate.passed) == ("not run", True, True)
    assert "it tests mb" in beyond.observed
    assert two.run("ma", "mb").passed
    two.execute("delete from raw.t where k = 1")
    gate = two.run("ma")
    assert find_check(gate, "mb_is_of_ma").status == "failed"
    assert not gate.passed


def test_a_test_over_two_marts_reads_what_readers_see_of_the_one_not_built(two: SmallProject) -> None:
    two.write("tests/same_total.sql", SAME_TOTAL)
    assert two.run("ma", "mb").passed
    two.execute("insert into raw.t values (3, 30)")
    gate = two.run("ma")
    assert find_check(gate, "same_total").status == "failed"
    assert not gate.passed
    assert two.run("ma", "mb").passed


def test_a_test_that_names_nothing_by_ref_runs_with_every_release(two: SmallProject) -> None:
    """dbt can't tell which mart it is about, and leaves it out of a selection."""
    two.write("tests/no_large_value.sql", "select * from {{ target.schema }}.ma where v > 25")
    assert find_check(two.run("ma"), "no_large_value").status == "passed"
    two.execute("insert into raw.t values (3, 30)")
    gate = two.run("ma")
    check = find_check(gate, "no_large_value")
    assert (gate.passed, check.scope, check.status, check.evidence) == (
        False,
        "release",
        "failed",
        ("3, 30",),
    )


def test_elsewhere_too_hooks_warnings_age_and_wider_tests_are_checks_that_show(
    small_elsewhere: SmallProject,
) -> None:
    small = small_elsewhere
    small.write("models/s.yml", STALE % "warn")
    small.model("ma", MART)
    small.model("mb", MART)
    small.write("models/ma.yml", ONLY_ONES)
    small.write("tests/same_total.sql", SAME_TOTAL)
    small.write("dbt_project.yml", PROJECT + 'on-run-end: ["select * from no_such_table"]\n')
    with pytest.raises(BuildFailed, match=r"(?i)on-run-end|no_such_table"):
        small.run("ma", "mb")
    small.write("dbt_project.yml", PROJECT)
    assert small.warehouse.read_served() is None
    first = small.run("ma", "mb")
    assert first.passed
    assert (find_check(first, "fresh").status, find_check(first, "same_total").status) == ("warned", "passed")
    assert find_check(first, "accepted_values").evidence == ("2, 1",)
    small.execute(f"insert into {small.raw} values (3, 30)")
    gate = small.run("ma")
    assert find_check(gate, "same_total").status == "failed"
    assert [(diff.added, diff.removed) for diff in gate.diffs] == [(1, 0)]
    assert small.seen(f"select sum(v) from {small.warehouse.quote('serving', 'ma')}") == [(30,)]


def test_a_mart_that_would_change_after_its_audit_is_built_as_a_table(two: SmallProject) -> None:
    two.model("ma", "{{ config(materialized='view') }} " + MART)
    two.model("mb", "{{ config(materialized='ephemeral') }} select k, v from {{ ref('ma') }}")
    two.model("mc", "{{ config(materialized='external') }} select k, v from {{ ref('mb') }}")
    assert two.run("ma", "mb", "mc").passed
    two.execute("insert into raw.t values (3, 30)")
    for mart in ("ma", "mb", "mc"):
        assert two.seen(f"select sum(v) from serving.{mart}") == [(30,)]


def test_dbts_own_reason_is_said(two: SmallProject) -> None:
    two.write("models/days.sql", "select date '2026-01-01' as date_day")
    two.write("models/bad.yml", BAD_SEMANTICS)
    with pytest.raises(BuildFailed, match="month"):
        two.run("ma")


BAD_SEMANTICS = """
models:
  - name: days
    time_spine: {standard_granularity_column: date_day}
    columns: [{name: date_day, granularity: day}]
semantic_models:
  - name: ma
    model: ref('ma')
    defaults: {agg_time_dimension: day}
    entities: [{name: k, type: primary}]
    dimensions:
      - {name: day, type: time, expr: v, type_params: {time_granularity: day}}
      - {name: month, type: categorical}
    measures: [{name: total, agg: sum, expr: v}]
metrics:
  - {name: total, label: Total, type: simple, type_params: {measure: total}}
"""
