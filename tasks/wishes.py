"""Wishes of a ticket beyond what has to be there: how a dashboard opens, is drawn and ordered, when and for whom.

Everything is honoured, or refused by name with what can be written instead. How each is written is in wish_syntax.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from blocks.records import GRAINS, Analysis
from blocks.site.periods import list_coarser_grains
from blocks.site.plan import CHARTS, Chart
from blocks.wishes import Alert, Cadence, Filter, Span, Target, Wishes
from tasks.fields import NOTHING, Form
from tasks.markdown import code, listed
from tasks.request_shape import Names
from tasks.spellings import Spellings
from tasks.wish_syntax import (
    SUBSCRIBERS,
    UnclearError,
    read_alert,
    read_cadence,
    read_comparison,
    read_filter,
    read_period,
    read_subscriber,
    read_target,
)

LIVE = ("live", "real time", "real-time", "realtime")
"""Words of a cadence that ask for data without a copy; the answer says how each dataset is read, and why."""
USUAL: Mapping[str, Sequence[str]] = {
    "filters": ("all", *NOTHING),
    "period": (),
    "comparison": (),
    "grain": ("any", "all", "automatic", *NOTHING),
    "target": tuple(NOTHING),
    "cadence": (),
    "audience": ("all", "everybody", "everyone", "all readers", "anyone", *NOTHING),
    "alerts": tuple(NOTHING),
}
"""Part of a request → words for what is done anyway."""
LONGEST_GROUP, MOST_SUBSCRIBERS = 100, 20
GRAIN_WORDS: Mapping[str, Sequence[str]] = {
    "day": ("daily", "days", "per day", "by day", "day by day"),
    "week": ("weekly", "weeks", "per week", "by week", "week by week"),
    "month": ("monthly", "months", "per month", "by month", "month by month"),
    "quarter": ("quarterly", "quarters", "per quarter", "by quarter", "quarter by quarter"),
    "year": ("yearly", "annual", "annually", "years", "per year", "by year", "year by year"),
}
_CHARTS: dict[str, Sequence[str]] = {
    Chart.trend: ("line", "lines", "line chart", "time series", "trend line", "area"),
    Chart.bars: ("bar", "bar chart", "column", "columns", "column chart"),
    Chart.shares: ("share", "pie", "pie chart", "donut", "donut chart", "doughnut"),
    Chart.stacked: ("stack", "stacked bars", "stacked bar chart"),
    Chart.table: ("tables", "grid", "list"),
    Chart.movement: ("why it moved", "drivers", "waterfall", "contribution", "contributions"),
}
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Known:
    """What wishes are held against. find_values: a dimension's values as readers see them now, None if none are known.

    find_groups: who may be an audience; None: where dashboards go nobody can be kept out, or nobody knows.
    """

    names: Names
    metrics: Spellings
    dimensions: Spellings
    find_values: Callable[[str], Sequence[str] | None] = field(default=lambda _: None)
    find_groups: Callable[[], Sequence[str] | None] = field(default=lambda: None)


def check_wishes(
    form: Form, analysis: Analysis | None, metrics: Sequence[str], known: Known
) -> tuple[Wishes, tuple[str, ...]]:
    """What is wished, and the metrics in the order of the layout; a gap is noted for all that can't be honoured."""
    charts = _read_charts(form, "chart", form.read_words("chart"))
    _check_charts(form, analysis, charts)
    ordered, order = _read_layout(form, analysis, metrics, known.metrics)
    period = _read_one(form, "period", read_period)
    comparison = _read_one(form, "comparison", read_comparison)
    wishes = Wishes(
        filters=_read_filters(form, metrics, known),
        period=period[0] if period else None,
        comparison=comparison or (period[1] if period else None),
        grain=_read_grain(form, metrics, known.names),
        cadence=_read_cadence(form),
        audience=_read_audience(form, known.find_groups),
        charts=tuple(dict.fromkeys((*order, *charts))),
    )
    if period and comparison and period[1] and period[1] is not comparison:
        form.add_gap("comparison", "is another than the one behind the period. Write one of both.")
    _check_time(form, metrics, known.names, wishes)
    targets = _read_targets(form, metrics, known, wishes.grain)
    subscribers = _read_subscribers(form)
    alerts = _read_alerts(form, metrics, known)
    if alerts and not form.read_entries("subscribers"):
        form.add_gap("subscribers", f"are needed for an alert: nobody would hear of it. {SUBSCRIBERS}")
    more = {"targets": targets, "subscribers": subscribers, "alerts": alerts}
    return wishes.model_copy(update=more), ordered


