"""What models' code would do wrong without a word of dbt's: rows added twice, relations read past the release."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.dbt.checks.code import check_code

KEYED = {"materialized": "incremental", "unique_key": "id"}
GROWS = {"materialized": "incremental"}
MACROS = {
    "macro.p.newer": {
        "unique_id": "macro.p.newer",
        "name": "newer",
        "package_name": "p",
        "macro_sql": "{% macro newer(c) %}{% if is_incremental() %} where {{ c }} {% endif %}{% endmacro %}",
    }
}


def look(
    code: str, config: dict[str, object], columns: tuple[str, ...] = (), dialect: str = "duckdb"
) -> list[str]:
    node = {
        "unique_id": "model.p.m",
        "name": "m",
        "package_name": "p",
        "resource_type": "model",
        "raw_code": code,
        "config": config,
        "columns": {name: {} for name in columns},
    }
    sales = {"unique_id": "model.p.sales", "name": "sales", "alias": "sales_fact", "resource_type": "model"}
    source = {
        "source_name": "till",
        "name": "lines",
        "schema": "raw",
        "identifier": "LINES",
        "resource_type": "source",
    }
    manifest = {
        "metadata": {"adapter_type": dialect, "project_name": "p"},
        "nodes": {"model.p.m": node, "model.p.sales": sales},
        "sources": {"source.p.till.lines": source},
        "macros": MACROS,
    }
    return [each.problem for each in check_code(manifest, {"model.p.m"}, Path())]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "config", "said"),
    [
        ("select * from {{ ref('a') }}", GROWS, "every run adds all of its rows again"),
        (
            "select * from {{ ref('a') }} -- {% if is_incremental() %}",
            GROWS,
            "every run adds all of its rows again",
        ),
        ("select * from {{ ref('a') }} {% if is_incremental() %} where x {% endif %}", GROWS, ""),
        ("select * from {{ ref('a') }} {{ newer('day') }}", GROWS, ""),  # a macro of the project's asks it
        ("select * from {{ ref('a') }}", KEYED, ""),
        ("select * from {{ ref('a') }}", {**GROWS, "incremental_strategy": "microbatch"}, ""),
        ("select * from {{ ref('a') }}", {"materialized": "table"}, ""),
        ("select 1", {**KEYED, "on_schema_change": "append"}, "its on_schema_change `append` is unknown"),
        ("select 1", {**KEYED, "on_schema_change": "sync_all_columns"}, ""),
        (
            "select 1",
            {**KEYED, "unique_key": ["id", "custmer_id"]},
            "its unique_key custmer_id is no column of it",
        ),
        ("select 1", {**KEYED, "unique_key": "cast(x as date)"}, ""),
    ],
)
def test_an_incremental_model_that_doubles_its_rows_is_an_error(
    code: str, config: dict[str, object], said: str
) -> None:
    found = look(code, config, ("id", "day", "customer_id"))
    assert len(found) == bool(said)
    assert all(said in problem for problem in found)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("select * from analytics.sales_fact", "that is model sales as somebody built"),
        (
            "{{ config(tags='x') }} with a as (select 1) select * from a join Raw.lines l on true",
            "that is source till.lines",
        ),
        ("select * from other.things t, t.items", "no load, test, lineage or release knows of it"),
        ("select extract(year from s.sold_on) from {{ ref('sales') }} s", ""),
        ("select * from {{ source('till', 'lines') }} join {{ target.schema }}.x on true", ""),
        ("select * from information_schema.tables", ""),
        ("select 1 -- from analytics.sales_fact", ""),
        ("select * from sales_fact", ""),  # of no schema: dbt's own search path
        ("select * from read_csv('a.b')", ""),
        ("select ((( from analytics.sales_fact", ""),  # which dbt says
    ],
)
def test_relations_that_are_named_past_dbt_are_said(code: str, said: str) -> None:
    found = look(code, {"materialized": "table"})
    assert len(found) == bool(said), found
    assert all(said in problem for problem in found)
