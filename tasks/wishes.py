"""Wishes of a ticket beyond what has to be there: how a dashboard is cut, drawn, ordered, refreshed and shared.

What is done is accepted; everything else is refused by name, so that nobody waits for what was never planned. A wish
that becomes possible leaves `REFUSED` and gets a function here.
"""

from __future__ import annotations

from collections.abc import Sequence

from blocks.records import Analysis
from blocks.site.plan import CHARTS, Chart
from tasks.fields import Form
from tasks.markdown import code, listed
from tasks.spellings import Spellings

REFUSED = {
    "filters": ("all, none, no", "can't be preset; readers filter by every dimension on the dashboard"),
    "period": ("all, all time, everything, all data", "can't be preset; readers choose it on the dashboard"),
    "grain": ("any, all", "can't be set; a chart takes the grain that its period and data allow"),
    "target": ("none, no", "can't be shown on a dashboard yet"),
    "cadence": (
        "each run, every run, live, real time, real-time, realtime",
        "can't be set by ticket; what is refreshed by itself is declared in dbt (`schedule` in an exposure's meta)",
    ),
    "audience": (
        "all, everybody, everyone, all readers",
        "can't be set by ticket; who may read is set where dashboards are published",
    ),
}
"""Part of a request → words that mean what is done anyway, and why everything else is refused."""
LIVE = ("live", "real time", "real-time", "realtime")
"""Words of a cadence that ask for data without a copy; the answer says how each dataset is read, and why."""
_CHARTS: dict[str, Sequence[str]] = {
    Chart.trend: ("line", "lines", "line chart", "time series", "trend line", "area"),
    Chart.bars: ("bar", "bar chart", "column", "columns", "column chart"),
    Chart.shares: ("share", "pie", "pie chart", "donut", "donut chart", "doughnut"),
    Chart.stacked: ("stack", "stacked bars", "stacked bar chart"),
    Chart.table: ("tables", "grid", "list"),
}


def check_wishes(
    form: Form, analysis: Analysis | None, metrics: Sequence[str], spellings: Spellings
) -> tuple[str, ...]:
    """Note a gap for each wish that can't be honoured; return the metrics in the order of the layout."""
    for field, (accepted, why) in REFUSED.items():
        words = form.read_words(field)
        if refused := [word for word in words if word.casefold().strip(" .") not in accepted.split(", ")]:
            form.add_gap(field, f"{', '.join(map(code, refused))} {why}. Take it out of the ticket to go on.")
    charts = _read_charts(form, "chart", form.read_words("chart"))
    _check_charts(form, analysis, charts)
    return _read_layout(form, analysis, metrics, spellings)


def wants_live_data(form: Form) -> bool:
    """True if a ticket asks for a dashboard that reads what is served itself, at every look."""
    words = (word.casefold().strip(" .") for word in form.read_words("cadence"))
    return any(word in LIVE for word in words)


def _read_charts(form: Form, field: str, words: Sequence[str]) -> list[Chart]:
    spellings = Spellings(tuple(Chart), _CHARTS)
    for word in words:
        if not spellings.find(word):
            form.add_gap(field, f"{code(word)} is not known. It can be: {listed(Chart)}.")
    return [Chart(name) for word in words for name in spellings.find(word)]


def _check_charts(form: Form, analysis: Analysis | None, charts: Sequence[Chart]) -> None:
    """A chart that this analysis does not show is refused with the analyses that do."""
    for chart in charts:
        if analysis and chart not in CHARTS[analysis]:
            others = listed(each for each, shown in CHARTS.items() if chart in shown)
            form.add_gap("chart", f"{code(chart)} is not shown by a {analysis}, but by: {others}.")


def _read_layout(
    form: Form, analysis: Analysis | None, metrics: Sequence[str], spellings: Spellings
) -> tuple[str, ...]:
    """Metrics in the order that the layout names; charts have to be in the order that the analysis gives them."""
    words = form.read_words("layout")
    order = [name for word in words for name in spellings.find(word) if name in metrics]
    if len(order) < len(words):
        charts = _read_charts(form, "layout", words) if not order else []
        shown = [chart for chart in CHARTS.get(analysis, ()) if chart in charts] if analysis else charts
        if order or charts != shown:
            asked = ", ".join(map(code, words))
            possible = listed(CHARTS[analysis]) if analysis else "what the analysis shows"
            form.add_gap(
                "layout", f"{asked} is not possible: write metrics in their order, or charts as {possible}."
            )
    return tuple(dict.fromkeys((*order, *metrics)))
