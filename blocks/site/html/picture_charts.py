"""The charts of a dashboard's picture, with their rows: what the analysis asks for and the data has."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from blocks.metrics import is_additive
from blocks.records import Analysis
from blocks.site import number_format
from blocks.site.html.charts import draw_bars, draw_donut, draw_stacked_bars, draw_trend
from blocks.site.html.dashboard_view import DashboardView
from blocks.site.html.kpis import Group, Snapshot
from blocks.site.html.theme import PAPER, SLOTS
from blocks.site.labels import label_dimension, label_metric
from blocks.site.opening import choose_grain
from blocks.site.periods import EPOCH, find_bucket, label_ticks, list_coarser_grains
from blocks.site.plan import (
    TITLES,
    Chart,
    plan_charts,
    sort_charts,
    write_title,
)

if TYPE_CHECKING:
    import altair as alt

WIDTH, HEIGHT, GAP = 1136, 300, 48
BARS = 8
AXIS, LABELS, RING = 58.0, 160.0, 300.0


class Panel(NamedTuple):
    """A chart, its title, and the room its axis takes at the left and its legend at the right."""

    chart: alt.Chart | alt.LayerChart
    title: str
    left: float
    width: float
    right: float = 0


def make_panels(view: DashboardView, shot: Snapshot) -> list[Panel]:
    """One or two charts side by side, together as wide as the picture."""
    dataset, timed = shot.extract.dataset, shot.period is not None
    analysis, sliced = view.card.dashboard.analysis, bool(dataset.dimensions)
    groups = _find_share_groups(shot) if analysis is Analysis.composition else []
    plan = plan_charts(analysis, timed=timed, sliced=sliced, adds=bool(groups))
    if Chart.shares in plan:
        ring = _draw_donut_panel(shot, groups, dataset.dimensions[0])
        rest = WIDTH - GAP - ring.left - ring.width - ring.right
        return [ring, _draw_stacked_panel(shot, groups, dataset.dimensions[0], rest)] if timed else [ring]
    wished = choose_grain(view.wishes)
    grain = wished if wished in list_coarser_grains(view.grain) else ""
    charts = [chart for chart in sort_charts(plan, view.wishes.charts) if chart is not Chart.table]
    if len(charts) < 2:
        return [_draw(chart, shot, WIDTH, grain) for chart in charts]
    first, second = charts
    width = 610 if first is Chart.trend else 560
    return [_draw(first, shot, width, grain), _draw(second, shot, WIDTH - GAP - width, grain)]


def _draw(chart: Chart, shot: Snapshot, width: float, grain: str) -> Panel:
    if chart is Chart.trend:
        return _draw_trend_panel(shot, width, grain)
    return _draw_bars_panel(shot, shot.extract.dataset.dimensions[0], width)


def _find_share_groups(shot: Snapshot) -> list[Group]:
    """The groups that shares are drawn of; none where they make no whole."""
    dimensions = shot.extract.dataset.dimensions
    if not dimensions or not is_additive(shot.metric.formula):
        return []
    groups = shot.read_groups(dimensions[0], SLOTS - 1)
    return [] if any(group.value < 0 for group in groups) else [group for group in groups if group.value]


def _draw_trend_panel(shot: Snapshot, width: float, wished: str) -> Panel:
    import altair as alt

    grain = wished or (shot.period.drawn if shot.period else "day")
    lines = [("previous", shot.read_series(grain, before=True)), ("now", shot.read_series(grain))]
    rows = [row for kind, points in lines for row in _make_line_rows(kind, points, grain)]
    axis = number_format.write_axis_expression(shot.metric.form)
    chart = draw_trend(alt.Data(values=rows), PAPER, axis, _label_ticks(shot, grain, width))
    return Panel(chart, _write_title(shot, Chart.trend, grain=grain), AXIS, width - AXIS)


def _make_line_rows(kind: str, points: list[tuple[date, float]], grain: str) -> list[dict[str, object]]:
    """Points as rows of lines, a new line after each gap."""
    numbers = [find_bucket(day, grain) for day, _ in points]
    joined = [after - before == 1 for before, after in pairwise(numbers)]
    pieces = list(accumulate((not each for each in joined), initial=0))
    lone = {piece for piece, count in Counter(pieces).items() if count == 1}
    return [
        {
            "t": _to_milliseconds(day),
            "v": v,
            "slot": 0,
            "kind": kind,
            "part": f"{kind} {piece}",
            "fill": kind == "now",
            "lone": piece in lone,
        }
        for (day, v), piece in zip(points, pieces[: len(points)], strict=True)
    ]


def _label_ticks(shot: Snapshot, grain: str, width: float) -> dict[int, str]:
    """What stands along the axis of time."""
    if not shot.period:
        return {}
    most = max(2, min(8, int(width // 92)))
    found = label_ticks(shot.period.begin, shot.period.end, grain, most)
    return {_to_milliseconds(day): label for day, label in found}


def _draw_bars_panel(shot: Snapshot, dimension: str, width: float) -> Panel:
    import altair as alt

    groups = shot.read_groups(dimension, BARS)
    rows = [
        group._asdict()
        | {
            "v": group.value,
            "text": number_format.write_compact(group.value, shot.metric.form),
            "place": place,
        }
        for place, group in enumerate(groups)
    ]
    chart = draw_bars(alt.Data(values=rows), PAPER, find_bar_domain(groups), str(width - LABELS))
    title = _write_title(shot, Chart.bars, dimension) + shot.note
    return Panel(chart, title, LABELS, width - LABELS)


def find_bar_domain(groups: list[Group]) -> tuple[float, float]:
    """The least and the greatest value that set the bars' scale: not what all others add up to."""
    own = [group for group in groups if not group.others] or groups
    values = [v for group in own for v in (group.value, group.previous) if v is not None]
    return min([0.0, *values]), max([0.0, *values])


