"""The picture of a dashboard as it opens: a PNG drawn offline from one composed Vega-Lite specification.

Tickets and mails carry it, so it says by itself what it is: title, date of the data, gate, compared period.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blocks.errors import BadInput
from blocks.site import figures
from blocks.site.look import PAPER, config
from blocks.site.panels import GAP, HEIGHT, WIDTH, Panel, panels
from blocks.site.snapshot import Snapshot
from blocks.site.view import View
from blocks.site.wording import line

if TYPE_CHECKING:
    import altair as alt

BETWEEN, MARGIN, TILES = 16, 32, 8
_TONES = {"good": "#0b6e4a", "bad": "#b3261e", "even": PAPER.muted}


def draw(view: View) -> bytes:
    """The PNG, 1200 pixels wide."""
    import altair as alt
    import vl_convert

    shots = [
        Snapshot(view.extracts[number], metric, view.opening, view.before) for number, metric in view.metrics
    ]
    whole = alt.vconcat(
        _heading(view), *_tile_rows(shots[:TILES]), *_panel_rows(panels(view, shots[0])), spacing=24
    )
    spec = whole.resolve_scale(color="independent").to_dict()
    look = config(PAPER) | {"background": PAPER.surface, "padding": MARGIN, "concat": {"spacing": BETWEEN}}
    try:
        png: bytes = vl_convert.vegalite_to_png(spec | {"config": look}, scale=1, allowed_base_urls=[])
    except ValueError as error:
        what = f"Draw the picture of {view.card.dashboard.name}"
        raise BadInput(
            what, str(error).splitlines()[-1][:200], "Look at the values of its extract."
        ) from error
    return png


def _heading(view: View) -> alt.LayerChart:
    card = view.card
    words = [f"Data to {card.as_of}" if card.as_of else "", f"run {card.run}"]
    if card.gate:
        failed, checks = len(card.gate.failures), len(card.gate.checks)
        words.append(
            f"{failed} of {checks} checks failed" if failed else f"{checks} of {checks} checks passed"
        )
    if card.dashboard.ticket:
        words.append(f"ticket {line(card.dashboard.ticket, 40)}")
    period = figures.span(view.opening.begin, view.opening.end) if view.opening else ""
    if view.before:
        period += f", compared with {figures.span(view.before.begin, view.before.end)} (dashed lines, ticks)"
    return _texts(
        WIDTH, 84,
        (0, 26, line(card.dashboard.title, 80), 27, 700, PAPER.ink),
        (0, 53, " · ".join(word for word in words if word), 14, 400, PAPER.muted),
        (0, 76, period, 14, 400, PAPER.muted),
    )  # fmt: skip


def _tile_rows(shots: list[Snapshot]) -> list[Any]:
    """All in one row, or in two where they are more than five."""
    import altair as alt

    across = len(shots) if len(shots) <= 5 else -(-len(shots) // 2)
    tiles = [_tile(shot, (WIDTH - BETWEEN * (across - 1)) / across) for shot in shots]
    rows = [tiles[i : i + across] for i in range(0, len(tiles), across)]
    return [alt.hconcat(*row, spacing=BETWEEN, bounds="flush") for row in rows]


def _panel_rows(found: list[Panel]) -> list[Any]:
    """A row of titles and a row of charts, side by side at exact places."""
    import altair as alt

    titles: list[Any] = []
    charts: list[Any] = []
    for panel in found:
        words = (0, 16, line(panel.title, 60), 16, 600, PAPER.ink)
        gap = GAP if titles else 0
        titles += [*_room(gap), _texts(panel.left + panel.width + panel.right, 18, words)]
        chart = panel.chart.properties(width=panel.width, height=HEIGHT)
        charts += [*_room(gap + panel.left), chart, *_room(panel.right)]
    rows = [alt.hconcat(*row, spacing=0, bounds="flush") for row in (titles, charts) if row]
    return [row.resolve_scale(color="independent") for row in rows]


def _tile(shot: Snapshot, width: float) -> alt.LayerChart:
    import altair as alt

    metric, value, before = shot.metric, shot.total(), shot.total(before=True)
    moved = figures.change(value, before, metric.form)
    arrow = {"+": "▲ ", "-": "▼ "}.get(moved[0] if moved else "", "")
    said = f"{arrow}{moved} from {figures.compact(before, metric.form)}" if moved else ""
    frame = alt.Chart(alt.Data(values=[{}])).mark_rect(
        cornerRadius=12, fill=PAPER.surface, stroke=PAPER.line, strokeWidth=1.25
    ).encode(x=alt.value(0), y=alt.value(0), x2=alt.value(width), y2=alt.value(112))  # fmt: skip
    words = _texts(
        width, 112,
        (18, 30, line(metric.label, 26), 14, 400, PAPER.muted),
        (18, 67, figures.compact(value, metric.form), 31, 700, PAPER.ink),
        (18, 94, said, 13, 600, _TONES[figures.tone(moved, metric.goal)]),
    )  # fmt: skip
    return alt.layer(frame, *words.layer).properties(width=width, height=112)


def _room(width: float) -> list[Any]:
    return [_texts(width, 1, (0, 0, "", 1, 400, PAPER.ink))] if width else []


def _texts(width: float, height: float, *items: tuple[float, float, str, int, int, str]) -> alt.LayerChart:
    """Lines of text at x, y with size, weight and colour."""
    import altair as alt

    layers = [
        alt.Chart(alt.Data(values=[{"text": text}]))
        .mark_text(
            align="left",
            baseline="alphabetic",
            fontSize=size,
            fontWeight=weight,
            fill=colour,
            limit=width - x,
        )
        .encode(x=alt.value(x), y=alt.value(y), text="text:N")
        for x, y, text, size, weight, colour in items
    ]
    return alt.layer(*layers).properties(width=width, height=height)
