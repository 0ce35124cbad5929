"""Every feature of dbt in one generated project: what each has to come to here. The rows of FEATURES are the table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from blocks.catalogue import Catalogue
from blocks.column_lineage import ColumnLineage
from blocks.dbt.project import DbtProject
from blocks.errors import BuildFailed
from blocks.loader.dlt.loader import DltLoader
from blocks.quality.suites import Suites
from blocks.release_names import is_in_release
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.project_check import check_project

SCHEMA = "rel_f"
PROJECT = """
name: every
version: "1.0"
profile: every
source-paths: [models]   # as it was called before model-paths
data-paths: [seeds]
vars: {country: DE, currency: EUR}
on-run-start: "create table if not exists {{ target.schema }}.hooked as select 1 as one"
models:
  every:
    +materialized: table
    custom: {+schema: custom}
seeds: {every: {+column_types: {code: varchar}}}
"""
YAML = """
version: 2
groups:
  - {name: finance, owner: {name: Finance, email: finance@example.com}}
sources:
  - name: src
    schema: "{{ target.schema }}_in"
    tables:
      - name: rows
        columns: [{name: id, data_type: integer}, {name: amount, data_type: integer}, {name: sold_on, data_type: date}]
models:
  - name: contracted
    config: {contract: {enforced: true}}
    columns: [{name: id, data_type: integer, constraints: [{type: not_null}]}]
  - name: versioned
    latest_version: 2
    versions: [{v: 1}, {v: 2, config: {alias: versioned_second}}]
  - name: private_one
    config: {group: finance, access: private}
  - name: tabled
    description: "{{ doc('tabled') }}"
    columns:
      - name: id
        data_tests: [unique, not_null, {accepted_values: {arguments: {values: [1, 2, 3]}}}]
      - name: amount
        data_tests: [{is_small: {arguments: {most: 100}}}]
  - name: time_spine
    time_spine: {standard_granularity_column: date_day}
    columns: [{name: date_day, granularity: day}]
unit_tests:
  - name: doubles
    model: doubled
    given: [{input: ref('tabled'), rows: [{id: 1, amount: 2}]}]
    expect: {rows: [{id: 1, amount: 4}]}
semantic_models:
  - name: tabled
    model: ref('tabled')
    defaults: {agg_time_dimension: sold_on}
    entities: [{name: row_id, type: primary, expr: id}]
    dimensions: [{name: sold_on, type: time, type_params: {time_granularity: day}}]
    measures: [{name: amount_sum, agg: sum, expr: amount}]
metrics:
  - {name: amount, label: Amount, type: simple, type_params: {measure: amount_sum}}
saved_queries:
  - name: saved
    query_params: {metrics: [amount], group_by: ["TimeDimension('metric_time', 'day')"]}
exposures:
  - name: shown
    type: dashboard
    owner: {name: Ada}
    depends_on: [ref('tabled')]
    config: {meta: {schedule: daily, metrics: [amount]}}
  - {name: a_notebook, type: notebook, owner: {name: Ada}, depends_on: [ref('tabled')]}
  - {name: an_analysis, type: analysis, owner: {name: Ada}, depends_on: [ref('tabled')]}
  - {name: a_model, type: ml, owner: {name: Ada}, depends_on: [ref('tabled')]}
  - {name: an_application, type: application, owner: {name: Ada}, depends_on: [ref('tabled'), ref('seeded')]}
