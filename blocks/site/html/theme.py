"""How the picture's charts look: colours, font, Vega-Lite config. The page's look is assets/style.css."""

from __future__ import annotations

from typing import NamedTuple

from blocks.site.palette import SERIES

SLOTS = 7  # six series and `others`


class ChartStyle(NamedTuple):
    """Colours and font of a chart. series: one colour a slot, the last one for `others`."""

    ink: str
    muted: str
    line: str
    surface: str
    series: tuple[str, ...]
    font: str


PAPER = ChartStyle(
    "#182033",
    "#5b6579",
    "#e4e8ef",
    "#ffffff",
    SERIES,
    "Liberation Sans, sans-serif",  # comes with what draws: the same picture on every machine
)


def make_config(style: ChartStyle) -> dict[str, object]:
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
