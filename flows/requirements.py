"""Stage 1: tickets in, a plan out; what is incomplete is answered on its ticket and stays out."""

from __future__ import annotations

from prefect import flow, get_run_logger

from blocks.dbt import DbtProject
from blocks.records import Incomplete, Plan, Requirement
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse
from flows.run import new_run
from tasks.planning import make_plan
from tasks.promotion import schema_of
from tasks.reports import show_plan
from tasks.requirements import answer_gaps, check_ticket, rank, read_tickets


@flow(name="requirements")
def requirements(
    tracker: Tracker,
    project: DbtProject,
    warehouse: Warehouse,
    tickets: list[str] | None = None,
    run: str | None = None,
) -> Plan:
    """Read, check and rank tickets (None: all open ones, and scheduled dashboards) against the catalogue."""
    run = run or new_run()
    plan = plan_run(tracker, project, warehouse, tickets, run)
    for gaps in plan.incomplete:
        answer_gaps(tracker, gaps)
    show_plan(plan)
    get_run_logger().info(
        "%d tickets, %d incomplete, %d dashboards, sources %s",
        len(plan.requirements), len(plan.incomplete), len(plan.dashboards), ", ".join(plan.sources) or "none",
    )  # fmt: skip
    return plan


def plan_run(
    tracker: Tracker, project: DbtProject, warehouse: Warehouse, tickets: list[str] | None, run: str
) -> Plan:
    """The plan alone; writes nothing anywhere but dbt's target folder."""
    catalogue = project.catalogue(warehouse, schema_of(run))
    checked = [check_ticket(ticket, catalogue) for ticket in read_tickets(tracker, tickets)]
    complete = rank([item for item in checked if isinstance(item, Requirement)])
    incomplete = [item for item in checked if isinstance(item, Incomplete)]
    return make_plan(run, catalogue, complete, incomplete, scheduled=tickets is None)
