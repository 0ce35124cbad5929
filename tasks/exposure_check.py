"""What a project's exposures and metrics would come to: what is unknown, can't be shown, or asked for by nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from blocks.catalogue import Catalogue, Exposure
from blocks.dbt.checks.nodes import get_meta, get_place, list_nodes
from blocks.dbt.checks.tests import say_unknown
from blocks.dbt.meta_models import OFF
from blocks.errors import PlatformError
from blocks.findings import Finding, make_error, warn
from blocks.manifest import Manifest, name_model
from blocks.records import Analysis
from blocks.site.text import check_slug
from blocks.wishes import Alert, Target
from tasks.fields import Form
from tasks.request_shape import check_shape
from tasks.standing import read_exposure_wishes, read_written_cadence
from tasks.wish_syntax import CADENCES, UnclearError, read_alert, read_target

_Problem: TypeAlias = tuple[Callable[[str, str, str, str], Finding], str, str]  # how bad, what, the fix


def check_exposures(
    manifest: Manifest, catalogue: Catalogue, tickets: Collection[str] | None
) -> Iterator[Finding]:
    """Each exposure by itself. tickets: the keys that there are; None: nobody looked."""
    places = {str(node.get("name")): get_place(node) for node in list_nodes(manifest.get("exposures"))}
    yield from _check_shared_tickets(catalogue, places)
    yield from _check_shared_titles(catalogue, places)
    kinds = {str(node.get("name")): node.get("type") for node in list_nodes(manifest.get("exposures"))}
    for exposure in catalogue.exposures:
        place = places.get(exposure.name, "exposures")
        for found, problem, fix in _list_problems(
            exposure, catalogue, str(kinds.get(exposure.name)), tickets
        ):
            yield found(f"exposure {exposure.name}", place, problem, fix)


def _check_shared_tickets(catalogue: Catalogue, places: Mapping[str, str]) -> Iterator[Finding]:
    """One finding for each ticket that several exposures name."""
    claims: dict[str, list[str]] = {}
    for exposure in catalogue.exposures:
        if exposure.ticket:
            claims.setdefault(exposure.ticket, []).append(exposure.name)
    for ticket, names in claims.items():
        if len(names) > 1:
            yield warn(
                f"exposure {names[0]}",
                places.get(names[0], "exposures"),
                f"its ticket {ticket} is claimed by {' and '.join(names[1:])}, too: while it is open, each shows what "
                "it asks for, the same dashboard under several names",
                "Let one of them keep the ticket, and give the others their own, or a `schedule`.",
            )


def _check_shared_titles(catalogue: Catalogue, places: Mapping[str, str]) -> Iterator[Finding]:
    """One finding for each title that several dashboards have."""
    titles: dict[str, list[str]] = {}
    for exposure in catalogue.exposures:
        if exposure.metrics:
            titles.setdefault(exposure.title.strip().casefold(), []).append(exposure.name)
    for names in titles.values():
        if len(names) > 1:
            problem = f"{' and '.join(names)} have one title: readers can't tell them apart in the index"
            place = places.get(names[0], "exposures")
            yield warn(f"exposure {names[0]}", place, problem, "Give each a `label` of its own.")


def _list_problems(
    exposure: Exposure, catalogue: Catalogue, kind: str, tickets: Collection[str] | None
) -> Iterator[_Problem]:
    asked = bool(exposure.ticket or exposure.scheduled)
    if not asked and not exposure.metrics and kind != "dashboard":
        return
    if not exposure.metrics:
        what = "a ticket or a schedule, but no metrics: no dashboard comes of it"
        if asked:
            yield make_error, f"it has {what}", "List `metrics` in its config.meta."
        else:
            yield (
                warn,
                "its meta says nothing of metrics, ticket or schedule: it stays another tool's dashboard",
                "Write `ticket`, `analysis`, `metrics` and `dimensions` into its config.meta; `init` proposes them.",
            )
        return
    try:
        check_slug(exposure.name)
    except PlatformError:
        yield (
            make_error,
            f"the name {exposure.name!r} can't be a folder or an address",
            "Name it with lower-case letters, digits, - and _, at most 100; its `label` may be anything.",
        )
    if not asked:
        yield (
            warn,
            "no ticket and no schedule ask for it: it is made only when another one goes out",
            "Write `ticket: AN-1` or `schedule: daily` into its config.meta.",
        )
    if exposure.ticket and tickets is not None and exposure.ticket not in tickets:
        yield warn, f"its ticket {exposure.ticket} is not there", "Write the ticket, or correct the key."
    for what, names in (("metrics", exposure.metrics), ("dimensions", exposure.dimensions)):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            yield warn, f"its {what} name {', '.join(twice)} twice", "Name it once."
    yield from _list_name_problems(exposure, catalogue)
    yield from _list_wish_problems(exposure, catalogue)


def _list_wish_problems(exposure: Exposure, catalogue: Catalogue) -> Iterator[_Problem]:
    gaps = list(read_exposure_wishes(exposure, catalogue)[1])
    for gap in (*gaps, *_list_targets_of_unknown(exposure, catalogue)):
        yield make_error, gap, "Correct it, or leave it out; docs/tickets.md says how each wish is written."
    cadence = exposure.schedule.strip().lower()
    if (
        cadence and cadence not in OFF and read_written_cadence(cadence) is None
    ):  # of the others its meta's check speaks
        yield (
            warn,
            f"its schedule {exposure.schedule[:40]!r} is none that is read: each run refreshes it",
            f"{CADENCES.replace('`', '')}",
        )


def _list_targets_of_unknown(exposure: Exposure, catalogue: Catalogue) -> Iterator[str]:
    """Targets and alerts of an exposure whose metrics can't be shown: those that are of none of its metrics."""
    if set(exposure.metrics) & set(catalogue.metric_names()):
        return  # then they are held against those
    form = Form(exposure.wishes)
    readers: dict[str, Callable[[str], Target | Alert]] = {"target": read_target, "alerts": read_alert}
    for name, read in readers.items():
        for entry in form.read_entries(name):
            try:
                wish = read(entry)
            except UnclearError as error:
                yield f"{name} {entry[:100]} can't be read. {error}".replace("`", "")
                continue
            if wish.metric not in exposure.metrics:
                yield f"{name} names {wish.metric}, none of its metrics, {', '.join(exposure.metrics)}"


