"""Stage 1: tickets in, a plan out; what is incomplete is answered on its ticket and stays out."""

from __future__ import annotations

from datetime import UTC, date, datetime

from prefect import flow, get_run_logger

from blocks.dbt.project import DbtProject
from blocks.errors import PlatformError
from blocks.query_tags import tag_queries
from blocks.records import Plan
from blocks.site.base import BiSite
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse
from flows.run_context import RunContext, stage_run
from flows.run_names import name_stage
from tasks.assignment import assign_tickets
from tasks.deadlines import emit_deadline_events
from tasks.markdown import count_of
from tasks.occasion import plan_requests
from tasks.planning import list_known_sources
from tasks.proposals import read_efforts
from tasks.reports import show_plan
from tasks.requirements import answer_gaps, knows_gaps, read_tickets


@flow(name="requirements", flow_run_name=name_stage)
def requirements(  # noqa: PLR0913, PLR0917  # what a deployment may set, one by one in its form
    tracker: Tracker,
    project: DbtProject,
    warehouse: Warehouse,
    tickets: list[str] | None = None,
    run: str | None = None,
    sources: list[str] | None = None,
    dry_run: bool = False,
    context: RunContext | None = None,
    dashboards: list[str] | None = None,
    site: BiSite | None = None,
    due: list[str] | None = None,
) -> Plan:
    """Read, check and rank tickets (None: all open ones, and scheduled dashboards) against the catalogue.

    Args:
        tracker: where the tickets are.
        project: the dbt project, whose catalogue they are held against.
        warehouse: where the state of earlier runs is.
        tickets: keys of these tickets only; none: all open ones, and scheduled dashboards.
        run: the run's name; none: made of the time.
        sources: load these only; none: those that the dashboards need.
        dry_run: incomplete tickets are reported, but not answered.
        context: what the parent flow has opened; none: it is opened here.
        dashboards: these only; none: all that are asked for.
        due: dashboards that go out now, whatever their time: they were accepted.
        site: where dashboards go, which knows who may be an audience; none: that is seen when they are published.

    Raises NotFound, before any ticket is read, for a source that there is not, and for a dashboard that is neither an
    exposure nor a ticket.
    """
    with stage_run(context, project, warehouse, run) as stage:
        tag_queries("requirements", stage.run)
        list_known_sources(stage.catalogue, sources)
        if not dry_run:  # or readers' numbers would change and no ticket would hear of it
            tracker.check_answers()
        found = read_tickets(tracker, tickets)
        plan = plan_requests(
            tracker,
            warehouse,
            stage.catalogue,
            found,
            stage.run,
            scheduled=tickets is None,
            sources=sources,
            dashboards=dashboards,
            site=site,
            accepted=due or (),
            record=not dry_run,
        )
        efforts = read_efforts(warehouse, plan)
    today = datetime.now(UTC).date()
    if not dry_run:
        plan = assign_tickets(tracker, plan)
        _tell_tickets(tracker, plan, today)
    show_plan(plan, today, efforts)
    _log_plan(plan)
    return plan


def _tell_tickets(tracker: Tracker, plan: Plan, today: date) -> None:
    """Tell whoever listens of deadlines, and incomplete tickets of their gaps, unless they know them."""
    log = get_run_logger()
    if late := emit_deadline_events(tracker, plan.requirements, plan.run, today):
        log.info("due or overdue: %s", ", ".join(late))
    for gaps in plan.incomplete:
        if knows_gaps(gaps):
            continue
        try:
            answer_gaps(tracker, gaps)
        except PlatformError as error:  # one ticket's trouble does not stop the others
            log.error("%s: %s", gaps.key, error)  # noqa: TRY400


def _log_plan(plan: Plan) -> None:
    get_run_logger().info(
        "%s, %d incomplete, %s, sources %s",
        count_of(len(plan.requirements), "ticket"),
        len(plan.incomplete),
        count_of(len(plan.dashboards), "dashboard"),
        ", ".join(plan.sources) or "none",
    )
