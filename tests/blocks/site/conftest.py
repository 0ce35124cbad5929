"""A mart's extract with 400 days and three dimensions, the dashboards over it, and a browser to open them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blocks.catalogue import Dataset
from blocks.metrics import Measure, Metric
from blocks.records import Analysis, Check, Comment, Dashboard, GateReport
from blocks.site.base import Card
from blocks.wishes import Against, Target

CHROMIUM = Path("/usr/bin/chromium")
LABELS = {"day": "Day", "country": "Country", "segment": "Segment", "channel": "Channel"}
COLUMNS = {
    "gross": "sum(amount)::DECIMAL(18,2)",
    "returned": "sum(CASE WHEN returned THEN amount ELSE 0 END)::DECIMAL(38,2)",
    "orders": "count(*)",
    "returns": "count(*) FILTER (returned)",
    "customer": "customer",
}
MEASURES = {name: Measure(name=name, function="sum") for name in ("gross", "returned", "orders", "returns")}
MEASURES["customer"] = Measure(name="customer", function="count_distinct")


def metric(name: str, label: str, formula: list[Any], form: str = "number", goal: str = "up") -> Metric:
    used = [word for word in MEASURES if f"'{word}'" in str(formula)]
    measures = tuple(MEASURES[word] for word in used)
    return Metric(
        name=name,
        label=label,
        description=f"What {label} means",
        mart="sales",
        formula=formula,
        measures=measures,
        form=form,
        goal=goal,
    )


NET = metric("net", "Net revenue", ["-", ["measure", "gross"], ["measure", "returned"]], "currency:GBP")
PER_ORDER = ["/", ["measure", "gross"], ["measure", "orders"]]
BASKET = metric("basket", "Average basket", PER_ORDER, "currency:GBP")
RATE = metric("rate", "Return rate", ["/", ["measure", "returns"], ["measure", "orders"]], "percent", "down")
ORDERS = metric("orders", "Orders", ["measure", "orders"])
CUSTOMERS = metric("customers", "Customers", ["measure", "customer"], goal="none")
EVERY = (NET, BASKET, RATE, ORDERS, CUSTOMERS)
TARGETS = (
    Target(metric="net", value=1_000_000, per="month", by=date(2026, 12, 31)),
    Target(metric="orders", against=Against.previous),
    Target(metric="rate", value=0.99),
)
"""One of each kind that a request may name."""


@pytest.fixture(scope="session")
def sales() -> Iterator[duckdb.DuckDBPyConnection]:
    """24,000 orders over 400 days, 30 November 2025 the last."""
    with duckdb.connect() as connection:
        connection.execute("""
            CREATE TABLE orders AS
            SELECT date '2024-10-27' + (i % 400)::int AS day,
                ['United Kingdom', 'Germany', 'France', 'Spain', 'Italy', 'Norway', 'Malta', 'Cyprus',
                 'Poland', 'Latvia', 'Greece', 'Austria', 'Ireland']
                 [1 + (hash(i) % 13 * (hash(i + 7) % 13) // 13)::int] AS country,
                ['SMB', 'Enterprise', 'Public'][1 + (hash(i, 2) % 3)::int] AS segment,
                ['Web', 'Phone'][1 + (hash(i, 3) % 2)::int] AS channel,
                (hash(i, 4) % 1500)::int AS customer,
                (10 + hash(i, 5) % 90000 / 100.0 + (i % 400))::decimal(18, 2) AS amount,
                hash(i, 6) % 17 = 0 AS returned
            FROM range(24000) AS numbers(i)
        """)
        yield connection


def dataset(metrics: tuple[Metric, ...], dimensions: tuple[str, ...], timed: bool = True) -> Dataset:
    measures = tuple({m.name: m for one in metrics for m in one.measures}.values())
    return Dataset(
        mart="sales",
        time="day" if timed else None,
        dimensions=dimensions,
        labels=LABELS,
        metrics=metrics,
        measures=measures,
        columns=(),
    )


def export(connection: duckdb.DuckDBPyConnection, data: Dataset, path: Path, where: str = "true") -> Path:
    """The rows a warehouse would export for a dataset."""
    keys = ([data.time] if data.time else []) + list(data.dimensions)
    chosen = keys + [f"{COLUMNS[measure.name]} AS {measure.name}" for measure in data.measures]
    rows = f"SELECT {', '.join(chosen)} FROM orders WHERE {where} GROUP BY ALL"
    connection.execute(f"COPY ({rows}) TO '{path}'")
    return path


@pytest.fixture(scope="session")
def make_card(
    sales: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Card]:
    """A card of one dashboard; other keywords are fields of its Dashboard or of the Card."""

    def make(
        analysis: Analysis = Analysis.kpi,
        metrics: tuple[Metric, ...] = (NET, ORDERS, RATE),
        dimensions: tuple[str, ...] = ("country", "segment", "channel"),
        timed: bool = True,
        where: str = "true",
        **other: Any,
    ) -> Card:
        data = dataset(metrics, dimensions, timed)
        folder = tmp_path_factory.mktemp("extract")
        known = Dashboard.model_fields.keys()
        message = {
            "name": f"{analysis}_page",
            "title": "Sales",
            "analysis": analysis,
            "dimensions": dimensions,
            "metrics": tuple(m.name for m in metrics),
            "marts": ("sales",),
            "ticket": "AN-1",
        }
        message |= {name: value for name, value in other.items() if name in known}
        rest = {name: value for name, value in other.items() if name not in known}
        card = {
            "dashboard": Dashboard(**message),
            "run": "r1",
            "datasets": (data,),
            "gate": GATE,
            "as_of": "2025-11-30",
            "extracts": (export(sales, data, folder / "sales.parquet", where),),
        }
        return Card(**(card | rest))

    return make


CHECKS = tuple(Check(scope="sales", name=f"c{i}", passed=True, kind="dbt") for i in range(7))
GATE = GateReport(run="r1", passed=True, checks=CHECKS)
SAID = Comment(author="Maria", created=datetime(2025, 11, 20, 9, 30), body="Please add the return rate.")


@pytest.fixture(scope="module")  # while it is there, its event loop has Prefect answer with coroutines
def browser() -> Iterator[Any]:
    """A real Chromium without a network."""
    if not CHROMIUM.exists():
        pytest.skip(f"Chromium is not installed at {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield chromium
        chromium.close()
