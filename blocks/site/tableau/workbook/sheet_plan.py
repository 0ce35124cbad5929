"""Which sheets a dashboard has: its plan, drawn in Tableau.

A panel that is cut by several dimensions, one at a time, is a sheet for each of them; one with several metrics has them
beside each other, each on an axis of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from blocks.site.plan import Chart, Panel, write_title
from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import CHECK_SHEET, Field, Instance, use_calculated, use_plain
from blocks.site.tableau.workbook.worksheets import BAR, KPI, LINE, MAP, PIE, Pane, Sheet

AXIS, HEAD, ROW = 110, 70, 300  # pixels: one metric of a trend, a sheet's title and time, any other sheet


def plan_kpi(source: Source, metric: Field) -> Sheet:
    """The figure of a metric; its tooltip has the number in full, the last finished period and a target."""
    derived = source.derived
    figure, words, standing = (
        each.get(metric.name) for each in (derived.figures, derived.words, derived.standings)
    )
    encodings = tuple(("text", use_calculated(each)) for each in (figure, words, standing) if each)
    tip = (
        (metric.caption, use_calculated(derived.wholes.get(metric.name, metric))),
        *_compare(source, metric),
    )
    if target := derived.targets.get(metric.name) or standing:
        tip = (*tip, ("Target", use_calculated(target)))
    pane = _make_pane(None, encodings, tip)
    return Sheet(f"KPI {metric.caption}", metric.label, source, KPI, panes=(pane,), big=28)


def plan_panel(source: Source, panel: Panel) -> list[Sheet]:
    """The sheets of a panel of the plan."""
    metrics = [
        metric for metric in source.metrics if metric.name.removeprefix("Calculation_") in panel.metrics
    ]
    cuts = [dimension for dimension in source.dimensions if dimension.name in panel.dimensions]
    return _DRAWN[panel.chart](source, panel, metrics, cuts)


def plan_check(source: Source, place: int) -> Sheet:
    """The check sheet of a source; place: counted from 0."""
    name = CHECK_SHEET if place == 0 else f"{CHECK_SHEET} {place + 1}"
    pane = Pane(encodings=(("text", use_calculated(source.check)),))
    return Sheet(name, name, source, KPI, panes=(pane,), filtered=False)


def plan_date(source: Source) -> list[Sheet]:
    """The sheet that says how new the data is, whatever is filtered; none without time."""
    if not source.derived.newest:
        return []
    pane = Pane(encodings=(("text", use_calculated(source.derived.newest)),))
    return [Sheet("Data to", source.caption, source, KPI, panes=(pane,), filtered=False, big=10)]


def plan_links(source: Source, urls: Sequence[str]) -> list[Sheet]:
    """A sheet for each of the source's links, of a few words that open the address when they are clicked."""
    found = []
    for words, url in zip(source.derived.links, urls, strict=True):
        pane = Pane(encodings=(("text", use_plain(words)),))
        name = words.caption
        found.append(Sheet(name, name, source, KPI, panes=(pane,), filtered=False, big=10, link=url))
    return found


