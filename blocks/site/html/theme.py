"""How charts look: colours, font, Vega-Lite config, and how buckets of time are written on an axis."""

from __future__ import annotations

from typing import NamedTuple

from blocks.site.palette import SERIES

SLOTS = 7  # six series and `others`
# Per grain of time, the expression that writes a bucket on an axis.
WHEN = {
    "day": "utcFormat(datum.value, '%-d %b')",
    "week": "utcFormat(datum.value, '%-d %b')",
    "month": "utcFormat(datum.value, '%b %y')",
    "quarter": "utcFormat(datum.value, 'Q%q %y')",
    "year": "utcFormat(datum.value, '%Y')",
}


class ChartStyle(NamedTuple):
    """Colours and font of a chart. series: one colour a slot, the last one for `others`."""

    ink: str
    muted: str
    line: str
    surface: str
    series: tuple[str, ...]
    font: str


PAGE = ChartStyle(
    "var(--ink)",
    "var(--muted)",
    "var(--line)",
    "var(--surface)",
    tuple(f"var(--series-{i})" for i in range(1, SLOTS + 1)),
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
)
PAPER = ChartStyle(
    "#182033",
    "#5b6579",
    "#e4e8ef",
    "#ffffff",
    SERIES,
    "Liberation Sans, sans-serif",  # comes with what draws: the same picture on every machine
)


def config(style: ChartStyle) -> dict[str, object]:
    """The Vega-Lite config of every chart."""
    axis = {
        "labelColor": style.muted,
        "titleColor": style.muted,
        "gridColor": style.line,
        "domainColor": style.line,
        "tickColor": style.line,
        "labelFontSize": 12,
        "labelPadding": 8,
        "ticks": False,
        "domain": False,
    }
    return {
        "background": "transparent",
        "font": style.font,
        "view": {"stroke": None},
        "axis": axis,
        "text": {"fill": style.ink, "fontSize": 12},
        "range": {"category": list(style.series)},
        "legend": {"labelColor": style.ink, "labelFontSize": 12, "title": None, "labelLimit": 180},
    }
