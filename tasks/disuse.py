"""Dashboards that nobody opens: asked about on their tickets, then archived, and brought back by one word.

Only where the site counts views: what is not counted is never taken for unused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta

from prefect import get_run_logger

from blocks.errors import NotFound, PlatformError
from blocks.records import Comment, Dashboard, Publication, Ticket
from blocks.site.base import BiSite
from blocks.tracker.base import USE, Tracker
from blocks.warehouse.base import Warehouse
from blocks.warehouse.uses import Use, read_uses, write_uses
from tasks.elaboration.acceptance import compute_comment_fingerprint, list_new
from tasks.markdown import code

UNUSED, GRACE = timedelta(days=90), timedelta(days=14)
"""After which time without a look a dashboard is asked about, and after which without an answer it is archived."""
_KEEP = re.compile(r"(?:please\s+|bitte\s+)?(?:keep|back|behalten|zurück)\s*[.!]*", re.IGNORECASE)
ASKED = (
    "### Does anybody still need this?\n\nNobody has opened {name} since {day}. A comment that says `keep` keeps it; "
    "without one it is archived after {grace} days: no longer shown and refreshed, and never deleted."
)
ARCHIVED = (
    "### Archived\n\nNobody has opened {name} since {day}, and nobody asked to keep it. It is kept in the site's "
    "archive and no longer refreshed. A comment that says `back` brings it back, as the next run sees it."
)
KEPT = "### Kept\n\n{name} stays. Once nobody has opened it for {unused} days, this is asked again."
RESTORED = "### Back\n\n{name} is there again, and is refreshed as before."


def is_use_word(comment: Comment) -> bool:
    """True for a comment that says `keep` or `back`, in its first line."""
    return bool(_KEEP.fullmatch(comment.body.strip().partition("\n")[0].strip()))


def review_uses(site: BiSite, tracker: Tracker, warehouse: Warehouse, today: date | None = None) -> None:
    """Ask about, archive and bring back what there is to; each dashboard's trouble is its own. Once a day is enough."""
    day, known = today or datetime.now(UTC).date(), read_uses(warehouse)
    due = [each for each in known.values() if each.asked_on or each.archived_on or each.checked_on < day]
    if not due:
        return
    with site.session():
        for each in due:
            try:
                _review(site, tracker, warehouse, each, day)
            except NotFound:  # taken off the site, or its ticket is gone: there is nobody to ask
                write_uses(warehouse, [each.model_copy(update={"checked_on": day})])
            except PlatformError as error:
                get_run_logger().warning("how %s is used could not be reviewed: %s", each.dashboard, error)


def _review(site: BiSite, tracker: Tracker, warehouse: Warehouse, use: Use, day: date) -> None:
    """Whatever is done is written down before the ticket hears of it; what it did not hear it is told again."""
    if use.archived_on is None and use.checked_on < day:
        opened = site.read_use(use.dashboard).opened
        if opened is None:  # as of today it does not count
            return
        if opened != use.opened:
            kept = _record(warehouse, use, opened=opened, used_on=day, checked_on=day, asked_on=None)
            if use.asked_on:
                tracker.comment(use.ticket, USE, _write(KEPT, kept))
            return
        use = _record(warehouse, use, checked_on=day)
    if use.asked_on or use.archived_on:
        _follow(site, tracker, warehouse, use, day)
    elif day - use.used_on >= UNUSED:
        _ask(tracker, warehouse, use, day)


def _follow(site: BiSite, tracker: Tracker, warehouse: Warehouse, use: Use, day: date) -> None:
    """What becomes of a dashboard whose ticket was asked, by what was said there since."""
    (ticket,) = tracker.read_tickets([use.ticket])
    if any(is_use_word(each) for each in list_new(ticket.comments, use.seen)):
        _bring_back(site, tracker, warehouse, use, day)
    elif USE not in ticket.comment_fingerprints:  # the run that asked died before it had
        _ask(tracker, warehouse, use, day, ticket)
    elif use.archived_on:
        tracker.comment(use.ticket, USE, _write(ARCHIVED, use))  # safe to repeat
    elif use.asked_on and day - use.asked_on >= GRACE:
        site.archive(use.dashboard)
        use = _record(warehouse, use, archived_on=day)
        tracker.comment(use.ticket, USE, _write(ARCHIVED, use))


def _ask(tracker: Tracker, warehouse: Warehouse, use: Use, day: date, ticket: Ticket | None = None) -> None:
    (found,) = [ticket] if ticket else tracker.read_tickets([use.ticket])
    seen = tuple(map(compute_comment_fingerprint, found.comments))
    use = _record(warehouse, use, asked_on=day, archived_on=None, seen=seen)
    tracker.comment(use.ticket, USE, _write(ASKED, use))


def _bring_back(site: BiSite, tracker: Tracker, warehouse: Warehouse, use: Use, day: date) -> None:
    archived = use.archived_on is not None
    if archived:
        site.restore(use.dashboard)
    use = _record(warehouse, use, used_on=day, asked_on=None, archived_on=None, seen=())
    tracker.comment(use.ticket, USE, _write(RESTORED if archived else KEPT, use))


def _record(warehouse: Warehouse, use: Use, **changed: object) -> Use:
    use = use.model_copy(update=changed)
    write_uses(warehouse, [use])
    return use


def _write(text: str, use: Use) -> str:
    return text.format(name=code(use.dashboard), day=use.used_on, grace=GRACE.days, unused=UNUSED.days)


def record_uses(
    site: BiSite,
    warehouse: Warehouse,
    dashboards: Sequence[Dashboard],
    publications: Sequence[Publication],
    today: date | None = None,
) -> None:
    """Write down how often what went out was opened: what publishing itself counts is then no use of anybody's."""
    day, known = today or datetime.now(UTC).date(), read_uses(warehouse)
    tickets = {each.name: each.ticket for each in dashboards if each.ticket}
    found = []
    for each in publications:
        ticket = tickets.get(each.dashboard)
        if each.error is not None or each.unchanged_since or not ticket:
            continue
        try:
            opened = site.read_use(each.dashboard).opened
        except PlatformError as error:
            get_run_logger().warning("how %s is used could not be read: %s", each.dashboard, error)
            continue
        if opened is None:
            continue
        use = known.get(each.dashboard)
        fresh = use is None or use.archived_on is not None
        fresh = fresh or bool(each.views if each.views is not None else use and opened != use.opened)
        if use is None:
            use = Use(dashboard=each.dashboard, ticket=ticket, opened=opened, used_on=day, checked_on=day)
        changed: dict[str, object] = {"opened": opened, "ticket": ticket, "checked_on": day}
        changed |= {"used_on": day, "asked_on": None, "archived_on": None} if fresh else {}
        found.append(use.model_copy(update=changed))
    write_uses(warehouse, found)


def list_archived(warehouse: Warehouse) -> Collection[str]:
    """Dashboards that are archived: they are refreshed by nobody until they are brought back."""
    return frozenset(each.dashboard for each in read_uses(warehouse).values() if each.archived_on)
