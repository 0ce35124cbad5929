"""Which hooks may change rows: of the node's own table, or of another."""

from __future__ import annotations

import pytest

from blocks.dbt.hooks import writes_elsewhere, writes_rows
from blocks.dbt.macros import Macros

NONE = Macros({})


def with_hook(text: str) -> dict[str, object]:
    return {"resource_type": "model", "schema": "rel_a", "config": {"post-hook": [{"sql": text}]}}


@pytest.mark.parametrize(
    ("text", "writes", "elsewhere"),
    [
        ("grant select on {{ this }} to reader; analyze {{ ref('ma') }};", False, False),
        ("{% if target.name == 'prod' %} comment on table {{ this }} is 'x' {% endif %}", False, False),
        ("select count(*) from {{ ref('ma') }} -- delete from nothing", False, False),
        ("", False, False),
        ("delete from {{ this }} where k = 1", True, False),
        ("select 1; update {{this}} set k = 1", True, False),
        ("insert into {{ ref('ma') }} select 1", True, True),
        ("insert into rel_a.ma select 1", True, True),
        ("{{ clean(this) }}", True, True),
        ("{% do run_query('x') %}", True, True),
    ],
)
def test_a_hook_is_harmless_only_where_its_text_says_so(text: str, writes: bool, elsewhere: bool) -> None:
    node = with_hook(text)
    assert (writes_rows(node), writes_elsewhere(node, NONE)) == (writes, elsewhere)


def test_a_hook_of_a_run_is_read_where_dbt_keeps_it() -> None:
    hook = {"resource_type": "operation", "raw_code": "truncate x", "config": {}}
    assert writes_rows(hook)
    assert not writes_rows({**hook, "raw_code": "vacuum"})


@pytest.mark.parametrize(
    ("code", "writes"),
    [
        ("{% do run_query('delete from ' ~ ref('ma')) %} select 1", True),
        ("{% call statement('x') %} insert into {{ ref('ma') }} values (1) {% endcall %} select 1", True),
        ("{% set found = run_query('select max(updated) from ' ~ ref('ma')) %} select 1 -- delete", False),
        ("select k from {{ ref('ma') }} where kind = 'delete'", False),
    ],
)
def test_a_model_that_runs_statements_itself_is_read_like_a_hook(code: str, writes: bool) -> None:
    node = {"resource_type": "model", "schema": "rel_a", "config": {}, "raw_code": code}
    assert (writes_rows(node), writes_elsewhere(node, NONE)) == (writes, writes)


MACROS = {
    "clean": "{% macro clean(name) %}{% if execute %}{{ run('delete from ' ~ name) }}{% endif %}{% endmacro %}",
    "run": "{% macro run(sql) %}{% call statement('x') %}{{ sql }}{% endcall %}{% endmacro %}",
    "find": "{% macro find() %}{% set x = run_query('select 1') %}{# delete from x #}{% endmacro %}",
    "drop": "{% macro drop(name) %}{% do adapter.truncate_relation(name) %}{% endmacro %}",
}


@pytest.mark.parametrize(
    ("code", "writes"),
    [
        ("select 1 {{ clean('rel_a.ma') }}", True),
        ("select 1 {{ run('insert into rel_a.ma values (1)') }}", True),
        ("select 1 {{ drop(ref('ma')) }}", True),
        ("{% set sql = var('late') %}{% do run_query(sql) %} select 1", True),
        ("select 1 as clean {{ find() }} from {{ ref('ma') }} where kind = 'delete'", False),
        ("{# {{ clean('ma') }} #} select {{ run('select 1') }}", False),
    ],
)
def test_a_model_is_read_with_the_macros_that_it_calls(code: str, writes: bool) -> None:
    every = {
        f"macro.p.{name}": {
            "unique_id": f"macro.p.{name}",
            "name": name,
            "package_name": "p",
            "macro_sql": text,
        }
        for name, text in MACROS.items()
    }
    node = {"resource_type": "model", "schema": "rel_a", "config": {}, "raw_code": code}
    assert writes_elsewhere(node, Macros({"macros": every})) == writes
