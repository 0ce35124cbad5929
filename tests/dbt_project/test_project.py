"""What the dbt project promises to the application: built, documented, complete, portable."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from blocks.errors import NotFound
from blocks.metrics import evaluate, totals_sql
from tests.dbt_project.conftest import ROOT, SCHEMA, Project

MARTS = ("customer_value", "daily_revenue", "product_performance", "sales_pipeline")
TICKET_FILES = sorted((ROOT / "demo" / "tickets").glob("*.yaml"))
TICKETS = {path.stem: YAML(typ="safe").load(path) for path in TICKET_FILES}
COMPLETE = {key: ticket for key, ticket in TICKETS.items() if key != "AN-5"}


def nodes(project: Project, *kinds: str) -> dict[str, dict[str, Any]]:
    return {n["name"]: n for n in project.manifest["nodes"].values() if n["resource_type"] in kinds}


def models(project: Project) -> dict[str, dict[str, Any]]:
    return nodes(project, "model")


def test_everything_builds_and_every_test_passes(built: Project) -> None:
    assert set(built.results.values()) <= {"success", "pass", "no-op"}
    kinds = [node["resource_type"] for node in built.manifest["nodes"].values()]
    assert kinds.count("test") > 45
    assert len(built.manifest["unit_tests"]) >= 4


def test_every_column_is_described_and_every_described_column_exists(built: Project) -> None:
    found: dict[str, set[str]] = {}
    sql = f"select table_name, column_name from information_schema.columns where table_schema = '{SCHEMA}'"
    for table, column in built.rows(sql):
        found.setdefault(table, set()).add(column)
    described = {
        name: {column for column, entry in model["columns"].items() if entry["description"].strip()}
        for name, model in nodes(built, "model", "seed").items()
    }
    assert described == found
    assert all(node["description"].strip() for node in nodes(built, "model", "seed").values())
    for source in built.manifest["sources"].values():
        assert all(column["description"].strip() for column in source["columns"].values())
        assert source["description"].strip()


def test_our_own_tests_and_macros_are_described(built: Project) -> None:
    singular = {
        name: node["description"]
        for name, node in nodes(built, "test").items()
        if "test_metadata" not in node  # which generic tests have
    }
    assert len(singular) == len(list((ROOT / "dbt" / "tests").glob("*.sql")))
    macros = {
        macro["name"]: macro
        for macro in built.manifest["macros"].values()
        if macro["package_name"] == "embedded_company" and not macro["name"].startswith("materialization_")
    }
    assert {"test_accepted_range", "test_unique_combination_of_columns", "month_of"} <= set(macros)
    assert all([*singular.values(), *(macro["description"] for macro in macros.values())])
    for macro in macros.values():
        assert all(argument["description"] for argument in macro["arguments"])
        assert macro["arguments"], macro["name"]


def test_the_sources_say_how_they_are_loaded(built: Project) -> None:
    catalogue = built.catalogue
    tables = {t.full_name: t for s in catalogue.source_names() for t in catalogue.source_tables(s)}
    assert {name: (t.meta["kind"], t.meta["load"], t.loader) for name, t in tables.items()} == {
        "erp.invoice_lines": ("files", "append", "dlt"),
        "crm.accounts": ("sql", "replace", "dlt"),
        "crm.opportunities": ("sql", "merge", "dlt"),
        "fx.rates": ("rest", "merge", "dlt"),
    }
    assert 0 < tables["erp.invoice_lines"].meta["quarantine_budget"] < 0.1
    assert tables["fx.rates"].meta["key"] == ["rate_date", "currency"]


@pytest.mark.parametrize("mart", MARTS)
def test_a_mart_is_a_table_with_a_suite_and_a_key_that_is_one(built: Project, mart: str) -> None:
    suite = json.loads((ROOT / "expectations" / f"{mart}.json").read_text())
    assert suite["name"] == mart
    assert len(suite["expectations"]) >= 6
    assert all(expectation["meta"]["name"] for expectation in suite["expectations"])
    assert models(built)[mart]["config"]["materialized"] == "table"
    key = ", ".join(built.catalogue.mart(mart).primary_key)
    ((rows, keys),) = built.rows(f"select count(*), count(distinct ({key})) from {SCHEMA}.{mart}")
    assert rows == keys > 0


def test_there_is_no_mart_or_suite_besides(built: Project) -> None:
    marts = {name for name, model in models(built).items() if "marts" in model["fqn"]}
    assert marts == set(MARTS) == {path.stem for path in (ROOT / "expectations").glob("*.json")}


def test_every_metric_has_a_label_a_form_and_a_value(built: Project) -> None:
    catalogue = built.catalogue
    assert catalogue.list_unusable() == {}
    for name in catalogue.metric_names():
        metric = catalogue.metric(name)
        assert metric.label != metric.name, name
        assert metric.description, name
        assert metric.form in {"number", "percent", "currency:GBP"}, name
        assert metric.goal in {"up", "down", "none"}, name
        (dataset,) = catalogue.datasets((name,), ())
        names = [measure.name for measure in dataset.measures]
        (totals,) = built.rows(totals_sql(dataset.measures, dataset.sql(f"{SCHEMA}.{metric.mart}")))
        value = evaluate(metric.formula, dict(zip(names, totals, strict=True)))
        assert value is not None, name
        assert value > 0, name
        assert metric.form != "percent" or value < 1, name


def test_the_metrics_agree_with_the_lines(built: Project) -> None:
    lines = f"{SCHEMA}.int_invoice_lines_classified"
    ((gross, refunds, orders),) = built.rows(
        f"select sum(amount) filter (line_type = 'sale'), -sum(amount) filter (invoice_no like 'C%'),"
        f" count(distinct invoice_no) filter (line_type = 'sale') from {lines}"
    )
    assert built.rows(
        f"select sum(gross_revenue), sum(net_revenue), sum(order_count) from {SCHEMA}.daily_revenue"
    ) == [(gross, gross - refunds, orders)]


def test_every_exposure_answers_its_ticket(built: Project) -> None:
    catalogue = built.catalogue
    exposures = {exposure.ticket: exposure for exposure in catalogue.exposures}
    assert set(exposures) == set(COMPLETE)
    assert any(exposure.scheduled for exposure in exposures.values())
    for key, exposure in exposures.items():
        ticket = COMPLETE[str(key)]
        assert re.fullmatch(r"[a-z][a-z0-9_]*", exposure.name)
        assert exposure.analysis == ticket["analysis"]
        assert list(exposure.metrics) == ticket["metrics"]
        assert list(exposure.dimensions) == ticket["dimensions"]
        assert set(exposure.marts) == {catalogue.mart_of(metric) for metric in exposure.metrics}
        sources = {source for mart in exposure.marts for source in catalogue.sources_of(mart)}
        assert set(ticket["data_sources"]) == sources
        known = {name for mart in exposure.marts for name in catalogue.dimensions_of(mart)}
        assert set(exposure.dimensions) <= known


def test_four_tickets_are_complete_and_one_is_not(built: Project) -> None:
    assert list(TICKETS) == ["AN-1", "AN-2", "AN-3", "AN-4", "AN-5"]
    assert all(ticket["key"] == key for key, ticket in TICKETS.items())
    for field in ("analysis", "deadline", "priority"):
        assert len({str(ticket[field]) for ticket in COMPLETE.values()}) == 4
    assert "deadline" not in TICKETS["AN-5"]
    with pytest.raises(NotFound):
        built.catalogue.metric(TICKETS["AN-5"]["metrics"][0])


@pytest.mark.parametrize("path", sorted((ROOT / "dbt").rglob("*.sql")), ids=lambda path: path.stem)
def test_the_sql_is_no_single_vendors(path: Path) -> None:
    sql = re.sub(r"--.*|\{#[\s\S]*?#\}", "", path.read_text()).lower()
    assert not re.search(r"::|//|\b(qualify|exclude|asof|struct|list|group by all|filter\s*\()", sql)