def _plan_bars(source: Source, panel: Panel, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    found = []
    for cut in cuts:
        by = use_plain(cut)
        found.append(
            Sheet(
                f"{_list(metrics)} by {_lower(cut)}",
                _write_title(panel, metrics, _lower(cut)),
                source,
                BAR,
                rows=(by,),
                cols=tuple(map(use_calculated, metrics)),
                panes=tuple(_plan_bar(source, metric, (by,)) for metric in metrics),
                height=ROW,
                drills=cut,
                sort=((by,), use_calculated(metrics[0])),
                scrolls=True,
                note="click a bar to filter",
            )
        )
        if cut.place:
            found.append(_map(source, panel, metrics, cut))
    return found


def _map(source: Source, panel: Panel, metrics: list[Field], cut: Field) -> Sheet:
    """The countries of the first metric on a map, the others in its tooltip."""
    by, first = use_plain(cut), use_calculated(metrics[0])
    others = tuple((each.caption, use_calculated(each)) for each in metrics[1:])
    tip = (*_explain(source, metrics[0], by), *others)
    pane = _make_pane(None, (("lod", by), ("color", first)), tip)
    return Sheet(
        f"{metrics[0].label} on a map by {_lower(cut)}",
        _write_title(panel, metrics[:1], _lower(cut)),
        source,
        MAP,
        panes=(pane,),
        height=ROW,
        legend=first,
        note="on a map",
    )


def _plan_bar(source: Source, metric: Field, by: tuple[Instance, ...]) -> Pane:
    value = use_calculated(metric)
    return _make_pane(value, (("text", value),), _explain(source, metric, *by))


Lines = tuple[tuple[str, Instance], ...]


def _explain(source: Source, metric: Field, *by: Instance) -> Lines:
    """A tooltip's lines where time is no axis: of what, value, share of all that is shown, last finished and previous.

    No share of what does not add up; nothing previous without time, or of what goes on growing.
    """
    derived = source.derived
    lines = [*((each.field.caption, each) for each in by), (metric.caption, use_calculated(metric))]
    if share := derived.shares.get(metric.name):
        lines.append(("Share", use_calculated(share)))
    return (*lines, *_compare(source, metric))


def _compare(source: Source, metric: Field) -> Lines:
    """A tooltip's lines on the last finished bucket and the one that it is compared with."""
    found = source.derived.finished.get(metric.name)
    if not found:
        return ()
    words = ("Last finished period", "Value in it", source.derived.compared)
    return tuple((text, use_calculated(each)) for text, each in zip(words, found, strict=True))


def _make_pane(measure: Instance | None, encodings: Lines, tip: Lines, **lines: Instance) -> Pane:
    """A pane with all that its tooltip says among its encodings, without which Tableau does not know it."""
    known = {measure, *(each for _, each in encodings)}
    more = tuple(("tooltip", each) for _, each in tip if each.field.role == "measure" and each not in known)
    return Pane(measure, (*encodings, *more), tip, **lines)


def _plan_table(source: Source, panel: Panel, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    """Every combination, a row each, as long as it gets."""
    per = [source.derived.per] if source.derived.per else []
    if not per and not cuts:
        return []
    rows = tuple(use_plain(each) for each in (*per, *cuts))
    names = ", ".join(_lower(each) for each in cuts)
    return [
        Sheet(
            f"Table by {names}" if cuts else "Table",
            _write_title(panel, metrics, names),
            source,
            BAR,
            rows=rows,
            cols=tuple(map(use_calculated, metrics)),
            panes=tuple(_plan_bar(source, metric, rows) for metric in metrics),
            height=2 * ROW,
            sort=(rows[len(per) :], use_calculated(metrics[0])) if cuts else None,
            scrolls=True,
        )
    ]


def _plan_lines(source: Source, panel: Panel, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    derived = source.derived
    if not derived.period:
        return []
    period = use_plain(derived.period, "quantitative")
    split = use_plain(derived.split) if derived.split and cuts else None
    panes = [_plan_line(source, each, period, split) for each in metrics]
    return [
        Sheet(
            f"{_list(metrics)} over time",
            _write_title(panel, metrics, grain=_name_grain(source)),
            source,
            LINE,
            rows=tuple(map(use_calculated, metrics)),
            cols=(period,),
            panes=_mark_unfinished(source, metrics, panes),
            height=HEAD + max(AXIS * len(metrics), ROW - HEAD),
            legend=split,
        )
    ]


def _plan_line(source: Source, metric: Field, period: Instance, split: Instance | None) -> Pane:
    value, target = use_calculated(metric), source.derived.targets.get(metric.name)
    tip = _explain_in_time(source, metric, period, split)
    cut = (("color", split),) if split else ()
    if not target:
        return _make_pane(value, cut, tip)
    aim = use_calculated(target)
    return _make_pane(value, (*cut, ("lod", aim)), (*tip, ("Target", aim)), target=aim)


def _explain_in_time(source: Source, metric: Field, period: Instance, split: Instance | None) -> Lines:
    """A tooltip's lines where time is an axis: when, of what, value, share of the same bucket, the bucket before."""
    derived = source.derived
    lines = [("Date", period)]
    lines += [(split.field.caption, split)] if split else []
    lines.append((metric.caption, use_calculated(metric)))
    if split and (part := derived.slices.get(metric.name)):
        lines.append(("Share", use_calculated(part)))
    return (*lines, ("Previous period", use_calculated(derived.before[metric.name])))


def _mark_unfinished(source: Source, metrics: list[Field], panes: list[Pane]) -> tuple[Pane, ...]:
    """The panes of a time, with a line where it is not finished, and a word in the tooltips.

    One line for all metrics that are final after as many days.
    """
    edges, states = source.derived.edges, source.derived.states
    made, lines = list[Pane](), set[str]()
    for metric, pane in zip(metrics, panes, strict=True):
        if metric.name not in edges:
            made.append(pane)
            continue
        state, edge = use_calculated(states[metric.name]), use_calculated(edges[metric.name])
        is_new = edge.field.name not in lines
        lines.add(edge.field.name)
        encodings = (*pane.encodings, ("tooltip", state), *([("lod", edge)] if is_new else []))
        tip = (*pane.tip[:1], ("Its time is", state), *pane.tip[1:])
        made.append(replace(pane, encodings=encodings, tip=tip, edge=edge if is_new else None))
    return tuple(made)


def _plan_pies(source: Source, panel: Panel, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    """A pie for each metric and dimension; then, where there are two, the first by the second."""
    found = []
    for place, metric in enumerate(metrics):
        value, share = use_calculated(metric), source.derived.shares.get(metric.name)
        for cut in cuts:
            part = use_plain(cut)
            written = use_calculated(share) if share else part
            encodings = (("color", part), ("wedge-size", value), ("text", written))
            found.append(
                Sheet(
                    f"{metric.label} by {_lower(cut)} shares",
                    _write_title(panel, [metric], _lower(cut)),
                    source,
                    PIE,
                    panes=(_make_pane(None, encodings, _explain(source, metric, part)),),
                    height=ROW,
                    drills=cut if place == 0 else None,
                    sort=((part,), value),
                    legend=part,
                )
            )
        if len(cuts) > 1:
            found.append(_plan_crossed_bars(source, panel, metric, (cuts[0], cuts[1])))
    return found


def _plan_crossed_bars(source: Source, panel: Panel, metric: Field, cuts: tuple[Field, Field]) -> Sheet:
    """A metric by two dimensions: bars by the one, stacked of the other."""
    value, (rows, parts) = use_calculated(metric), map(use_plain, cuts)
    by = " and ".join(map(_lower, cuts))
    return Sheet(
        f"{metric.label} by {by}",
        _write_title(panel, [metric], by),
        source,
        BAR,
        rows=(rows,),
        cols=(value,),
        panes=(_make_pane(value, (("color", parts),), _explain(source, metric, rows, parts)),),
        height=ROW,
        sort=((rows, parts), value),
        scrolls=True,
        legend=parts,
    )


def _plan_stacks(source: Source, panel: Panel, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    """Bars over time, stacked of the dimension that is chosen for the lines, too."""
    derived = source.derived
    if not derived.period or not derived.split or not derived.choices.split:
        return []
    period, split = use_plain(derived.period, "quantitative"), use_plain(derived.split)
    panes = []
    for metric in metrics:
        tip = _explain_in_time(source, metric, period, split)
        panes.append(_make_pane(use_calculated(metric), (("color", split),), tip))
    return [
        Sheet(
            f"{_list(metrics)} over time by part",
            _write_title(panel, metrics, f"<{derived.choices.split.ref}>", _name_grain(source)),
            source,
            BAR,
            rows=tuple(map(use_calculated, metrics)),
            cols=(period,),
            panes=_mark_unfinished(source, metrics, panes),
            height=HEAD + max(AXIS * len(metrics), ROW - HEAD),
            legend=split,
        )
    ]


def _plan_movements(source: Source, panel: Panel, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    """Why metrics moved from the bucket before to the last finished one: a sheet for each dimension."""
    moves = source.derived.moves
    pairs = [(metric, use_calculated(moves[metric.name])) for metric in metrics if metric.name in moves]
    found = []
    for cut in cuts if pairs else ():
        by = use_plain(cut)
        panes = []
        for metric, part in pairs:
            tip = ((cut.caption, by), (part.field.caption, part), *_compare(source, metric))
            panes.append(_make_pane(part, (("text", part),), tip))
        found.append(
            Sheet(
                f"Why {_list(metrics)} moved by {_lower(cut)}",
                _write_title(panel, metrics),
                source,
                BAR,
                rows=(by,),
                cols=tuple(part for _, part in pairs),
                panes=tuple(panes),
                height=ROW,
                sort=((by,), use_calculated(source.derived.sizes[pairs[0][0].name])),
                scrolls=True,
                note=f"by {_lower(cut)}: last finished period against the one before",
            )
        )
    return found


def _write_title(panel: Panel, metrics: list[Field], dimension: str = "", grain: str = "") -> str:
    return write_title(panel.title, metric=_list(metrics), dimension=dimension, grain=grain)


def _name_grain(source: Source) -> str:
    """The grain of time, in a title: the only one, or that which is chosen."""
    choice = source.derived.choices.grain
    return f"<{choice.ref}>" if choice else source.derived.grains[0]


def _list(metrics: list[Field]) -> str:
    """The metrics' names as a title has them; of many, only that they are many."""
    names = [metric.label for metric in metrics]
    if len(names) > 3:
        return f"{names[0]} and {len(names) - 1} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _lower(field: Field) -> str:
    return field.label.lower()


_DRAWN: dict[Chart, Callable[[Source, Panel, list[Field], list[Field]], list[Sheet]]] = {
    Chart.trend: _plan_lines,
    Chart.bars: _plan_bars,
    Chart.shares: _plan_pies,
    Chart.stacked: _plan_stacks,
    Chart.table: _plan_table,
    Chart.movement: _plan_movements,
}
