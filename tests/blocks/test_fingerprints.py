"""What a model is made of, from dbt's manifest; and for how long SQL gives the same rows."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from blocks.dbt.fingerprints import Fingerprints
from blocks.repeatable_sql import DAY, find_limit

Manifest = dict[str, Any]


def model(name: str, code: str, *parents: str, **config: object) -> Manifest:
    return {
        "unique_id": f"model.p.{name}",
        "name": name,
        "resource_type": "model",
        "schema": "rel_a",
        "alias": name,
        "raw_code": code,
        "config": {"materialized": "table", **config},
        "depends_on": {"nodes": list(parents)},
    }


def make_manifest() -> Manifest:
    nodes = [
        model(
            "staged",
            "select {{ cents('a') }} from {{ source('s', 't') }}",
            "source.p.s.t",
            materialized="view",
        ),
        model("mart", "select * from {{ ref('staged') }} where a > {{ var('least') }}", "model.p.staged"),
        model("alone", "select 1 as a"),
    ]
    test = model(
        "not_null", "{{ test_not_null(**_dbt_generic_test_kwargs) }}", "model.p.mart", materialized="test"
    )
    macros = {"cents": "{{ round_it() }}", "round_it": "round(1)", "other": "1", "generate_schema_name": "x"}
    return {
        "metadata": {"project_name": "p", "adapter_type": "duckdb"},
        "nodes": {node["unique_id"]: node for node in nodes}
        | {"test.p.t": {**test, "unique_id": "test.p.t", "resource_type": "test"}},
        "sources": {"source.p.s.t": {"source_name": "s", "name": "t"}},
        "macros": {
            f"macro.p.{name}": {
                "unique_id": f"macro.p.{name}",
                "name": name,
                "package_name": "p",
                "macro_sql": text,
            }
            for name, text in macros.items()
        }
        | {
            "macro.dbt.g": {
                "unique_id": "macro.dbt.g",
                "name": "generate_schema_name",
                "package_name": "dbt",
                "macro_sql": "",
            }
        },
        "unit_tests": {},
    }


def read(manifest: Manifest, state: str = "1", variables: str = "", platform: str = "") -> Fingerprints:
    return Fingerprints(manifest, {"source.p.s.t": state}, platform, variables)


def set_macro(name: str) -> Callable[[Manifest], object]:
    return lambda manifest: manifest["macros"][f"macro.p.{name}"].update(macro_sql="changed")


def set_node(name: str, **values: object) -> Callable[[Manifest], object]:
    return lambda manifest: manifest["nodes"][f"model.p.{name}"].update(values)


def set_config(name: str, **values: object) -> Callable[[Manifest], object]:
    return lambda manifest: manifest["nodes"][f"model.p.{name}"]["config"].update(values)


def add_unit_test(manifest: Manifest) -> None:
    manifest["unit_tests"]["unit_test.p.u"] = {"depends_on": {"nodes": ["model.p.mart"]}, "given": [1]}


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (set_node("mart", raw_code="select 2"), {"mart"}),
        (set_node("staged", raw_code="select 2"), {"staged", "mart"}),
        (set_macro("cents"), {"staged", "mart"}),
        (set_macro("round_it"), {"staged", "mart"}),
        (set_macro("generate_schema_name"), {"staged", "mart", "alone"}),
        (set_macro("other"), set[str]()),
        (set_config("staged", contract={"enforced": True}), {"staged", "mart"}),
        (set_config("mart", meta={"owner": "x"}), set[str]()),
        (set_node("alone", columns={"a": {"data_type": "int"}}), {"alone"}),
        (set_node("alone", description="x"), set[str]()),
        (add_unit_test, {"mart"}),
    ],
)
def test_a_fingerprint_changes_with_all_that_a_model_reaches_and_nothing_else(
    change: Callable[[Manifest], object], changed: set[str]
) -> None:
    before, manifest = read(make_manifest()), make_manifest()
    change(manifest)
    after = read(manifest)
    ids = [f"model.p.{name}" for name in ("staged", "mart", "alone")]
    different = {key.rsplit(".", 1)[1] for key in ids if before.find(key).digest != after.find(key).digest}
    assert different == changed


def test_nothing_is_shown_again_where_a_hook_may_write_into_it() -> None:
    """Into the table of a release that readers see."""
    manifest, hooks = make_manifest(), [{"sql": "delete from {{ this }}"}]
    manifest["nodes"]["model.p.alone"]["config"]["post-hook"] = hooks
    assert not read(manifest).find("model.p.mart").unsure
    hooks.append({"sql": "delete from {{ ref('mart') }}"})
    assert "hook or macro of alone" in read(manifest).find("model.p.mart").unsure
    hooks.clear()
    set_node("alone", raw_code="{% if execute %}{% do run_query(statement) %}{% endif %} select 1")(manifest)
    assert "hook or macro of alone" in read(manifest).find("model.p.mart").unsure


def test_on_duckdb_a_model_that_a_foreign_key_leads_to_is_built_beside_it() -> None:
    manifest = make_manifest()
    key = {"type": "foreign_key", "to": "ref('staged')", "to_columns": ["k"], "columns": ["k"]}
    set_node("mart", constraints=[key])(manifest)
    set_config("mart", contract={"enforced": True})(manifest)
    for adapter, unsure in (("postgres", ""), ("duckdb", "a foreign key of mart leads to it")):
        manifest["metadata"]["adapter_type"] = adapter
        assert unsure in read(manifest).find("model.p.staged").unsure
        assert bool(read(manifest).find("model.p.staged").unsure) is bool(unsure)


def test_rows_variables_and_versions_are_part_of_it_and_say_so() -> None:
    before = read(make_manifest()).find("model.p.mart")
    assert not before.unsure
    others = {
        "the models below": read(make_manifest(), state="2"),
        "a variable": read(make_manifest(), variables="least: 1"),
        "dbt, its adapter": read(make_manifest(), platform="1.12"),
    }
    message = [other.find("model.p.mart").describe_change(before) for other in others.values()]
    assert message == [
        "what it is made of (staged) changed",
        "a variable of dbt changed",
        "dbt, its adapter, its flags, the target or the time zone changed",
    ]
    source = read(make_manifest(), state="2").find("model.p.staged")
    assert source.describe_change(read(make_manifest()).find("model.p.staged")) == "s.t changed"
    assert before.describe_change(before) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (set_node("staged", raw_code="select '{{ run_started_at }}'"), "run_started_at"),
        (set_node("staged", raw_code="select '{{ env_var(\"A\") }}'"), "env_var"),
        (set_node("staged", raw_code="{{ f({'a': {'b': 1}}, env_var('A')) }}"), "env_var"),
        (set_node("staged", raw_code="{{ '}}' ~ env_var('A') }}"), "env_var"),
        (set_node("staged", raw_code="{% set x = run_query('select 1') %}"), "run_query"),
        (set_node("staged", raw_code="{% if load_relation(ref('x')) %}1{% endif %}"), "load_relation"),
        (
            set_node("staged", raw_code="{{ get_columns_in_query('select * from x') }}"),
            "get_columns_in_query",
        ),
        (set_node("staged", raw_code="{{ adapter.get_columns_in_relation(this) }}"), "adapter.get_columns"),
        (
            lambda manifest: (
                set_macro("cents")(manifest)
                or manifest["macros"]["macro.p.cents"].update(
                    macro_sql="{{ modules.datetime.datetime.now() }}"
                )
            ),
            "modules",
        ),
        (set_config("staged", materialized="incremental"), "incremental"),
        (set_config("staged", materialized="dynamic_table"), "dynamic_table"),
        (set_config("staged", **{"pre-hook": [{"sql": "x"}]}), "hooks"),
        (set_node("staged", language="python"), "python"),
        (
            lambda manifest: manifest["nodes"].update(
                o={"unique_id": "o", "name": "o", "resource_type": "operation", "config": {}}
            ),
            "hooks on the start",
        ),
        (set_node("alone", raw_code="select * from {{ target.schema }}.mart"), "says the schema's name"),
        (
            lambda manifest: (
                set_macro("cents")(manifest)
                or manifest["macros"]["macro.p.cents"].update(macro_sql="{{ this.schema }}")
            ),
            "says the schema's name",
        ),
        (set_node("staged", depends_on={"nodes": ["model.other.x"]}), "nothing is known"),
    ],
)
def test_in_doubt_a_model_and_what_is_made_of_it_are_built(
    change: Callable[[Manifest], object], reason: str
) -> None:
    manifest = make_manifest()
    change(manifest)
    assert reason in read(manifest).find("model.p.mart").unsure


def test_parents_of_one_name_in_two_packages_both_count() -> None:
    def make(code: str) -> Fingerprints:
        manifest = make_manifest()
        for package, own in (("q", code), ("r", "select 2")):
            node = {**model("alone", own), "unique_id": f"model.{package}.alone"}
            manifest["nodes"][node["unique_id"]] = node
        manifest["nodes"]["model.p.mart"]["depends_on"] = {"nodes": ["model.q.alone", "model.r.alone"]}
        return read(manifest)

    assert make("select 1").find("model.p.mart").digest != make("select 3").find("model.p.mart").digest


def test_what_a_model_says_of_itself_counts_where_it_asks_for_it() -> None:
    def make(description: str) -> Fingerprints:
        manifest = make_manifest()
        set_node("alone", raw_code="select '{{ model.description }}'", description=description)(manifest)
        return read(manifest)

    assert make("a").find("model.p.alone").digest != make("b").find("model.p.alone").digest


def test_rows_that_nobody_knows_the_state_of_are_a_doubt() -> None:
    assert read(make_manifest(), state="").find("model.p.mart").unsure == (
        "staged: nobody tells when the rows of s.t change"
    )
    assert not read(make_manifest(), state="").find("model.p.alone").unsure


def test_the_schema_of_a_run_is_no_difference() -> None:
    other = deepcopy(make_manifest())
    for node in other["nodes"].values():
        node["schema"] = node["schema"].replace("rel_a", "rel_b")
    names = [
        Fingerprints(
            manifest, {"source.p.s.t": "1"}, normalize=lambda text, name=name: text.replace(name, "rel")
        )
        for manifest, name in ((make_manifest(), "rel_a"), (other, "rel_b"))
    ]
    assert names[0].find("model.p.mart") == names[1].find("model.p.mart")


def test_a_test_is_the_same_for_the_same_relation_only() -> None:
    found = read(make_manifest()).find_test("test.p.t", {"model.p.mart": "rel_a.mart"})
    assert found
    assert found == read(make_manifest(), "2").find_test("test.p.t", {"model.p.mart": "rel_a.mart"})
    assert found != read(make_manifest()).find_test("test.p.t", {"model.p.mart": "rel_b.mart"})
    assert not read(make_manifest()).find_test("test.p.t", {})
    with_variable = make_manifest()
    with_variable["nodes"]["test.p.t"]["test_metadata"] = {"kwargs": {"least": "{{ var('least') }}"}}
    keys = [
        read(with_variable, variables=value).find_test("test.p.t", {"model.p.mart": "rel_a.mart"})
        for value in ("least: 1", "least: 2")
    ]
    assert keys[0] != keys[1]
    warned = make_manifest()
    warned["nodes"]["test.p.t"]["config"]["severity"] = "warn"
    assert found != read(warned).find_test("test.p.t", {"model.p.mart": "rel_a.mart"})


@pytest.mark.parametrize(
    ("sql", "limit"),
    [
        ('with c as (select * from "w"."raw"."t") select a, row_number() over (order by b) from c', ""),
        ("select strftime(a, '%Y'), coalesce(b, 0), a::date from raw.t where a in (select a from raw.t)", ""),
        ("select * from raw.t cross join range(3)", ""),
        ("select current_date, today() from raw.t", DAY),
        ("select 'today'::date as d", DAY),
        ("select current_date, random() from raw.t", "it uses rand"),
        ("select current_timestamp", "it uses current_timestamp"),
        ("select now()", "it calls now"),
        ("select 'now'::timestamp", "the time of now"),
        ("select uuid(), a from raw.t", "it uses"),
        ("select my_function(a) from raw.t", "it calls my_function"),
        ("select * from raw.other", "it reads raw.other"),
        ("select * from t", "it reads t"),
        ("select * from 'file.csv'", "it reads"),
        ("select * from read_csv('file.csv')", "it uses read_csv"),
        ("select * from raw.t tablesample 10%", "it uses"),
        ("select 'rel_a' as built_in from raw.t", "name of the release's schema"),
        ("select from from", "can't be read"),
        ("select 1; select 2", "not one query"),
    ],
)
def test_sql_is_repeatable_or_says_why_not(sql: str, limit: str) -> None:
    found = find_limit(sql, "duckdb", {"raw.t"}, "rel_a")
    assert found.startswith(limit) if limit not in {"", DAY} and limit[:3] == "it " else limit in found
    assert bool(found) is bool(limit)
