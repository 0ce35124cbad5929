"""From checked requirements to a plan: dashboards, marts to build, sources to load. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from blocks.catalogue import Catalogue, Exposure
from blocks.errors import NotFound
from blocks.findings import suggest_name
from blocks.records import Analysis, Dashboard, Incomplete, LoadReport, Plan, Release, Requirement, Ticket
from tasks.requirements import check_ticket, rank
from tasks.standing import Occasion, compute_request_fingerprint, merge_wishes, read_exposure_wishes


def plan_tickets(
    tickets: Sequence[Ticket],
    catalogue: Catalogue,
    run: str,
    scheduled: bool,
    sources: Sequence[str] | None = None,
    select: Sequence[str] | None = None,
    occasion: Occasion | None = None,
) -> Plan:
    """What a run will do for these tickets, and for scheduled dashboards if `scheduled`.

    sources: load these and no others, needed or not. Raises NotFound for one that dbt does not declare.
    select: these dashboards and no others, scheduled or not; tickets that ask for others are left for another run.
    Raises NotFound for one that neither an exposure nor a ticket is. occasion: what else it is made on. Of what is not
    due the plan says when it is, unless it is asked for by name.
    """
    occasion = occasion or Occasion()
    named = list_known_sources(catalogue, sources)
    checked = [_check(ticket, catalogue, occasion) for ticket in tickets]
    requirements = rank([item for item in checked if isinstance(item, Requirement)])
    incomplete = [item for item in checked if isinstance(item, Incomplete)]
    found = {each.key: find_dashboards(each, catalogue) for each in requirements}
    waiting: dict[str, str] = {}
    if scheduled and select is None:
        waits = {each.key: occasion.can_wait(each, found[each.key]) for each in requirements}
        requirements = [each for each in requirements if not waits[each.key]]
        waiting = {one.name: wait for key, wait in waits.items() if wait for one in found[key]}
    dashboards = [dashboard for requirement in requirements for dashboard in found[requirement.key]]
    if select is not None:
        requirements, incomplete, dashboards = select_dashboards(select, catalogue, requirements, dashboards)
    faults: tuple[str, ...] = ()
    if scheduled or select is not None or occasion.accepted:
        taken = {dashboard.name for dashboard in dashboards} | waiting.keys()
        more, faults = _plan_due(catalogue, occasion, taken, select, waiting, scheduled)
        dashboards += more
    plan = _plan(run, catalogue, requirements, incomplete, dashboards)
    return plan.model_copy(
        update={
            "faults": faults,
            "waiting": tuple(f"{name}: {wait}" for name, wait in waiting.items()),
            "known": tuple(occasion.standing),
            **({"sources": named} if named else {}),
        }
    )


def _check(ticket: Ticket, catalogue: Catalogue, occasion: Occasion) -> Requirement | Incomplete:
    return check_ticket(ticket, catalogue, occasion.find_values, occasion.find_groups)


def _plan_due(
    catalogue: Catalogue,
    occasion: Occasion,
    taken: Collection[str],
    select: Sequence[str] | None,
    waiting: dict[str, str],
    scheduled: bool,
) -> tuple[list[Dashboard], tuple[str, ...]]:
    """Dashboards that no open ticket asks for, and why some can't be shown; `waiting` is told which are not due.

    scheduled: False for those alone that were accepted just now.
    """
    dashboards, faults = list[Dashboard](), list[str]()
    again = {key: _check(ticket, catalogue, occasion) for key, ticket in occasion.again.items()}
    for each in catalogue.exposures:
        timed = each.scheduled or bool(getattr(occasion.standing.get(each.name), "cadence", ""))
        asked = each.name in occasion.accepted or (scheduled and timed)
        if each.name in taken or not (each.name in select if select is not None else asked):
            continue
        if select is None and (wait := occasion.find_wait(each.name, each.schedule)):
            waiting[each.name] = wait
            continue
        fault = each.fault or "; ".join(read_exposure_wishes(each, catalogue)[1])
        if fault:
            faults.append(f"{each.name}: {fault}")
        elif _can_be_shown(each):
            ticket = again.get(each.ticket or "")
            wished = ticket if isinstance(ticket, Requirement) else None
            dashboards.append(_make_dashboard(each, None, catalogue, wished))
    declared = {each.name for each in catalogue.exposures}
    for known in occasion.standing.values():
        if known.dashboard in {*taken, *declared} or select is not None or not scheduled:
            continue
        if wait := occasion.find_wait(known.dashboard):
            waiting[known.dashboard] = wait
        elif isinstance(ticket := again.get(known.ticket), Requirement):
            dashboards += find_dashboards(ticket, catalogue)
        else:
            faults.append(f"{known.dashboard}: its ticket {known.ticket} is gone, or lacks something now")
    return dashboards, tuple(faults)


def select_dashboards(
    names: Sequence[str],
    catalogue: Catalogue,
    requirements: Sequence[Requirement],
    dashboards: Sequence[Dashboard],
) -> tuple[list[Requirement], list[Incomplete], list[Dashboard]]:
    """What of the tickets leads to these dashboards. An incomplete ticket leads to none yet."""
    known = sorted({each.name for each in catalogue.exposures} | {each.name for each in dashboards})
    for name in names:
        if name not in known:
            answer = f"no exposure and no open ticket is one of that name{suggest_name(name, known)}"
            raise NotFound(f"select dashboard {name}", answer, f"Known: {', '.join(known) or 'none'}.")
    kept = [each for each in dashboards if each.name in names]
    asked = {each.ticket for each in kept}
    return [each for each in requirements if each.key in asked], [], kept


def list_known_sources(catalogue: Catalogue, names: Sequence[str] | None) -> tuple[str, ...]:
    """The named sources. Raises NotFound for one that dbt does not declare with a loader."""
    known = catalogue.source_names()
    for name in names or ():
        if name not in known:
            raise NotFound(f"load source {name}", "dbt declares none", f"Known: {', '.join(known)}.")
    return tuple(dict.fromkeys(names or ()))


def remove_failed(plan: Plan, catalogue: Catalogue, loads: Iterable[LoadReport]) -> Plan:
    """The plan without the dashboards whose lineage has a table that could not be loaded."""
    failed = {(load.source, load.table) for load in loads if load.error}
    kept = [
        dashboard
        for dashboard in plan.dashboards
        if not failed
        & {(table.source, table.name) for mart in dashboard.marts for table in catalogue.tables_beneath(mart)}
    ]
    left = _plan(plan.run, catalogue, plan.requirements, plan.incomplete, kept)
    sources = tuple(source for source in left.sources if source in plan.sources)
    kept_notes = {"faults": plan.faults, "waiting": plan.waiting, "known": plan.known}
    return left.model_copy(update={"sources": sources, **kept_notes})


def _plan(
    run: str,
    catalogue: Catalogue,
    requirements: Sequence[Requirement],
    incomplete: Sequence[Incomplete],
    dashboards: Sequence[Dashboard],
) -> Plan:
    marts = dict.fromkeys(mart for dashboard in dashboards for mart in dashboard.marts)
    sources = dict.fromkeys(source for mart in marts for source in catalogue.sources_of(mart))
    return Plan(
        run=run,
        requirements=tuple(requirements),
        incomplete=tuple(incomplete),
        dashboards=tuple(dashboards),
        sources=tuple(sources),
        select=tuple(marts),
    )


def find_dashboards(requirement: Requirement, catalogue: Catalogue) -> list[Dashboard]:
    """The exposures that name the ticket; or, while none does, a dashboard derived from the requirement."""
    declared = [exposure for exposure in catalogue.exposures if exposure.ticket == requirement.key]
    if declared:
        return [_make_dashboard(exposure, requirement, catalogue) for exposure in declared]
    return [
        Dashboard(
            name=requirement.key.lower().replace("-", "_"),
            title=requirement.title,
            analysis=requirement.analysis,
            metrics=requirement.metrics,
            dimensions=requirement.dimensions,
            marts=catalogue.marts_of(requirement.metrics, requirement.dimensions),
            ticket=requirement.key,
            declared=False,
            live=requirement.live,
            wishes=requirement.wishes,
            fingerprint=compute_request_fingerprint(requirement),
            changed=requirement.changed,
        )
    ]


def _make_dashboard(
    exposure: Exposure,
    requirement: Requirement | None,
    catalogue: Catalogue,
    wished: Requirement | None = None,
) -> Dashboard:
    """An exposure as a dashboard; an open ticket's request wins over the exposure's meta.

    wished: of a ticket that is not open any more, whose wishes still count, and all of it where it was changed by a
    comment.
    """
    if requirement is None and wished is not None and wished.changed:
        requirement = wished
    wishes, asking = read_exposure_wishes(exposure, catalogue)[0], requirement or wished
    wishes = merge_wishes(wishes, asking.wishes) if asking else wishes
    metrics = requirement.metrics if requirement else _select_shown(exposure, catalogue)
    unusable = {} if requirement else catalogue.list_unusable()
    left = [f"{name}, because {unusable[name]}" for name in exposure.metrics if name in unusable]
    dimensions = requirement.dimensions if requirement else exposure.dimensions
    dimensions = tuple(dict.fromkeys((*dimensions, *(each.dimension for each in wishes.filters))))
    marts = dict.fromkeys((*catalogue.marts_of(metrics, dimensions), *exposure.marts))
    return Dashboard(
        name=exposure.name,
        title=exposure.title,
        description="\n".join((exposure.description, *(f"Left out: {each}." for each in left))).strip(),
        metrics=metrics,
        analysis=requirement.analysis if requirement else exposure.analysis or Analysis.kpi,
        dimensions=dimensions,
        marts=tuple(marts),
        ticket=exposure.ticket,
        owner=exposure.owner,
        live=exposure.live or (requirement is not None and requirement.live),
        wishes=wishes,
        fingerprint=compute_request_fingerprint(asking) if asking else "",
        changed=requirement is not None and requirement.changed,
    )


def _select_shown(exposure: Exposure, catalogue: Catalogue) -> tuple[str, ...]:
    """The metrics of an exposure without those that dbt declares but no dashboard can show."""
    unusable = catalogue.list_unusable()
    return tuple(name for name in exposure.metrics if name not in unusable)


def _can_be_shown(exposure: Exposure) -> bool:
    return bool(exposure.metrics) and not exposure.fault


def list_dashboards(
    catalogue: Catalogue, release: Release, occasion: Occasion | None = None
) -> list[Dashboard]:
    """The exposures whose metrics and marts the release can show, with what their tickets still wish."""
    occasion = occasion or Occasion()
    again = {key: _check(ticket, catalogue, occasion) for key, ticket in occasion.again.items()}
    wished = {key: each for key, each in again.items() if isinstance(each, Requirement)}
    return [
        _make_dashboard(exposure, None, catalogue, wished.get(exposure.ticket or ""))
        for exposure in catalogue.exposures
        if _can_be_shown(exposure)
        and {*catalogue.marts_of(_select_shown(exposure, catalogue), exposure.dimensions), *exposure.marts}
        <= set(release.marts)
    ]
