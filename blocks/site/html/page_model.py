"""One dashboard's page: what its template and its program are given, from a view.

The rows and the metrics' formulas travel as JSON; the program in assets/ does the rest.
"""

from __future__ import annotations

from datetime import UTC, datetime

from blocks.metrics import Measure, Metric, adds_up, to_json, value_of_nothing, write_formula
from blocks.records import Record
from blocks.site import number_format
from blocks.site.html.dashboard_view import DashboardView
from blocks.site.html.page import as_json, program, render
from blocks.site.html.rollup import Rollup
from blocks.site.periods import DRAWN, EPOCH, coarser
from blocks.site.plan import Section
from blocks.site.text import TEXT, check_link, clip, one_line

FEEDBACK = 20  # comments shown, the newest first


def dashboard_page(view: DashboardView, gate: Record | None, dictionary: str | None = None) -> str:
    """The HTML of one dashboard. gate: as the publication index keeps it; dictionary: where the data dictionary is."""
    card, dashboard = view.card, view.card.dashboard
    now = datetime.now(UTC)
    feedback = sorted(card.feedback, key=lambda comment: comment.created, reverse=True)[:FEEDBACK]
    return render(
        "dashboard.html.j2",
        scripts=(program(),),
        name=dashboard.name,
        title=one_line(dashboard.title),
        description=clip(dashboard.description, TEXT),
        analysis=dashboard.analysis.value,
        as_of=card.as_of,
        as_of_text=number_format.write_day(card.as_of),
        time_label=one_line(view.time_label, 60),
        published=f"{number_format.day(now.date())}, {now:%H:%M} UTC",
        run=card.run,
        gate=gate,
        ticket=one_line(dashboard.ticket or "", 40),
        ticket_url=check_link(card.ticket_url),
        notes=view.notes(),
        dictionary=dictionary and f"{dictionary}#mart-{dashboard.marts[0]}"
        if dashboard.marts
        else dictionary,
        feedback=[
            {
                "author": one_line(comment.author, 80),
                "created": f"{comment.created:%Y-%m-%d %H:%M} UTC",
                "body": clip(comment.body, TEXT),
            }
            for comment in feedback
        ],
        model=as_json(model(view)),
        program=program(),
    )


def model(view: DashboardView) -> dict[str, object]:
    """All the page's program works on, as it will be in the page's JSON."""
    return {
        "title": one_line(view.card.dashboard.title),
        "ticket": one_line(view.card.dashboard.ticket or "", 40),
        "ticketUrl": check_link(view.card.ticket_url) or "",
        "analysis": view.card.dashboard.analysis.value,
        "grain": view.grain,
        "whole": view.whole and {"first": view.whole.first, "last": view.whole.last},
        "opening": view.opening and {"first": view.opening.first, "last": view.opening.last},
        "presets": view.finished.presets() if view.finished else [],
        "end": (view.end - EPOCH).days if view.end else None,
        "timeLabel": one_line(view.time_label, 60),
        "grains": coarser(view.grain),
        "drawn": DRAWN,
        "metrics": [_metric(number, metric, view) for number, metric in view.metrics],
        "datasets": [_dataset(*pair) for pair in zip(view.rollups, view.plan.sections, strict=True)],
    }


def _metric(number: int, metric: Metric, view: DashboardView) -> dict[str, object]:
    rollup = view.rollups[number]
    return {
        "name": metric.name,
        "label": one_line(metric.label, 60),
        "description": clip(metric.description, 300),
        "form": metric.form,
        "goal": metric.goal,
        "formula": to_json(metric.formula),
        "dataset": number,
        "unit": number_format.unit(metric.form),
        "about": _describe(number, metric, view),
        "lag": metric.maturity_days,
        "grows": metric.grows,
        "target": metric.target,
        "events": [[(day - EPOCH).days, one_line(text)] for day, text in metric.events],
        "empty": value_of_nothing(metric.formula),
        "adds": adds_up(metric.formula),
        "scale": max((rollup.scale_of(m.base if m.shift else m) for m in metric.measures), default=1),
        "elsewhere": not metric.adds_up_rows,
        "needsBucket": metric.needs_bucket,
        "shifts": [m.shift.model_dump() for m in metric.measures if m.shift],
        "fillsBuckets": metric.fills_buckets,
    }


def _describe(number: int, metric: Metric, view: DashboardView) -> list[tuple[str, str]]:
    """What a metric means, how it is computed and from what: names and texts."""
    dataset = view.extracts[number].dataset
    sources = view.card.sources[number] if view.card.sources else ()
    label = dataset.labels.get(dataset.time or "", "")
    final = f"final {metric.maturity_days} days after its time" if metric.maturity_days else ""
    found = {
        "Definition": clip(metric.description, 600),
        "Formula": one_line(write_formula(metric.formula), 300),
        "Dated by": one_line(label, 60),
        "Known": "goes on growing with age" if metric.grows else final,
        "Target": number_format.compact(metric.target, metric.form) if metric.target is not None else "",
        "Mart": dataset.mart,
        "Source tables": ", ".join(sources),
        "Owner": one_line(view.card.owner, 80),
    }
    return [(name, text) for name, text in found.items() if text]


def _dataset(rollup: Rollup, section: Section) -> dict[str, object]:
    dataset = rollup.extract.dataset
    tables, values = rollup.tables()
    bounds = rollup.bounds
    label = {name: one_line(dataset.labels.get(name, name), 60) for name in dataset.dimensions}
    return {
        "label": section.label,
        "dimensions": [
            {"name": name, "label": label[name], "values": found}
            for name, found in zip(dataset.dimensions, values, strict=True)
        ],
        "measures": [_measure(measure) for measure in rollup.measures()],
        "tables": tables,
        "panels": [panel.model_dump() for panel in section.panels],
        "finest": rollup.grain == dataset.grain,
        "until": bounds and (bounds[1] - EPOCH).days,
    }


def _measure(measure: Measure) -> dict[str, object]:
    shift = measure.shift
    return {
        "name": measure.name,
        "function": measure.function,
        "balance": measure.balance is not None and shift is None,
        "filtered": measure.filtered,
        "column": measure.base.name if shift else measure.name,
        "shift": shift and {**shift.model_dump(), "mark": str(shift)},
    }
