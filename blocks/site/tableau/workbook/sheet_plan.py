"""Which sheets a dashboard has: a KPI a metric, and bars, a line or a pie as its analysis asks."""

from __future__ import annotations

from blocks.metrics import Metric, adds_up
from blocks.records import Analysis
from blocks.site.tableau.workbook.check_sheet import SHEET
from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import Field, calculated, per, plain
from blocks.site.tableau.workbook.worksheets import BAR, KPI, LINE, PIE, Sheet

GRAINS = ("week", "month", "quarter", "year")  # of a line; one of single days is noise, so these become weeks


def kpis(source: Source) -> list[Sheet]:
    """A figure for each metric."""
    return [
        Sheet(
            f"KPI {metric.caption}",
            metric.caption,
            source,
            KPI,
            encodings=(("text", calculated(metric)),),
            big=True,
        )
        for metric in source.metrics
    ]


def charts(source: Source, analysis: Analysis, metrics: tuple[Metric, ...]) -> list[Sheet]:
    """The charts of a source's first metric, the most asked for first; detail: bars of every metric."""
    metric, first = source.metrics[0], metrics[0]
    bars = [_bars(source, (metric,), source.dimensions[:1], f"{metric.caption} by {_of(source)}")]
    line = [_line(source, metric)] if source.time else []
    if not source.drill:
        return line
    if analysis is Analysis.composition and adds_up(first.formula):
        return [_pie(source, metric), *bars, *line]
    if analysis is Analysis.comparison:
        return bars + line
    if analysis is Analysis.detail:
        return [_bars(source, source.metrics, source.dimensions, "Every combination"), *line]
    return line + bars


def check(source: Source, place: int) -> Sheet:
    """The check sheet of a source; place: counted from 0."""
    name = SHEET if place == 0 else f"{SHEET} {place + 1}"
    return Sheet(name, name, source, KPI, encodings=(("text", calculated(source.check)),), filtered=False)


def _bars(source: Source, metrics: tuple[Field, ...], dimensions: tuple[Field, ...], title: str) -> Sheet:
    cols = tuple(calculated(metric) for metric in metrics)
    labels = (("text", cols[0]),) if len(cols) == 1 else ()
    return Sheet(
        title,
        f"{title} (click a bar to filter)",
        source,
        BAR,
        rows=tuple(map(plain, dimensions)),
        cols=cols,
        encodings=labels,
        drills=True,
    )


def _line(source: Source, metric: Field) -> Sheet:
    assert source.time  # noqa: S101
    grain = source.grain if source.grain in GRAINS else "week"
    title = f"{metric.caption} per {grain}"
    return Sheet(title, title, source, LINE, rows=(calculated(metric),), cols=(per(source.time, grain),))


def _pie(source: Source, metric: Field) -> Sheet:
    part = plain(source.dimensions[0])
    encodings = (("color", part), ("wedge-size", calculated(metric)), ("text", part))
    return Sheet(
        f"Share of {metric.caption}",
        f"{metric.caption} by {_of(source)}, shares",
        source,
        PIE,
        encodings=encodings,
    )


def _of(source: Source) -> str:
    return source.drill.caption.lower() if source.drill else "all"
