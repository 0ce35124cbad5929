"""The charts as Vega-Lite specifications, built with Altair over columns of fixed names, without rows.

The page and the picture draw the same charts. A page compiles them once and feeds them rows as its filters
change. Colours are a `ChartStyle`: CSS variables for the page, so that themes and print need no new chart.

Columns: label or t (what is compared, or when), v (the value), slot (which series colour), text (v written
out), tip (the tooltip's lines), previous (the value before), kind (of a line: now, partial, previous).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from blocks.site.html.theme import SLOTS, ChartStyle

if TYPE_CHECKING:
    import altair as alt

    Rows: TypeAlias = alt.Data | alt.NamedData


def draw_trend(data: Rows, style: ChartStyle, axis: str, legend: alt.Legend | None = None) -> alt.LayerChart:
    """Lines over time: solid; dotted where a bucket is not complete; dashed grey for the period before."""
    import altair as alt

    hover = alt.selection_point(
        name="hover", fields=["t"], nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    when = alt.X("t:T", title=None, scale=alt.Scale(type="utc"), axis=alt.Axis(grid=False, tickCount=8))
    base = alt.Chart(data).encode(
        x=when,
        y=alt.Y("v:Q", title=None, axis=alt.Axis(tickCount=5, labelExpr=axis)),
        color=_series(style, legend),
    )
    kinds = alt.Scale(domain=["now", "partial", "previous"], range=[[1, 0], [2, 3], [6, 4]])
    lines = base.mark_line(strokeWidth=2.25, strokeJoin="round").encode(
        detail="part:N",
        strokeDash=alt.StrokeDash("kind:N", scale=kinds, legend=None),
        color=alt.condition("datum.kind === 'previous'", alt.value(style.series[-1]), _series(style, legend)),
    )
    filled = base.transform_filter("datum.fill").mark_area(opacity=0.1, color=style.series[0])
    current = base.transform_filter("datum.kind !== 'previous'")
    points = current.mark_point(size=60, filled=True, opacity=0).encode(tooltip="tip:N").add_params(hover)
    marked = current.transform_filter(hover).mark_point(
        size=64, filled=True, stroke=style.surface, strokeWidth=2, opacity=1
    )
    rule = (
        alt.Chart(data).transform_filter(hover).mark_rule(color=style.muted, strokeDash=[3, 3]).encode(x=when)
    )
    return alt.layer(filled, rule, lines, marked, points)


def draw_bars(data: Rows, style: ChartStyle, width: str = "width") -> alt.LayerChart:
    """Horizontal bars in the order of the rows, values at the right, a mark for the value before.

    width: as an expression; inside a composed picture the name `width` means something else.
    """
    import altair as alt

    room = alt.Scale(rangeMax=alt.ExprRef(f"max({width} - 84, 20)"), zero=True, nice=False)
    base = alt.Chart(data).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelColor=style.ink, labelLimit=150)),
        tooltip="tip:N",
    )
    drawn = base.mark_bar(cornerRadiusEnd=3, height={"band": 0.64}, cursor="pointer").encode(
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
            cursor="pointer",
        )
        .encode(
            theta=alt.Theta("v:Q", stack=True), order="place:Q", tooltip="tip:N", color=_series(style, legend)
        )
    )
    total = alt.param(name="total", value=written)
    middle = alt.Chart(alt.Data(values=[{}])).mark_text(
        text=alt.ExprRef("total"), fontSize=24, fontWeight=700, fill=style.ink
    )
    return alt.layer(arcs, middle).add_params(total)


def draw_stacked_bars(
    data: Rows, style: ChartStyle, axis: str, when: str, legend: alt.Legend | None = None
) -> alt.Chart:
    """Stacked bars over time; `when` writes the labels of column when."""
    import altair as alt

    return (
        alt.Chart(data)
        .mark_bar(cursor="pointer", stroke=style.surface, strokeWidth=0.5)
        .encode(
            x=alt.X(
                "when:O",
                sort=None,
                title=None,
                scale=alt.Scale(paddingInner=0.25),
                axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=12, labelExpr=when),
            ),
            y=alt.Y("v:Q", title=None, stack="zero", axis=alt.Axis(tickCount=5, labelExpr=axis)),
            color=_series(style, legend),
            order="place:Q",
            tooltip="tip:N",
        )
    )


def _series(style: ChartStyle, legend: alt.Legend | None) -> alt.Color:
    import altair as alt

    scale = alt.Scale(domain=list(range(SLOTS)), range=list(style.series))
    return alt.Color("slot:O", scale=scale, legend=legend)
