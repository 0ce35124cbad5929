"""`check`: what there is to mend in a project, before anything is loaded or built."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prefect import flow
from prefect.context import FlowRunContext

from blocks.dbt.meta_models import build_schema
from blocks.dbt.project import DbtProject
from blocks.errors import PlatformError
from blocks.findings import Finding, Severity, make_error, sort_findings
from blocks.loader.base import Loader
from blocks.quality.suites import Suites, find_dialect
from blocks.records import Ticket
from blocks.release_names import release_schema
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse
from flows.flags import Flags
from flows.places import find_tickets
from tasks.impact import describe_impact, find_impact
from tasks.project_check import check_project
from tasks.reports import show_findings

if TYPE_CHECKING:
    from flows.local import Blocks
    from flows.terminal import Terminal


@flow(name="check", persist_result=False)
def check(
    project: DbtProject,
    warehouse: Warehouse,
    suites: Suites,
    loaders: list[Loader],
    tracker: Tracker | None = None,
    located: list[str] | None = None,
) -> list[Finding]:
    """What there is to mend, errors first, as an artifact too. It reads the project, its suites and its tickets.

    Args:
        project: the dbt project.
        warehouse: for whose SQL the checks are.
        suites: the expectation suites.
        loaders: whose settings the sources are held against.
        tracker: whose open tickets are checked; none: no tickets.
        located: sources whose place is given; none: it is known in another way.

    `check.fn` does the same where there is no server, without the artifact.
    """
    tickets: list[Ticket] | None = None
    found: list[Finding] = []
    if tracker:
        try:
            tickets = tracker.list_open_tickets()
            found += [
                make_error(
                    f"file {name}",
                    "tickets",
                    "it is not named like a ticket of this folder, so nobody reads it",
                    f"Name it by its key, as in {tracker.project}-7.yaml.",
                )
                for name in tracker.list_misnamed()
            ]
        except PlatformError as fault:
            found.append(make_error("tickets", fault.asked, fault.answer, fault.remedy))
    found = sort_findings([*found, *look_over(project, warehouse, suites, loaders, tickets, located)])
    if FlowRunContext.get():
        show_findings(found)
    return found


def look_over(
    project: DbtProject,
    warehouse: Warehouse,
    suites: Suites,
    loaders: list[Loader],
    tickets: list[Ticket] | None,
    located: list[str] | None,
) -> list[Finding]:
    """What there is to mend in a project that may not even open."""
    schema = release_schema("check")
    try:
        dialect = find_dialect(warehouse)
        dbt = project.open(warehouse, schema)
    except PlatformError as fault:
        return [make_error("dbt project", "dbt_project.yml", fault.answer, fault.remedy)]
    try:
        return check_project(dbt, schema, suites, loaders, tickets, located, dialect)
    finally:
        dbt.close()


def show_check(blocks: Blocks, flags: Flags, terminal: Terminal) -> bool:
    """Print what was found; True if nothing of it is an error."""
    from prefect.settings import get_current_settings

    has_tickets = flags.tickets_folder or flags.tracker or (flags.project and find_tickets(flags))
    tracker = blocks.tracker if has_tickets else None
    located = None
    if flags.project:
        located = [text.partition("=")[0] for text in flags.source]
    look = check if get_current_settings().api.url is not None else check.fn
    found = look(blocks.project, blocks.warehouse, blocks.suites, blocks.loaders, tracker, located)
    terminal.stop_waiting()
    if flags.json:
        terminal.print_text(json.dumps([each.model_dump(mode="json") for each in found], indent=2))
    else:
        terminal.print_text(write_report(found))
    return not any(each.severity is Severity.error for each in found)


def show_impact(blocks: Blocks, flags: Flags, terminal: Terminal) -> None:
    """Print what depends on columns of sources. Raises NotFound for a source's table that is not declared."""
    dbt = blocks.project.open(blocks.warehouse, release_schema("check"))
    try:
        impact = find_impact(dbt.catalogue, dbt.trace_columns(), flags.column)
    finally:
        dbt.close()
    terminal.stop_waiting()
    if flags.json:
        terminal.print_text(impact.model_dump_json(indent=2))
    else:
        terminal.print_text(f"{', '.join(impact.columns)}: {describe_impact(impact)}")


def show_schema(terminal: Terminal) -> None:
    """Print the JSON Schema of what may stand in meta."""
    terminal.stop_waiting()
    terminal.print_text(json.dumps(build_schema(), indent=2))


def write_report(found: list[Finding]) -> str:
    """A paragraph for each finding, and how many there are."""
    lines = []
    for each in found:
        lines += [f"{each.severity}: {each.about} ({each.place})", f"  {each.problem}", f"  → {each.fix}"]
    errors = sum(each.severity is Severity.error for each in found)
    return "\n".join([*lines, f"{errors} errors, {len(found) - errors} warnings"])
