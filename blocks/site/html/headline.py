"""A dashboard in a few lines of text: its figures as it opens, and those that an alert is about. For subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from blocks.metrics import Metric
from blocks.site.base import Card
from blocks.site.html.dashboard_view import DashboardView, open_view
from blocks.site.number_format import write_change, write_compact, write_span
from blocks.site.opening import name_bucket
from blocks.wishes import Alert

MOST_FIGURES = 8


class Reading(NamedTuple):
    """The figure that an alert is about. value: None where there is none yet; when: the time that it is of."""

    label: str
    value: float | None
    text: str
    line: str
    when: str


class Headline(NamedTuple):
    """figures: a line each; period: the time that they are of; readings: of the alerts, in their order."""

    period: str
    figures: tuple[str, ...]
    readings: tuple[Reading, ...]


def read_headline(card: Card, alerts: Sequence[Alert]) -> Headline:
    """Ask the card's extracts."""
    with open_view(card) as view:
        opening, before = view.opening, view.before
        period = write_span(opening.begin, opening.end) if opening else ""
        period += f", compared with {write_span(before.begin, before.end)}" if period and before else ""
        return Headline(
            period=period,
            figures=tuple(_write_figure(view, *each) for each in view.metrics[:MOST_FIGURES]),
            readings=tuple(_read(view, alert) for alert in alerts),
        )


def _write_figure(view: DashboardView, number: int, metric: Metric) -> str:
    """As in `Net revenue: £1.24M (+3.2%)`."""
    shot = view.take_snapshot(number, metric, view.opening, view.find_period_before(metric))
    value = shot.read_total()
    change = write_change(value, shot.read_total(before=True), metric.form)
    return f"{metric.label}{shot.note}: {write_compact(value, metric.form)}{f' ({change})' if change else ''}"


def _read(view: DashboardView, alert: Alert) -> Reading:
    """Of the newest finished and final unit of time; without a unit, of the time that the dashboard opens with."""
    number, metric = next(pair for pair in view.metrics if pair[1].name == alert.metric)
    period, when = view.opening, write_span(view.opening.begin, view.opening.end) if view.opening else ""
    if alert.per:
        bucket = view.find_newest_bucket(metric, alert.per, view.finished)
        if bucket is None:
            return Reading(metric.label, None, "", "", "")
        period, when = view.cover(bucket, alert.per), name_bucket(bucket, alert.per)
    value = view.take_snapshot(number, metric, period).read_total()
    line = write_compact(alert.value, metric.form)
    return Reading(metric.label, value, write_compact(value, metric.form), line, when)