"""
MODELS = {
    "tabled": "select id, amount, sold_on from {{ source('src', 'rows') }}",
    "viewed": "{{ config(materialized='view') }} select * from {{ ref('tabled') }}",
    "short_lived": "{{ config(materialized='ephemeral') }} select id, amount * 2 as amount from {{ ref('tabled') }}",
    "doubled": "select id, amount * 2 as amount from {{ ref('tabled') }}",
    "over_ephemeral": "select id, amount from {{ ref('short_lived') }}",
    "grown": (
        "{{ config(materialized='incremental', unique_key='id') }} select id from {{ ref('tabled') }}"
        "{% if is_incremental() %} where id > (select max(id) from {{ this }}){% endif %}"
    ),
    "contracted": "select cast(id as integer) as id from {{ ref('tabled') }}",
    "versioned_v1": "select 1 as v",
    "versioned_v2": "select 2 as v",
    "over_latest": "select v from {{ ref('versioned') }}",
    "private_one": "select 1 as one",
    "grouped": "{{ config(group='finance') }} select one from {{ ref('private_one') }}",
    "custom/elsewhere": "select 1 as one",
    "renamed": "{{ config(alias='other_name') }} select 1 as one",
    "switched_off": "{{ config(enabled=false) }} select 1 as one",
    "hooked_model": (
        "{{ config(post_hook=\"insert into {{ this }} select 2\", pre_hook=['select 1']) }} select 1 as one"
    ),
    "asked": "select '{{ var('country') }}' as country, '{{ env_var('NOT_SET_ANYWHERE', 'fallback') }}' as name",
    "over_package": "select one from {{ ref('tools_model') }} where {{ tools.is_one('one') }}",
    "over_seed": "select code from {{ ref('seeded') }}",
    "over_snapshot": "select id, dbt_valid_from from {{ ref('kept') }}",
    "own_way": "{{ config(materialized='own_table') }} select 7 as seven",
    "time_spine": "select cast('2026-01-01' as date) as date_day",
}
PYTHON = "def model(dbt, session):\n    return dbt.ref('tabled').filter('id > 1')\n"
OTHERS = {
    "dbt_project.yml": PROJECT,
    "models/all.yml": YAML,
    "models/in_python.py": PYTHON,
    "models/newer.yml": (
        "models:\n  - name: grouped\n    semantic_model: {enabled: true}\n    agg_time_dimension: one\n"
        "    columns: [{name: one, granularity: day, dimension: {type: time}}]\n"
        "    metrics: [{name: newer, label: Newer, type: simple, agg: sum, expr: one}]\n"
    ),
    "models/docs.md": "{% docs tabled %}Rows.{% enddocs %}",
    "analyses/looked_at.sql": "select * from {{ ref('tabled') }}",
    "seeds/seeded.csv": "code\n007\n008\n",
    "snapshots/kept.yml": (
        "snapshots:\n  - name: kept\n    relation: ref('tabled')\n"
        "    config: {unique_key: id, strategy: check, check_cols: [amount]}\n"
    ),
    "tests/no_negative.sql": "select * from {{ ref('tabled') }} where amount < 0",
    "tests/generic/is_small.sql": (
        "{% test is_small(model, column_name, most) %}select * from {{ model }} where {{ column_name }} > {{ most }}"
        "{% endtest %}"
    ),
    "macros/own_table.sql": (
        "{% materialization own_table, default %}{% set target_relation = this.incorporate(type='table') %}"
        "{% call statement('main') %}create table {{ target_relation }} as {{ sql }}{% endcall %}"
        "{{ adapter.commit() }}{{ return({'relations': [target_relation]}) }}{% endmaterialization %}"
    ),
    "packages.yml": "packages: [{local: tools}]",
    "tools/dbt_project.yml": "name: tools\nversion: '1.0'\nprofile: tools\nmodels: {tools: {+materialized: table}}\n",
    "tools/models/tools_model.sql": "select 1 as one",
    "tools/macros/is_one.sql": "{% macro is_one(name) %}{{ name }} = 1{% endmacro %}",
}
MARTS = [name.rsplit("/", 1)[-1] for name in MODELS if name not in {"short_lived", "switched_off", "renamed"}]


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The project, parsed, checked, compiled and built once."""
    folder = tmp_path_factory.mktemp("every")
    files = {**OTHERS, **{f"models/{name}.sql": sql for name, sql in MODELS.items()}}
    for name, text in files.items():
        (folder / "dbt" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "dbt" / name).write_text(text)
    warehouse = DuckDBWarehouse(database=str(folder / "house.duckdb"))
    with warehouse.session() as session:
        session.rows(f"create schema {SCHEMA}_in")
        session.rows(
            f"create table {SCHEMA}_in.rows as select range as id, 10 * range as amount,"
            " date '2026-01-01' as sold_on from range(1, 4)"
        )
    project = DbtProject(folder=folder / "dbt", state=folder / "state")
    project.fetch_packages()
    dbt = project.open(warehouse, SCHEMA)
    suites = Suites(folder=folder / "expectations", docs=folder / "docs")
    loader = DltLoader(locations={}, workdir=folder / "loads", deadline_seconds=9)
    try:
        findings = check_project(dbt, SCHEMA, suites, [loader], dialect="duckdb")
        lineage = dbt.trace_columns()
        names = [*dbt.catalogue.models]
        results = dbt.make([name for name in names if name != "metricflow_time_spine"], 300)
        yield SimpleNamespace(
            catalogue=dbt.catalogue,
            manifest=dict(dbt.manifest),
            findings={(each.about, each.problem) for each in findings},
            lineage=lineage,
            tests={name: dbt.list_tests([name]) for name in ("doubled", "tabled")},
            results={each["unique_id"]: each for each in results},
            warehouse=warehouse,
        )
    finally:
        dbt.close()


