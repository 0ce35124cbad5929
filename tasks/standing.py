"""Dashboards that are refreshed at certain times: which are due, whose tickets are read again, what went out when."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from prefect import get_run_logger

from blocks.catalogue import Catalogue, Exposure
from blocks.errors import NotFound, PlatformError
from blocks.records import Dashboard, Publication, Requirement, Ticket
from blocks.tracker.base import Tracker, compute_fingerprint
from blocks.warehouse.base import Warehouse
from blocks.warehouse.standing import Standing, write_standing
from blocks.wishes import Cadence, Wishes
from tasks.fields import Form
from tasks.spellings import BY, Spellings
from tasks.wish_syntax import UnclearError, read_cadence
from tasks.wishes import Known, check_wishes


@dataclass(frozen=True)
class Occasion:
    """What a plan is made on, besides its tickets. today: in UTC; standing: what went out when, by dashboard.

    find_values, find_groups: what wishes are held against, as `check_ticket` has them; again: tickets that asked for
    nothing now, but whose dashboards are due; accepted: dashboards that somebody has accepted just now;
    archived: those that nobody opened.
    """

    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    standing: Mapping[str, Standing] = field(default_factory=dict)
    find_values: Callable[[str], Sequence[str] | None] = field(default=lambda _: None)
    find_groups: Callable[[], Sequence[str] | None] = field(default=lambda: None)
    again: Mapping[str, Ticket] = field(default_factory=dict)
    accepted: frozenset[str] = frozenset()
    archived: Collection[str] = frozenset()

    def find_wait(self, dashboard: str, schedule: str = "") -> str:
        """Why a dashboard is not refreshed now, as in `weekly on Monday, next on 2026-11-30`; empty if it is due.

        schedule: the exposure's, as written, for one whose ticket did not ask for another.
        """
        if dashboard in self.accepted:
            return ""
        if dashboard in self.archived:
            return "archived, as nobody opened it; `back` on its ticket brings it back"
        known = self.standing.get(dashboard)
        cadence = read_written_cadence((known.cadence if known else "") or schedule)
        if cadence is None or cadence.is_due(self.today, known.day if known else None):
            return ""
        following = cadence.find_next_due(self.today)
        return f"{cadence}, next on {following}" if following else str(cadence)

    def can_wait(self, requirement: Requirement, dashboards: Iterable[Dashboard]) -> str:
        """Why an open ticket is left alone now: what it asks for went out as it is, and is not due again yet."""
        waits = []
        for each in dashboards:
            known = self.standing.get(each.name)
            same = known and known.ticket == requirement.key and known.fingerprint == each.fingerprint
            waits.append(self.find_wait(each.name) if same else "")
        asked = requirement.feedback or requirement.status == "changes_requested"
        return waits[0] if waits and all(waits) and not asked else ""


def read_written_cadence(text: str) -> Cadence | None:
    """A cadence as it was written; None for text that is none, which means each run."""
    try:
        return read_cadence(text) if text else None
    except UnclearError:
        return None


def list_due_tickets(occasion: Occasion, catalogue: Catalogue, asked: Collection[str]) -> list[str]:
    """Keys of tickets to be read again, as a dashboard with their wishes is due. asked: keys that were read already."""
    schedules = {each.name: each.schedule for each in catalogue.exposures}
    return sorted(
        {
            each.ticket
            for each in occasion.standing.values()
            if each.ticket
            and each.ticket not in asked
            and not occasion.find_wait(each.dashboard, schedules.get(each.dashboard, ""))
        }
    )


def read_again(tracker: Tracker, keys: Sequence[str]) -> dict[str, Ticket]:
    """Those of these tickets that there are; what the tracker refuses is logged."""
    found: dict[str, Ticket] = {}
    for key in keys:
        try:
            found |= {each.key: each for each in tracker.read_tickets([key])}
        except NotFound:
            get_run_logger().warning("%s is gone; its dashboard is refreshed without its wishes, or not", key)
        except PlatformError as error:
            get_run_logger().warning("%s could not be read again: %s", key, error)
    return found


def read_exposure_wishes(exposure: Exposure, catalogue: Catalogue) -> tuple[Wishes, tuple[str, ...]]:
    """What an exposure's meta wishes, as a ticket would; and what of it can't be honoured, as plain text."""
    cadence = read_written_cadence(exposure.schedule)
    if not exposure.wishes:
        return Wishes(cadence=cadence), ()
    metrics = [name for name in exposure.metrics if name in catalogue.metric_names()]
    dimensions = {name for each in metrics for name in catalogue.dimensions_of(catalogue.source_of(each))}
    wished = dict(exposure.wishes)
    if not metrics:  # the metrics' fault is known, and no reason to say nothing of the rest
        dimensions = set(catalogue.dimension_labels())
        wished = {name: wish for name, wish in wished.items() if name not in {"target", "alerts"}}
    form = Form(wished)
    known = Known(
        catalogue,
        Spellings(catalogue.metric_names(), catalogue.metric_labels()),
        Spellings(sorted(dimensions), catalogue.dimension_labels(), BY),
    )
    wishes, _ = check_wishes(form, exposure.analysis, metrics, known)
    gaps = tuple(gap.replace("**", "").replace("`", "") for gap in form.gaps)
    return wishes.model_copy(update={"cadence": cadence}), gaps


def merge_wishes(own: Wishes, ticket: Wishes) -> Wishes:
    """A ticket's wishes, and where it has none, those of the exposure."""
    asked = {name: getattr(ticket, name) for name in Wishes.model_fields if getattr(ticket, name)}
    if ticket.period is not None:
        asked["period"] = ticket.period
    return own.model_copy(update=asked)


def compute_request_fingerprint(requirement: Requirement) -> str:
    """What tells one request from another: all that a dashboard is made of."""
    parts = (requirement.analysis, *requirement.metrics, *requirement.dimensions, str(requirement.live))
    lines = (f"{name}: {text}" for name, text in requirement.wishes.list_lines().items())
    return compute_fingerprint("\n".join((*map(str, parts), *lines)))


def record_refreshes(
    warehouse: Warehouse,
    run: str,
    dashboards: Sequence[Dashboard],
    publications: Sequence[Publication],
    known: Sequence[str],
) -> None:
    """Keep when dashboards went out of which that matters later. known: those of which something is kept already."""
    out = {each.dashboard for each in publications if each.error is None}
    kept = [each for each in dashboards if each.name in out and _matters(each)]
    entries = [
        Standing(
            dashboard=each.name,
            ticket=(each.ticket or "") if each.fingerprint else "",
            cadence=str(each.wishes.cadence or ""),
            fingerprint=each.fingerprint,
            run=run,
        )
        for each in kept
    ]
    write_standing(warehouse, [name for name in known if name in out], entries)


def _matters(dashboard: Dashboard) -> bool:
    """True if a later run has to know of it: its time, or wishes that are on its ticket alone."""
    cadence = dashboard.wishes.cadence
    if not dashboard.declared:  # it is made again only if its ticket said when
        return cadence is not None and cadence.every != "once"
    timed = cadence is not None and cadence.every in ("week", "month", "once")
    return timed or dashboard.changed or bool(dashboard.fingerprint and dashboard.wishes != Wishes())
