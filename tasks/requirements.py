"""Tickets to requirements: read, checked, ranked; and the answer to those that are incomplete.

The checks of single fields are in fields.py; what the run then tells the tickets is in answers.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TypeAlias

from prefect import task

from blocks.records import Analysis, Comment, Incomplete, Priority, Requirement, Ticket
from blocks.tracker.base import GAPS, Tracker, compute_fingerprint
from blocks.wishes import Wishes
from tasks.fields import Form
from tasks.leftovers import check_leftovers
from tasks.markdown import bullets, code
from tasks.paste_lines import list_paste_lines
from tasks.policy import RETRY
from tasks.request_shape import Names, check_shape, list_idle_sources, needs_sources
from tasks.spellings import BY, Spellings
from tasks.splits import place_splits
from tasks.wishes import Known, check_wishes, wants_live_data

FindValues: TypeAlias = Callable[[str], Sequence[str] | None]
"""Dimension → its values as readers see them now; None where they are not known."""
MOST_FEEDBACK, LONGEST_FEEDBACK = 20, 2_000
RESTRICTED = (
    "This ticket is not for everybody who sees its project, so its title and comments are on no dashboard."
)


@task(name="read tickets", **RETRY)
def read_tickets(tracker: Tracker, keys: Sequence[str] | None = None) -> list[Ticket]:
    """These tickets; None: all that wait for work."""
    return tracker.list_open_tickets() if keys is None else tracker.read_tickets(keys)


@task(task_run_name="answer {incomplete.key}", **RETRY)
def answer_gaps(tracker: Tracker, incomplete: Incomplete) -> None:
    """Tell an incomplete ticket, in one comment, what is missing."""
    tracker.comment(incomplete.key, GAPS, write_gap_comment(incomplete))
    tracker.move(incomplete.key, "incomplete")


def know_no_values(dimension: str) -> None:
    """No values, where nobody has looked."""


def check_ticket(
    ticket: Ticket,
    catalogue: Names,
    find_values: FindValues = know_no_values,
    find_groups: Callable[[], Sequence[str] | None] = lambda: None,
) -> Requirement | Incomplete:
    """A ticket as a requirement, or everything that is missing from it.

    find_values: a dimension's values as readers see them now, None where nobody knows; find_groups: who may be
    an audience.

    People's comments since our last answer on the ticket are the requirement's feedback; of a ticket that fewer people
    may read than a dashboard neither they nor its title go further.
    """
    if "unreadable" in ticket.fields:
        reason = code(ticket.fields["unreadable"], 200)
        return _make_incomplete(ticket, f"The ticket can't be read: {reason}")
    form = Form({**ticket.fields, "title": ticket.title})
    dimensions = _list_dimensions(catalogue)
    known = {
        "metrics": Spellings(catalogue.metric_names(), catalogue.metric_labels()),
        "dimensions": Spellings(dimensions, catalogue.dimension_labels(), BY),
        "data_sources": Spellings(catalogue.list_source_names(), {}),
    }
    place_splits(form, known["metrics"], known["dimensions"])
    found = _read_form(form, known, catalogue)
    check_shape(form, found.analysis, found.metrics, found.dimensions, catalogue)
    wished = Known(catalogue, known["metrics"], known["dimensions"], find_values, find_groups)
    wishes, metrics = check_wishes(form, found.analysis, found.metrics, wished)
    filtered = [each.dimension for each in wishes.filters if each.dimension not in found.dimensions]
    every = tuple(dict.fromkeys((*found.dimensions, *filtered)))
    found = replace(found, wishes=wishes, metrics=metrics, dimensions=every)
    check_leftovers(form, known, {*metrics, *every, *found.sources})
    if form.gaps:
        more = {
            "lines": list_paste_lines(form, vars(found), dimensions, catalogue),
            "gap_fields": tuple(sorted(form.gap_fields)),
            "deadline": found.deadline,
        }
        return _make_incomplete(ticket, *form.gaps).model_copy(update=more)
    return _make_requirement(ticket, found, _write_notes(found, filtered, catalogue))


@dataclass(frozen=True)
class _Understood:
    """What was understood of a ticket's fields; None where there is a gap."""

    title: str | None
    requester: str | None
    assignee: str | None
    analysis: Analysis | None
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]
    sources: tuple[str, ...]
    deadline: date | None
    priority: Priority | None
    live: bool
    wishes: Wishes = field(default_factory=Wishes)


def _read_form(form: Form, known: Mapping[str, Spellings], catalogue: Names) -> _Understood:
    """The fields of a ticket but its wishes. known: part of a request → the names that it may have."""
    title = form.read_text("title", "Say in a line what it is about.")
    requester = form.read_text("requester", "Write who asks.")
    assignee = form.read_text("assignee", "")
    analysis = form.read_choice("analysis", Analysis)
    metrics = form.read_names(
        "metrics",
        known["metrics"],
        unusable=catalogue.list_unusable(),
        unusable_labels=catalogue.unusable_labels(),
    )
    dimensions = form.read_names("dimensions", known["dimensions"], optional=True)
    without_sources = not needs_sources(metrics, catalogue)
    return _Understood(
        title=title,
        requester=requester,
        assignee=assignee,
        analysis=analysis,
        metrics=metrics,
        dimensions=dimensions,
        sources=form.read_names("data_sources", known["data_sources"], optional=without_sources),
        deadline=form.read_day("deadline"),
        priority=form.read_choice("priority", Priority, Priority.medium),
        live=wants_live_data(form),
    )


