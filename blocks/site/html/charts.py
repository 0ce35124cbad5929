"""The picture's charts as Vega-Lite specifications, built with Altair over columns of fixed names.

The page draws the same charts by assets/draw_*.js: what is drawn how is changed in both.

Columns: label or t (what is compared, or when), v (the value), slot (which series colour), place (which comes
first), text (v written out), previous (the value before), kind (of a line: now, partial, previous), lone (a point
that no line reaches).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from blocks.site.html.theme import SLOTS, ChartStyle

if TYPE_CHECKING:
    import altair as alt

    Rows: TypeAlias = alt.Data
    Ticks: TypeAlias = Mapping[int, str]  # milliseconds since 1970 → label


def draw_trend(data: Rows, style: ChartStyle, axis: str, ticks: Ticks) -> alt.LayerChart:
    """Lines over time: solid; dotted where a bucket is not complete; dashed grey for the period before."""
    import altair as alt

    shown = alt.Axis(grid=False, values=list(ticks), labelExpr=_name_ticks(ticks))
    when = alt.X("t:T", title=None, scale=alt.Scale(type="utc"), axis=shown)
    base = alt.Chart(data).encode(
        x=when,
        y=alt.Y("v:Q", title=None, axis=alt.Axis(tickCount=5, labelExpr=axis)),
        color=_encode_series(style, None),
    )
    kinds = alt.Scale(domain=["now", "partial", "previous"], range=[[1, 0], [2, 3], [6, 4]])
    lines = base.mark_line(strokeWidth=2.25, strokeJoin="round").encode(
        detail="part:N",
        strokeDash=alt.StrokeDash("kind:N", scale=kinds, legend=None),
        color=alt.condition(
            "datum.kind === 'previous'", alt.value(style.series[-1]), _encode_series(style, None)
        ),
    )
    filled = base.transform_filter("datum.fill").mark_area(opacity=0.1, color=style.series[0])
    alone = base.transform_filter("datum.lone").mark_point(size=60, filled=True, opacity=1)
    return alt.layer(filled, lines, alone)


def _name_ticks(ticks: Ticks) -> str:
    """The expression that writes the labels of an axis of time."""
    return f"({json.dumps({str(place): label for place, label in ticks.items()})})[toString(+datum.value)]"


def draw_bars(
    data: Rows, style: ChartStyle, domain: tuple[float, float], width: str = "width"
) -> alt.LayerChart:
    """Horizontal bars in the order of column place, values at the right, a mark for the value before.

    domain: of the bars' values; one beyond it is cut off. width: as an expression; inside a composed picture the name
    `width` means something else.
    """
    import altair as alt

    room = alt.Scale(
        rangeMax=alt.ExprRef(f"max({width} - 84, 20)"), domain=list(domain), clamp=True, nice=False
    )
    order = alt.EncodingSortField(field="place", op="min", order="ascending")
    base = alt.Chart(data).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelColor=style.ink, labelLimit=150)),
    )
    drawn = base.mark_bar(cornerRadiusEnd=3, height={"band": 0.64}).encode(
        x=alt.X("v:Q", axis=None, scale=room),
        color=alt.condition("datum.others", alt.value(style.series[-1]), alt.value(style.series[0])),
    )
    before = base.mark_tick(thickness=2, height={"band": 0.84}, color=style.ink).encode(
        x=alt.X("previous:Q", axis=None, scale=room)
    )
    written = base.mark_text(align="right", fontWeight=600).encode(x=alt.value("width"), text="text:N")
    return alt.layer(drawn, before, written)


def draw_donut(
    data: Rows,
    style: ChartStyle,
    radius: str = "min(width, height) / 2",
    written: str = "",
    legend: alt.Legend | None = None,
) -> alt.LayerChart:
    """Shares of a whole, its total written in the middle (parameter `total`, at first `written`)."""
    import altair as alt

    arcs = (
        alt.Chart(data)
        .mark_arc(
            innerRadius=alt.ExprRef(f"{radius} * 0.64"),
            outerRadius=alt.ExprRef(radius),
            cornerRadius=3,
            stroke=style.surface,
            strokeWidth=2,
        )
        .encode(theta=alt.Theta("v:Q", stack=True), order="place:Q", color=_encode_series(style, legend))
    )
    total = alt.param(name="total", value=written)
    middle = alt.Chart(alt.Data(values=[{}])).mark_text(
        text=alt.ExprRef("total"), fontSize=24, fontWeight=700, fill=style.ink
    )
    return alt.layer(arcs, middle).add_params(total)


def draw_stacked_bars(data: Rows, style: ChartStyle, axis: str, ticks: Ticks) -> alt.Chart:
    """Stacked bars over time, in the order of time."""
    import altair as alt

    return (
        alt.Chart(data)
        .mark_bar(stroke=style.surface, strokeWidth=0.5)
        .encode(
            x=alt.X(
                "when:O",
                sort="ascending",
                title=None,
                scale=alt.Scale(paddingInner=0.25),
                axis=alt.Axis(labelAngle=0, values=list(ticks), labelExpr=_name_ticks(ticks)),
            ),
            y=alt.Y("v:Q", title=None, stack="zero", axis=alt.Axis(tickCount=5, labelExpr=axis)),
            color=_encode_series(style, None),
            order="place:Q",
        )
    )


def _encode_series(style: ChartStyle, legend: alt.Legend | None) -> alt.Color:
    import altair as alt

    scale = alt.Scale(domain=list(range(SLOTS)), range=list(style.series))
    return alt.Color("slot:O", scale=scale, legend=legend)
