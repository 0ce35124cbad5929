"""`check` of a project with forty seeded mistakes finds forty: one project, one parse, one table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blocks.dbt.checks.keys import REFUSED as REFUSAL
from blocks.dbt.meta_models import build_schema
from blocks.dbt.project import DbtProject
from blocks.errors import BuildFailed
from blocks.findings import Finding, make_error
from blocks.loader.dlt.loader import DltLoader
from blocks.quality.suites import Suites
from blocks.tracker.files.tracker import FilesTracker
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from flows.check import check, write_report
from tasks.project_check import explain_refusal
from tests.conftest import ROOT, TINY

PROJECT = """
name: shop
version: "1.0"
profile: shop
models:
  shop:
    +materialized: table
    +schem: finance
    marts: {enabld: true, +tag: mart}
seeds: {+delimeter: ";"}
on-run-end: ["select 1"]
"""
GENERATE = """
{% macro generate_schema_name(custom_schema_name, node) %}
  {{ custom_schema_name if custom_schema_name else target.schema }}
{% endmacro %}
"""
SNAPSHOT = """
{% snapshot sales_history %}
{{ config(target_schema='history', unique_key='id', strategy='check', check_cols='all') }}
select * from {{ source('shop', 'sales') }}
{% endsnapshot %}
"""
MODELS = {
    "sales": "{{ config(post_hook='select 1') }} select s.* from {{ source('shop', 'sales') }} s"
    " join {{ ref('sales_history') }} h using (id) join {{ ref('prices') }} p using (id)"
    " join {{ ref('written') }} using (id) join {{ source('old', 'codes') }} using (id)"
    " join {{ source('typo', 'rates') }} using (id) join {{ source('own', 'things') }} using (id)"
    " join {{ source('none', 'untyped') }} using (id)"
    " join {{ source('past', 'rows') }} using (id) join {{ source('web', 'orders') }} using (id)",
    "prices": "{{ config(schema='finance') }} select 1 as id"
    " {% if execute %}{% do run_query('delete from nowhere') %}{% endif %}",
    "written": "{{ config(materialized='external', location='out.parquet') }} select 1 as id",
    "bare": "select 1 as id, current_date as sold_on",
    "elsewhere": "{{ config(database='other') }} select 1 as id, current_date as sold_on",
    "grown": "{{ config(materialized='incremental', on_schema_change='apend_new_columns') }}"
    " select id, current_date as sold_on from analytics.sales",
    "keyed": "{{ config(materialized='incremental', unique_key='idd') }} select c.id, current_date as sold_on"
    " from {{ ref('coded') }} c left join other.things t using (id)",
    "tabled": "{{ config(materialized='tabel') }} select 1 as id, current_date as sold_on",
    "apart": "select 1 as id",
    "days": "select current_date as sold_on",
    "nobody": "{{ config(materialised='table', own_word=config.get('own_wrd')) }} select 1 as id",
}
YAML = """
models:
  - name: days
    time_spine: {standard_granularity_column: sold_on}
    columns: [{name: sold_on, granularity: day}]
  - name: sales
    config:
      meta:
        primary_key: [idd]
        diff_budget: {removd: 0.1, changed: 7}
        may_be_empty: "yes"
        primery_key: [id]
    columns:
      - name: id
        data_tests:
          - unique
          - not_null: {config: {enabled: false}}
          - relationships: {arguments: {to: ref('apart'), field: id}, config: {store_failures: true}}
          - relationships: {name: one, arguments: {to: ref('nobody'), field: id}}
          - relationships: {name: two, arguments: {to: ref('nobody'), field: id}}
          - relationships: {name: three, arguments: {to: ref('nobody'), field: id}}
          - relationships: {name: four, arguments: {to: ref('nobody'), field: id}}
      - {name: sold_on}
      - {name: amount, data_tests: [not_null: {config: {severity: warn, error_if: ">5"}}]}
      - name: region
        data_tests:
          - accepted_values: {arguments: {values: []}}
          - relationships: {arguments: {to: ref('sales'), field: regoin}}
  - name: apart
    columns: [{name: id, data_tests: [unique]}]
  - name: keyed
    columns: [{name: id}, {name: sold_on}, {name: state, data_type: varchar}]
  - name: nobody
    descripton: Asked for by nobody
    colums: [{name: id}]
    config: {alis: nobody_else, own_wrd: 1, meta: {colums: of another tool}}
    team: sales
    columns:
      - {name: id, data_tpe: integer, data_test: [unique], constraints: [{type: check, expression: a, expression: b}]}
      - {name: amount, data_tests: [{not_null: {config: {severty: warn}}}]}
      - {name: amount}
    docs: {show: true}
    docs: {show: false}
