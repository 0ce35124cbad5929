"""What a dashboard shows and in which order, planned once from what was asked. Every site draws this plan.

A new kind of analysis gets its row in `CHARTS`; a new kind of chart its name, its title in `TITLES`, what it needs in
`plan_section`, and a drawing in each site.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from blocks.catalogue import Dataset
from blocks.metric_change import is_divisible
from blocks.metrics import Metric, is_additive
from blocks.records import GRAINS, Analysis, Dashboard, Record
from blocks.site.periods import list_coarser_grains
from blocks.wishes import Chart as Chart

CHARTS: dict[Analysis, tuple[Chart, ...]] = {
    Analysis.kpi: (Chart.trend, Chart.bars),
    Analysis.trend: (Chart.trend, Chart.bars),
    Analysis.comparison: (Chart.bars, Chart.trend),
    Analysis.composition: (Chart.shares, Chart.bars, Chart.stacked, Chart.trend),
    Analysis.detail: (Chart.table, Chart.bars, Chart.trend),
}
TITLES: dict[Chart, str] = {
    Chart.trend: "{metric} per {grain}",
    Chart.bars: "{metric} by {dimension}",
    Chart.shares: "{metric} by {dimension}",
    Chart.stacked: "{metric} by {dimension} and {grain}",
    Chart.table: "By {dimension}",
    Chart.movement: "Why {metric} moved",
}
"""What stands above each kind of chart, on every site: `write_title` fills it in, on pages its twin of titles.js."""
UNCUT_TABLE = "Table"
"""The title of a table without dimensions."""


class Panel(Record):
    """A chart with all that a reader can see in it, by names.

    title: with {places} for what is chosen; metrics: the first is seen first; dimensions: by which it is cut, one at a
    time, but a table by all at once; grains: of its time, the finest first (none: it shows the whole period).
    """

    chart: Chart
    title: str
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    grains: tuple[str, ...] = ()


class Section(Record):
    """What is shown of one dataset. label: what people call it; metrics: a figure each; drill: where clicks lead."""

    dataset: str
    label: str
    metrics: tuple[str, ...]
    drill: tuple[str, ...]
    panels: tuple[Panel, ...]


class DashboardPlan(Record):
    """All of a dashboard. figures: (dataset, metric) in the dashboard's order; filters: dimensions that narrow all."""

    analysis: Analysis
    figures: tuple[tuple[str, str], ...]
    filters: tuple[str, ...]
    by_time: bool
    sections: tuple[Section, ...]


def plan_dashboard(dashboard: Dashboard, datasets: Sequence[Dataset]) -> DashboardPlan:
    """The plan of a dashboard over its datasets."""
    order = {name: place for place, name in enumerate(dashboard.metrics)}
    every = [(dataset.name, metric.name) for dataset in datasets for metric in dataset.metrics]
    timed = [dataset.grain for dataset in datasets if dataset.time]
    grains = tuple(list_coarser_grains(max(timed, key=GRAINS.index))) if timed else ()
    figures = sorted(every, key=lambda pair: order.get(pair[1], len(order)))
    return DashboardPlan(
        analysis=dashboard.analysis,
        figures=tuple(figures),
        filters=tuple(dict.fromkeys(name for dataset in datasets for name in dataset.dimensions)),
        by_time=bool(timed),
        sections=tuple(
            plan_section(
                dashboard.analysis,
                dataset,
                tuple(metric for name, metric in figures if name == dataset.name),
                grains if dataset.time else (),
                dashboard.wishes.charts,
            )
            for dataset in datasets
        ),
    )


def plan_section(
    analysis: Analysis,
    dataset: Dataset,
    metrics: tuple[str, ...],
    grains: tuple[str, ...],
    wished: tuple[Chart, ...] = (),
) -> Section:
    """The plan of one dataset. metrics: in the dashboard's order; wished: kinds of charts that come first."""
    whole = find_additive(dataset.metrics)
    parts = tuple(name for name in metrics if name in whole)
    kinds = plan_charts(analysis, timed=bool(grains), sliced=bool(dataset.dimensions), adds=bool(parts))
    rest = tuple(name for name in metrics if name not in parts) if Chart.shares in kinds else metrics
    divisible = find_divisible(dataset.metrics)
    moving = tuple(name for name in metrics if name in divisible) if grains and dataset.dimensions else ()
    shown = {Chart.shares: parts, Chart.stacked: parts, Chart.bars: rest, Chart.movement: moving}
    panels = [
        Panel(
            chart=kind,
            title=TITLES[kind] if dataset.dimensions or kind is not Chart.table else UNCUT_TABLE,
            metrics=shown.get(kind, metrics),
            dimensions=dataset.dimensions,
            grains=grains if kind in (Chart.trend, Chart.stacked, Chart.table) else (),
        )
        for kind in sort_charts((*kinds, Chart.movement, Chart.table), wished)
    ]
    return Section(
        dataset=dataset.name,
        label=dataset.name.replace("_", " ").capitalize(),
        metrics=metrics,
        drill=dataset.dimensions,
        panels=tuple(panel for panel in panels if panel.metrics and (panel.dimensions or panel.grains)),
    )


def write_title(title: str, **words: str) -> str:
    """A panel's title with words in its places: metric, dimension, grain; a place without its word stays."""
    return re.sub(r"\{(\w+)\}", lambda place: words.get(place[1], place[0]), title)


def sort_charts(kinds: Sequence[Chart], wished: Sequence[Chart]) -> list[Chart]:
    """Kinds of charts, each once: those that are wished in their order, then the others."""
    return list(dict.fromkeys((*(kind for kind in wished if kind in kinds), *kinds)))


def find_additive(metrics: Sequence[Metric]) -> set[str]:
    """The names of the metrics whose parts add up to a whole."""
    return {metric.name for metric in metrics if is_additive(metric.formula)}


def find_divisible(metrics: Sequence[Metric]) -> set[str]:
    """The names of the metrics whose change is cut into what members did.

    Of those that grow with age no change is told, and of a balance's moments another one ends each period.
    """
    return {
        metric.name
        for metric in metrics
        if is_divisible(metric.formula)
        and not metric.grows
        and not any(each.balance for each in metric.measures)
    }


def plan_charts(analysis: Analysis, *, timed: bool, sliced: bool, adds: bool) -> tuple[Chart, ...]:
    """The kinds of charts of a dataset, the most asked for first.

    timed: it has a time; sliced: it has a dimension; adds: a metric's parts add up to a whole.
    """
    if analysis is Analysis.composition and not (adds and sliced):  # bars show what shares can't
        analysis = Analysis.trend
    possible = {
        Chart.trend: timed,
        Chart.bars: sliced,
        Chart.shares: sliced,
        Chart.stacked: sliced and timed,
        Chart.table: sliced,
    }
    return tuple(chart for chart in CHARTS[analysis] if possible[chart])
