"""Which sheets a dashboard has: a KPI a metric, and bars, a line or a pie as its analysis asks."""

from __future__ import annotations

from blocks.metrics import Metric, adds_up
from blocks.records import Analysis
from blocks.site.plan import Chart, plan_charts
from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import CHECK_SHEET, Field, use_calculated, use_plain, use_truncated
from blocks.site.tableau.workbook.worksheets import BAR, KPI, LINE, PIE, Sheet

GRAINS = ("week", "month", "quarter", "year")  # of a line; one of single days is noise, so these become weeks


def plan_kpis(source: Source) -> list[Sheet]:
    """A figure for each metric."""
    return [
        Sheet(
            f"KPI {metric.caption}",
            metric.caption,
            source,
            KPI,
            encodings=(("text", use_calculated(metric)),),
            big=True,
        )
        for metric in source.metrics
    ]


def plan_sheets(source: Source, analysis: Analysis, metrics: tuple[Metric, ...]) -> list[Sheet]:
    """The charts of a source's first metric, the most asked for first; a table: bars of every metric."""
    adds = adds_up(metrics[0].formula)
    plan = plan_charts(analysis, timed=source.time is not None, sliced=source.drill is not None, adds=adds)
    without = {Chart.stacked} | ({Chart.bars} if Chart.table in plan else set())
    return [_DRAWN[chart](source) for chart in plan if chart not in without]


def plan_check(source: Source, place: int) -> Sheet:
    """The check sheet of a source; place: counted from 0."""
    name = CHECK_SHEET if place == 0 else f"{CHECK_SHEET} {place + 1}"
    return Sheet(name, name, source, KPI, encodings=(("text", use_calculated(source.check)),), filtered=False)


def _bars(source: Source) -> Sheet:
    metric = source.metrics[0]
    return _compare(source, (metric,), source.dimensions[:1], f"{metric.caption} by {_of(source)}")


def _table(source: Source) -> Sheet:
    return _compare(source, source.metrics, source.dimensions, "Every combination")


def _compare(source: Source, metrics: tuple[Field, ...], dimensions: tuple[Field, ...], title: str) -> Sheet:
    cols = tuple(use_calculated(metric) for metric in metrics)
    labels = (("text", cols[0]),) if len(cols) == 1 else ()
    return Sheet(
        title,
        f"{title} (click a bar to filter)",
        source,
        BAR,
        rows=tuple(map(use_plain, dimensions)),
        cols=cols,
        encodings=labels,
        drills=True,
    )


def _line(source: Source) -> Sheet:
    metric = source.metrics[0]
    grain = source.grain if source.grain in GRAINS else "week"
    title = f"{metric.caption} per {grain}"
    per = (use_truncated(source.time, grain),) if source.time else ()
    return Sheet(title, title, source, LINE, rows=(use_calculated(metric),), cols=per)


def _pie(source: Source) -> Sheet:
    metric, part = source.metrics[0], use_plain(source.dimensions[0])
    encodings = (("color", part), ("wedge-size", use_calculated(metric)), ("text", part))
    return Sheet(
        f"Share of {metric.caption}",
        f"{metric.caption} by {_of(source)}, shares",
        source,
        PIE,
        encodings=encodings,
    )


def _of(source: Source) -> str:
    return source.drill.caption.lower() if source.drill else "all"


_DRAWN = {Chart.trend: _line, Chart.bars: _bars, Chart.shares: _pie, Chart.table: _table}