def test_all_of_it_is_built_in_the_release(every: Any) -> None:
    failed = {key: each["message"] for key, each in every.results.items() if each["status"] != "success"}
    assert not failed
    catalogue: Catalogue = every.catalogue
    assert not catalogue.list_outside(catalogue.models, SCHEMA)
    assert all(is_in_release(mart.schema_name, SCHEMA) for mart in catalogue.models.values())


FEATURES = [
    ("table", "tabled", "select count(*) from rel_f.tabled", 3),
    ("view", "viewed", "select count(*) from rel_f.viewed", 3),
    ("ephemeral", "over_ephemeral", "select sum(amount) from rel_f.over_ephemeral", 120),
    ("incremental", "grown", "select count(*) from rel_f.grown", 3),
    ("contract", "contracted", "select count(*) from rel_f.contracted", 3),
    ("an earlier version", "versioned_v1", "select v from rel_f.versioned_v1", 1),
    ("a version with an alias", "versioned_second", "select v from rel_f.versioned_second", 2),
    ("ref of a version", "over_latest", "select v from rel_f.over_latest", 2),
    ("group and access", "grouped", "select one from rel_f.grouped", 1),
    ("schema of its own", "elsewhere", "select one from rel_f_custom.elsewhere", 1),
    ("alias", "renamed", "select one from rel_f.other_name", 1),
    ("hooks of a model", "hooked_model", "select count(*) from rel_f.hooked_model", 2),
    ("hooks of a run", "tabled", "select one from rel_f.hooked", 1),
    ("vars", "asked", "select country from rel_f.asked", "DE"),
    ("env_var", "asked", "select name from rel_f.asked", "fallback"),
    ("package", "over_package", "select one from rel_f.over_package", 1),
    ("model of a package", "tools_model", "select one from rel_f.tools_model", 1),
    ("seed", "over_seed", "select min(code) from rel_f.over_seed", "007"),
    ("snapshot", "over_snapshot", "select count(*) from rel_f.over_snapshot", 3),
    ("python model", "in_python", "select count(*) from rel_f.in_python", 2),
    ("materialization of its own", "own_way", "select seven from rel_f.own_way", 7),
]


@pytest.mark.parametrize(("feature", "mart", "query", "value"), FEATURES, ids=[each[0] for each in FEATURES])
def test_a_feature_comes_to_what_it_means(
    every: Any, feature: str, mart: str, query: str, value: object
) -> None:
    assert mart in every.catalogue.models, feature
    with every.warehouse.session() as session:
        assert session.rows(query) == [(value,)]


SAID = [
    ("hooks of a model", "model hooked_model", "runs after it is built", False),
    ("hooks of a run", "hook every-on-run-start-0", "it runs with every build", True),
    ("materialization of its own", "model own_way", "is the project's own", False),
    ("semantic models in the newer form", "semantic layer", "the newer form, which dbt 1.11", True),
    ("a source nobody loads", "source src.rows", "it has no loader", True),
]


@pytest.mark.parametrize(("feature", "about", "problem", "message"), SAID, ids=[each[0] for each in SAID])
def test_check_says_what_matters_of_what_dashboards_need(
    every: Any, feature: str, about: str, problem: str, message: bool
) -> None:
    found = [each for each in every.findings if each[0] == about and problem in each[1]]
    assert bool(found) is message, (feature, every.findings)


def test_only_exposures_that_ask_for_one_are_dashboards(every: Any) -> None:
    catalogue: Catalogue = every.catalogue
    assert {each.name for each in catalogue.exposures} == {
        "shown",
        "a_notebook",
        "an_analysis",
        "a_model",
        "an_application",
    }
    assert [each.name for each in catalogue.exposures if each.metrics] == ["shown"]
    assert not [each.fault for each in catalogue.exposures if each.fault]
    assert catalogue.metric_names() == ("amount",)


