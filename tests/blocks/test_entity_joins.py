"""Dimensions of another semantic model, joined by an entity: whose rows they are, and what can't be joined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from blocks.catalogue import Catalogue
from blocks.errors import NotFound
from blocks.quality.mart_diff import compare
from blocks.records import Analysis, BuildReport, Check, Dashboard, MartDiff
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.gate import check_marts

ORDERS = """(VALUES
    (1, 'a', 'ES', 10), (2, 'a', 'DE', 20), (3, 'b', 'DE', 30), (4, NULL, 'DE', 40), (5, 'zz', 'DE', 50))
AS orders(id, customer, country, amount)"""
CUSTOMERS = (
    "(VALUES ('a', 'Home', 'ES'), ('b', 'Office', 'DE'), ('c', 'Office', 'DE')) AS c(id, segment, country)"
)
RELATIONS = {"orders": ORDERS, "customers": CUSTOMERS}
JOINED = {"name": "segment", "type": "categorical"}


def dimension(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "categorical", **more}


def model(
    name: str, entities: list[dict[str, Any]], *dimensions: dict[str, Any], **more: Any
) -> dict[str, Any]:
    depends = {"depends_on": {"nodes": [f"model.p.{name}"]}}
    return {
        "name": name,
        "entities": entities,
        "dimensions": list(dimensions),
        "measures": [],
        **depends,
        **more,
    }


def key(name: str, kind: str, expr: str = "id") -> dict[str, Any]:
    return {"name": name, "type": kind, "expr": expr}


ORDER_MODEL = model(
    "orders",
    [key("order", "primary"), key("customer", "foreign", "customer -- who paid")],
    dimension("country"),
    measures=[{"name": "amount", "agg": "sum", "expr": None}],
)
CUSTOMER_MODEL = model(
    "customers",
    [key("customer", "primary"), key("country", "foreign", "country")],
    dimension("segment", label="Segment"),
    dimension("home", expr="country -- of residence", label="Customer's home"),
)


def catalogue(*others: dict[str, Any], filtered: str = "", orders: dict[str, Any] | None = None) -> Catalogue:
    """Orders with a metric `sales`, and `some` under a filter; and other semantic models."""
    models = {each["name"]: each for each in (orders or ORDER_MODEL, *others)}
    known = [one["depends_on"] for one in models.values() if one["depends_on"]]
    names = {each.rpartition(".")[2] for one in known for each in one["nodes"]}
    plain = {"type": "simple", "filter": None, "type_params": {"measure": {"name": "amount"}}}
    where = {"filter": {"where_filters": [{"where_sql_template": filtered}]}} if filtered else {}
    nodes = {
        f"model.p.{name}": {"name": name, "resource_type": "model", "unique_id": f"model.p.{name}"}
        | {"schema": "s", "alias": name, "config": {}}
        for name in names
    }
    metrics = {"sales": {"name": "sales"} | plain, "some": {"name": "some"} | plain | where}
    return Catalogue(
        {
            "metadata": {"adapter_type": "duckdb"},
            "sources": {},
            "exposures": {},
            "parent_map": {},
            "nodes": nodes,
            "semantic_models": models,
            "metrics": metrics,
        }
    )


def rows(found: Catalogue, metric: str, *dimensions: str) -> dict[Any, Any]:
    (dataset,) = found.datasets((metric,), dimensions)
    return {row[:-1]: row[-1] for row in duckdb.execute(dataset.sql(ORDERS, RELATIONS)).fetchall()}


def test_a_dimension_of_another_model_splits_by_the_row_that_an_entity_finds() -> None:
    found = catalogue(CUSTOMER_MODEL)
    assert rows(found, "sales", "customer__segment") == {("Home",): 30, ("Office",): 30, (None,): 90}
    assert rows(found, "sales", "country", "customer__home") == {
        ("ES", "ES"): 10,
        ("DE", "ES"): 20,
        ("DE", "DE"): 30,
        ("DE", None): 90,
    }
    assert rows(found, "sales") == {(): 150}
    labels = found.dimension_labels()
    assert labels["customer__segment"] == ("Customer segment",)
    assert labels["customer__home"] == ("Customer's home",)


def test_a_joined_dimension_is_labelled_with_what_it_is_of() -> None:
    more = [dimension("grade", label="A grade"), dimension("vat", label="VAT"), dimension("age", label="Age")]
    labels = catalogue(model("customers", [key("customer", "primary")], *more)).dimension_labels()
    assert labels["customer__grade"] == ("Customer A grade",)
    assert labels["customer__vat"] == ("Customer VAT",)
    assert labels["customer__age"] == ("Customer age",)


def test_a_filter_may_name_another_models_dimension() -> None:
    found = catalogue(CUSTOMER_MODEL, filtered="{{ Dimension('customer__segment') }} = 'Home'")
    assert rows(found, "some") == {(): 30}
    assert rows(found, "some", "customer__segment") == {("Home",): 30, ("Office",): None, (None,): None}


SPENT = "{{ Metric('sales', group_by=['customer']) }}"


@pytest.mark.parametrize(
    ("filtered", "some"),
    [
        (f"{SPENT} >= 30", 110),
        (f"{SPENT} > 30", 50),
        (f"{SPENT} is null", 40),
        (f"{SPENT} = 30 and {{{{ Dimension('order__country') }}}} = 'ES'", 10),
        (f"{SPENT} = 30 and {{{{ Dimension('customer__segment') }}}} = 'Home'", 30),
        ("{{ Metric('sales', ('customer',)) }} < 40 or {{ Metric('sales', ['order']) }} > 45", 110),
    ],
)
def test_a_filter_may_go_by_a_metric_of_an_entity(filtered: str, some: int) -> None:
    found = catalogue(CUSTOMER_MODEL, filtered=filtered)
    assert rows(found, "some") == {(): some}
    assert sum(filter(None, rows(found, "some", "country").values())) == some
    assert rows(found, "sales") == {(): 150}


def test_what_a_metric_in_a_filter_reads_is_read_and_is_no_key_to_check(tmp_path: Path) -> None:
    found = catalogue(CUSTOMER_MODEL, filtered=f"{SPENT} > 30")
    assert found.marts_of(("some",), ()) == ("orders",)
    assert found.list_columns_read(("some",), ()) >= {("orders", "customer"), ("orders", "amount")}
    assert Release(tmp_path).check(found) == []


@pytest.mark.parametrize(
    ("filtered", "reason"),
    [
        ("{{ Metric('nowhere', ['customer']) }} > 1", "nowhere, which is no metric that is enabled"),
        ("{{ Metric('sales', ['country']) }} > 1", "country, which is no entity of orders itself"),
        ("{{ Metric('sales', ['order__customer']) }} > 1", "order__customer, which is no entity"),
        ("{{ Metric('sales', ['customer', 'order']) }} > 1", "not grouped by one entity"),
        ("{{ Metric('sales') }} > 1", "not grouped by one entity"),
        ("{{ Metric('some', ['customer']) }} > 1", "has a filter on another semantic model or metric"),
    ],
)
def test_a_metric_that_a_filter_can_not_go_by_is_refused_by_name(filtered: str, reason: str) -> None:
    assert reason in catalogue(CUSTOMER_MODEL, filtered=filtered).list_unusable()["some"]


def test_what_is_joined_is_one_of_the_marts_that_are_read() -> None:
    found = catalogue(CUSTOMER_MODEL, filtered="{{ Dimension('customer__segment') }} = 'Home'")
    assert found.marts_of(("sales",), ("country",)) == ("orders",)
    assert found.marts_of(("sales",), ("customer__segment",)) == ("orders", "customers")
    assert found.marts_of(("some",), ()) == ("orders", "customers")
    (dataset,) = found.datasets(("some",), ())
    assert dataset.marts == ("orders", "customers")
    assert found.list_columns_read(("some",), ()) >= {
        ("orders", "customer"),
        ("customers", "id"),
        ("customers", "segment"),
    }
    assert found.categories_of("orders") == ("country",)
    with pytest.raises(NotFound, match="customers, which its rows are joined with, is not there"):
        dataset.sql(ORDERS)


VALID = {"type_params": {"time_granularity": "day", "validity_params": {"is_start": True}}}
UNJOINED = {
    "a history": (
        model("customers", [key("customer", "primary")], JOINED, {"name": "since", "type": "time"} | VALID),
        "customers has several rows of a customer, each valid for a time",
    ),
    "a natural key": (
        model("customers", [key("customer", "natural")], JOINED),
        "customers has several rows of a customer",
    ),
    "a foreign key": (
        model("customers", [key("customer", "foreign")], JOINED),
        "no dimension of orders itself, nor",
    ),
    "no model": (
        model("customers", [key("customer", "primary")], JOINED) | {"depends_on": {"nodes": []}},
        "no model",
    ),
}


@pytest.mark.parametrize("case", UNJOINED)
def test_what_can_not_be_joined_is_refused_by_name(case: str) -> None:
    other, reason = UNJOINED[case]
    found = catalogue(other, filtered="{{ Dimension('customer__segment') }} = 'Home'")
    assert "customer__segment" not in found.dimensions_of("orders")
    assert "customer__segment" in found.list_unusable()["some"]
    assert reason in found.list_unusable()["some"]
    assert rows(found, "sales") == {(): 150}


def test_a_dimension_of_two_models_is_none_of_either() -> None:
    twin = model("twins", [key("customer", "unique")], dimension("segment"), dimension("size"))
    found = catalogue(CUSTOMER_MODEL, twin, filtered="{{ Dimension('customer__segment') }} = 'Home'")
    assert "customer__segment is in several semantic models" in found.list_unusable()["some"]
    assert set(found.dimensions_of("orders")) == {"country", "customer__home", "customer__size"}


COUNTRIES = "(VALUES ('ES', 'South'), ('DE', 'North')) AS c(id, region)"
COUNTRY_MODEL = model(
    "countries", [key("country", "primary")], dimension("part", expr="region -- of it"), dimension("id")
)


def test_a_dimension_may_be_two_joins_away(tmp_path: Path) -> None:
    region = "{{ Dimension('country__part', entity_path=['customer']) }} = 'South'"
    found = catalogue(CUSTOMER_MODEL, COUNTRY_MODEL, filtered=region)
    relations = {**RELATIONS, "countries": COUNTRIES}

    def read(metric: str, *dimensions: str) -> dict[Any, Any]:
        (dataset,) = found.datasets((metric,), dimensions)
        return {row[:-1]: row[-1] for row in duckdb.execute(dataset.sql(ORDERS, relations)).fetchall()}

    assert read("sales", "customer__country__part") == {("South",): 30, ("North",): 30, (None,): 90}
    assert read("some") == {(): 30}
    assert read("some", "customer__segment", "customer__country__id") == {
        ("Home", "ES"): 30,
        ("Office", "DE"): None,
        (None, None): None,
    }
    assert found.marts_of(("some",), ()) == ("orders", "customers", "countries")
    assert found.list_columns_read(("some",), ()) >= {
        ("orders", "customer"),
        ("customers", "id"),
        ("customers", "country"),
        ("countries", "id"),
        ("countries", "region"),
    }
    assert found.dimension_labels()["customer__country__part"] == ("Customer country part",)
    (dataset,) = found.datasets(("some",), ())
    with pytest.raises(NotFound, match="countries, which its rows are joined with, is not there"):
        dataset.sql(ORDERS, RELATIONS)


def test_both_marts_on_the_way_have_one_row_for_each_key(tmp_path: Path) -> None:
    region = "{{ Dimension('country__part', entity_path=['customer']) }} = 'South'"
    release = Release(tmp_path)
    release.add("countries", COUNTRIES)
    checks = release.check(catalogue(CUSTOMER_MODEL, COUNTRY_MODEL, filtered=region))
    assert [(check.scope, check.passed) for check in checks] == [("customers", True), ("countries", True)]


def test_what_two_ways_lead_to_or_is_farther_away_is_refused_by_name() -> None:
    twin = model("twins", [key("customer", "unique"), key("country", "foreign")], dimension("size"))
    both = catalogue(
        CUSTOMER_MODEL,
        twin,
        COUNTRY_MODEL,
        filtered="{{ Dimension('country__part', entity_path=['customer']) }} = 'South'",
    )
    assert "customer__country__part is in several semantic models" in both.list_unusable()["some"]
    far = catalogue(
        CUSTOMER_MODEL, filtered="{{ Dimension('country__continent__name', ['customer']) }} = 'Europe'"
    )
    assert (
        "customer__country__continent__name, which is more than two joins away" in far.list_unusable()["some"]
    )


def test_a_models_own_dimension_is_not_anothers() -> None:
    other = model("more", [key("order", "unique")], dimension("country", expr="'wrong'"), dimension("gift"))
    found = catalogue(other, filtered="{{ Dimension('order__country') }} = 'ES'")
    assert rows(found, "some") == {(): 10}
    assert set(found.dimensions_of("orders")) == {"country", "order__gift"}


@pytest.mark.parametrize("part", [{"entities": "none"}, {"dimensions": [7]}, {"depends_on": None}])
def test_another_model_that_can_not_be_read_takes_nothing_from_this_one(part: dict[str, Any]) -> None:
    found = catalogue(CUSTOMER_MODEL, model("broken", [key("customer", "unique")], JOINED) | part)
    assert rows(found, "sales", "customer__segment") == {("Home",): 30, ("Office",): 30, (None,): 90}


class Release:
    """Orders and customers in a warehouse, as a run has built them."""

    def __init__(self, folder: Path, customers: str = CUSTOMERS) -> None:
        self.warehouse = DuckDBWarehouse(database=str(folder / "w.duckdb"))
        with self.warehouse.session() as session:
            session.rows("create schema rel")
            session.rows(f"create table rel.orders as from {ORDERS}")
            session.rows(f"create table rel.customers as from {customers}")
        self.marts = {"orders": "rel.orders", "customers": "rel.customers"}

    def add(self, mart: str, rows: str) -> None:
        with self.warehouse.session() as session:
            session.rows(f"create table rel.{mart} as from {rows}")
        self.marts[mart] = f"rel.{mart}"

    def check(self, found: Catalogue, *dashboards: Dashboard) -> list[Check]:
        rows = dict.fromkeys(self.marts, 1)
        build = BuildReport(run="r1", marts=self.marts, models=2, tests=0, seconds=1, rows=rows)
        checks: list[Check] = check_marts.fn(self.warehouse, found, build, dashboards)
        return [check for check in checks if check.name.startswith("one row for each")]

    def compare(self, found: Catalogue, joined: dict[str, str]) -> MartDiff:
        datasets = found.datasets(("sales", "some"), ())
        return compare(self.warehouse, found.mart("orders"), None, "rel.orders", datasets, ({}, joined))


HOMES = "{{ Dimension('customer__segment') }} = 'Home'"
TWICE = """(VALUES ('a', 'Home', 'ES'), ('a', 'Office', 'ES'), (NULL, 'x', 'x'), (NULL, 'y', 'y'))
AS c(id, segment, country)"""


def test_a_mart_that_is_joined_has_one_row_for_each_key(tmp_path: Path) -> None:
    (good,) = Release(tmp_path).check(catalogue(CUSTOMER_MODEL, filtered=HOMES))
    assert (good.scope, good.name, good.passed) == ("customers", "one row for each customer", True)
    (tmp_path / "bad").mkdir()
    release = Release(tmp_path / "bad", TWICE)
    (bad,) = release.check(catalogue(CUSTOMER_MODEL, filtered=HOMES))
    assert (bad.passed, bad.observed, bad.evidence) == (False, "1 keys more than once", ("a, 2",))
    assert release.check(catalogue(CUSTOMER_MODEL)) == []  # nothing joins it
    board = Dashboard(
        name="b",
        title="B",
        analysis=Analysis.kpi,
        metrics=("sales",),
        dimensions=("customer__segment",),
        marts=("orders",),
    )
    assert [check.passed for check in release.check(catalogue(CUSTOMER_MODEL), board)] == [False]


def test_the_diff_of_a_mart_reads_what_is_joined(tmp_path: Path) -> None:
    release, found = Release(tmp_path), catalogue(CUSTOMER_MODEL, filtered=HOMES)
    diff = release.compare(found, release.marts)
    assert (diff.metrics, diff.broken_metrics) == ({"sales": (None, 150), "some": (None, 30)}, {})
    alone = release.compare(found, {"orders": "rel.orders"})
    assert alone.metrics["sales"] == (None, 150)
    assert "customers, which its rows are joined with, is not there" in alone.broken_metrics["some"]


def test_a_time_of_another_model_is_a_dimension_if_its_grain_is_known() -> None:
    times = [
        {"name": name, "type": "time", "type_params": {"time_granularity": grain}}
        for name, grain in (("born", "day"), ("joined", "hour"), ("filed", "fiscal_year"))
    ]
    found = catalogue(model("customers", [key("customer", "primary")], *times))
    assert set(found.dimensions_of("orders")) == {"country", "customer__born", "customer__joined"}
