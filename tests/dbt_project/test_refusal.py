"""Spoiled data must not pass: the dbt tests and the suites say which rule broke."""

from __future__ import annotations

from pathlib import Path

from blocks.quality.suites import Suites
from blocks.records import Check
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.dbt_project.conftest import ROOT, SCHEMA, Project

MARTS = ("customer_value", "daily_revenue", "product_performance", "sales_pipeline")
LINES = "raw_erp.invoice_lines"
AN_ORDINARY_SALE = f"select min(invoice_no) from {LINES} where quantity > 0 and unit_price > 0"


def test_a_negative_price_and_a_duplicate_account_fail_the_build(built: Project, tmp_path: Path) -> None:
    spoiled = built.copy(tmp_path / "spoiled")
    spoiled.rows(f"update {LINES} set unit_price = -unit_price where invoice_no = ({AN_ORDINARY_SALE})")
    spoiled.rows("insert into raw_crm.accounts select * from raw_crm.accounts limit 1")
    message = spoiled.dbt(
        "build", "--select", "+int_invoice_lines_joined_to_accounts", "--indirect-selection", "cautious"
    )
    failed = {name for name, status in spoiled.results.items() if status == "fail"}
    assert failed == {"sales_are_positive_and_refunds_negative", "unique_stg_crm__accounts_account_id"}, (
        message
    )


def audit(project: Project, docs: Path) -> list[Check]:
    warehouse = DuckDBWarehouse(database=str(project.database))
    suites = Suites(folder=ROOT / "expectations", docs=docs)
    return suites.audit(warehouse, {mart: f"{SCHEMA}.{mart}" for mart in MARTS})


def test_the_suites_pass_what_is_right_and_refuse_what_is_not(built: Project, tmp_path: Path) -> None:
    good = audit(built, tmp_path / "docs")
    assert len(good) > 40
    assert [check for check in good if not check.passed] == []
    spoiled = built.copy(tmp_path / "spoiled")
    for change in (
        f"update {SCHEMA}.daily_revenue set gross_revenue = -gross_revenue where country = 'Germany'",
        f"insert into {SCHEMA}.customer_value select * from {SCHEMA}.customer_value limit 1",
        f"delete from {SCHEMA}.product_performance",
        f"update {SCHEMA}.sales_pipeline set stage = 'maybe', account_name = null where opportunity_id = 1",
    ):
        spoiled.rows(change)
    assert {(check.scope, check.name) for check in audit(spoiled, tmp_path / "docs") if not check.passed} == {
        ("daily_revenue", "gross revenue is never negative"),
        ("daily_revenue", "net revenue is gross revenue less refunds"),
        ("daily_revenue", "orders and gross revenue come together"),
        ("customer_value", "one row per account"),
        ("product_performance", "there are products to show"),
        ("sales_pipeline", "stages are the known ones"),
        ("sales_pipeline", "every deal is with a known account"),
    }
