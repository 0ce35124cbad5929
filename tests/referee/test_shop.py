"""A shop's semantic layer, written by hand as projects are: balances, second times, filters of every kind."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.referee.compare import compare_all
from tests.referee.metricflow import Question, connect
from tests.referee.projects import SCHEMA, ParsedProject, parse_project
from tests.referee.served import Served

ORDERS = """
SELECT o AS order_id, date '2025-01-10' + (o * 3 % 200)::int AS ordered_at,
    date '2025-01-12' + (o * 3 % 230)::int AS sent_at,
    ['Brooklyn', 'Philadelphia', NULL][1 + o % 3] AS location, 1 + o % 23 AS customer_id,
    (o * 37 % 1000 / 10.0)::decimal(18, 2) AS order_total, o % 4 = 0 AS is_food, (o % 3) AS items
FROM range(400) AS orders(o)
"""
ACCOUNTS = """
SELECT bal_on, account, balance FROM (VALUES
    (date '2026-01-01', 'A', 100), (date '2026-01-02', 'A', 110), (date '2026-01-03', 'A', 120),
    (date '2026-01-01', 'B', 50), (date '2026-01-02', 'B', 50), (date '2026-01-03', 'B', 60))
    AS t(bal_on, account, balance)
"""
SPINE = "SELECT date '2025-01-01' + d::int AS date_day FROM range(800) AS days(d)"
FOOD = "{{ Dimension('order__is_food') }}"
SPRING = "{{ TimeDimension('order__ordered_at', 'month') }} between '2025-03-01' and '2025-05-01'"


def simple(name: str, measure: str, **more: Any) -> dict[str, Any]:
    reference = {"name": measure} | {
        key: more.pop(key) for key in ("fill_nulls_with", "join_to_timespine") if key in more
    }
    labelled = {"name": name, "label": name.replace("_", " "), "type": "simple"}
    return labelled | {"type_params": {"measure": reference}} | more


def derived(name: str, expr: str, *inputs: Any) -> dict[str, Any]:
    read = [each if isinstance(each, dict) else {"name": each} for each in inputs]
    return {"name": name, "label": name, "type": "derived", "type_params": {"expr": expr, "metrics": read}}


def cumulative(name: str, measure: str, reach: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    params = {"measure": measure} | ({"cumulative_type_params": reach} if reach else {})
    return {"name": name, "label": name, "type": "cumulative", "type_params": params} | more


def earlier(metric: str, **offset: str) -> dict[str, Any]:
    return {"name": metric, "alias": "earlier"} | offset


def time(name: str, grain: str) -> dict[str, Any]:
    return {"name": name, "type": "time", "type_params": {"time_granularity": grain}}


def balance(name: str, choice: str, *groupings: str) -> dict[str, Any]:
    over = {"name": "bal_on", "window_choice": choice, "window_groupings": list(groupings)}
    return {"name": name, "agg": "sum", "expr": "balance", "non_additive_dimension": over}


SHOP = {
    "models": [
        {
            "name": "time_spine",
            "time_spine": {"standard_granularity_column": "date_day"},
            "columns": [{"name": "date_day", "granularity": "day"}],
        },
        {"name": "orders"},
        {"name": "accounts"},
    ],
    "semantic_models": [
        {
            "name": "orders",
            "model": "ref('orders')",
            "defaults": {"agg_time_dimension": "ordered_at"},
            "entities": [
                {"name": "order", "type": "primary", "expr": "order_id"},
                {"name": "customer", "type": "foreign", "expr": "customer_id"},
            ],
            "dimensions": [
                time("ordered_at", "day"),
                time("sent_at", "month"),
                {"name": "location", "type": "categorical", "expr": "coalesce(location, 'Online')"},
                {"name": "is_food", "type": "categorical"},
            ],
            "measures": [
                {"name": "order_total", "agg": "sum"},
                {"name": "order_count", "agg": "sum", "expr": "1"},
                {"name": "food_orders", "agg": "sum_boolean", "expr": "is_food"},
                {"name": "buyers", "agg": "count_distinct", "expr": "customer_id"},
                {"name": "sent_total", "agg": "sum", "expr": "order_total", "agg_time_dimension": "sent_at"},
                {"name": "largest", "agg": "max", "expr": "order_total"},
                {"name": "mean_items", "agg": "average", "expr": "items"},
            ],
        },
        {
            "name": "accounts",
            "model": "ref('accounts')",
            "defaults": {"agg_time_dimension": "bal_on"},
            "primary_entity": "account_day",
            "entities": [{"name": "holder", "type": "foreign", "expr": "account"}],
            "dimensions": [time("bal_on", "day"), {"name": "account", "type": "categorical"}],
            "measures": [
                balance("closing", "max"),
                balance("opening", "min"),
                balance("each", "max", "holder"),
            ],
        },
    ],
    "metrics": [
        simple("revenue", "order_total"),
        simple("order_number", "order_count"),
        simple("food", "food_orders"),
        simple("customers", "buyers"),
        simple("sent", "sent_total"),
        simple("largest_order", "largest"),
        simple("items_per_order", "mean_items"),
        simple("food_customers", "buyers", filter=FOOD),
        simple("spring_revenue", "order_total", filter=SPRING, fill_nulls_with=0),
        simple("of_customer_7", "order_total", filter="{{ Entity('customer') }} = 7"),
        simple(
            "late_revenue", "order_total", filter="{{ TimeDimension('metric_time', 'week') }} > '2025-05-05'"
        ),
        derived(
            "basket", "case when order_number > 0 then revenue / order_number end", "revenue", "order_number"
        ),
        derived("rounded", "round(revenue / nullif(order_number, 0), 1)", "revenue", "order_number"),
        derived("kept", "greatest(revenue - coalesce(spring_revenue, 0), 0)", "revenue", "spring_revenue"),
        {
            "name": "food_share",
            "label": "food share",
            "type": "ratio",
            "type_params": {
                "numerator": {"name": "revenue", "alias": "food_revenue", "filter": FOOD},
                "denominator": "revenue",
            },
        },
        simple("balance", "closing"),
        simple("opening_balance", "opening"),
        simple("balance_of_each", "each"),
        derived("change", "balance - opening_balance", "balance", "opening_balance"),
        cumulative("revenue_ever", "order_total"),
        cumulative("revenue_7_days", "order_total", {"window": "7 days"}),
        cumulative("revenue_28_days_at_end", "order_total", {"window": "28 days", "period_agg": "last"}),
        cumulative("revenue_month_to_date", "order_total", {"grain_to_date": "month"}),
        cumulative(
            "revenue_year_to_date_at_end", "order_total", {"grain_to_date": "year", "period_agg": "last"}
        ),
        cumulative("buyers_2_months", "buyers", {"window": "2 months"}),
        cumulative("food_revenue_7_days", "order_total", {"window": "7 days"}, filter=FOOD),
        cumulative("food_buyers_14_days", "buyers", {"window": "14 days"}, filter=FOOD),
        cumulative("mean_items_7_days", "mean_items", {"window": "7 days"}),
        cumulative("largest_30_days", "largest", {"window": "30 days", "period_agg": "last"}),
        derived("growth", "revenue - earlier", "revenue", earlier("revenue", offset_window="1 month")),
        derived(
            "growth_rate", "revenue / earlier - 1", "revenue", earlier("revenue", offset_window="7 days")
        ),
        derived(
            "kept_growth",
            "revenue - coalesce(earlier, 0)",
            "revenue",
            earlier("revenue", offset_window="1 quarter"),
        ),
        derived("since_month", "revenue - earlier", "revenue", earlier("revenue", offset_to_grain="month")),
        derived(
            "since_year",
            "coalesce(revenue, 0) - earlier",
            "revenue",
            earlier("revenue", offset_to_grain="year"),
        ),
        derived(
            "more_buyers", "customers - earlier", "customers", earlier("customers", offset_window="1 month")
        ),
        derived(
            "food_growth",
            "food_customers - earlier",
            "food_customers",
            earlier("food_customers", offset_window="1 week"),
        ),
        derived("basket_growth", "basket - earlier", "basket", earlier("basket", offset_window="1 month")),
        derived("balance_growth", "balance - earlier", "balance", earlier("balance", offset_window="1 day")),
        derived(
            "each_growth",
            "balance_of_each - earlier",
            "balance_of_each",
            earlier("balance_of_each", offset_window="1 day"),
        ),
        derived(
            "sent_growth",
            "sent - earlier",
            "sent",
            earlier("sent", offset_window="1 month"),
        ),
        derived(
            "share_growth",
            "food_share - earlier",
            "food_share",
            earlier("food_share", offset_window="7 days"),
        ),
        derived("share_of_ever", "revenue / revenue_ever", "revenue", "revenue_ever"),
        simple("revenue_every_day", "order_total", fill_nulls_with=0, join_to_timespine=True),
        simple("food_customers_every_day", "buyers", fill_nulls_with=0, join_to_timespine=True, filter=FOOD),
        simple("gaps_every_day", "order_total", join_to_timespine=True),
        derived("every_day_difference", "revenue_every_day - coalesce(food, 0)", "revenue_every_day", "food"),
        derived("twice_filled", "coalesce(gaps_every_day, -1)", "gaps_every_day"),
    ],
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> ParsedProject:
    tables = {"orders": ORDERS, "accounts": ACCOUNTS, "time_spine": SPINE}
    return parse_project(tmp_path_factory.mktemp("shop") / "project", SHOP, tables)


def test_every_metric_is_served_as_metricflow_computes_it(shop: ParsedProject, tmp_path: Path) -> None:
    assert shop.catalogue.list_unusable() == {}
    parts = shop.catalogue, shop.semantic_manifest, shop.database, SCHEMA, tmp_path
    print("\nreferee:", compare_all(*parts, most=25, documented="a shop's metrics"))


def test_a_balance_is_that_of_its_last_day(shop: ParsedProject, tmp_path: Path) -> None:
    with connect(str(shop.database)) as connection:
        served = Served(shop.catalogue, connection, SCHEMA, tmp_path, shutil.which("node"))
    questions = [
        Question("balance"),
        Question("balance", by="account"),
        Question("balance", where=("account", "B")),
    ]
    ways = [served.tableau(questions), *([served.page(questions)] if served.node else [])]
    for found in ways:
        assert found[questions[0]] == {(None, None): 180}
        assert found[questions[1]] == {(None, "A"): 120, (None, "B"): 60}
        assert found[questions[2]] == {(None, None): 60}
    assert served.picture(questions[:1]) == {questions[0]: {(None, None): 180}}
