"""Which charts a dashboard has, whoever draws them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from blocks.records import Analysis
from blocks.site.base import Card
from blocks.site.extract import Extract
from blocks.site.html.dashboard_view import DashboardView
from blocks.site.html.page_model import build_page_model
from blocks.site.plan import CHARTS, Chart, plan_charts
from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.workbook import Workbook
from blocks.site.tableau.workbook.worksheets import LINE, PIE, Sheet
from tests.blocks.site.conftest import CUSTOMERS, EVERY, NET, ORDERS, RATE
from tests.blocks.site.tableau.test_workbook import SHAPES, two_marts, workbook


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
    assert list(panels) == list(dict.fromkeys((*CHARTS[analysis], Chart.movement, Chart.table)))
    composed = analysis is Analysis.composition
    for chart, panel in panels.items():
        parts = composed and chart in (Chart.shares, Chart.stacked)
        whole = {Chart.bars: OTHER}.get(chart, NAMES) if composed else NAMES
        whole = NAMES[:-1] if chart is Chart.movement else whole  # different customers are no sum
        assert panel.metrics == (ADDING if parts else whole)
        assert panel.dimensions == CUTS
        assert panel.grains == (() if chart in (Chart.bars, Chart.shares, Chart.movement) else GRAINS)


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
        "ratios": ["trend", "bars", "movement", "table"],
        "bare": [],
    }


@pytest.mark.parametrize("analysis", list(Analysis))
def test_the_page_is_given_its_plan(make_card: Callable[..., Card], analysis: Analysis) -> None:
    """What its program makes of it: html/test_page.py."""
    card = make_card(analysis, metrics=EVERY)
    with Extract(card.datasets[0], card.extracts[0]) as extract:
        given = build_page_model(DashboardView(card, [extract]))
    assert [metric["name"] for metric in given["metrics"]] == [name for _, name in card.plan.figures]
    (dataset,) = given["datasets"]
    assert [each["name"] for each in dataset["dimensions"]] == list(card.plan.sections[0].drill)
    assert dataset["panels"] == [panel.model_dump() for panel in card.plan.sections[0].panels]
    assert {grain for panel in dataset["panels"] for grain in panel["grains"]} == set(given["grains"])


def find_chart(sheet: Sheet) -> str:
    """Which kind of chart a sheet is, by what is on its shelves."""
    rows, cols = ([each.field.name for each in shelf] for shelf in (sheet.rows, sheet.cols))
    colours = [one.field.name for pane in sheet.panes for shelf, one in pane.encodings if shelf == "color"]
    if sheet.mark == LINE:
        return "trend"
    if any(name.startswith("Derived_part_") for name in cols):
        return "movement"
    if "Derived_period" in cols:
        return "stacked"
    if sheet.mark == PIE or (rows and colours):
        return "shares"
    return "table" if sheet.title.startswith("Table") else "bars"


def list_drawn(made: Workbook, source: Source) -> list[tuple[str, set[str], set[str], set[str]]]:
    """What a workbook draws of a source, in its order: chart, metrics, dimensions, grains."""
    choices = source.derived.choices
    cuts = (each.name for each in source.dimensions)
    words = dict(zip(choices.split.values[1:], cuts, strict=True)) if choices.split else {}
    found: list[tuple[str, set[str], set[str], set[str]]] = []
    for sheet in made.charts:
        if sheet.source.name != source.name:
            continue
        shelves = [*sheet.rows, *sheet.cols, *(one for pane in sheet.panes for _, one in pane.encodings)]
        names = {each.field.name for each in shelves}
        kind = find_chart(sheet)
        if not found or found[-1][0] != kind:
            found.append((kind, set(), set(), set()))
        found[-1][1].update(
            n.split("_", 2 if n.startswith("Derived_part_") else 1)[-1]
            for n in names
            if n.startswith(("Calculation_", "Derived_part_"))
        )
        found[-1][2].update(names & set(source.columns))
        if "Derived_split" in names and choices.split:
            found[-1][2].update(words.values())
        if "Derived_period" in names:
            found[-1][3].update(choices.grain.values if choices.grain else source.derived.grains)
        if "Derived_per" in names and choices.per:
            found[-1][3].update(value for value in choices.per.values if value != "whole period")
    return found


@pytest.mark.parametrize("shape", [*sorted(SHAPES), "two"])
def test_the_workbook_draws_its_plan(make_card: Callable[..., Card], shape: str) -> None:
    card = two_marts(make_card) if shape == "two" else make_card(**SHAPES[shape])
    made = workbook(card)
    for source, section in zip(made.sources, card.plan.sections, strict=True):
        assert list_drawn(made, source) == [
            (str(panel.chart), set(panel.metrics), set(panel.dimensions), set(panel.grains))
            for panel in section.panels
        ]
    marts = dict(
        zip((each.name for each in made.sources), (each.dataset for each in card.plan.sections), strict=True)
    )
    figures = [
        (marts[sheet.source.name], sheet.panes[0].encodings[0][1].field.name.removeprefix("Calculation_"))
        for sheet in made.kpis
    ]
    assert figures == list(card.plan.figures)
    filters = {each.field.name for sheet in made.charts for each in sheet.list_filters()}
    assert (
        filters == ({*card.plan.filters, "day"} if card.plan.by_time else set(card.plan.filters))
        or not made.charts
    )
