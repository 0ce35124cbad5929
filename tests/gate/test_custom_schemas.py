"""What a project keeps in schemas of its own is of the release all the same, as are sources that its seeds make."""

from __future__ import annotations

import pytest

from blocks.dbt.release_manifest import Home, Place, plan_moves, plan_readings, plan_seeds
from blocks.errors import Misconfigured
from tests.gate.conftest import SmallProject

AS_IT_IS = """
{% macro generate_schema_name(custom_schema_name, node) %}
  {% if custom_schema_name is none %}{{ target.schema }}{% else %}{{ custom_schema_name | trim }}{% endif %}
{% endmacro %}
"""
PROJECT = """
name: small
version: "1.0"
profile: small
models: {small: {+materialized: table}}
seeds: {small: {+schema: reference}}
data_tests: {+store_failures: true}
"""
YAML = """
models: [{name: ma, columns: [{name: k, data_tests: [unique, accepted_values: {arguments: {values: [1, 2, 3]}}]}]}]
"""
SOURCES = """
sources:
  - {name: raw, schema: raw, tables: [{name: t}]}
  - name: lists  # which `dbt seed` fills, in a database that is not there
    database: far
    schema: reference
    tables:
      - name: names
        config: {loaded_at_field: name, freshness: {error_after: {count: 1, period: day}}}
"""
LARGEST = "select max(v) from serving.ma"


def write_project(small: SmallProject) -> None:
    small.write("dbt_project.yml", PROJECT)
    small.write("macros/names.sql", AS_IT_IS)
    small.write("seeds/names.csv", "k,name\n1,one\n2,two\n")
    small.write("models/m.yml", YAML)
    one = small.warehouse.dialect in {
        "duckdb",
        "postgres",
    }  # database; elsewhere there may be one of that name
    small.write("models/s.yml", SOURCES if one else SOURCES.replace("    database: far\n", ""))
    small.write(
        "models/grown.sql",
        "{{ config(database='far', schema='finance', materialized='incremental') }}"
        " select t.k, t.v from {{ source('raw', 't') }} t"
        " {% if is_incremental() %} where t.k > (select max(k) from {{ this }}) {% endif %}",
    )
    small.write(
        "models/passed.sql",
        "{{ config(schema='staging', materialized='ephemeral') }} select * from {{ ref('grown') }}",
    )
    limit = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "v", "max_value": 99}}
    small.model(
        "ma",
        "{{ config(schema='finance') }} select p.k, p.v, n.name from {{ ref('passed') }} p"
        " left join {{ source('lists', 'names') }} n using (k)",
        [limit],
    )


def check_readers(small: SmallProject) -> None:
    write_project(small)
    assert small.run("ma").passed
    assert small.seen(LARGEST) == [(20,)]
    small.execute(f"insert into {small.raw} values (9, 999)")
    gate = small.run("ma")
    assert not gate.passed
    assert {check.name.partition("(")[0] for check in gate.checks if check.status == "failed"} >= {
        "expect_column_values_to_be_between"
    }
    assert small.seen(LARGEST) == [(20,)]
    small.execute(f"update {small.raw} set k = 3, v = 30 where k = 9")
    assert small.run("ma").passed
    assert small.seen(LARGEST) == [(30,)]
    schemas = {name for (name,) in small.seen("select schema_name from information_schema.schemata") if name}
    assert not {"finance", "staging", "reference", "dbt_test__audit"} & schemas


def test_nothing_of_a_release_is_built_where_readers_may_look(small: SmallProject) -> None:
    check_readers(small)


def test_so_it_is_on_a_server(small_elsewhere: SmallProject) -> None:
    if small_elsewhere.warehouse.dialect == "dremio":  # where places are in folders: it is refused
        write_project(small_elsewhere)
        with pytest.raises(Misconfigured, match="let generate_schema_name begin"):
            small_elsewhere.run("ma")
        return
    check_readers(small_elsewhere)


@pytest.mark.parametrize(
    ("places", "moved"),
    [
        ({"a": Place("model", "finance", "t"), "b": Place("model", "rel_x", "t")}, {"a": "rel_x_finance"}),
        ({"a": Place("model", "serving", "t")}, {"a": "rel_x_serving"}),
        ({"a": Place("model", "Finance", "T"), "b": Place("seed", "rel_x_finance", "t")}, {}),
        (
            {"a": Place("model", "rel_x", "t", "Far-Off"), "b": Place("seed", "rel_x", "t", "HOUSE")},
            {"a": "rel_x_far_off"},
        ),
        ({"a": Place("model", "rel_x_own", "t", "far")}, {"a": "rel_x_far_own"}),
        ({"a": Place("snapshot", "own", "t", "far")}, {"a": "rel_x_far_own"}),
        ({"a": Place("operation", "finance", "t"), "b": Place("test", "REL_X_audit", "t")}, {}),
    ],
)
def test_what_is_moved_meets_nothing_else(places: dict[str, Place], moved: dict[str, str]) -> None:
    assert plan_moves(places, "rel_x", database="house") == moved


@pytest.mark.parametrize(
    ("others", "read", "seeded"),
    [
        (None, ["loaded"], ["far", "label"]),  # it may see any
        (("far",), ["loaded", "gone"], ["far", "gone", "label"]),  # attached
        ((), ["loaded", "far", "gone"], ["far", "gone", "label"]),
    ],
)
def test_a_database_that_is_not_there_means_the_warehouse_s_own(
    others: tuple[str, ...] | None, read: list[str], seeded: list[str]
) -> None:
    sources = {
        "loaded": Place("dlt", "raw", "t", "far"),
        "far": Place("", "raw", "t", "far"),
        "gone": Place("", "raw", "own", "gone"),
        "own": Place("", "raw", "other", "house"),
        "label": Place("fivetran", "raw", "own", "house"),
    }
    seeds = {"s": Place("seed", "raw", "t", "far"), "o": Place("seed", "raw", "own", "house")}
    home = Home("house", others)
    assert plan_readings(sources, home) == read
    assert sorted(plan_seeds(sources, seeds, home)) == seeded
