"""A snapshot that its project keeps in a schema of its own is carried from release to release as any other."""

from __future__ import annotations

from tasks.promotion import roll_back
from tests.gate.conftest import SmallProject

SNAPSHOT = """
{% snapshot shots %}
{{ config(target_schema='history', unique_key='k', strategy='check', check_cols=['v']) }}
select k, v from {{ source('raw', 't') }}
{% endsnapshot %}
"""
SOURCE = "sources: [{name: raw, schema: raw, tables: [{name: t}]}]"
BEFORE = """
create table history.shots as select 1 as k, 5 as v, 'x' as dbt_scd_id, timestamp '2026-01-01' as dbt_updated_at,
    timestamp '2026-01-01' as dbt_valid_from, cast(null as timestamp) as dbt_valid_to
"""
SEEN = "select count(*), count(*) filter (where is_closed) from serving.ma"


def test_its_history_goes_on_and_holds_nothing_of_a_refused_run(small: SmallProject) -> None:
    small.execute("create schema history", BEFORE)
    small.write("models/s.yml", SOURCE)
    small.write("snapshots/shots.sql", SNAPSHOT)
    positive = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "v", "min_value": 0}}
    small.model(
        "ma", "select k, v, dbt_valid_to is not null as is_closed from {{ ref('shots') }}", [positive]
    )
    assert small.run("ma").passed
    assert small.seen(SEEN) == [(3, 1)]
    small.execute(f"update {small.raw} set v = -1 where k = 2")
    assert not small.run("ma").passed
    small.execute(f"update {small.raw} set v = 21 where k = 2")
    assert small.run("ma").passed
    assert small.seen(SEEN) == [(4, 2)]
    roll_back.fn(small.warehouse, None)
    assert small.seen(SEEN) == [(3, 1)]
    assert small.seen("select count(*) from history.shots") == [(1,)]
