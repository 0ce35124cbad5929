"""Which charts a dashboard has and in which order, by its analysis. Every site draws what is planned here.

A new kind of analysis gets its row in `CHARTS`; a new kind of chart its name, and a drawing in each site.
"""

from __future__ import annotations

from enum import StrEnum

from blocks.records import Analysis


class Chart(StrEnum):
    """A kind of chart. trend: over time; shares: parts of a whole; stacked: both; bars: by a dimension."""

    trend = "trend"
    bars = "bars"
    shares = "shares"
    stacked = "stacked"
    table = "table"


CHARTS: dict[Analysis, tuple[Chart, ...]] = {
    Analysis.kpi: (Chart.trend, Chart.bars),
    Analysis.trend: (Chart.trend, Chart.bars),
    Analysis.comparison: (Chart.bars, Chart.trend),
    Analysis.composition: (Chart.shares, Chart.bars, Chart.stacked, Chart.trend),
    Analysis.detail: (Chart.table, Chart.bars, Chart.trend),
}


def plan_charts(analysis: Analysis, *, timed: bool, sliced: bool, adds: bool) -> tuple[Chart, ...]:
    """The charts of a dataset's first metric, the most asked for first.

    timed: it has a time; sliced: it has a dimension; adds: the metric's parts add up to a whole.
    """
    if analysis is Analysis.composition and not (adds and sliced):  # a page shows bars in their place
        analysis = Analysis.trend
    possible = {
        Chart.trend: timed,
        Chart.bars: sliced,
        Chart.shares: sliced,
        Chart.stacked: sliced and timed,
        Chart.table: sliced,
    }
    return tuple(chart for chart in CHARTS[analysis] if possible[chart])
