"""Which sheets a dashboard has: its plan, drawn in Tableau.

A panel that is cut by several dimensions, one at a time, is a sheet for each of them; one with several metrics has them
beside each other, each on an axis of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from blocks.site.plan import Chart, Panel
from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import CHECK_SHEET, Field, Instance, use_calculated, use_plain
from blocks.site.tableau.workbook.worksheets import BAR, KPI, LINE, MAP, PIE, Pane, Sheet

AXIS, HEAD, ROW = 110, 70, 300  # pixels: one metric of a trend, a sheet's title and time, any other sheet


def plan_kpi(source: Source, metric: Field) -> Sheet:
    """The figure of a metric."""
    words = source.derived.words.get(metric.name)
    standing = source.derived.standings.get(metric.name)
    below = tuple(("text", use_calculated(each)) for each in (words, standing) if each)
    whole = source.derived.wholes.get(metric.name, metric)
    pane = Pane(encodings=(("text", use_calculated(whole)), *below))
    return Sheet(f"KPI {metric.caption}", metric.caption, source, KPI, panes=(pane,), big=28)


def plan_panel(source: Source, panel: Panel) -> list[Sheet]:
    """The sheets of a panel of the plan."""
    metrics = [
        metric for metric in source.metrics if metric.name.removeprefix("Calculation_") in panel.metrics
    ]
    cuts = [dimension for dimension in source.dimensions if dimension.name in panel.dimensions]
    return _DRAWN[panel.chart](source, metrics, cuts)


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


def _plan_bars(source: Source, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    found = []
    for cut in cuts:
        by = use_plain(cut)
        panes = tuple(_plan_bar(source, metric, (by,)) for metric in metrics)
        title = f"{_list(metrics)} by {_lower(cut)}"
        found.append(
            Sheet(
                title,
                f"{title} (click a bar to filter)",
                source,
                BAR,
                rows=(by,),
                cols=tuple(map(use_calculated, metrics)),
                panes=panes,
                height=ROW,
                drills=cut,
                sort=(by, use_calculated(metrics[0])),
                scrolls=True,
            )
        )
        if cut.place:
            found.append(_map(source, metrics, cut))
    return found


def _map(source: Source, metrics: list[Field], cut: Field) -> Sheet:
    """The countries of the first metric on a map, the others in its tooltip."""
    by, first = use_plain(cut), use_calculated(metrics[0])
    tips = [("tooltip", use_calculated(each)) for each in metrics[1:]]
    tip = ((cut.caption, by), *((each.caption, use_calculated(each)) for each in metrics))
    pane = Pane(encodings=(("lod", by), ("color", first), *tips), tip=tip)
    title = f"{metrics[0].caption} on a map by {_lower(cut)}"
    return Sheet(title, title, source, MAP, panes=(pane,), height=ROW, legend=first)


def _plan_bar(source: Source, metric: Field, by: tuple[Instance, ...]) -> Pane:
    value, share = use_calculated(metric), source.derived.shares.get(metric.name)
    tip = (*((each.field.caption, each) for each in by), (metric.caption, value))
    if not share:
        return Pane(value, (("text", value),), tip)
    part = use_calculated(share)
    return Pane(value, (("text", value), ("tooltip", part)), (*tip, ("Share", part)))


def _plan_table(source: Source, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    """Every combination, a row each, as long as it gets."""
    per = [source.derived.per] if source.derived.per else []
    if not per and not cuts:
        return []
    rows = tuple(use_plain(each) for each in (*per, *cuts))
    panes = tuple(_plan_bar(source, metric, rows) for metric in metrics)
    title = f"Table by {', '.join(_lower(each) for each in cuts)}" if cuts else "Table"
    first = rows[len(per)] if cuts else None
    return [
        Sheet(
            title,
            title,
            source,
            BAR,
            rows=rows,
            cols=tuple(map(use_calculated, metrics)),
            panes=panes,
            height=2 * ROW,
            sort=(first, use_calculated(metrics[0])) if first else None,
            scrolls=True,
        )
    ]


def _plan_lines(source: Source, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    derived = source.derived
    if not derived.period:
        return []
    period = use_plain(derived.period, "quantitative")
    split = [("color", use_plain(derived.split))] if derived.split and cuts else []
    title = f"{_list(metrics)} over time"
    legend = split[0][1] if split else None
    panes = _mark_unfinished(source, metrics, [_plan_line(source, each, period, split) for each in metrics])
    rows = tuple(map(use_calculated, metrics))
    height = HEAD + max(AXIS * len(metrics), ROW - HEAD)
    return [
        Sheet(
            title,
            title,
            source,
            LINE,
            rows=rows,
            cols=(period,),
            panes=panes,
            height=height,
            legend=legend,
        )
    ]


def _plan_line(source: Source, metric: Field, period: Instance, split: list[tuple[str, Instance]]) -> Pane:
    value, before = use_calculated(metric), use_calculated(source.derived.before[metric.name])
    cut = tuple((each.field.caption, each) for _, each in split)
    tip = (("Date", period), *cut, (metric.caption, value), ("Previous period", before))
    target = source.derived.targets.get(metric.name)
    if not target:
        return Pane(value, (*split, ("tooltip", before)), tip)
    aim = use_calculated(target)
    return Pane(value, (*split, ("tooltip", before), ("lod", aim)), (*tip, ("Target", aim)), aim)


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


def _plan_pies(source: Source, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    """A pie for each metric and dimension; then, where there are two, the first by the second."""
    found = []
    for place, metric in enumerate(metrics):
        value, share = use_calculated(metric), source.derived.shares.get(metric.name)
        for cut in cuts:
            part = use_plain(cut)
            written = use_calculated(share) if share else part
            tip = [(cut.caption, part), (metric.caption, value), *([("Share", written)] if share else [])]
            encodings = (("color", part), ("wedge-size", value), ("text", written))
            title = f"{metric.caption} by {_lower(cut)} shares"
            found.append(
                Sheet(
                    title,
                    f"{metric.caption} by {_lower(cut)}, shares",
                    source,
                    PIE,
                    panes=(Pane(None, encodings, tuple(tip)),),
                    height=ROW,
                    drills=cut if place == 0 else None,
                    sort=(part, value),
                    legend=part,
                )
            )
        if len(cuts) > 1:
            found.append(_plan_crossed_bars(source, metric, cuts[0], cuts[1]))
    return found


def _plan_crossed_bars(source: Source, metric: Field, one: Field, two: Field) -> Sheet:
    """A metric by two dimensions: bars by the one, stacked of the other."""
    value, rows, parts = use_calculated(metric), use_plain(one), use_plain(two)
    tip = ((one.caption, rows), (two.caption, parts), (metric.caption, value))
    title = f"{metric.caption} by {_lower(one)} and {_lower(two)}"
    return Sheet(
        title,
        title,
        source,
        BAR,
        rows=(rows,),
        cols=(value,),
        panes=(Pane(value, (("color", parts),), tip),),
        height=ROW,
        sort=(rows, value),
        scrolls=True,
        legend=parts,
    )


def _plan_stacks(source: Source, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    """Bars over time, stacked of the dimension that is chosen for the lines, too."""
    derived = source.derived
    if not derived.period or not derived.split:
        return []
    period, split = use_plain(derived.period, "quantitative"), use_plain(derived.split)
    panes = []
    for metric in metrics:
        value = use_calculated(metric)
        tip = (("Date", period), (derived.split.caption, split), (metric.caption, value))
        panes.append(Pane(value, (("color", split),), tip))
    title = f"{_list(metrics)} over time by part"
    return [
        Sheet(
            title,
            f"{_list(metrics)} over time, by {' or '.join(_lower(each) for each in cuts)}",
            source,
            BAR,
            rows=tuple(map(use_calculated, metrics)),
            cols=(period,),
            panes=_mark_unfinished(source, metrics, panes),
            height=HEAD + max(AXIS * len(metrics), ROW - HEAD),
            legend=split,
        )
    ]


def _plan_movements(source: Source, metrics: list[Field], cuts: list[Field]) -> list[Sheet]:
    """Why metrics moved from the bucket before to the last finished one: a sheet for each dimension."""
    parts = [source.derived.moves[metric.name] for metric in metrics if metric.name in source.derived.moves]
    found = []
    for cut in cuts if parts else ():
        by, values = use_plain(cut), [use_calculated(part) for part in parts]
        panes = tuple(
            Pane(value, (("text", value),), ((cut.caption, by), (value.field.caption, value)))
            for value in values
        )
        title = f"Why {_list(metrics)} moved by {_lower(cut)}"
        found.append(
            Sheet(
                title,
                f"{title}: last finished period against the one before",
                source,
                BAR,
                rows=(by,),
                cols=tuple(values),
                panes=panes,
                height=ROW,
                sort=(by, values[0]),
                scrolls=True,
            )
        )
    return found


def _list(metrics: list[Field]) -> str:
    """The metrics' names as a title has them; of many, only that they are many."""
    names = [metric.caption for metric in metrics]
    if len(names) > 3:
        return f"{names[0]} and {len(names) - 1} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _lower(field: Field) -> str:
    return field.caption.lower()


_DRAWN: dict[Chart, Callable[[Source, list[Field], list[Field]], list[Sheet]]] = {
    Chart.trend: _plan_lines,
    Chart.bars: _plan_bars,
    Chart.shares: _plan_pies,
    Chart.stacked: _plan_stacks,
    Chart.table: _plan_table,
    Chart.movement: _plan_movements,
}
