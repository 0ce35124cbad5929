"""From tickets to a plan, with all that it is made on besides: the day, what went out when, what wishes are held to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from blocks.catalogue import Catalogue
from blocks.records import Plan, Ticket
from blocks.site.base import BiSite
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse
from blocks.warehouse.standing import read_standing
from tasks.assignment import choose_assignees
from tasks.changes import react_to_tickets
from tasks.disuse import list_archived
from tasks.planning import plan_tickets
from tasks.proposals import ServedValues, elaborate_tickets, record_proposals, record_shown
from tasks.standing import Occasion, list_due_tickets, read_again


def make_occasion(
    tracker: Tracker,
    warehouse: Warehouse,
    catalogue: Catalogue,
    tickets: Sequence[Ticket],
    values: ServedValues,
    site: BiSite | None = None,
    whole: bool = False,
) -> Occasion:
    """The present one. tickets: those that were read; of others, what is due is read again; whole: due or not.

    values: of dimensions, as readers see them now.
    """
    occasion = Occasion(
        standing=read_standing(warehouse),
        find_values=values,
        find_groups=site.list_audiences if site else lambda: None,
        archived=list_archived(warehouse),
    )
    read = {each.key for each in tickets}
    every = sorted({each.ticket for each in occasion.standing.values() if each.ticket} - read)
    keys = every if whole else list_due_tickets(occasion, catalogue, read)
    if not keys:
        return occasion
    found = list(read_again(tracker, keys).values())
    elaborated = elaborate_tickets(found, catalogue, warehouse, values, occasion.today)
    return replace(occasion, again={each.key: each for each in elaborated.tickets})


def plan_requests(  # noqa: PLR0913  # what plan_tickets takes is handed on
    tracker: Tracker,
    warehouse: Warehouse,
    catalogue: Catalogue,
    tickets: Sequence[Ticket],
    run: str,
    *,
    scheduled: bool,
    sources: Sequence[str] | None = None,
    dashboards: Sequence[str] | None = None,
    site: BiSite | None = None,
    accepted: Collection[str] = (),
    record: bool = False,
) -> Plan:
    """What a run will do for these tickets: their words read, wishes held against the data, assignees chosen.

    scheduled, sources, dashboards: as `plan_tickets` has them. accepted: dashboards that go out whatever their time.
    record: new proposals are written down, and modellers asked; else nothing is written at all.
    """
    values, today = ServedValues(warehouse, catalogue), datetime.now(UTC).date()
    elaborated = elaborate_tickets(tickets, catalogue, warehouse, values, today)
    if record:
        record_proposals(elaborated, tracker, catalogue, warehouse, values)
    read = {each.key for each in tickets}
    whole = scheduled and dashboards is None
    delivered = [each for each in tracker.list_commented_tickets() if each.key not in read] if whole else []
    again = elaborate_tickets(delivered, catalogue, warehouse, values, today)
    react = partial(
        react_to_tickets, tracker, catalogue, warehouse, values=values, today=today, record=record
    )
    elaborated.tickets = [*react(tickets, elaborated), *react(delivered, again, due_only=True)]
    occasion = make_occasion(tracker, warehouse, catalogue, elaborated.tickets, values, site)
    occasion = replace(occasion, accepted=frozenset(accepted))
    plan = plan_tickets(elaborated.tickets, catalogue, run, scheduled, sources, dashboards, occasion)
    plan = choose_assignees(elaborated.annotate(plan), catalogue, elaborated.tickets)
    if record:
        record_shown(elaborated, plan, warehouse)
    return plan
