"""Everything about a project that would matter later, looked at before anything is built. It writes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from blocks.catalogue import Catalogue
from blocks.dbt.checks.code import check_code
from blocks.dbt.checks.expressions import check_expressions
from blocks.dbt.checks.keys import REFUSED, check_keys
from blocks.dbt.checks.meta import check_meta
from blocks.dbt.checks.nodes import get_place, list_nodes
from blocks.dbt.checks.relations import check_relations
from blocks.dbt.checks.semantic_form import check_semantic_form
from blocks.dbt.checks.sources import check_sources
from blocks.dbt.checks.tests import check_ambiguous, check_tests
from blocks.dbt.run import DbtRun
from blocks.errors import PlatformError
from blocks.findings import Finding, make_error, sort_findings, suggest_name, warn
from blocks.loader.base import Loader
from blocks.manifest import Manifest, name_model
from blocks.quality.suite_check import check_suites
from blocks.quality.suites import Suites
from blocks.records import LOADERS, Incomplete, Requirement, Ticket
from tasks.exposure_check import check_exposures, check_marts, check_metrics
from tasks.requirements import check_ticket

_MISSPELT = re.compile(r"`([^`]+)` in its meta is no key that is read")
_UNKNOWN = re.compile(r"its meta has `([^`]+)`")


def check_project(
    dbt: DbtRun,
    schema: str,
    suites: Suites,
    loaders: Sequence[Loader],
    tickets: Sequence[Ticket] | None = None,
    located: Sequence[str] | None = None,
    dialect: str = "",
) -> list[Finding]:
    """What there is to mend, errors first.

    schema: the one that dbt was opened with. tickets: None if there are none to check. located: the sources whose place
    is given with the run; None: they are known in another way. dialect: the warehouse's, as SQLAlchemy names it.
    """
    dbt.start_parse(whole=True)
    try:
        manifest, catalogue = dbt.manifest, dbt.catalogue
    except PlatformError as fault:
        return sort_findings(explain_refusal(fault, _run(lambda: check_keys(dbt.folder, dbt.read_schemas()))))
    written = _run(lambda: check_keys(dbt.folder, dbt.read_schemas(), manifest))
    found = [*written, *_repeat_warnings(dbt.warnings, written)]
    checked = [check_ticket(ticket, catalogue) for ticket in tickets or ()]
    shown, marts = _list_marts(catalogue, checked)
    built = {node for mart in marts for node in _find_lineage(catalogue, mart)}
    keys = None if tickets is None else {ticket.key for ticket in tickets}
    parts: list[Callable[[], Iterable[Finding]]] = [
        lambda: check_meta(manifest),
        lambda: check_exposures(manifest, catalogue, keys),
        lambda: check_metrics(manifest, catalogue),
        lambda: check_semantic_form(manifest, dbt.folder),
        lambda: check_expressions(manifest),
        lambda: check_marts(manifest, catalogue, marts),
        lambda: check_ambiguous(manifest, marts),
        lambda: check_relations(manifest, built, schema),
        lambda: check_code(manifest, built, dbt.folder),
        lambda: check_sources(manifest, built, LOADERS, {"serving", "control"}, schema),
        lambda: check_loads(manifest, catalogue, loaders, located, shown),
        lambda: check_tests(manifest, built),
        lambda: check_suites(
            suites,
            _list_columns(manifest),
            marts,
            shown,
            catalogue.disabled,
            catalogue.find_suite_tests(marts),
            dialect,
        ),
        lambda: check_tickets(checked),
    ]
    for part in parts:
        found += _run(part)
    if not catalogue.metric_names() and not catalogue.list_unusable():
        found.append(
            warn(
                "semantic layer",
                "models",
                "the project declares no metric, and a dashboard is made of metrics",
                "Declare semantic models and metrics; `init` proposes them from the data.",
            )
        )
    return sort_findings(_drop_repetitions(found))


def explain_refusal(fault: PlatformError, written: Sequence[Finding]) -> list[Finding]:
    """Why dbt refuses a project: its own words, unless a finding in its files says the same with its line."""
    said = " ".join(fault.answer.split())
    for each in (each for each in written if REFUSED in each.fix):
        key = re.escape(each.problem.split("`")[1])
        if re.search(rf"\['{key}'\]|\('{key}'|\"{key}\"", said):
            return list(written)
    refusal = make_error("dbt project", "dbt_project.yml", f"{fault.asked}: {fault.answer}", fault.remedy)
    return [refusal, *written]


def _repeat_warnings(warnings: Sequence[str], written: Sequence[Finding]) -> list[Finding]:
    """dbt's own warnings, without those of which a finding in the files speaks."""
    twice = {each.problem.split("`")[1] for each in written if "stands twice" in each.problem}
    return [
        warn("dbt", "dbt's own warning", text, "As dbt says.")
        for text in warnings
        if not any("Duplicate" in text and repr(key) in text for key in twice)
    ]


def _drop_repetitions(found: Sequence[Finding]) -> list[Finding]:
    """Without what a load would say of a key of meta that has been called misspelt."""
    misspelt = {(each.about, key[1]) for each in found if (key := _MISSPELT.match(each.problem))}
    return [
        each
        for each in found
        if not (key := _UNKNOWN.search(each.problem)) or (each.about, key[1]) not in misspelt
    ]