def _draw_donut_panel(shot: Snapshot, groups: list[Group], dimension: str) -> Panel:
    import altair as alt

    total = sum(group.value for group in groups)
    rows = [{"v": g.value, "slot": _choose_slot(g, place), "place": place} for place, g in enumerate(groups)]
    words = [f"{g.label} · {g.value / total * 100:.1f}%" for g in groups]
    written = number_format.write_compact(total, shot.metric.form)
    chart = draw_donut(alt.Data(values=rows), PAPER, str(RING / 2), written, _make_legend(groups, words))
    return Panel(chart, _write_title(shot, Chart.shares, dimension), 0, RING, 210)


def _draw_stacked_panel(shot: Snapshot, groups: list[Group], dimension: str, width: float) -> Panel:
    import altair as alt

    grain = shot.period.drawn if shot.period else "day"
    rows = [
        {
            "when": _to_milliseconds(day),
            "v": value,
            "slot": _choose_slot(groups[place], place),
            "place": place,
        }
        for day, place, value in shot.read_stacked(dimension, groups, grain)
        if place < len(groups)
    ]
    axis = number_format.write_axis_expression(shot.metric.form)
    chart = draw_stacked_bars(alt.Data(values=rows), PAPER, axis, _label_ticks(shot, grain, width))
    return Panel(chart, _write_title(shot, Chart.stacked, dimension, grain), AXIS, width - AXIS)


def _make_legend(groups: list[Group], words: list[str]) -> alt.Legend:
    import altair as alt

    slots = [_choose_slot(group, place) for place, group in enumerate(groups)]
    texts = dict(zip(map(str, slots), words, strict=True))
    return alt.Legend(
        values=slots,
        labelExpr=f"({json.dumps(texts)})[datum.label]",
        orient="right",
        symbolType="square",
        rowPadding=9,
        labelLimit=200,
    )


def _write_title(shot: Snapshot, chart: Chart, dimension: str = "", grain: str = "") -> str:
    label = label_dimension(shot.extract.dataset, dimension).lower()
    return write_title(TITLES[chart], metric=label_metric(shot.metric), dimension=label, grain=grain)


def _choose_slot(group: Group, place: int) -> int:
    return SLOTS - 1 if group.others else place


def _to_milliseconds(day: date) -> int:
    return (day - EPOCH).days * 86_400_000
