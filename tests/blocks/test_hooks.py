"""Which hooks may change rows: of the node's own table, or of another."""

from __future__ import annotations

import pytest

from blocks.dbt.hooks import writes_elsewhere, writes_rows


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
    assert (writes_rows(node), writes_elsewhere(node)) == (writes, elsewhere)


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
    assert (writes_rows(node), writes_elsewhere(node)) == (writes, writes)