seeds:
  - name: coded
    config: {column_types: {cod: varchar}}
sources:
  - name: shop
    schema: raw_shop
    loader: dlt
    config: {meta: {kind: files}}
    tables:
      - name: sales
        config:
          freshness: {warn_after: {count: 1, period: day}}
          meta: {load: merge, formt: csv, quarantine_budget: 20}
        columns:
          - {name: id, data_type: number}
          - {name: amount, config: {meta: {requird: true}}}
  - name: old
    schema: raw_old
    tables: [{name: codes}]
  - name: typo
    schema: raw_shop
    loader: dtl
    tables: [{name: rates, identifier: sales}]
  - name: own
    schema: serving
    loader: Airbyte
    tables: [{name: things}]
  - name: none
    schema: raw_none
    database: elsewhere
    loader: dlt
    tables: [{name: untyped}]
  - name: past
    schema: raw_past
    loader: dlt
    config: {meta: {kind: files, external_location: "data/{name}.csv"}}
    tables:
      - name: rows
        config:
          loaded_at_field: _loaded_ad
          freshness: {warn_after: {count: 9, period: day}, error_after: {count: 50, period: hour}}
          meta: {path: ../rows.csv}
        columns: [{name: id, data_type: integer}]
  - name: web
    schema: "{{ target.schema }}_web"
    loader: dlt
    config: {meta: {kind: rest}}
    tables:
      - name: orders
        config: {meta: {endpoint: "https://elsewhere.example/orders", load: merge, key: [id], cursor: stamp}}
        columns: [{name: id, data_type: integer}, {name: stamp, data_type: varchar}]
  - name: idle
    loader: dlt
    config: {meta: {kind: files}}
    tables: [{name: rows, config: {meta: {path: idle.csv}}, columns: [{name: part, data_type: "decimal(60,2)"}]}]
semantic_models:
  - name: sales
    model: ref('sales')
    defaults: {agg_time_dimension: sold_on}
    entities: [{name: sale, type: primary, expr: id}]
    dimensions:
      - {name: sold_on, type: time, type_params: {time_granularity: day}}
      - {name: region, type: categorical, config: {meta: {synonims: [area]}}}
      - {name: area, type: categorical, expr: regoin}
      - {name: street, type: categorical, expr: upper(street)}
    measures:
      - {name: amount_total, agg: sum, expr: amount}
      - name: amount_usual
        agg: percentile
        expr: amount
        agg_params: {percentile: 0.5, use_approximate_percentile: true}
  - name: keyed
    model: ref('keyed')
    defaults: {agg_time_dimension: sold_on}
    entities: [{name: keyed, type: primary, expr: id}]
    dimensions:
      - {name: sold_on, type: time, type_params: {time_granularity: day}}
      - {name: size, type: categorical, expr: "case when id > 1 then 'L'"}
    measures:
      - {name: states, agg: sum, expr: state}
      - {name: means, agg: sum, expr: avg(id)}
      - {name: days, agg: sum, expr: "sum(id) over ()"}
  - name: bare
    model: ref('bare')
    defaults: {agg_time_dimension: sold_on}
    entities: [{name: bare, type: primary, expr: id}]
    dimensions: [{name: sold_on, type: time, type_params: {time_granularity: day}}]
    measures: [{name: bare_count, agg: count, expr: id}]
  - name: elsewhere
    model: ref('elsewhere')
    defaults: {agg_time_dimension: sold_on}
    entities: [{name: elsewhere, type: primary, expr: id}]
    dimensions: [{name: sold_on, type: time, type_params: {time_granularity: day}}]
    measures: [{name: elsewhere_count, agg: count, expr: id}]