def _list_name_problems(exposure: Exposure, catalogue: Catalogue) -> Iterator[_Problem]:
    unusable, known = catalogue.list_unusable(), set(catalogue.metric_names())
    for name in exposure.metrics:
        if name in unusable:
            found = warn if set(exposure.metrics) & known else make_error
            yield (
                found,
                f"metric {name} is known, but can't be shown, because {unusable[name]}",
                "Change the metric as the reason says, or take it out: the others are shown without it.",
            )
        elif name not in known and "," not in name:  # a list that is one text is a finding of its own
            yield (
                make_error,
                say_unknown("metric", name, known | set(unusable)),
                "Correct the name, or declare it in the semantic layer.",
            )
    usable = tuple(name for name in exposure.metrics if name in known)
    if not usable:
        every = set(catalogue.dimension_labels())
        for name in exposure.dimensions:
            if name not in every:
                yield make_error, say_unknown("dimension", name, every), "Name one of a semantic model."
        return
    dimensions = {name for metric in usable for name in catalogue.dimensions_of(catalogue.source_of(metric))}
    for name in exposure.dimensions:
        if name not in dimensions:
            yield (
                make_error,
                say_unknown("dimension", name, dimensions),
                f"Its metrics have {', '.join(sorted(dimensions)) or 'none'}.",
            )
    chosen = tuple(name for name in exposure.dimensions if name in dimensions)
    yield from _list_shape_problems(usable, chosen, exposure.analysis, catalogue)
    missing = {*catalogue.marts_of(usable, chosen)} - set(exposure.marts)
    if missing:
        yield (
            warn,
            f"its depends_on leaves out {', '.join(sorted(missing))}, which its metrics and dimensions are read from",
            "Add ref(...) of it, so that dbt's lineage shows who reads it.",
        )


def _list_shape_problems(
    metrics: tuple[str, ...], dimensions: tuple[str, ...], analysis: Analysis | None, catalogue: Catalogue
) -> Iterator[_Problem]:
    form = Form({})
    check_shape(form, analysis, metrics, dimensions, catalogue)
    for gap in form.gaps:
        yield warn, gap.replace("**", "").replace("`", ""), "A dashboard of it would show less than it says."
    try:
        catalogue.datasets(metrics, dimensions)
    except PlatformError as fault:
        yield make_error, f"{fault.asked}: {fault.answer}", fault.remedy


def check_metrics(manifest: Manifest, catalogue: Catalogue) -> Iterator[Finding]:
    """Metrics that can't be shown, each with its reason; labels that stand for two of them."""
    places = {str(node.get("name")): get_place(node) for node in list_nodes(manifest.get("metrics"))}
    for name, reason in sorted(catalogue.list_unusable().items()):
        yield warn(
            f"metric {name}",
            places.get(name, "metrics"),
            f"known, but can't be shown, because {reason}",
            "Nothing, if no dashboard needs it; else change it as the reason says.",
        )
    yield from _check_same(manifest, places)
    labels: dict[str, list[str]] = {}
    for name, label in catalogue.metric_labels().items():
        labels.setdefault(label.casefold(), []).append(name)
    have = "have one label: a ticket that uses it can mean either"
    yield from _warn_of_shared(labels.values(), places, have, "Give each a label of its own.")


def _check_same(manifest: Manifest, places: Mapping[str, str]) -> Iterator[Finding]:
    """Metrics that are one formula under several names."""
    formulas: dict[str, list[str]] = {}
    for metric in list_nodes(manifest.get("metrics")):
        formula = json.dumps(
            [metric.get(key) for key in ("type", "type_params", "filter", "time_granularity")], sort_keys=True
        )
        formulas.setdefault(formula, []).append(str(metric.get("name")))
    fix = "Keep one, with the other's name among the `synonyms` of its meta."
    yield from _warn_of_shared(formulas.values(), places, "are declared alike: one metric, twice", fix)


def _warn_of_shared(
    groups: Iterable[Sequence[str]], places: Mapping[str, str], what: str, fix: str
) -> Iterator[Finding]:
    """A warning for each group of metrics that is more than one. what: follows their names."""
    for names in groups:
        if len(names) > 1:
            problem = f"{' and '.join(sorted(names))} {what}"
            yield warn(f"metric {names[0]}", places.get(names[0], "metrics"), problem, fix)


def check_marts(manifest: Manifest, catalogue: Catalogue, marts: Collection[str]) -> Iterator[Finding]:
    """Keys of marts that name no declared column."""
    for node in list_nodes(manifest.get("nodes")):
        name, columns = name_model(node), {str(each).lower() for each in node.get("columns") or {}}
        if node.get("resource_type") != "model" or name not in marts or not columns:
            continue
        meta = get_meta(node)
        keys = meta.get("primary_key") if isinstance(meta, dict) else None
        for key in [keys] if isinstance(keys, str) else keys if isinstance(keys, list) else []:
            if isinstance(key, str) and "," not in key and key.lower() not in columns:
                yield make_error(
                    f"model {name}",
                    get_place(node),
                    f"its primary_key names {say_unknown('column', key, columns)}",
                    "Name columns of the mart.",
                )