def wants_live_data(form: Form) -> bool:
    """True if a ticket asks for a dashboard that reads what is served itself, at every look."""
    words = (word.casefold().strip(" .") for word in form.read_words("cadence"))
    return any(word in LIVE for word in words)


def _list_entries(form: Form, field_name: str) -> list[str]:
    """The entries of a field, without words for what is done anyway."""
    usual = USUAL[field_name]
    return [each for each in form.read_entries(field_name) if each.casefold().strip(" .") not in usual]


def _read(form: Form, field_name: str, read: Callable[[str], _Found], text: str) -> _Found | None:
    try:
        return read(text)
    except UnclearError as error:
        form.add_gap(field_name, f"{code(text)} can't be read. {error}")
    return None


def _read_one(form: Form, field_name: str, read: Callable[[str], _Found]) -> _Found | None:
    """The value of a field that has one."""
    entries = _list_entries(form, field_name)
    if len(entries) > 1:
        form.add_gap(field_name, f"has {len(entries)} values: {', '.join(map(code, entries[:5]))}. Keep one.")
        return None
    return _read(form, field_name, read, entries[0]) if entries else None


def _read_filters(form: Form, metrics: Sequence[str], known: Known) -> tuple[Filter, ...]:
    found: dict[str, Filter] = {}
    for entry in _list_entries(form, "filters"):
        if (each := _read_filter(form, entry, known)) and (one := _check_filter(form, each, metrics, known)):
            if one.dimension in found and one != found[one.dimension]:
                form.add_gap(
                    "filters", f"name {code(one.dimension)} twice. Write all its values behind one name."
                )
            found[one.dimension] = one
    return tuple(found.values())


def _read_filter(form: Form, text: str, known: Known) -> Filter | None:
    """A filter as it was written. `state = not started` is the value `not started` where there is such a one."""
    found = _read(form, "filters", read_filter, text)
    if found is None or not found.excluded:
        return found
    plain = read_filter(text, excluding=False)
    names = known.dimensions.find(plain.dimension)
    if not plain.excluded and len(names) == 1:
        values = known.find_values(names[0])
        if values is None:
            form.add_gap(
                "filters",
                f"{code(text)} can be read in two ways. Write {code(found)} for all but that, or {code(plain)} for "
                "this value.",
            )
            return None
        if plain.values[0].casefold() in map(str.casefold, values):
            return plain
    return found


def _check_filter(form: Form, wish: Filter, metrics: Sequence[str], known: Known) -> Filter | None:
    """The filter in the words of dbt and of the data; None and a gap where it fits nothing."""
    names, asked = known.dimensions.find(wish.dimension), wish.dimension
    if len(names) != 1:
        near = known.dimensions.find_shared(asked) or known.dimensions.suggest(asked)
        hint = (
            f"did you mean {' or '.join(map(code, near))}?"
            if near
            else f"known: {listed(known.dimensions.known)}."
        )
        form.add_gap("filters", f"name {code(asked)}, which is no dimension; {hint}")
        return None
    name = names[0]
    sources = {known.names.source_of(metric): metric for metric in metrics}
    if any(known.names.time_of(source) == name for source in sources):
        form.add_gap("filters", f"name {code(name)}, which is time. Write it as `period`.")
        return None
    if without := [
        metric for source, metric in sources.items() if name not in known.names.dimensions_of(source)
    ]:
        form.add_gap(
            "filters",
            f"name {code(name)}, which the data of {listed(without)} do not have: its figures would go on showing "
            "everything. Ask for it in a ticket of its own, or leave the filter out.",
        )
        return None
    values = known.find_values(name)
    if values is None:
        return wish.model_copy(update={"dimension": name})
    return _match_values(form, wish.model_copy(update={"dimension": name}), values)


def _match_values(form: Form, wish: Filter, values: Sequence[str]) -> Filter | None:
    """The filter with its values as the data spell them; None and a gap where some are not among them."""
    if wish.is_range:
        if not any(map(wish.accepts, values)):
            form.add_gap(
                "filters", f"{code(wish)} fits none of the values that {code(wish.dimension)} has now."
            )
            return None
        return wish
    spellings = Spellings(tuple(values), {})
    exact = {value.casefold(): value for value in values}
    texts = [text.strip() for text in spellings.split(", ".join(wish.values))]
    found = {text: exact.get(text.casefold()) for text in texts}
    for text in [text for text, value in found.items() if value is None]:
        near = spellings.suggest(text)
        hint = f"did you mean {' or '.join(map(code, near))}?" if near else f"it has {listed(values, 10)}."
        form.add_gap("filters", f"{code(text)} is no value of {code(wish.dimension)} now; {hint}")
    if None in found.values():
        return None
    if wish.excluded and exact.keys() <= {text.casefold() for text in texts}:
        form.add_gap("filters", f"{code(wish)} leaves no value of {code(wish.dimension)} to show.")
        return None
    return wish.model_copy(update={"values": tuple(dict.fromkeys(map(str, found.values())))})