metrics:
  - name: revenue
    label: Revenue
    type: simple
    type_params: {measure: amount_total}
    config: {meta: {format: eur, ownr: Ada, targt: 7}}
  - name: income
    label: revenue
    type: simple
    type_params: {measure: amount_total}
    config: {meta: {goal: higher, synonyms: 7, events: [{name: fair, form: 2026-01-01}]}}
  - {name: usual, label: Usual, type: simple, type_params: {measure: amount_usual}}
  - {name: bares, label: Bares, type: simple, type_params: {measure: bare_count}}
  - {name: others, label: Others, type: simple, type_params: {measure: elsewhere_count}}
exposures:
  - name: misspelt
    type: dashboard
    owner: {name: A, emial: a@example.com, slack: sales}
    depends_on: [ref('sales')]
    config: {meta: {ticket: SH-1, analysis: trnd, metrics: [revenu], schedule: "no", aproval: owner, cadence: weekly}}
  - name: by_what
    type: dashboard
    owner: {name: A}
    depends_on: [ref('days')]
    config:
      meta: {ticket: SH-9, analysis: comparison, metrics: [revenue, usual], dimensions: [regoin], approval: boss}
  - name: one_text
    type: dashboard
    owner: {name: A}
    depends_on: [ref('sales')]
    config: {meta: {ticket: SH-1, metrics: "revenue, income", dimentions: [region]}}
  - name: Not_A_Folder
    type: dashboard
    owner: {name: A}
    depends_on: [ref('bare')]
    config: {meta: {metrics: [bares], period: last 12 mnths, schedule: weakly}}
  - name: unasked
    type: dashboard
    owner: {name: A}
    depends_on: [ref('bare')]
    config: {meta: {metrics: [bares]}}
  - name: only_unusable
    type: dashboard
    owner: {name: A}
    depends_on: [ref('sales')]
    config:
      meta:
        {ticket: SH-1, metrics: [usual], dimensions: [regiom], filters: regiom = North, target: "usul = 3",
         alerts: usual below, chart: bras, period: last 12 mnths, grain: mont}
  - name: nothing_shown
    type: dashboard
    owner: {name: A}
    depends_on: [ref('sales')]
    config: {meta: {ticket: [SH-1], schedule: daily}}
  - name: drifting
    type: dashboard
    label: Drifting
    owner: {name: A}
    depends_on: [ref('sales'), ref('grown'), ref('keyed'), ref('tabled')]
    config:
      meta: {schedule: daily, metrics: [revenue, revenue], dimensions: [region], filters: region = a and region = b}
  - name: drifting_too
    type: dashboard
    label: drifting
    owner: {name: A}
    depends_on: [ref('sales')]
    config: {meta: {schedule: daily, metrics: [revenue]}}
  - name: switched_off
    type: dashboard
    owner: {name: A}
    depends_on: [ref('sales')]
    config: {enabled: false}
  - name: anothers
    type: dashboard
    owner: {name: A}
    depends_on: [ref('sales')]
