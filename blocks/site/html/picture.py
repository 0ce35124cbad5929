"""The picture of a dashboard as it opens: a PNG drawn offline from one composed Vega-Lite specification.

Tickets and mails carry it, so it says by itself what it is: title, date of the data, gate, compared period.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from blocks.errors import BadInput, PlatformError, replace_vendor_errors
from blocks.site import number_format
from blocks.site.html.dashboard_view import DashboardView
from blocks.site.html.kpis import Snapshot
from blocks.site.html.picture_charts import GAP, HEIGHT, WIDTH, Panel, make_panels
from blocks.site.html.theme import PAPER, make_config
from blocks.site.opening import Standing, write_target
from blocks.site.text import one_line

BETWEEN, MARGIN, TILES = 16, 32, 8
Spec = dict[str, object]  # plain Vega-Lite: Altair's checks of hundreds of texts took longer than the drawing
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
APART: Spec = {"resolve": {"scale": {"color": "independent"}}}
_TONES = {"good": "#0b6e4a", "bad": "#b3261e", "even": PAPER.muted}


def load_renderer() -> None:
    """Load what draws, which takes its time for the first picture of a process."""
    import vl_convert

    import_module("altair")
    vl_convert.vegalite_to_png({"mark": "text", "data": {"values": [{}]}})


def draw_picture(view: DashboardView) -> bytes:
    """The PNG, 1200 pixels wide."""
    import vl_convert
    from altair.utils.schemapi import debug_mode

    shots = [
        view.take_snapshot(number, metric, view.opening, view.find_period_before(metric))
        for number, metric in view.metrics
    ]
    standings = [view.judge(*pair) for pair in view.metrics]
    with debug_mode(
        False
    ):  # a third of the time goes into Altair's look at its own schema; tests leave it on
        charts = make_panels(view, shots[0])
        sized = [panel.chart.properties(width=panel.width, height=HEIGHT) for panel in charts]
        drawn = [chart.to_dict(validate=False) for chart in sized]
    params = [param for chart in drawn for param in chart.pop("params", ())]  # Vega-Lite has them at the top
    rows = [
        _draw_heading(view),
        *_draw_tile_rows(shots[:TILES], standings[:TILES]),
        *_draw_panel_rows(charts, drawn),
    ]
    style = make_config(PAPER) | {
        "background": PAPER.surface,
        "padding": MARGIN,
        "concat": {"spacing": BETWEEN},
    }
    spec = {"$schema": SCHEMA, "vconcat": rows, "spacing": 24, "params": params, "config": style, **APART}

    def translate(error: BaseException) -> PlatformError:
        what, answer = f"Draw the picture of {view.card.dashboard.name}", str(error).splitlines()[-1][:200]
        return BadInput(what, answer, "Look at the values of its extract.")

    with replace_vendor_errors(ValueError, translate):
        png: bytes = vl_convert.vegalite_to_png(spec, scale=1, allowed_base_urls=[])
    return png


def _draw_heading(view: DashboardView) -> Spec:
    card = view.card
    words = [f"Data to {number_format.write_day(card.as_of)}" if card.as_of else "", f"run {card.run}"]
    if card.gate:
        failed, checks = len(card.gate.failures), len(card.gate.checks)
        words.append(
            f"{failed} of {checks} checks failed" if failed else f"{checks} of {checks} checks passed"
        )
    if card.dashboard.ticket:
        words.append(f"ticket {one_line(card.dashboard.ticket, 40)}")
    period = number_format.write_span(view.opening.begin, view.opening.end) if view.opening else ""
    if period and view.time_label:
        period = f"{one_line(view.time_label, 60)}: {period}"
    if view.before:
        before = number_format.write_span(view.before.begin, view.before.end)
        period += f", compared with {before} (dashed lines, ticks)"
    filters = [f"{name}: {choice}" for name, choice in view.picked.items()]
    period = " · ".join(part for part in (period, one_line("; ".join(filters), 160)) if part)
    return _draw_texts(
        WIDTH,
        84,
        (0, 26, one_line(card.dashboard.title, 80), 27, 700, PAPER.ink),
        (0, 53, " · ".join(word for word in words if word), 14, 400, PAPER.muted),
        (0, 76, period, 14, 400, PAPER.muted),
    )


def _draw_tile_rows(shots: list[Snapshot], standings: list[Standing | None]) -> list[Spec]:
    """All in one row, or in two where they are more than five."""
    height = 132 if any(standings) else 112  # a line more, for targets
    across = len(shots) if len(shots) <= 5 else -(-len(shots) // 2)
    width = (WIDTH - BETWEEN * (across - 1)) / across
    tiles = [_draw_tile(*pair, width, height) for pair in zip(shots, standings, strict=True)]
    return [_join_row(tiles[i : i + across], BETWEEN) for i in range(0, len(tiles), across)]


def _draw_panel_rows(found: list[Panel], drawn: list[Spec]) -> list[Spec]:
    """A row of titles and a row of charts, side by side at exact places."""
    titles: list[Spec] = []
    charts: list[Spec] = []
    for panel, spec in zip(found, drawn, strict=True):
        words = (0, 16, one_line(panel.title, 60), 16, 600, PAPER.ink)
        gap = GAP if titles else 0
        titles += [*_draw_space(gap), _draw_texts(panel.left + panel.width + panel.right, 18, words)]
        chart = {key: value for key, value in spec.items() if key not in ("$schema", "config")}
        charts += [*_draw_space(gap + panel.left), chart, *_draw_space(panel.right)]
    return [_join_row(row, 0) | APART for row in (titles, charts) if row]


def _join_row(parts: list[Spec], spacing: int) -> Spec:
    return {"hconcat": parts, "spacing": spacing, "bounds": "flush"}


def _draw_tile(shot: Snapshot, standing: Standing | None, width: float, height: int) -> Spec:
    metric, value, before = shot.metric, shot.read_total(), shot.read_total(before=True)
    moved = number_format.write_change(value, before, metric.form)
    arrow = {"+": "▲ ", "-": "▼ "}.get(moved[0] if moved else "", "")
    message = f"{arrow}{moved} from {number_format.write_compact(before, metric.form)}" if moved else ""
    verdict = f"{'Reached' if standing.reached else 'Not reached'}: target" if standing else ""
    aim = one_line(f"{verdict} {write_target(metric)}", 60) if standing else ""
    frame = {
        "data": {"values": [{}]},
        "mark": {
            "type": "rect",
            "cornerRadius": 12,
            "fill": PAPER.surface,
            "stroke": PAPER.line,
            "strokeWidth": 1.25,
        },
        "encoding": {"x": {"value": 0}, "y": {"value": 0}, "x2": {"value": width}, "y2": {"value": height}},
    }
    return _draw_texts(
        width,
        height,
        (18, 30, one_line(metric.label + shot.note, 40 if shot.note else 26), 14, 400, PAPER.muted),
        (18, 67, number_format.write_compact(value, metric.form), 31, 700, PAPER.ink),
        (18, 94, message, 13, 600, _TONES[number_format.judge_change(moved, metric.goal)]),
        (18, 116, aim, 13, 600, _TONES["good" if standing and standing.reached else "bad"]),
        behind=[frame],
    )


def _draw_space(width: float) -> list[Spec]:
    return [_draw_texts(width, 1, (0, 0, "", 1, 400, PAPER.ink))] if width else []


def _draw_texts(
    width: float, height: float, *items: tuple[float, float, str, int, int, str], behind: Sequence[Spec] = ()
) -> Spec:
    """Lines of text at x, y with size, weight and colour, over what is behind them."""
    layers = [
        *behind,
        *(
            {
                "data": {"values": [{"text": text}]},
                "mark": {
                    "type": "text",
                    "align": "left",
                    "baseline": "alphabetic",
                    "fontSize": size,
                    "fontWeight": weight,
                    "fill": colour,
                    "limit": width - x,
                },
                "encoding": {
                    "x": {"value": x},
                    "y": {"value": y},
                    "text": {"field": "text", "type": "nominal"},
                },
            }
            for x, y, text, size, weight, colour in items
        ),
    ]
    return {"layer": layers, "width": width, "height": height}