def _read_grain(form: Form, metrics: Sequence[str], names: Names) -> str:
    entries, spellings = _list_entries(form, "grain"), Spellings(GRAINS, GRAIN_WORDS)
    found = [name for each in entries for name in spellings.find(each)]
    if not entries:
        return ""
    if len(found) != 1:
        form.add_gap("grain", f"{', '.join(map(code, entries[:5]))} is not one of: {listed(GRAINS)}.")
        return ""
    possible = _list_grains(metrics, names)
    if metrics and possible and found[0] not in possible:
        form.add_gap("grain", f"{code(found[0])} can't be drawn of these data; they have {listed(possible)}.")
        return ""
    return found[0]


def _list_grains(metrics: Sequence[str], names: Names) -> list[str]:
    """The grains that the time of all these metrics has; none where one has no time."""
    sources = {names.source_of(metric) for metric in metrics}
    timed = [names.grain_of(source) for source in sources if names.time_of(source)]
    return list_coarser_grains(max(timed, key=GRAINS.index)) if timed else []


def _check_time(form: Form, metrics: Sequence[str], names: Names, wishes: Wishes) -> None:
    """A wish for time is refused where no data has any, but for that of all there is."""
    if not metrics or any(names.time_of(names.source_of(metric)) for metric in metrics):
        return
    asked = {"period": wishes.period, "comparison": wishes.comparison, "grain": wishes.grain}
    for name, wish in asked.items():
        if wish and wish != Span():
            form.add_gap(name, "can't be set: the data of these metrics have no time.")


def _read_targets(form: Form, metrics: Sequence[str], known: Known, grain: str) -> tuple[Target, ...]:
    found: dict[str, Target] = {}
    for entry in _list_entries(form, "target"):
        if (each := _read(form, "target", read_target, entry)) and (
            one := _check_target(form, each, metrics, known, grain)
        ):
            if one.metric in found:
                form.add_gap("target", f"names {code(one.metric)} twice. Keep one of both.")
            found[one.metric] = one
    return tuple(found.values())


def _find_metric(form: Form, field_name: str, asked: str, metrics: Sequence[str], known: Known) -> str | None:
    """dbt's name of a metric that is named in a field; None and a gap where it is none of those asked for."""
    named = known.metrics.find(asked)
    if len(named) == 1 and named[0] in metrics:
        return named[0]
    near = [each for each in known.metrics.suggest(asked) if each in metrics]
    hint = f"did you mean {' or '.join(map(code, near))}?" if near else f"they are {listed(metrics)}."
    form.add_gap(field_name, f"names {code(asked)}, which is none of the metrics asked for; {hint}")
    return None


def _check_target(
    form: Form, wish: Target, metrics: Sequence[str], known: Known, grain: str
) -> Target | None:
    """The target with dbt's metric, and the time that it is of; None and a gap where it can't be judged."""
    name = _find_metric(form, "target", wish.metric, metrics, known)
    if name is None:
        return None
    names = known.names
    timed = names.time_of(names.source_of(name)) is not None
    per, possible = wish.per or (grain if names.adds_up(name) else ""), _list_grains([name], names)
    quoted = code(wish.text)
    if not timed and (wish.against or wish.per):
        form.add_gap("target", f"of {code(name)}, {quoted}, can't be judged: its data have no time.")
    elif wish.against:
        return wish.model_copy(update={"metric": name})
    elif per and per not in possible:
        form.add_gap("target", f"of {code(name)} can't be per {code(per)}; its data have {listed(possible)}.")
    elif timed and names.adds_up(name) and not per:
        form.add_gap(
            "target",
            f"of {code(name)}, {quoted}, needs a time, as the metric adds up: write {code(f'{wish.text} per month')} "
            "or another unit.",
        )
    elif names.form_of(name) == "percent" and wish.value is not None and abs(wish.value) > 1.5:
        form.add_gap("target", f"of {code(name)}, {quoted}, is over 150%: write it with a sign, as `95%`.")
    else:
        return wish.model_copy(update={"metric": name, "per": per})
    return None


def _read_alerts(form: Form, metrics: Sequence[str], known: Known) -> tuple[Alert, ...]:
    found = dict[str, Alert]()
    for entry in _list_entries(form, "alerts"):
        if (each := _read(form, "alerts", read_alert, entry)) and (
            one := _check_alert(form, each, metrics, known)
        ):
            found[str(one)] = one
    return tuple(found.values())