"""
SUITE = {
    "expectations": [
        {"type": "expect_column_values_to_be_betwen", "kwargs": {"column": "amount"}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "amonut"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min": 1}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "amount", "min_value": 9, "max_value": 1},
        },
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "amount", "value_set": []}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "amount", "regex": "N(orth"}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
        {"kwargs": {"column": "id"}, "type": "expect_column_values_to_be_unique"},
    ]
}
TICKET = """key: SH-1
title: How much?
status: open
requester: Ada
deadline: soon
analysis: trend
metrics: [revenoo]
data_sources: [shop]
"""
SEEDED = [
    # exposures
    ("error", "exposure misspelt", "metric revenu is unknown (did you mean revenue?)"),
    ("error", "exposure misspelt", "`analysis` in its meta Input should be 'kpi', 'trend'"),
    ("error", "exposure misspelt", "`schedule` in its meta is the text 'no', which counts as yes"),
    ("error", "exposure by_what", "dimension regoin is unknown (did you mean region?)"),
    (
        "warning",
        "exposure by_what",
        "metric usual is known, but can't be shown, because its measure aggregates by",
    ),
    ("warning", "exposure by_what", "its ticket SH-9 is not there"),
    ("warning", "exposure by_what", "its depends_on leaves out sales"),
    ("warning", "exposure by_what", "a comparison needs one besides time"),
    ("error", "exposure one_text", "`metrics` in its meta is one text: write a list, [revenue, income]"),
    (
        "error",
        "exposure one_text",
        "`dimentions` in its meta is no key that is read (did you mean dimensions?)",
    ),
    ("error", "exposure Not_A_Folder", "can't be a folder"),
    ("error", "exposure Not_A_Folder", "period"),
    ("warning", "exposure Not_A_Folder", "its schedule 'weakly' is none that is read"),
    ("error", "exposure misspelt", "`aproval` in its meta is no key that is read (did you mean approval?)"),
    ("error", "exposure misspelt", "`cadence` in its meta is no key that is read (did you mean schedule?)"),
    ("error", "exposure by_what", "`approval` in its meta Input should be 'requester', 'owner' or 'none'"),
    ("warning", "exposure unasked", "no ticket and no schedule ask for it"),
    ("error", "exposure only_unusable", "metric usual is known, but can't be shown, because"),
    ("error", "exposure nothing_shown", "no metrics: no dashboard comes of it"),
    ("error", "exposure nothing_shown", "`ticket` in its meta Input should be a valid string"),
    ("warning", "exposure switched_off", "it is switched off"),
    ("warning", "exposure anothers", "stays another tool's dashboard"),
    ("error", "exposure only_unusable", "dimension regiom is unknown (did you mean region?)"),
    ("error", "exposure only_unusable", "filters name regiom, which is no dimension; did you mean region?"),
    ("error", "exposure only_unusable", "target names usul, none of its metrics, usual"),
    ("error", "exposure only_unusable", "alerts usual below can't be read"),
    ("error", "exposure only_unusable", "chart bras is not known"),
    ("error", "exposure only_unusable", "period last 12 mnths can't be read"),
    ("error", "exposure only_unusable", "grain mont is not one of"),
    ("warning", "exposure misspelt", "its ticket SH-1 is claimed by one_text and only_unusable, too"),
    # keys that dbt passes over
    (
        "error",
        "models in dbt_project.yml",
        "`+schem` is no configuration that dbt reads (did you mean schema?)",
    ),
    (
        "error",
        "models in dbt_project.yml",
        "`enabld` is no configuration that dbt reads (did you mean enabled?)",
    ),
    ("error", "models in dbt_project.yml", "`+tag` is no configuration that dbt reads (did you mean tags?)"),
    ("error", "seeds in dbt_project.yml", "`+delimeter` is no configuration that dbt reads"),
    (
        "error",
        "model nobody",
        "`materialised` is no configuration that dbt reads (did you mean materialized?)",
    ),
    ("error", "model nobody", "`alis` is no configuration that dbt reads (did you mean alias?)"),
    ("error", "model nobody", "`descripton` is no key that dbt reads (did you mean description?)"),
    ("error", "model nobody", "`colums` is no key that dbt reads (did you mean columns?)"),
    ("error", "exposure misspelt", "`emial` is no key that dbt reads (did you mean email?)"),
    ("warning", "model nobody", "`team` is no key that dbt reads"),
    ("error", "model nobody", "`docs` stands twice, first in line"),
    ("error", "model nobody", "`amount` stands twice, first in line"),
    ("error", "model nobody", "`expression` stands twice, first in line"),
    ("error", "model nobody.id", "`data_tpe` is no key that dbt reads (did you mean data_type?)"),
    ("error", "model nobody.id", "`data_test` is no key that dbt reads (did you mean data_tests?)"),
    ("error", "model nobody.amount", "`severty` is no configuration that dbt reads (did you mean severity?)"),
    ("warning", "dbt", "There are 1 unused configuration paths"),
    ("error", "test accepted_values_sales_region", "its values are none: no row could meet it"),
    (
        "error",
        "test relationships_sales_region",
        "its field regoin is no column there (did you mean region?)",
    ),
    ("warning", "test not_null_sales_amount", "its error_if is never asked, as its severity is `warn`"),
    # code
    (
        "error",
        "model grown",
        "it is incremental without a unique_key and without is_incremental(): every run adds",
    ),
    (
        "error",
        "model grown",
        "its on_schema_change `apend_new_columns` is unknown (did you mean append_new_columns?)",
    ),
    (
        "error",
        "model grown",
        "it reads analytics.sales by its name, past dbt: that is model sales as somebody built",
    ),
    ("error", "model keyed", "its unique_key idd is no column of it (did you mean id?)"),
    (
        "warning",
        "model keyed",
        "it reads other.things by its name, past dbt: no load, test, lineage or release",
    ),
    (
        "error",
        "model tabled",
        "its materialization `tabel` is unknown (did you mean table?): it can't be built",
    ),
    ("error", "seed coded", "column id stands twice in its header"),
    ("error", "seed coded", "its column_types name cod, which its header does not have (did you mean code?)"),
    ("error", "semantic model keyed", "is not one expression of SQL"),
    ("error", "semantic model keyed", "measure states takes the sum of state, which is declared as varchar"),
    (
        "error",
        "semantic model keyed",
        "measure means aggregates twice: sum of an expression that aggregates itself",
    ),
    (
        "warning",
        "exposure drifting",
        "drifting and drifting_too have one title: readers can't tell them apart",
    ),
    ("warning", "exposure drifting", "its metrics name revenue twice"),
    ("error", "exposure drifting", "has a second condition in it: write each in an entry of its own"),
    ("error", "mart grown", "it has no suite grown.json"),
    ("error", "mart keyed", "it has no suite keyed.json"),
    ("error", "mart tabled", "it has no suite tabled.json"),
    # expressions
    (
        "error",
        "semantic model sales",
        "dimension area reads regoin, which the YAML of sales does not declare",
    ),
    ("warning", "semantic model sales", "it reads street, which the YAML of sales does not declare"),
    # metrics
    (
        "warning",
        "metric usual",
        "known, but can't be shown, because its measure aggregates by an approximate percentile",
    ),
    ("warning", "metric", "have one label"),
    ("warning", "metric revenue", "income and revenue are declared alike: one metric, twice"),
    ("error", "metric revenue", "`format` in its meta String should match pattern"),
    ("error", "metric income", "`goal` in its meta Input should be 'up', 'down' or 'none'"),
    ("error", "metric revenue", "`ownr` in its meta is no key that is read (did you mean owner?)"),
    ("error", "metric revenue", "`targt` in its meta is no key that is read (did you mean target?)"),
    ("error", "metric income", "`synonyms` in its meta Input should be a valid list"),
    ("error", "metric income", "`events.form` in its meta is no key that is read (did you mean from?)"),
    (
        "error",
        "dimension region of sales",
        "`synonims` in its meta is no key that is read (did you mean synonyms?)",
    ),
    # marts
    ("error", "model sales", "its primary_key names column idd is unknown"),
    (
        "error",
        "model sales",
        "`diff_budget.removd` in its meta is no key that is read (did you mean removed?)",
    ),
    ("error", "model sales", "`diff_budget.changed` in its meta Input should be less than or equal to 1"),
    ("error", "model sales", "`may_be_empty` in its meta"),
    ("error", "model sales", "`primery_key` in its meta is no key that is read"),
    # what is built
    (
        "warning",
        "model prices",
        "it is kept in schema finance by generate_schema_name: here they are built in a schema of each release's own",
    ),
    (
        "warning",
        "model elsewhere",
        "it is kept in database other by the project: here they are built in each release",
    ),
    ("warning", "snapshot sales_history", "its config keeps it in schema history"),
    ("warning", "model sales", "its post-hook runs after it is built"),
    ("warning", "hook shop-on-run-end-0", "it runs with every build"),
    ("warning", "model prices", "its code, or a macro that it calls, may write as it is compiled"),
    ("warning", "model written", "it writes files as it is built"),
    # tests
    (
        "error",
        "test relationships_sales",
        "it also reads apart, which no dashboard needs: until readers have seen",
    ),
    (
        "error",
        "4 tests",
        "they also read nobody, which no dashboard needs: until readers have seen that, the release",
    ),
    ("warning", "test relationships_sales", "it keeps the rows that fail in schema"),
    ("warning", "test not_null_sales_id", "it is switched off"),
    ("warning", "2 tests", "they are of models that no dashboard needs, so they never run"),
    # sources
    ("error", "source shop.sales", "load `merge` needs a `key`"),
    ("error", "source shop.sales", "no meta `path`"),
    ("error", "source shop.sales", "its data_type `number` is not known here"),
    ("error", "source shop.sales", "`formt` in its meta is no key that is read (did you mean format?)"),
    ("error", "source shop.sales", "`quarantine_budget` in its meta Input should be less than or equal to 1"),
    ("error", "source shop.sales.amount", "`requird` in its meta is no key that is read"),
    ("error", "source shop.sales", "it declares its freshness but no `loaded_at_field`"),
    ("warning", "source shop.sales", "amount has no type"),
    ("error", "source shop.sales", "are the same table, raw_shop.sales"),
    ("warning", "source old.codes", "it has no loader: it is read as it stands in raw_old"),
    ("error", "source typo.rates", "its loader `dtl` is unknown (did you mean dlt?)"),
    ("warning", "source own.things", "its loader `Airbyte` is none of this workflow"),
    ("error", "source own.things", "its schema serving belongs to this workflow"),
    ("error", "source none.untyped", "has no meta `kind`"),
    ("warning", "source none.untyped", "it names database elsewhere: here it is read in the warehouse's own"),
    ("warning", "source none.untyped", "it declares no column"),
    ("warning", "source", "it declares no freshness: old data pass"),
    ("warning", "dbt", "A loaded_at_field must be specified for source 'shop.sales'"),
    ("error", "source none", "nothing says where it is: no load of it, so nothing of"),
    ("error", "source past", "nothing says where it is: no load of it, so nothing of"),
    ("warning", "source idle", "nothing says where it is"),
    (
        "error",
        "source past.rows",
        "its `loaded_at_field` _loaded_ad is no column of it (did you mean _loaded_at?)",
    ),
    ("warning", "source past.rows", "its freshness is an error before it is a warning"),
    ("error", "source idle.rows", "its data_type `decimal(60,2)` is not known here"),
    (
        "error",
        "source past.rows",
        "its external_location has dbt read the data where they lie, past what `dlt` loads",
    ),
    ("error", "source past.rows", "its path ../rows.csv leads out of the source's location"),
    (
        "error",
        "source web.orders",
        "its endpoint https://elsewhere.example/orders is of another host than its source's location, api.example",
    ),
    ("error", "source web.orders", "its schema follows target.schema, which is another one in each run"),
    ("warning", "source web.orders", "its cursor stamp is a text, in which 10 comes before 9"),
    ("error", "source shp", "no source of this name that is loaded here (did you mean shop?)"),
    # suites
    (
        "error",
        "suite sales.json",
        "there is no such expectation; did you mean expect_column_values_to_be_between",
    ),
    ("error", "suite sales.json", "declares no column amonut (did you mean amount?)"),
    ("error", "suite sales.json", "min: extra fields not permitted"),
    ("error", "suite sales.json", "min_value 9 is over max_value 1: nothing could meet it"),
    ("error", "suite sales.json", "its value_set is empty: nothing could meet it"),
    (
        "error",
        "suite sales.json",
        "expect_column_values_to_match_regex(column=amount, regex=N(orth) can't be evaluated: N(orth is no regular "
        "expression: missing )",
    ),
    (
        "warning",
        "suite sales.json",
        "expect_column_values_to_be_unique(column=id) stands twice: it is evaluated and counted twice",
    ),
    (
        "error",
        "suite marts/bare.json",
        "it lies in a folder below that of the suites, where nobody reads it",
    ),
    ("error", "mart bare", "it has no suite bare.json"),
    ("warning", "mart elsewhere", "it has no suite elsewhere.json (is it elswhere.json?)"),
    ("warning", "suite elswhere.json", "there is no model elswhere (did you mean elsewhere?)"),
    ("error", "suite days.json", "it is not JSON"),
    ("warning", "suite nobody.json", "no dashboard and no metric needs nobody, so it is never evaluated"),
    ("error", "suite nobody.json", "declares no column amonut (did you mean amount?)"),
    ("error", "suite nobody.json", "there is no such expectation"),
    ("error", "suite nobody.json", "min: extra fields not permitted"),
    ("error", "suite nobody.json", "min_value 9 is over max_value 1: nothing could meet it"),
    ("error", "suite nobody.json", "its value_set is empty: nothing could meet it"),
    ("error", "suite nobody.json", "N(orth is no regular expression"),
    ("warning", "suite nobody.json", "stands twice: it is evaluated and counted twice"),
    # tickets
    ("error", "ticket SH-1", "metrics revenoo is not known; did you mean revenue"),
    ("error", "ticket SH-1", "deadline soon is not a date"),
    ("error", "file S-1.yaml", "it is not named like a ticket of this folder, so nobody reads it"),
    ("error", "file SH-2.yml", "it is not named like a ticket of this folder, so nobody reads it"),
]


REFUSED = {
    "an owner that is a list": (
        "dbt/models/all.yml",
        "- name: anothers\n    type: dashboard\n    owner: {name: A}",
        "- name: anothers\n    type: dashboard\n    owner: [A, B]",
        "exposure anothers",
        "`owner` is a list, where dbt wants names and values below it",
    ),
    "a metric defined twice": (
        "dbt/models/all.yml",
        "  - {name: bares, label: Bares,",
        "  - {name: usual, label: Again, type: simple, type_params: {measure: amount_usual}}\n"
        "  - {name: bares, label: Bares,",
        "metric usual",
        "`usual` is defined twice, first in models/all.yml:",
    ),
    "a misspelt key of the project": (
        "dbt/dbt_project.yml",
        "on-run-end",
        "modle-paths: [models]\non-run-end",
        "dbt_project.yml",
        "`modle-paths` is no key that dbt reads (did you mean model-paths?)",
    ),
    "a misspelt key of an exposure": (
        "dbt/models/all.yml",
        "depends_on: [ref('days')]",
        "dependson: [ref('days')]",
        "exposure by_what",
        "`dependson` is no key that dbt reads (did you mean depends_on?)",
    ),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    folder = tmp_path_factory.mktemp("mistakes")
    write_project(folder)
    return look(folder, folder / "dbt", ["shop", "shp", "web"])


def write_project(folder: Path) -> None:
    files = {
        "dbt/dbt_project.yml": PROJECT,
        "dbt/macros/generate_schema_name.sql": GENERATE,
        "dbt/snapshots/sales_history.sql": SNAPSHOT,
        "dbt/models/all.yml": YAML,
        "dbt/seeds/coded.csv": "id,ID,code\n1,1,01\n",
        "expectations/sales.json": json.dumps(SUITE),
        "expectations/elswhere.json": json.dumps(SUITE),
        "expectations/days.json": "[",
        "expectations/nobody.json": json.dumps(SUITE),
        "expectations/marts/bare.json": json.dumps(SUITE),
        "expectations/marts/notes.json": "{}",
        "expectations/.drafts/bare.json": json.dumps(SUITE),
        "tickets/SH-1.yaml": TICKET,
        "tickets/S-1.yaml": TICKET,
        "tickets/SH-2.yml": TICKET,
        "tickets/template.yaml": TICKET,
        **{f"dbt/models/{name}.sql": sql for name, sql in MODELS.items()},
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def look(folder: Path, project: Path, located: list[str]) -> list[Finding]:
    return check.fn(
        DbtProject(folder=project, state=folder / "state"),
        DuckDBWarehouse(database=str(folder / "house.duckdb")),
        Suites(folder=folder / "expectations", docs=folder / "docs"),
        [
            DltLoader(
                locations={**dict.fromkeys(located, "x"), "web": "https://api.example"},
                workdir=folder / "w",
                deadline_seconds=9,
            )
        ],
        FilesTracker(folder=folder / "tickets", project="SH") if (folder / "tickets").is_dir() else None,
        located,
    )


def test_every_seeded_mistake_is_found_as_it_was_meant(found: list[Finding]) -> None:
    missing = []
    for severity, about, problem in SEEDED:
        known = [each for each in found if each.about.startswith(about) and problem in each.problem]
        if {each.severity for each in known} != {severity}:
            missing.append((severity, about, problem))
        assert all(each.place and each.fix for each in known)
    assert not missing, write_report(found)


def test_forty_mistakes_and_nothing_else_is_called_an_error(found: list[Finding]) -> None:
    assert len(SEEDED) > 40
    strange = [
        each
        for each in found
        if not any(each.about.startswith(about) and problem in each.problem for _, about, problem in SEEDED)
    ]
    assert not strange, write_report(strange)


def test_what_is_wrong_in_a_file_has_its_line(found: list[Finding]) -> None:
    (colums,) = [each for each in found if "`colums`" in each.problem]
    assert colums.place == f"models/all.yml:{YAML.splitlines().index('    colums: [{name: id}]') + 1}"


@pytest.mark.parametrize("cases", [list(REFUSED), ["a metric defined twice"]], ids=["all", "one"])
def test_what_dbt_refuses_is_said_once_with_its_line_beside_all_else(
    tmp_path: Path, cases: list[str]
) -> None:
    write_project(tmp_path)
    for name, old, new, _, _ in map(REFUSED.__getitem__, cases):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (tmp_path / name).write_text(text.replace(old, new))
    for name in ("left", "over"):  # properties of a model that is gone, of which dbt only warns
        (tmp_path / "dbt" / "models" / f"{name}.yml").write_text("models: [{name: gone}]")
    said = look(tmp_path, tmp_path / "dbt", [])
    assert not [each for each in said if each.about == "model gone"]
    for _, _, _, about, problem in map(REFUSED.__getitem__, cases):
        (known,) = [each for each in said if each.about == about and problem in each.problem]
        assert known.place.rpartition(":")[2].isdigit()
    assert not [each for each in said if each.about == "dbt project"], write_report(said)
    assert [each for each in said if "`colums`" in each.problem]


@pytest.mark.parametrize(
    ("key", "answer", "is_same"),
    [
        ("owner", "at path ['owner']: ['A', 'B'] is not of type 'object'", True),
        ("dependson", "Additional properties are not allowed ('dependson' was unexpected)", True),
        ("usual", 'dbt found two metrics with the name "usual".', True),
        ("owner", "at path ['type']: 'owner' is not one of ['dashboard']", False),
    ],
)
def test_dbts_reason_is_left_out_where_a_finding_says_the_same(key: str, answer: str, is_same: bool) -> None:
    ours = make_error("exposure a", "models/all.yml:3", f"`{key}` is not as it should be", f"{REFUSAL}.")
    said = explain_refusal(BuildFailed("dbt parse", answer), [ours])
    assert [each.about for each in said] == ["exposure a"] if is_same else ["dbt project", "exposure a"]


def test_a_misspelt_setting_of_a_load_is_said_once(found: list[Finding]) -> None:
    assert len([each for each in found if "`formt`" in each.problem]) == 1


def test_words_of_tickets_are_marked(found: list[Finding]) -> None:
    assert {each.quotes_ticket for each in found if each.about.startswith("ticket ")} == {True}
    assert not [each for each in found if each.quotes_ticket and not each.about.startswith("ticket ")]


def test_a_project_that_dbt_refuses_is_one_finding_with_dbts_reason(tmp_path: Path) -> None:
    (tmp_path / "dbt" / "models").mkdir(parents=True)
    (tmp_path / "dbt" / "dbt_project.yml").write_text(f"{PROJECT}require-dbt-version: '>=99.0.0'\n")
    (only,) = [each for each in look(tmp_path, tmp_path / "dbt", []) if "in dbt_project" not in each.about]
    assert (only.severity, only.about) == ("error", "dbt project")
    assert "99.0.0" in only.problem


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    published = json.loads((ROOT / "docs" / "meta.schema.json").read_text(encoding="utf-8"))
    assert published == build_schema(), "write it again: python flows/main.py check --schema"


def test_an_editor_is_told_by_the_schema() -> None:
    import yaml
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(build_schema())
    for path in [TINY / "dbt" / "models" / "tiny.yml", *(ROOT / "dbt" / "models").rglob("*.yml")]:
        assert not list(validator.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))), path
    wrong = yaml.safe_load(YAML)
    message = {".".join(str(part) for part in each.path) for each in validator.iter_errors(wrong)}
    assert "exposures.0.config.meta.analysis" in message
    assert "exposures.2.config.meta.metrics" in message
