"""What people said is expected: a comment `expected` on an incident, or on a dashboard's ticket.

What is read is one word and a day, after a release was held back; the rest of a comment is for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

from prefect import get_run_logger, task

from blocks.errors import NotFound, PlatformError
from blocks.quality.history.findings import KIND
from blocks.quality.history.rules import Lesson
from blocks.records import Check, Comment, GateReport, Plan, State, Ticket
from blocks.tracker.base import Tracker
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from tasks.incidents import name_incident
from tasks.policy import RETRY

EXPECTED = re.compile(r"expected(?: until (\d{4}-\d{2}-\d{2}))?[.!]?", re.IGNORECASE)
MOST_REJECTED = 20
UNDATED = datetime(2000, 1, 1, tzinfo=UTC)  # a file's comment without a time has one long before


@task(task_run_name="read what is expected", **RETRY)
def read_lessons(tracker: Tracker, warehouse: Warehouse, plan: Plan) -> list[Lesson]:
    """What comments say of the findings that held releases back; nothing is asked where none was.

    A comment speaks of what was held back before it was written, and of days up to the one it names, if it does. On an
    incident it speaks of its check, on a ticket of all checks of its marts against history.
    """
    rejected = [
        each
        for each in control.read_journal(warehouse, states=[State.rejected], details=False)
        if each.detail
    ]
    if not rejected:
        return []
    try:
        abouts = {key: about for about, key in tracker.list_incidents().items()}
        own = {each.ticket: each.marts for each in plan.dashboards if each.ticket}
        tickets = list(_read_tickets(tracker, [*abouts, *own]))
    except PlatformError as error:
        get_run_logger().warning("what is expected could not be read on the tickets: %s", error)
        return []
    comments_found = [
        (ticket.key, comment) for ticket in tickets for comment in ticket.comments if read_lesson(comment)
    ]
    if not comments_found:
        return []
    journal = control.read_journal(warehouse, seqs=[each.seq for each in rejected[-MOST_REJECTED:]])
    reports = [(each.at.replace(tzinfo=UTC), _read_checks(each.detail)) for each in journal]
    return [
        lesson for key, comment in comments_found for lesson in _learn(key, comment, reports, abouts, own)
    ]


def _read_tickets(tracker: Tracker, keys: Sequence[str]) -> Iterator[Ticket]:
    """Those that there are: an exposure may name any ticket, of another tracker or gone."""
    try:
        yield from tracker.read_tickets(keys)
    except NotFound:
        for key in keys:
            try:
                yield from tracker.read_tickets([key])
            except NotFound:
                continue


def read_lesson(comment: Comment) -> re.Match[str] | None:
    """A comment whose first line is `expected`, or `expected until 2026-12-31`."""
    first = comment.body.strip().partition("\n")[0]
    return EXPECTED.fullmatch(first.strip())


def _read_checks(detail: str) -> list[Check]:
    try:
        return [check for check in GateReport.model_validate_json(detail).failures if check.kind == KIND]
    except ValueError:  # of another version
        return []


def _learn(
    key: str,
    comment: Comment,
    reports: Iterable[tuple[datetime, Sequence[Check]]],
    abouts: Mapping[str, str],
    own: Mapping[str, Sequence[str]],
) -> Iterator[Lesson]:
    """A lesson for each check that the comment speaks of."""
    created = comment.created.replace(tzinfo=comment.created.tzinfo or UTC)
    days: dict[tuple[str, str], set[date]] = {}
    for at, checks in reports:
        for check in checks if at <= created or created < UNDATED else ():
            if name_incident(check) == abouts.get(key) or check.scope in own.get(key, ()):
                days.setdefault((check.scope, check.name), set()).update(check.days)
    found = read_lesson(comment)
    until = _read_day(found[1]) if found and found[1] else None
    when = f" on {created:%Y-%m-%d}" if created >= UNDATED else ""
    for (scope, name), which in days.items():
        yield Lesson(
            scope=scope,
            check=name,
            days=tuple(sorted(which)),
            until=until,
            origin=f"said on {key}{when}",
        )


def _read_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
