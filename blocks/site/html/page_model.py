"""One dashboard's page: what its template and its program are given, from a view.

The rows and the metrics' formulas travel as JSON; the program in assets/ does the rest.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

from blocks.metrics import Measure, Metric, evaluate_empty, is_additive, to_json, write_formula
from blocks.site import number_format
from blocks.site.base import Guides
from blocks.site.html.dashboard_view import DashboardView
from blocks.site.html.index import Gate, count_checks
from blocks.site.html.page import build_program, render, to_json_script
from blocks.site.html.rollup import Rollup
from blocks.site.labels import label_dimension, label_metric
from blocks.site.opening import choose_grain, write_target
from blocks.site.periods import DRAWN, EPOCH, list_coarser_grains
from blocks.site.plan import Section
from blocks.site.text import TEXT, check_link, clip, make_checks_anchor, one_line
from blocks.wishes import Against

NO_GUIDES = Guides()
FEEDBACK = 20  # comments shown, the newest first


def render_dashboard(view: DashboardView, gate: Gate | None, guides: Guides) -> str:
    """The HTML of one dashboard. gate: as the publication index keeps it."""
    card, dashboard = view.card, view.card.dashboard
    now = datetime.now(UTC)
    feedback = sorted(card.feedback, key=lambda comment: comment.created, reverse=True)[:FEEDBACK]
    return render(
        "dashboard.html.j2",
        scripts=(build_program(),),
        name=dashboard.name,
        title=one_line(dashboard.title),
        description=clip(dashboard.description, TEXT),
        analysis=dashboard.analysis.value,
        as_of=card.as_of,
        as_of_text=number_format.write_day(card.as_of),
        time_label=one_line(view.time_label, 60),
        published=f"{number_format.write_short_day(now.date())}, {now:%H:%M} UTC",
        run=card.run,
        gate=gate,
        ticket=one_line(dashboard.ticket or "", 40),
        ticket_url=check_link(card.ticket_url),
        notes=view.write_notes(),
        **guides.point_at(dashboard.marts)._asdict(),
        feedback=[
            {
                "author": one_line(comment.author, 80),
                "created": f"{comment.created:%Y-%m-%d %H:%M} UTC",
                "body": clip(comment.body, TEXT),
            }
            for comment in feedback
        ],
        model=to_json_script(build_page_model(view, gate.url if gate else None, guides)),
        program=build_program(),
    )


def build_page_model(
    view: DashboardView, checks: str | None = None, guides: Guides = NO_GUIDES
) -> dict[str, object]:
    """All the page's program works on, as it will be in the page's JSON. checks: where their page is."""
    opening = view.usual_opening
    return {
        "title": one_line(view.card.dashboard.title),
        "ticket": one_line(view.card.dashboard.ticket or "", 40),
        "ticketUrl": check_link(view.card.ticket_url) or "",
        "run": view.card.run,
        "mail": find_mail(view.card.owner),
        "analysis": view.card.dashboard.analysis.value,
        "grain": view.grain,
        "whole": view.whole and {"first": view.whole.first, "last": view.whole.last},
        "opening": opening and {"first": opening.first, "last": opening.last},
        "start": write_start(view),
        "presets": view.finished.list_presets() if view.finished else [],
        "end": (view.end - EPOCH).days if view.end else None,
        "timeLabel": one_line(view.time_label, 60),
        "grains": list_coarser_grains(view.grain),
        "drawn": DRAWN,
        "metrics": [
            {
                **_build_metric(number, metric, view),
                "about": _describe(number, metric, view, checks, guides),
            }
            for number, metric in view.metrics
        ],
        "datasets": [_build_dataset(*pair) for pair in zip(view.rollups, view.plan.sections, strict=True)],
    }


def find_mail(owner: str) -> str:
    """The owner's address for a link; empty for one that is known by name."""
    return owner if re.fullmatch(r"[\w.+-]{1,64}@[\w.-]{1,255}", owner, re.ASCII) else ""


