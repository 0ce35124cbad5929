"""Who works on a ticket, and why the tickets of a plan come in their order. No ticket text: names of dbt's owners."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from prefect import get_run_logger, task

from blocks.catalogue import Catalogue
from blocks.errors import PlatformError
from blocks.records import Plan, Requirement, Ticket
from blocks.tracker.base import Tracker
from tasks.markdown import code, count_of
from tasks.policy import RETRY

SOON = timedelta(days=3)


def choose_assignees(plan: Plan, catalogue: Catalogue, tickets: Sequence[Ticket]) -> Plan:
    """The plan with an assignee for each ticket that has none, where dbt declares who may be it.

    The owner of the exposure that names the ticket; else, of those whom the metrics, their marts or their sources name
    in `meta.owner`, the one with the fewest open tickets.
    """
    load = Counter(str(each.fields["assignee"]).casefold() for each in tickets if each.fields.get("assignee"))
    chosen = []
    for requirement in plan.requirements:
        if requirement.assignee is None and (found := _choose(requirement, catalogue, load)):
            person, why = found
            load[person.casefold()] += 1
            requirement = requirement.model_copy(update={"assignee": person, "assigned": why})
        chosen.append(requirement)
    return plan.model_copy(update={"requirements": tuple(chosen)})


def _choose(
    requirement: Requirement, catalogue: Catalogue, load: Mapping[str, int]
) -> tuple[str, str] | None:
    """A person and why it is them; None where nobody is declared."""
    for exposure in catalogue.exposures:
        if exposure.ticket == requirement.key and exposure.owner:
            return catalogue.owner_of(exposure.name), f"owns the dashboard {exposure.name}"
    owners = catalogue.list_owners(requirement.metrics)
    if not owners:
        return None
    person = min(owners, key=lambda each: (load.get(each.casefold(), 0), owners.index(each)))
    others = f", the fewest of {len(owners)}" if len(owners) > 1 else ""
    return (
        person,
        f"answers for its data, with {count_of(load.get(person.casefold(), 0), 'open ticket')}{others}",
    )


@task(name="assign tickets", **RETRY)
def assign_tickets(tracker: Tracker, plan: Plan) -> Plan:
    """Write the chosen assignees on their tickets; who can't be it in the tracker is named in the answer.

    One ticket's trouble is its own.
    """
    done = []
    for requirement in plan.requirements:
        if requirement.assigned and requirement.assignee:
            note = f"{code(requirement.assignee)} is assigned, who {requirement.assigned}."
            try:
                if not tracker.assign(requirement.key, requirement.assignee):
                    note = (
                        f"{code(requirement.assignee)} {requirement.assigned}, but is not one account that can have "
                        "this ticket: assign it by hand."
                    )
            except PlatformError as error:
                get_run_logger().warning("%s: nobody was assigned: %s", requirement.key, error)
                note = f"{code(requirement.assignee)} {requirement.assigned}; the tracker did not take it."
            requirement = requirement.model_copy(update={"notes": (*requirement.notes, note)})
        done.append(requirement)
    return plan.model_copy(update={"requirements": tuple(done)})


def explain_order(requirement: Requirement, today: date, effort: float | None = None) -> str:
    """Why a ticket has its place: priority, deadline, age, and how long its marts took to build, in that order."""
    left = (requirement.deadline - today).days
    due = (
        f"due in {count_of(left, 'day')}"
        if left > 0
        else "due today"
        if not left
        else f"{count_of(-left, 'day')} overdue"
    )
    parts = [f"{requirement.priority.name} priority", due]
    if requirement.created:
        parts.append(f"filed {count_of(max((today - requirement.created.date()).days, 0), 'day')} ago")
    if effort is not None:
        parts.append(f"about {effort:.0f} s of work")
    return ", ".join(parts)


def list_at_risk(plan: Plan, today: date) -> list[str]:
    """Tickets that miss their deadline, or will unless something happens, each with why."""
    found = []
    for each in plan.requirements:
        if each.deadline < today:
            found.append(f"{each.key}: {count_of((today - each.deadline).days, 'day')} overdue")
        elif each.status == "failed" and each.deadline <= today + SOON:
            found.append(f"{each.key}: due on {each.deadline}, and failed in the last run")
    for gaps in plan.incomplete:
        if gaps.deadline and gaps.deadline <= today + SOON:
            found.append(f"{gaps.key}: due on {gaps.deadline}, and waits for its requester's answer")
    return found


def estimate_efforts(plan: Plan, seconds: float, marts: Sequence[str]) -> dict[str, float]:
    """Ticket → the seconds that its marts took, as their share of the last build; without those never built."""
    found: dict[str, float] = {}
    for dashboard in plan.dashboards:
        built = [mart for mart in dashboard.marts if mart in marts]
        if dashboard.ticket and built:
            found[dashboard.ticket] = found.get(dashboard.ticket, 0) + seconds * len(built) / len(marts)
    return found
