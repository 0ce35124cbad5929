"""Which charts a dashboard has, whoever draws them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from blocks.catalogue import Dataset
from blocks.metrics import has_division
from blocks.records import Analysis
from blocks.site.base import Card
from blocks.site.extract import Extract
from blocks.site.html.dashboard_view import DashboardView
from blocks.site.html.page_model import build_page_model
from blocks.site.labels import label_dimension, label_metric, tell_fields_apart
from blocks.site.number_format import write_compact, write_exact
from blocks.site.plan import CHARTS, Chart, Panel, plan_charts, write_title
from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.parameters import clean_text
from blocks.site.tableau.workbook.workbook import Workbook
from blocks.site.tableau.workbook.worksheets import BAR, LINE, MAP, PIE, Sheet
from blocks.site.tableau.workbook.xml import as_title
from tests.blocks.site.conftest import CUSTOMERS, EVERY, NET, ORDERS, RATE
from tests.blocks.site.tableau.draw_layout import fill_in
from tests.blocks.site.tableau.test_workbook import SHAPES, parsed, two_marts, workbook


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
    return "table" if sheet.name.startswith("Table") else "bars"


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


def join_words(words: list[str]) -> str:
    """Names as a title has them: all of up to three, else the first and how many more."""
    if len(words) > 3:
        return f"{words[0]} and {len(words) - 1} more"
    return ", ".join(words[:-1]) + (" and " if words[1:] else "") + words[-1]


def list_page_titles(panel: Panel, dataset: Dataset, made: Workbook) -> list[str]:
    """What the page writes above a panel for all that the workbook has beside each other, in its order."""
    known = {metric.name: as_title(label_metric(metric)) for metric in dataset.metrics}
    cuts = [as_title(label_dimension(dataset, name)).lower() for name in panel.dimensions]
    words = join_words([known[name] for name in panel.metrics])
    chosen = {each.caption: each.value for each in made.layout.parameters}
    grain = chosen.get("Dates per", panel.grains[0] if panel.grains else "")

    def write(metric: str = words, dimension: str = "") -> str:
        return write_title(panel.title, metric=metric, dimension=dimension, grain=grain)

    match panel.chart:
        case Chart.trend | Chart.stacked:
            return [write(dimension=clean_text(cuts[0]) if cuts else "")]  # a parameter's word has no quotes
        case Chart.table:
            return [write(dimension=", ".join(cuts))]
        case Chart.movement:
            return [write() for _ in cuts]
        case Chart.shares:
            crossed = [" and ".join(cuts[:2])] if len(cuts) > 1 else []
            return [write(known[name], cut) for name in panel.metrics for cut in (*cuts, *crossed)]
        case Chart.bars:
            return [write(dimension=cut) for cut in cuts]


def list_unlike(made: Workbook, card: Card, root: Any = None) -> list[str]:
    """What of titles, orders and numbers a workbook has in another way than the page of the same plan.

    root: its XML, where that is there already.
    """
    root, found = parsed(made.xml()) if root is None else root, list[str]()
    for dataset, source, section in zip(card.datasets, made.sources, card.plan.sections, strict=True):
        charts = [sheet for sheet in made.charts if sheet.source.name == source.name]
        titles = [fill_in(root, sheet.title) for sheet in charts if sheet.mark != MAP]
        page = [title for panel in section.panels for title in list_page_titles(panel, dataset, made)]
        if [title.casefold() for title in titles] != [title.casefold() for title in page]:
            found.append(f"titles {titles}, on the page {page}")
        firsts = {title for title in page if " by " in title}
        found += [f"map {sheet.title}" for sheet in charts if sheet.mark == MAP and not firsts]
        for sheet in charts:
            fields = {*sheet.rows, *(one for pane in sheet.panes for _, one in pane.encodings)}
            cut = {each for each in fields if each.field.name in dataset.dimensions}
            timed = "Derived_period" in {each.field.name for each in sheet.cols}
            ordered, by = sheet.sort or ((), None)
            if sheet.mark != MAP and not timed and set(ordered) != cut:
                found.append(f"{sheet.name} is not ordered by {[each.field.caption for each in cut]}")
            first = next(
                (each.field.name for each in (*sheet.cols, *fields) if each.derivation == "User"), ""
            )
            if by and sheet.mark == BAR and by.field.name != first.replace("Derived_part_", "Derived_size_"):
                found.append(f"{sheet.name} is ordered by {by.field.caption}, not {first}")
        for metric in dataset.metrics:
            form = next(each.form for each in source.metrics if each.name == f"Calculation_{metric.name}")
            fractions = has_division(metric.formula) or form.endswith(".00")
            for value in (12.34, -12.34) if fractions else (1234.0, -1234.0, 0.0):
                parts = metric.form != "percent" and fractions
                written = (write_exact if parts else write_compact)(value, metric.form)
                if write_as_tableau(value, form) != written:
                    found.append(f"{metric.name}: {write_as_tableau(value, form)}, on the page {written}")
    figures = {
        metric.name: as_title(label_metric(metric)) for data in card.datasets for metric in data.metrics
    }
    if [sheet.title for sheet in made.kpis] != [figures[name] for _, name in card.plan.figures]:
        found.append(f"figures {[sheet.title for sheet in made.kpis]}")
    return found


def write_as_tableau(value: float, form: str) -> str:
    """A number in one of the formats that workbooks have: percent, or with a text before it; negative ones apart."""
    if form == "p0.0%":
        return f"{value * 100:,.1f}%"
    part = form[1:].split(";")[value < 0]
    sign, _, digits = part.partition("#,##0")
    return f"{sign.replace(chr(34), '')}{abs(value):,.{len(digits[1:])}f}"


@pytest.mark.parametrize("shape", [*sorted(SHAPES), "two"])
def test_page_and_workbook_have_the_same_titles_orders_and_numbers(
    make_card: Callable[..., Card], shape: str
) -> None:
    card = two_marts(make_card) if shape == "two" else make_card(**SHAPES[shape])
    assert list_unlike(workbook(card), card) == []


@pytest.mark.parametrize("label", ['a "d"', "a \\ b", "İ & <x>"])
def test_a_title_that_readers_fill_in_has_signs_like_those_of_the_page(
    make_card: Callable[..., Card], label: str
) -> None:
    card = make_card(Analysis.composition, metrics=(NET, ORDERS))
    data = card.datasets[0]
    labels = {**data.labels, data.dimensions[0]: label}
    card = card.model_copy(update={"datasets": (data.model_copy(update={"labels": labels}),)})
    assert list_unlike(workbook(card), card) == []


def test_what_is_unlike_is_found(make_card: Callable[..., Card]) -> None:
    card = make_card()
    made = workbook(card)
    (net, *others), (first, *rest) = made.sources[0].metrics, made.charts
    source = replace(made.sources[0], metrics=(replace(net, form="n0;-0"), *others))
    charts = [replace(first, title="Revenue over time"), *(replace(each, sort=None) for each in rest)]
    layout = replace(made.layout, charts=charts, kpis=made.kpis[1:])
    found = list_unlike(replace(made, layout=layout, sources=(source,)), card)
    assert {each.split()[0] for each in found} >= {"titles", "figures", "net:", rest[0].name.split()[0]}


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
        (marts[sheet.source.name], sheet.panes[0].encodings[0][1].field.name.removeprefix("Derived_figure_"))
        for sheet in made.kpis
    ]
    assert figures == list(card.plan.figures)
    filters = {each.field.name for sheet in made.charts for each in sheet.list_filters()}
    assert (
        filters == ({*card.plan.filters, "day"} if card.plan.by_time else set(card.plan.filters))
        or not made.charts
    )


def name_all(card: Card) -> list[str]:
    """What a page, and each field of a workbook, is called: time, dimensions, metrics."""
    (data,) = card.datasets
    return [data.labels["day"], *(data.labels[each] for each in CUTS), *(m.label for m in data.metrics)]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"country": "Area", "segment": "area"}, ["Day", "Area (country)", "area (segment)", "Channel"]),
        ({"country": "Day"}, ["Day", "Day (country)", "Segment", "Channel"]),
        ({"country": "Segment"}, ["Day", "Segment (country)", "Segment", "Channel"]),  # it is called so
        ({"country": "Net revenue"}, ["Day", "Net revenue (country)", "Segment", "Channel"]),
        ({"country": "A [x]", "segment": "a ‹x›"}, ["Day", "A [x] (country)", "a ‹x› (segment)", "Channel"]),
        (
            {"country": "Ｏne", "segment": "One\u200b"},
            ["Day", "Ｏne (country)", "One\u200b (segment)", "Channel"],
        ),
        (
            {"country": "A", "segment": "A", "channel": "A (country)"},
            ["Day", "A (country 2)", "A (segment)", "A (country)"],
        ),
    ],
)
def test_fields_that_are_called_alike_are_told_apart_by_their_names(
    make_card: Callable[..., Card], labels: dict[str, str], told: list[str]
) -> None:
    card = make_card()
    data = card.datasets[0].model_copy(update={"labels": {**card.datasets[0].labels, **labels}})
    card = Card(**{**dict(card), "datasets": (data,)})
    assert name_all(card)[:4] == told
    assert Card(**dict(card)) == card  # told apart once, they stay so
    assert list_unlike(workbook(card), card) == []
    with Extract(card.datasets[0], card.extracts[0]) as extract:
        page = build_page_model(DashboardView(card, [extract]))
    assert [each["label"] for each in page["datasets"][0]["dimensions"]] == told[1:]  # type: ignore[index]
    assert {each.caption for each in workbook(card).sources[0].dimensions} == {
        as_title(each) for each in told[1:]
    }


def test_a_long_label_keeps_the_name_behind_it(make_card: Callable[..., Card]) -> None:
    (data,) = make_card().datasets
    long = "x" * 300
    (made,) = tell_fields_apart([data.model_copy(update={"labels": {"country": long, "segment": long}})])
    assert [label_dimension(made, name)[-12:] for name in ("country", "segment")] == [
        "x… (country)",
        "x… (segment)",
    ]
    assert max(map(len, made.labels.values())) == 60