def test_what_is_switched_off_is_known_as_such(every: Any) -> None:
    assert "switched_off" in every.catalogue.disabled
    assert "switched_off" not in every.catalogue.models


def test_dbts_own_tests_are_suite_enough(every: Any) -> None:
    tests = every.catalogue.find_suite_tests(["tabled", "doubled"])
    assert set(tests) == {"tabled"}
    assert len(tests["tabled"]) == 3  # and not the project's own is_small
    assert not [each for each in every.findings if each[0] == "mart tabled" and "suite" in each[1]]


def test_a_release_of_a_mart_runs_the_tests_of_all_that_it_is_made_of(every: Any) -> None:
    def list_kinds(name: str) -> dict[str, int]:
        kinds = [each.split(".")[0] for each in every.tests[name]]
        return {kind: kinds.count(kind) for kind in set(kinds)}

    # three generic ones of dbt's, the project's own, and the one in a file of its own
    assert list_kinds("tabled") == {"test": 5}
    assert list_kinds("doubled") == {"test": 5, "unit_test": 1}


def test_columns_are_followed_through_all_but_python(every: Any) -> None:
    lineage: ColumnLineage = every.lineage
    source = "source.every.src.rows"
    assert lineage.origins("model.every.over_ephemeral", "amount") == {(source, "amount")}
    assert lineage.origins("model.every.viewed", "sold_on") == {(source, "sold_on")}
    assert lineage.origins("model.every.over_snapshot", "id") == {(source, "id")}
    assert lineage.origins("model.every.over_seed", "code") == {("seed.every.seeded", "code")}
    unread = [key for key in every.catalogue.list_dependents([source]) if not lineage.model(key).understood]
    assert unread == ["model.every.in_python"]


@pytest.mark.parametrize(
    ("project", "reason"),
    [
        ("require-dbt-version: ['>=1.0.0', '<1.5.0']\n", "1.5.0"),
        ("models: {every: {+materialized: \"{{ env_var('SURELY_NOT_SET') }}\"}}\n", "SURELY_NOT_SET"),
    ],
)
def test_what_dbt_refuses_is_refused_in_its_words(tmp_path: Path, project: str, reason: str) -> None:
    (tmp_path / "dbt" / "models").mkdir(parents=True)
    (tmp_path / "dbt" / "dbt_project.yml").write_text(f"name: every\nprofile: every\nversion: '1'\n{project}")
    warehouse = DuckDBWarehouse(database=str(tmp_path / "house.duckdb"))
    dbt = DbtProject(folder=tmp_path / "dbt", state=tmp_path / "state").open(warehouse, SCHEMA)
    try:
        with pytest.raises(BuildFailed, match=reason) as failed:
            assert dbt.catalogue
    finally:
        dbt.close()
    assert "dbt.log" in str(failed.value)
    assert (tmp_path / "state" / "logs" / "dbt.log").is_file()


BATCHES = """
{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='day', batch_size='day',
    begin=modules.datetime.datetime.now()) }}
select no_such_column as day
"""


PROMISED = {
    "promised.sql": "select 'one' as id",
    "promised.yml": (
        "models:\n  - name: promised\n    config: {contract: {enforced: true}}\n"
        "    columns: [{name: id, data_type: integer}]\n"
    ),
}


def test_why_a_model_failed_is_said_of_it(tmp_path: Path) -> None:
    """dbt's own result of a model in batches says `ERROR`, and no more; of a contract it has a table."""
    (tmp_path / "dbt" / "models").mkdir(parents=True)
    (tmp_path / "dbt" / "dbt_project.yml").write_text("name: every\nprofile: every\nversion: '1.0'\n")
    for name, text in {"batches.sql": BATCHES, **PROMISED}.items():
        (tmp_path / "dbt" / "models" / name).write_text(text)
    warehouse = DuckDBWarehouse(database=str(tmp_path / "house.duckdb"))
    dbt = DbtProject(folder=tmp_path / "dbt", state=tmp_path / "state").open(warehouse, SCHEMA)
    try:
        results = {each["name"]: each for each in dbt.make(["batches", "promised"], 300)}
    finally:
        dbt.close()
    assert {each["status"] for each in results.values()} == {"error"}
    assert "no_such_column" in results["batches"]["message"]
    assert "data type mismatch" in results["promised"]["message"]
