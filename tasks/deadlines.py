"""Deadlines of tickets as a signal: an event for each ticket that is due or overdue. Automations act on it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from prefect.events import emit_event

from blocks.records import Requirement
from blocks.tracker.base import Tracker

NOTICE = timedelta(days=1)


def emit_deadline_events(
    tracker: Tracker, requirements: Iterable[Requirement], run: str, today: date
) -> list[str]:
    """Emit `ticket.due` (today or tomorrow) or `ticket.overdue` for tickets that wait; return their keys.

    Keys, days and ranks only: no ticket text.
    """
    late = [each for each in requirements if each.deadline <= today + NOTICE]
    for each in late:
        emit_event(
            "ticket.overdue" if each.deadline < today else "ticket.due",
            resource={"prefect.resource.id": f"ticket.{each.key}", "prefect.resource.name": each.key},
            payload={
                "ticket": each.key,
                "deadline": each.deadline.isoformat(),
                "priority": each.priority.name,
                "url": tracker.make_url(each.key),
                "run": run,
            },
        )
    return [each.key for each in late]