def _check_alert(form: Form, wish: Alert, metrics: Sequence[str], known: Known) -> Alert | None:
    """The alert with dbt's metric; None and a gap where it can't be judged."""
    name = _find_metric(form, "alerts", wish.metric, metrics, known)
    if name is None:
        return None
    names, possible, quoted = known.names, _list_grains([name], known.names), code(wish.text)
    if wish.per and wish.per not in possible:
        has = f"its data have {listed(possible)}" if possible else "its data have no time"
        form.add_gap("alerts", f"on {code(name)} can't be per {code(wish.per)}: {has}.")
    elif possible and names.adds_up(name) and not wish.per:
        form.add_gap(
            "alerts",
            f"on {code(name)}, {quoted}, needs a time, as the metric adds up: write {code(f'{wish.text} per day')} "
            "or another unit.",
        )
    elif names.form_of(name) == "percent" and abs(wish.value) > 1.5:
        form.add_gap("alerts", f"on {code(name)}, {quoted}, is over 150%: write it with a sign, as `95%`.")
    else:
        return wish.model_copy(update={"metric": name})
    return None


def _read_subscribers(form: Form) -> tuple[str, ...]:
    words = [word for word in form.read_words("subscribers") if word.casefold().strip(" .") not in NOTHING]
    found = [each for word in words if (each := _read(form, "subscribers", read_subscriber, word))]
    if len(found) > MOST_SUBSCRIBERS:
        form.add_gap(
            "subscribers",
            f"are {len(found)}, and {MOST_SUBSCRIBERS} is the most: name a channel or a mailing list.",
        )
    return tuple({each.casefold(): each for each in found}.values())[:MOST_SUBSCRIBERS]


def _read_cadence(form: Form) -> Cadence | None:
    entries = [each for each in form.read_entries("cadence") if each.casefold().strip(" .") not in LIVE]
    if len(entries) > 1:
        form.add_gap("cadence", f"has {len(entries)} values: {', '.join(map(code, entries[:5]))}. Keep one.")
        return None
    return _read(form, "cadence", read_cadence, entries[0]) if entries else None


def _read_audience(form: Form, find_groups: Callable[[], Sequence[str] | None]) -> tuple[str, ...]:
    words = [
        word for word in form.read_words("audience") if word.casefold().strip(" .") not in USUAL["audience"]
    ]
    groups = find_groups() if words else None
    if groups is None:
        return tuple(dict.fromkeys(word[:LONGEST_GROUP] for word in words))
    exact, spellings = {group.casefold(): group for group in groups}, Spellings(tuple(groups), {})
    for word in [word for word in words if word.casefold() not in exact]:
        near = spellings.suggest(word)
        hint = f"did you mean {' or '.join(map(code, near))}?" if near else f"it can be: {listed(groups)}."
        form.add_gap("audience", f"{code(word)} is no group that a ticket may name; {hint}")
    return tuple(dict.fromkeys(exact[word.casefold()] for word in words if word.casefold() in exact))


def _read_charts(form: Form, field: str, words: Sequence[str]) -> list[Chart]:
    spellings = Spellings(tuple(Chart), _CHARTS)
    for word in words:
        if not spellings.find(word):
            form.add_gap(field, f"{code(word)} is not known. It can be: {listed(Chart)}.")
    return [Chart(name) for word in words for name in spellings.find(word)]


def _check_charts(form: Form, analysis: Analysis | None, charts: Sequence[Chart]) -> None:
    """A chart that this analysis does not show is refused with the analyses that do."""
    for chart in charts:
        if analysis and chart not in (*CHARTS[analysis], Chart.movement):  # which every analysis has
            others = listed(each for each, shown in CHARTS.items() if chart in shown)
            form.add_gap("chart", f"{code(chart)} is not shown by a {analysis}, but by: {others}.")


def _read_layout(
    form: Form, analysis: Analysis | None, metrics: Sequence[str], spellings: Spellings
) -> tuple[tuple[str, ...], Sequence[Chart]]:
    """The metrics in the order that the layout names; or else the charts in theirs."""
    words, charts = form.read_words("layout"), list[Chart]()
    order = [name for word in words for name in spellings.find(word) if name in metrics]
    if len(order) < len(words):
        charts = _read_charts(form, "layout", words) if not order else []
        possible = CHARTS[analysis] if analysis else tuple(Chart)
        if order or not charts or not set(charts) <= set(possible):
            asked = ", ".join(map(code, words))
            form.add_gap(
                "layout",
                f"{asked} is not possible: write metrics in their order, or charts of {listed(possible)} in theirs.",
            )
    return tuple(dict.fromkeys((*order, *metrics))), charts
