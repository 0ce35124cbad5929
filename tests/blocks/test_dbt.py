"""dbt's process: parsing ahead, and ending it whatever it is at."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from blocks.dbt.project import DbtProject
from blocks.dbt.worker import OF_NODES, Reasons
from blocks.errors import BuildFailed, Misconfigured
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from flows.setup import show_setup
from flows.terminal import Terminal
from tests.conftest import ROOT

TINY = ROOT / "tests" / "tiny" / "dbt"


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(database=str(tmp_path / "house.duckdb"))


def test_a_project_parsed_ahead_is_not_parsed_again(tmp_path: Path, warehouse: DuckDBWarehouse) -> None:
    project = DbtProject(folder=TINY, state=tmp_path)
    run = project.parse_ahead(warehouse, "rel_ahead")
    manifest = tmp_path / "target" / "manifest.json"
    wait_for(manifest)
    written = manifest.stat().st_mtime_ns
    assert project.open(warehouse, "rel_ahead") is run
    try:
        assert run.catalogue.exposures
    finally:
        run.close()
    assert manifest.stat().st_mtime_ns == written
    assert not dbt_processes()


def test_what_a_parse_ahead_met_is_said_when_it_is_asked_for(
    tmp_path: Path, warehouse: DuckDBWarehouse
) -> None:
    shutil.copytree(TINY, tmp_path / "project")
    broken = next((tmp_path / "project" / "models").rglob("*.sql"))
    broken.write_text("select {{ ref('nowhere') }}")
    project = DbtProject(folder=tmp_path / "project", state=tmp_path / "state")
    run = project.parse_ahead(warehouse, "rel_broken")
    try:
        with pytest.raises(BuildFailed, match="nowhere"):
            assert run.catalogue
    finally:
        run.close()
    assert not dbt_processes()


def test_a_run_that_ends_before_it_asks_leaves_no_process(tmp_path: Path, warehouse: DuckDBWarehouse) -> None:
    project = DbtProject(folder=TINY, state=tmp_path)
    run = project.parse_ahead(warehouse, "rel_early")
    wait_until(lambda: bool(dbt_processes()))
    begun = time.monotonic()
    run.close()
    assert time.monotonic() - begun < 14  # it was told, not killed after its grace
    assert not dbt_processes()


def write_named_project(folder: Path, name_schema: str = "") -> Path:
    """A project that names its schema wherever dbt renders one as it parses."""
    models = folder / "models"
    models.mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(
        "name: dbt_named\nversion: '1.0'\nprofile: named\non-run-start: \"select '{{ target.schema }}'\"\n"
    )
    if name_schema:
        (folder / "macros").mkdir()
        (folder / "macros" / "names.sql").write_text(
            "{% macro generate_schema_name(custom, node) %}" + name_schema + "{% endmacro %}"
        )
    (models / "named.sql").write_text(
        "{{ config(schema='mine', alias='to_' ~ target.schema, meta={'at': target.schema, 'this': this.schema},"
        " post_hook=\"select '{{ this }}'\") }}\n"
        "select '{{ this }}' as this, '{{ target.schema }}' as target, id from {{ ref('other') }}"
    )
    (models / "other.sql").write_text("select id from {{ source('near', 'rows') }}")
    (models / "named.yml").write_text(
        "sources:\n  - {name: near, schema: '{{ target.schema }}_in', tables: [{name: rows}]}\n"
        "models:\n  - name: named\n    columns: [{name: id, data_tests: [unique]}]\n"
    )
    return folder


def read_manifest(project: DbtProject, warehouse: DuckDBWarehouse, schema: str) -> str:
    run = project.open(warehouse, schema)
    try:
        return json.dumps(dict(run.manifest))
    finally:
        run.close()


def test_a_parse_is_gone_on_from_in_the_next_release_and_names_nothing_of_the_last(
    tmp_path: Path, warehouse: DuckDBWarehouse
) -> None:
    project = DbtProject(folder=write_named_project(tmp_path / "named"), state=tmp_path / "state")
    first = read_manifest(project, warehouse, "rel_first")
    parsed = tmp_path / "state" / "target" / "partial_parse.msgpack"
    written = parsed.stat().st_mtime_ns
    run = project.open(warehouse, "rel_second")
    try:
        second = json.dumps(dict(run.manifest))
        with warehouse.session() as session:
            session.rows("create schema rel_second_in")
            session.rows("create table rel_second_in.rows as select 7 as id")
        statuses = {result["name"]: result["status"] for result in run.make(["named"], 100)}
    finally:
        run.close()
    assert parsed.stat().st_mtime_ns == written  # dbt writes it whenever it parses anything
    assert "rel_second" not in first
    assert "rel_first" not in second
    assert "rel_parsed" not in first + second
    node = json.loads(second)["nodes"]["model.dbt_named.named"]
    assert node["relation_name"] == '"house"."rel_second_mine"."to_rel_second"'
    assert node["config"]["meta"] == {"at": "rel_second", "this": "rel_second"}
    assert json.loads(second)["sources"]["source.dbt_named.near.rows"]["schema"] == "rel_second_in"
    assert statuses["named"] == "success"
    with warehouse.session() as session:
        ((this, target, key),) = session.rows("select * from rel_second_mine.to_rel_second")
    assert (this, target, key) == ('"house"."rel_second_mine"."to_rel_second"', "rel_second", 7)


def test_a_metric_beside_its_model_stands_an_edit_of_another_file(
    tmp_path: Path, warehouse: DuckDBWarehouse
) -> None:
    """dbt 1.12 finds it twice when it goes on from its last parse; 1.11 leaves it out."""
    folder = write_named_project(tmp_path / "named")
    metrics = (
        "metrics: [{name: rows_of_it, label: Rows, type: simple, agg: count, expr: id},"
        " {name: highest, label: Highest, type: simple, agg: max, expr: id},"
        " {name: filled, label: Filled, type: ratio, numerator: rows_of_it, denominator: highest}]"
    )
    columns = (
        "[{name: id, entity: {name: row, type: primary}},"
        " {name: sold_on, granularity: day, dimension: {type: time}}]"
    )
    (folder / "models" / "other.sql").write_text(
        "select id, cast('2026-01-01' as date) as sold_on from {{ source('near', 'rows') }}"
    )
    (folder / "models" / "other.yml").write_text(
        "models:\n  - name: other\n    semantic_model: {enabled: true}\n    agg_time_dimension: sold_on\n"
        f"    columns: {columns}\n    {metrics}\n"
        "  - {name: named, time_spine: {standard_granularity_column: id}, columns: [{name: id, granularity: day}]}\n"
    )
    (folder / "models" / "named.yml").unlink()
    sources = folder / "models" / "sources.yml"
    sources.write_text("sources: [{name: near, tables: [{name: rows}]}]\n")
    project = DbtProject(folder=folder, state=tmp_path / "state")
    first = json.loads(read_manifest(project, warehouse, "rel_first"))
    sources.write_text("sources: [{name: near, description: Rows, tables: [{name: rows}]}]\n")
    second = json.loads(read_manifest(project, warehouse, "rel_second"))
    assert list(second["metrics"]) == list(first["metrics"])
    assert second["sources"]["source.dbt_named.near.rows"]["source_description"] == "Rows"


@pytest.mark.parametrize(
    ("name_schema", "expected", "again"),
    [
        ("{{ target.schema | upper }}", "REL_X", False),
        ("{% set mine = target.schema %}{{ mine }}_{{ custom or 'none' }}", "rel_x_mine", False),
        ("{{ target.schema }}_{{ target.schema | length }}", "rel_x_5", True),
        ("{% set mine = target['schema'] %}{{ mine[:5] }}{{ custom }}", "rel_x_rel_xmine", True),
    ],
)
def test_a_schema_of_which_a_project_makes_more_than_a_name_is_parsed_for_itself(
    tmp_path: Path, warehouse: DuckDBWarehouse, name_schema: str, expected: str, again: bool
) -> None:
    project = DbtProject(
        folder=write_named_project(tmp_path / "named", name_schema), state=tmp_path / "state"
    )
    manifest = json.loads(read_manifest(project, warehouse, "rel_x"))
    assert manifest["nodes"]["model.dbt_named.named"]["schema"] == expected
    assert (tmp_path / "state" / "target-apart").exists() is again


def test_models_that_all_name_another_database_are_built_in_the_release(
    tmp_path: Path, warehouse: DuckDBWarehouse
) -> None:
    """No other node tells which database the profile names."""
    (tmp_path / "all" / "models").mkdir(parents=True)
    (tmp_path / "all" / "dbt_project.yml").write_text("name: all_of_it\nprofile: p\nversion: '1.0'\n")
    for database, schema in (("house", "rel_x"), ("far", "rel_x_far")):
        text = f"{{{{ config(database='{database}') }}}} select 1 as id"
        (tmp_path / "all" / "models" / "named.sql").write_text(text)
        run = DbtProject(folder=tmp_path / "all", state=tmp_path / "state").open(warehouse, "rel_x")
        try:
            assert not run.catalogue.list_outside(["named"], "rel_x")
            assert run.catalogue.mart("named").schema_name == schema
            assert [each["status"] for each in run.make(["named"], 100)] == ["success"]
        finally:
            run.close()
    tests = "columns: [{name: id, data_tests: [unique, accepted_values: {arguments: {values: [2]}}]}]"
    limits = "loaded_at_field: stamp, freshness: {error_after: {count: 1, period: day}}"
    (tmp_path / "all" / "models" / "named.yml").write_text(
        f"models: [{{name: named, {tests}}}]\nsources: [{{name: raw, tables: [{{name: t, config: {{{limits}}}}}]}}]"
    )
    with warehouse.session() as session:
        session.rows("create schema raw")
        session.rows("create table raw.t as select 1 as id, timestamp '2026-01-01' as stamp")
    (tmp_path / "all" / "models" / "named.sql").write_text("select id from {{ source('raw', 't') }}")
    run = DbtProject(folder=tmp_path / "all", state=tmp_path / "state").open(warehouse, "rel_x")
    try:
        found = [(each["kind"], each["status"]) for each in run.test(["named"], 100)]
        assert sorted(found) == [("source", "error"), ("test", "fail"), ("test", "pass")]
    finally:
        run.close()


def test_variables_target_and_the_projects_own_profile_reach_dbt(
    tmp_path: Path, warehouse: DuckDBWarehouse
) -> None:
    folder = write_named_project(tmp_path / "named")
    other = DuckDBWarehouse(database=str(folder / "attached.duckdb"))
    with other.session() as session:
        session.rows("create table codes as select 5 as id")
    (folder / "profiles.yml").write_text(
        "named: {target: dev, outputs: {dev: {type: duckdb, path: x, schema: y, threads: 7}, prod: {type: duckdb,"
        " path: elsewhere.duckdb, schema: live, threads: 3, settings: {default_null_order: nulls_last, TimeZone: X},"
        " attach: [{path: attached.duckdb, alias: far}]}, lake: {type: snowflake}}}\n"
    )
    (folder / "models" / "other.sql").write_text(
        "{{ config(materialized='table') }} "
        "select '{{ target.name }}' as name, '{{ var('country') }}' as country, '{{ target.threads }}' as threads,"
        " current_setting('default_null_order') as nulls, current_setting('TimeZone') as zone, id from far.codes"
        " where id in (select code from './codes.csv')"  # as by hand, from the project's folder
    )
    (folder / "codes.csv").write_text("code\n5\n")
    project = DbtProject(folder=folder, state=tmp_path / "state", target="prod", variables={"country": "NO"})
    run = project.open(warehouse, "rel_v")
    try:
        assert run.catalogue
        results = run.make(["other"], 100)
    finally:
        run.close()
    assert {result["status"] for result in results} == {"success"}, results
    with warehouse.session() as session:
        (row,) = session.rows("select * from rel_v.other")
    assert row == ("prod", "NO", "3", "NULLS_LAST", "UTC", 5)
    with pytest.raises(Misconfigured, match=r"no output live.*dev, lake, prod"):
        DbtProject(folder=folder, state=tmp_path, target="live").open(warehouse, "rel_v")
    wrong = {"ticket_to_dashboard": {"tme_zone": "Europe/Berlin"}}
    with pytest.raises(Misconfigured, match=r"tme_zone .* no key that is read \(did you mean time_zone"):
        DbtProject(folder=folder, state=tmp_path, variables=wrong).open(warehouse, "rel_v")
    assert DbtProject(folder=folder, state=tmp_path, target="lake").open(warehouse, "rel_v")  # its name alone


def test_packages_that_are_missing_are_named_and_fetched(tmp_path: Path, warehouse: DuckDBWarehouse) -> None:
    folder = write_named_project(tmp_path / "named")
    (tmp_path / "tools" / "macros").mkdir(parents=True)
    (tmp_path / "tools" / "dbt_project.yml").write_text("name: tools\nversion: '1.0'\n")
    (tmp_path / "tools" / "macros" / "one.sql").write_text("{% macro one() %}1{% endmacro %}")
    (folder / "models" / "other.sql").write_text("select {{ tools.one() }} as id")
    (folder / "packages.yml").write_text("packages:\n  - local: ../tools\n")
    project = DbtProject(folder=folder, state=tmp_path / "state")
    assert project.list_missing_packages() == ["../tools"]
    with pytest.raises(BuildFailed, match=r"dbt deps.*setup --project .* --apply"):
        read_manifest(project, warehouse, "rel_p")
    blocks = SimpleNamespace(project=project, warehouse=warehouse)
    with redirect_stdout(io.StringIO()) as message:
        show_setup(blocks, Terminal(quiet=True), apply=True)  # type: ignore[arg-type]
    assert f"dbt deps --project-dir {folder}  # ../tools" in message.getvalue()
    assert not project.list_missing_packages()
    assert "macro.tools.one" in read_manifest(project, warehouse, "rel_p")


def wait_until(seen: Callable[[], bool]) -> None:
    """A process shows its own command only once it has started."""
    deadline = time.monotonic() + 120
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for(manifest: Path) -> None:
    """Until it is written to its end."""
    for _ in range(600):
        with suppress(OSError, ValueError):
            json.loads(manifest.read_text())
            return
        time.sleep(0.1)
    pytest.fail(f"{manifest} was never written")


def dbt_processes() -> list[psutil.Process]:
    ours = psutil.Process(os.getpid()).children(recursive=True)
    return [
        process
        for process in ours
        if process.status() != psutil.STATUS_ZOMBIE and "blocks.dbt.worker" in process.cmdline()
    ]


def test_what_dbt_reports_of_an_error_is_no_traceback() -> None:
    reasons = Reasons()
    for message in ("Traceback (most recent call last):\n  File x", "the disk\nis full"):
        reasons(SimpleNamespace(info=SimpleNamespace(name="Note", level="error", msg=message)))
    assert reasons.explain(ValueError("dbt ended")) == "ValueError: dbt ended\nthe disk is full"


def test_dbts_reason_is_said_once_in_plain_words() -> None:
    place = (
        "FilePath(searched_path='models', relative_path='all.yml', modification_time=1.5, project_root='/p')"
    )
    reason = f"Invalid exposures config given in {place}: {'x' * 500} is not one of these"
    reasons = Reasons()
    for level, said in (
        ("error", f"Encountered an error:\nParsing Error\n  {reason}"),
        ("warn", "[\x1b[33mWARNING\x1b[0m]: Configuration paths exist"),
        ("warn", "[\x1b[33mWARNING\x1b[0m][DeprecationsSummary]: Deprecated functionality"),
    ):
        reasons(SimpleNamespace(info=SimpleNamespace(name="Note", level=level, msg=said)))
    assert reasons.explain(ValueError(f"Parsing Error\n  {reason}")) == (
        f"ValueError: Parsing Error\n  {reason.replace(place, 'models/all.yml')}"
    )
    assert reasons.warnings == ["Configuration paths exist"]


def test_a_row_that_the_database_quotes_is_left_out() -> None:
    reasons = Reasons()
    said = (
        'Database Error in model calls (models/calls.sql)\n  null value in column "k" violates not-null constraint\n'
        "  DETAIL:  Failing row contains (null, 4711-secret).\n  Original Line: 4711-secret,2\n"
        "  compiled code at target/run/calls.sql"
    )
    event = SimpleNamespace(node_info=SimpleNamespace(unique_id="model.p.calls"), exc=said)
    for name in (*OF_NODES, "Note"):
        reasons(SimpleNamespace(info=SimpleNamespace(name=name, level="error", msg=said), data=event))
    told = f"{reasons.explain(ValueError(said))} {reasons.of_nodes}"
    assert "not-null constraint" in told
    assert "target/run/calls.sql" in told
    assert "4711-secret" not in told