def write_start(view: DashboardView) -> str:
    """What its request wished the page to open with, as the fragment of its address says it; empty for nothing."""
    words: list[tuple[str, str]] = []
    if period := view.wished_opening:
        words += [("from", period.begin.isoformat()), ("to", period.end.isoformat())]
    if view.wishes.comparison is Against.year:
        words.append(("against", "year"))
    for name, choice in view.picked.items():
        words += [(f"{'not' if choice.excluded else 'is'}.{name}", label) for label in choice.labels]
    if grain := choose_grain(view.wishes):
        words += [(f"grain{number or ''}", grain) for number in range(len(view.rollups))]
    return urlencode(words)


def _build_metric(number: int, metric: Metric, view: DashboardView) -> dict[str, object]:
    rollup = view.rollups[number]
    return {
        "name": metric.name,
        "label": label_metric(metric),
        "description": clip(metric.description, 300),
        "form": metric.form,
        "goal": metric.goal,
        "formula": to_json(metric.formula),
        "dataset": number,
        "unit": number_format.find_unit(metric.form),
        "lag": metric.maturity_days,
        "grows": metric.grows,
        "target": metric.target,
        "targetPer": metric.target_per,
        "targetAgainst": metric.target_against,
        "targetText": write_target(metric),
        "events": [[(day - EPOCH).days, one_line(text)] for day, text in metric.events],
        "empty": evaluate_empty(metric.formula),
        "adds": is_additive(metric.formula),
        "scale": max((rollup.find_scale(m.base if m.shift else m) for m in metric.measures), default=1),
        "elsewhere": not metric.adds_up_rows,
        "needsBucket": metric.needs_bucket,
        "released": _find_released(metric, view),
        "shifts": [m.shift.model_dump() for m in metric.measures if m.shift],
        "fillsBuckets": metric.fills_buckets,
    }


def _find_released(metric: Metric, view: DashboardView) -> tuple[float, float] | None:
    """What the release changed of days that readers had seen, and what its new days brought; None: nothing is known."""
    for moved in view.card.gate.movements if view.card.gate else ():
        if moved.metric == metric.name and moved.restated is not None:
            return moved.restated, moved.after - moved.before - moved.restated
    return None


def _describe(
    number: int, metric: Metric, view: DashboardView, checks: str | None, guides: Guides
) -> list[tuple[str, str, str]]:
    """What a metric means, how it is computed and from what, and who checked it: names, texts, where they lead to."""
    dataset = view.extracts[number].dataset
    sources = view.card.sources[number] if view.card.sources else ()
    label = dataset.labels.get(dataset.time or "", "")
    final = f"final {metric.maturity_days} days after its time" if metric.maturity_days else ""
    found = {
        "Definition": clip(metric.description, 600),
        "Formula": one_line(write_formula(metric.formula), 300),
        "Dated by": one_line(label, 60),
        "Known": "goes on growing with age" if metric.grows else final,
        "Target": write_target(metric),
        "Mart": dataset.mart,
        "Source tables": ", ".join(sources),
        "Owner": one_line(view.card.owner, 80),
    }
    leads: dict[str, str] = {}
    if lineage := guides.point_at((dataset.mart,)).dictionary:
        found["Lineage"] = f"columns of {dataset.mart} and what each is made of"
        leads["Lineage"] = lineage
    if view.card.gate:
        found["Checks"] = count_checks(view.card.gate, dataset.mart)
        if checks:
            leads["Checks"] = checks.partition("#")[0] + make_checks_anchor(dataset.mart)
    return [(name, text, leads.get(name, "")) for name, text in found.items() if text]


def _build_dataset(rollup: Rollup, section: Section) -> dict[str, object]:
    dataset = rollup.extract.dataset
    tables, values = rollup.read_tables()
    bounds = rollup.bounds
    label = {name: label_dimension(dataset, name) for name in dataset.dimensions}
    return {
        "label": section.label,
        "dimensions": [
            {"name": name, "label": label[name], "values": found}
            for name, found in zip(dataset.dimensions, values, strict=True)
        ],
        "measures": [_measure(measure) for measure in rollup.list_measures()],
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
        "percentile": measure.percentile and measure.percentile.model_dump(include={"at", "discrete"}),
        "column": measure.base.name if shift else measure.name,
        "shift": shift and {**shift.model_dump(), "mark": str(shift)},
    }