def _write_notes(found: _Understood, filtered: Sequence[str], catalogue: Names) -> tuple[str, ...]:
    """What to say of a ticket in the answer. filtered: dimensions that were added, as it is filtered by them."""
    notes = list_idle_sources(found.metrics, found.sources, catalogue)
    notes += tuple(f"{code(name)} was added to the dimensions, as it is filtered by." for name in filtered)
    if cadence := found.wishes.cadence:
        once = "It is made once, and not refreshed by itself."
        timed = f"It is refreshed {code(cadence)}; runs at other times neither refresh nor answer it."
        notes += (once if cadence.every == "once" else timed,)
    return notes


def _make_requirement(ticket: Ticket, found: _Understood, notes: tuple[str, ...]) -> Requirement:
    """A ticket's requirement; of one that fewer people may read, without their words."""
    own: dict[str, object] = {
        **vars(found),
        "key": ticket.key,
        "status": ticket.status,
        "created": ticket.created,
        "changed": ticket.changed,
        "notes": notes,
    }
    if ticket.restricted:
        own |= {"title": ticket.key, "notes": (*notes, RESTRICTED)}
    else:
        own["feedback"] = gather_feedback(ticket.comments, ticket.answered)
    return Requirement.model_validate(own)


def _make_incomplete(ticket: Ticket, *gaps: str) -> Incomplete:
    return Incomplete(
        key=ticket.key,
        gaps=gaps,
        status=ticket.status,
        gaps_fingerprint=ticket.comment_fingerprints.get(GAPS),
    )


def knows_gaps(incomplete: Incomplete) -> bool:
    """True if the ticket says all of it already, so that nothing has to be asked of the tracker."""
    return incomplete.status == "incomplete" and shows_gaps(incomplete)


def shows_gaps(incomplete: Incomplete) -> bool:
    """True if our comment on the ticket is the very one that it would get."""
    return incomplete.gaps_fingerprint == compute_fingerprint(write_gap_comment(incomplete))


def gather_feedback(comments: Iterable[Comment], answered: datetime | None) -> tuple[Comment, ...]:
    """People's comments since our last answer: the newest ones, clipped."""
    since = [each for each in comments if answered is None or each.created > answered]
    newest = sorted(since, key=lambda each: each.created)[-MOST_FEEDBACK:]
    return tuple(each.model_copy(update={"body": each.body[:LONGEST_FEEDBACK]}) for each in newest)


def rank(requirements: Iterable[Requirement]) -> list[Requirement]:
    """The most urgent first: by priority, then deadline, then age, then the ticket's number."""

    def find_urgency(each: Requirement) -> tuple[object, ...]:
        project, _, number = each.key.rpartition("-")
        age = each.created.timestamp() if each.created else math.inf
        return each.priority, each.deadline, age, project, int(number) if number.isdigit() else 0, each.key

    return sorted(requirements, key=find_urgency)


def write_gap_comment(incomplete: Incomplete) -> str:
    """The comment on an incomplete ticket; its gaps are Markdown with quoted values already."""
    proposed = bool(incomplete.proposal)
    within = " in the fields of the ticket" if proposed else ""
    missing = (f"What is missing or unclear{within}:", "", bullets(incomplete.gaps), "")
    return "\n".join(
        (
            "### This request can't be started yet",
            "",
            *((incomplete.proposal, "") if proposed else ()),
            *(missing if incomplete.gaps else ()),
            *(_write_deadline(incomplete.deadline) if incomplete.deadline else ()),
            f"**How to go on:** {'accept the proposal, or ' if proposed else ''}edit the ticket. The next run reads it "
            "again by itself, and this comment is kept up to date until nothing is missing. Other requests are not "
            "held up.",
            *_show_lines(incomplete.lines),
        )
    )


def _write_deadline(day: date) -> tuple[str, str]:
    return f"**Due on {day}:** without an answer before that day it will be late.", ""


def _show_lines(lines: Sequence[str]) -> list[str]:
    """Lines to paste, as code: an indented block, which nothing in it can end."""
    if not lines:
        return []
    how = (
        "**Lines to paste** into the ticket, in place of what it says now; "
        "fill in the blanks, what stands behind a # is advice:"
    )
    return ["", how, "", *(f"    {' '.join(each.split(chr(10)))}" for each in lines)]


def _list_dimensions(catalogue: Names) -> list[str]:
    sources = {catalogue.source_of(metric) for metric in catalogue.metric_names()}
    return sorted({name for source in sources for name in catalogue.dimensions_of(source)})
