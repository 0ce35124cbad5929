"""Which charts a dashboard has, whoever draws them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from blocks.records import Analysis
from blocks.site.base import Card
from blocks.site.html.dashboard_view import DashboardView
from blocks.site.html.extract import Extract
from blocks.site.html.page_model import model
from blocks.site.plan import CHARTS, Chart, plan_charts
from tests.blocks.site.conftest import CUSTOMERS, EVERY, NET, ORDERS, RATE


def test_every_analysis_has_a_plan() -> None:
    assert set(CHARTS) == set(Analysis)


@pytest.mark.parametrize(
    ("analysis", "timed", "sliced", "adds", "charts"),
    [
        ("kpi", True, True, True, ["trend", "bars"]),
        ("comparison", True, True, False, ["bars", "trend"]),
        ("composition", True, True, True, ["shares", "bars", "stacked", "trend"]),
        ("composition", False, True, True, ["shares", "bars"]),
        ("composition", True, True, False, ["trend", "bars"]),
        ("composition", True, False, True, ["trend"]),
        ("detail", True, True, True, ["table", "bars", "trend"]),
        ("trend", False, True, True, ["bars"]),
        ("trend", False, False, True, []),
    ],
)
def test_a_chart_is_planned_where_the_data_has_what_it_needs(
    analysis: str, timed: bool, sliced: bool, adds: bool, charts: list[str]
) -> None:
    found = plan_charts(Analysis(analysis), timed=timed, sliced=sliced, adds=adds)
    assert found == tuple(map(Chart, charts))


ADDING, OTHER = ("net", "orders"), ("basket", "rate", "customers")
NAMES = tuple(metric.name for metric in EVERY)
CUTS, GRAINS = ("country", "segment", "channel"), ("day", "week", "month", "quarter", "year")


@pytest.mark.parametrize("analysis", list(Analysis))
def test_a_plan_leaves_out_no_metric_dimension_or_grain(
    make_card: Callable[..., Card], analysis: Analysis
) -> None:
    card = make_card(analysis, metrics=EVERY)
    (section,) = card.plan.sections
    assert card.plan.figures == tuple(("sales", name) for name in NAMES)
    assert card.plan.filters == section.drill == CUTS
    panels = {panel.chart: panel for panel in section.panels}
    assert list(panels) == list(dict.fromkeys((*CHARTS[analysis], Chart.table)))
    composed = analysis is Analysis.composition
    for chart, panel in panels.items():
        parts = composed and chart in (Chart.shares, Chart.stacked)
        whole = {Chart.bars: OTHER}.get(chart, NAMES) if composed else NAMES
        assert panel.metrics == (ADDING if parts else whole)
        assert panel.dimensions == CUTS
        assert panel.grains == (() if chart in (Chart.bars, Chart.shares) else GRAINS)


def test_the_order_of_figures_is_the_tickets(make_card: Callable[..., Card]) -> None:
    card = make_card(metrics=(NET, ORDERS, RATE))
    asked = card.dashboard.model_copy(update={"metrics": ("rate", "net", "orders")})
    (section,) = card.model_copy(update={"dashboard": asked}).plan.sections
    assert section.metrics == section.panels[0].metrics == ("rate", "net", "orders")


def test_nothing_is_planned_that_the_data_has_not(make_card: Callable[..., Card]) -> None:
    plans = {
        "flat": make_card(Analysis.composition, dimensions=()),
        "timeless": make_card(Analysis.trend, timed=False),
        "ratios": make_card(Analysis.composition, metrics=(RATE, CUSTOMERS)),
        "bare": make_card(dimensions=(), timed=False),
    }
    found = {
        name: [str(panel.chart) for panel in card.plan.sections[0].panels] for name, card in plans.items()
    }
    assert found == {
        "flat": ["trend", "table"],
        "timeless": ["bars", "table"],
        "ratios": ["trend", "bars", "table"],
        "bare": [],
    }


@pytest.mark.parametrize("analysis", list(Analysis))
def test_the_page_is_given_its_plan(make_card: Callable[..., Card], analysis: Analysis) -> None:
    """What its program makes of it: html/test_page.py."""
    card = make_card(analysis, metrics=EVERY)
    with Extract(card.datasets[0], card.extracts[0]) as extract:
        given = model(DashboardView(card, [extract]))
    assert [metric["name"] for metric in given["metrics"]] == [name for _, name in card.plan.figures]
    (dataset,) = given["datasets"]
    assert [each["name"] for each in dataset["dimensions"]] == list(card.plan.sections[0].drill)
    assert dataset["panels"] == [panel.model_dump() for panel in card.plan.sections[0].panels]
    assert {grain for panel in dataset["panels"] for grain in panel["grains"]} == set(given["grains"])