def _run(part: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """A part's findings; one that a project's shape breaks is a finding and leaves the others alone."""
    try:
        return list(part())
    except PlatformError as fault:
        return [make_error("dbt project", "manifest", f"{fault.asked}: {fault.answer}", fault.remedy)]


def _list_marts(
    catalogue: Catalogue, checked: Iterable[Requirement | Incomplete]
) -> tuple[set[str], set[str]]:
    """Marts that dashboards show, and all that could be shown, by name."""
    asked = [(each.metrics, each.dimensions) for each in catalogue.exposures]
    asked += [(each.metrics, each.dimensions) for each in checked if isinstance(each, Requirement)]
    known = set(catalogue.metric_names())
    shown = {
        mart
        for metrics, dimensions in asked
        for mart in catalogue.marts_of((name for name in metrics if name in known), dimensions)
    }
    shown |= {mart for each in catalogue.exposures if each.metrics for mart in each.marts}
    return shown, {*shown, *catalogue.marts_of(known, ())} & set(catalogue.models)


def _find_lineage(catalogue: Catalogue, mart: str) -> set[str]:
    try:
        return catalogue.find_lineage(mart)
    except PlatformError:  # of two models of one name, which is a finding of its own
        return set()


def _list_columns(manifest: Manifest) -> dict[str, list[str]]:
    nodes = [node for node in manifest["nodes"].values() if node.get("resource_type") == "model"]
    return {name_model(node): list(node.get("columns") or {}) for node in nodes}


def check_loads(
    manifest: Manifest,
    catalogue: Catalogue,
    loaders: Sequence[Loader],
    located: Sequence[str] | None,
    shown: Iterable[str] = (),
) -> Iterator[Finding]:
    """Settings with which every load would fail, in the words of the error that it would end with.

    shown: marts that dashboards show; a source of one whose place nobody knows is an error.
    """
    kinds = {loader.kind: loader for loader in reversed(loaders)}
    places = {
        f"{node.get('source_name')}.{node.get('name')}": get_place(node)
        for node in list_nodes(manifest.get("sources"))
    }
    loaded = [table for table in catalogue.tables if table.loader in kinds and not table.seed]
    for table in loaded:
        if "quarantine_of" not in table.meta:
            for fault in kinds[table.loader].find_faults(table):
                place = places.get(table.full_name, "sources")
                about = fault.asked.removeprefix("load ").replace(table.full_name, "").strip()
                problem = f"{about}: {fault.answer}" if about else fault.answer
                yield make_error(f"source {table.full_name}", place, problem, fault.remedy)
    sources = {table.source: table.loader for table in loaded}
    if located is not None:
        yield from _check_places(manifest, catalogue, kinds, sources, shown)
    for name in located or ():
        if name not in sources:
            yield make_error(
                f"source {name}",
                "--source",
                f"the project has no source of this name that is loaded here{suggest_name(name, sources)}",
                f"There are {', '.join(sorted(sources)) or 'none'}.",
            )


def _check_places(
    manifest: Manifest,
    catalogue: Catalogue,
    kinds: Mapping[str, Loader],
    sources: Mapping[str, str],
    shown: Iterable[str],
) -> Iterator[Finding]:
    """Sources that no loader of the run can bring: of no place, or of a service that it has no loader for."""
    services = {
        each.source: each.loader for each in catalogue.tables if each.loader in LOADERS and not each.seed
    }
    needed: dict[str, list[str]] = {}
    for mart in sorted(shown):
        for node in _find_lineage(catalogue, mart) & manifest["sources"].keys():
            needed.setdefault(str(manifest["sources"][node]["source_name"]), []).append(mart)
    for source, kind in sorted({**services, **sources}.items()):
        if kind in kinds and not kinds[kind].find_location_fault(source):
            continue
        marts = list(dict.fromkeys(needed.get(source, ())))
        of = f": no load of it, so nothing of {', '.join(marts[:5])}" if marts else ""
        place, why = "--source", "nothing says where it is"
        fix = f"Run with --source {source}=LOCATION, or a saved loader."
        if kind not in kinds:
            place, why = "--loader", f"it is for `{kind}`, and no such loader is given"
            fix = (
                f"Run with --loader {kind}-loader/NAME. Where that word is a label, `init` mends it, with --source "
                f"{source}=LOCATION unless its files or seeds are in the project; without `loader` it is read as is."
            )
        yield (make_error if marts else warn)(f"source {source}", place, f"{why}{of}", fix)


def check_tickets(checked: Iterable[Requirement | Incomplete]) -> Iterator[Finding]:
    """Every gap of a ticket that can't be started."""
    for each in checked:
        gaps = (
            [gap.replace("**", "").replace("`", "") for gap in each.gaps]
            if isinstance(each, Incomplete)
            else []
        )
        choices = {gap.partition(" ")[0]: gap for gap in gaps if " can be: " in gap}
        for gap in gaps:
            if gap not in choices.values():
                fix = choices.get(gap.partition(" ")[0], "Edit the ticket")
                found = make_error(f"ticket {each.key}", each.key, gap, f"{fix.rstrip('.')}.")
                yield found.model_copy(update={"quotes_ticket": True})
