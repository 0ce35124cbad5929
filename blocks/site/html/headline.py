"""A dashboard in a few lines of text: its figures as it opens, and those that an alert is about. For subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import NamedTuple

from blocks.metrics import Metric
from blocks.site.base import Card
from blocks.site.extract import Extract
from blocks.site.html.dashboard_view import DashboardView
from blocks.site.html.kpis import Snapshot
from blocks.site.number_format import write_change, write_compact, write_span
from blocks.site.opening import name_bucket
from blocks.site.periods import Period, find_bucket, find_last_finished, finish, list_coarser_grains, start
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
    with ExitStack() as opened:
        pairs = zip(card.datasets, card.extracts, strict=True)
        extracts = [opened.enter_context(Extract(dataset, path)) for dataset, path in pairs]
        view = DashboardView(card, extracts)
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
    before = view.find_period_before(metric)
    shot = Snapshot(view.extracts[number], metric, view.opening, before, view.latest, view.picked)
    value = shot.read_total()
    change = write_change(value, shot.read_total(before=True), metric.form)
    return f"{metric.label}{shot.note}: {write_compact(value, metric.form)}{f' ({change})' if change else ''}"


def _read(view: DashboardView, alert: Alert) -> Reading:
    """Of the newest finished and final unit of time; without a unit, of the time that the dashboard opens with."""
    number, metric = next(pair for pair in view.metrics if pair[1].name == alert.metric)
    period, when = view.opening, write_span(view.opening.begin, view.opening.end) if view.opening else ""
    if alert.per:
        period, when = _find_newest(view, metric, alert.per)
    shot = Snapshot(view.extracts[number], metric, period, None, view.latest, view.picked)
    value = shot.read_total() if period or not alert.per else None
    return Reading(
        label=metric.label,
        value=value,
        text=write_compact(value, metric.form),
        line=write_compact(alert.value, metric.form),
        when=when,
    )


def _find_newest(view: DashboardView, metric: Metric, unit: str) -> tuple[Period | None, str]:
    """The newest finished bucket of a unit, in buckets of the rows; None where these don't reach over all of it."""
    if not view.finished or unit not in list_coarser_grains(view.grain):
        return None, ""
    end = view.finished.end
    if view.end:
        end = min(end, view.end - timedelta(days=metric.maturity_days))
    bucket = find_last_finished(end, unit)
    first, last = (find_bucket(day, view.grain) for day in (start(bucket, unit), finish(bucket, unit)))
    period = Period(grain=view.grain, first=first, last=last)
    return (period if first >= view.finished.first else None), name_bucket(bucket, unit)
