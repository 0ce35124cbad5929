"""What people say of a dashboard that they have: a change of its request is proposed, all else is passed on.

A change counts once the one who asked has accepted it, and for as long as the ticket's own text stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from prefect import get_run_logger, task

from blocks.catalogue import Catalogue
from blocks.errors import PlatformError
from blocks.records import Comment, Incomplete, Plan, Requirement, Ticket
from blocks.tracker.base import CHANGE, Tracker, compute_fingerprint
from blocks.warehouse.base import Warehouse
from blocks.warehouse.proposals import write_proposal
from tasks.approval import TOPIC as APPROVAL
from tasks.approval import read_word
from tasks.assignment import assign_tickets, choose_assignees
from tasks.disuse import is_use_word
from tasks.elaboration.acceptance import (
    choose_fields,
    compute_comment_fingerprint,
    list_new,
    read_answer,
)
from tasks.elaboration.accepted_change import Known, name_record
from tasks.elaboration.change import CHANGEABLE, read_change, write_fields
from tasks.elaboration.elaborate import compute_text_fingerprint, merge
from tasks.elaboration.proposal import Item, Proposal
from tasks.elaboration.proposal_text import Surroundings, write_accepted
from tasks.elaboration.proposal_text import write_proposal as write_text
from tasks.elaboration.vocabulary import Vocabulary
from tasks.lessons import read_lesson
from tasks.markdown import bullets, code, line
from tasks.policy import RETRY
from tasks.proposals import Elaborated, ServedValues, make_vocabulary
from tasks.requirements import check_ticket

NOTHING = "none"
"""What stands for a part that is to be left out."""
HOW = (
    "A change is read from a sentence as `add orders by segment`, `only Germany`, `without refunds`, `by month` or "
    "`weekly is enough`, or from lines as in a request (`Period: last 12 months`)."
)
Check = Callable[[Ticket], Requirement | Incomplete]


@dataclass(frozen=True)
class Reaction:
    """What becomes of a ticket's comments. ticket: with all that was accepted; due: it has to be delivered again.

    known: what is to be recorded, if it is other than before; text: our comment, whose head and parts are Markdown;
    unread: what is passed on.
    """

    ticket: Ticket
    due: bool = False
    known: Known | None = None
    text: str = ""
    unread: tuple[str, ...] = ()


def react_to_comments(
    original: Ticket, ticket: Ticket, known: Known | None, check: Check, vocabulary: Vocabulary, today: date
) -> Reaction:
    """What is to be done about what people have said since a ticket was answered.

    original: as it is in the tracker; ticket: with what was accepted of its proposal and of changes.
    """
    text = compute_text_fingerprint(original)
    if known is not None and not known.is_shown(original):
        known = known.forget_unshown()
    before, remarks = known or Known(text=text), list[str]()
    if fell := bool(before.accepted) and before.text != text:
        before, remarks = _propose_anew(ticket, before, check)
    fresh = _list_fresh(original, known)
    if not (fresh or fell):
        return Reaction(ticket, due=_is_due(original, before))
    marks = tuple(map(compute_comment_fingerprint, original.answers))
    now = before.model_copy(
        update={
            "text": text,
            "seen": marks,
            "last": tuple(map(compute_comment_fingerprint, fresh)),
            "before": known.proposed if known else {},
            "lost": known.accepted if known and fell else {},
        }
    )
    # what is proposed again was on the ticket for nobody when these comments were written
    proposal = _make_proposal({} if fell else before.proposed, {})
    answered = _follow(original, fresh, proposal, remarks)
    checked = check(ticket)
    if answered is not None and isinstance(checked, Requirement):
        fields, by = answered
        merged = merge(ticket, fields).model_copy(update={"changed": True})
        after = check(merged)
        if isinstance(after, Requirement):
            # as it is understood, whatever words `change 1: ...` was said in
            fields = _find_difference(write_fields(checked), write_fields(after))
            merged = merge(ticket, fields).model_copy(update={"changed": True})
            accepted = {**before.accepted, **fields}
            now = now.model_copy(update={"accepted": accepted, "proposed": {}, "before": {}, "by": by})
            told = f"### The change was accepted\n\n{write_accepted(fields)} The answer of the run says how it went."
            return Reaction(merged, True, now, told)
        remarks += [f"It can't be had so: {gap}" for gap in after.gaps[:5]]
    return _propose(ticket, checked, now, fresh, remarks, check, vocabulary, today)


def _propose_anew(ticket: Ticket, known: Known, check: Check) -> tuple[Known, list[str]]:
    """What was accepted of a ticket that has been edited since: it waits for a word again, where it still fits."""
    checked, fields = check(ticket), {**known.accepted, **known.proposed}
    after = check(merge(ticket, fields))
    if not isinstance(checked, Requirement) or not isinstance(after, Requirement):
        return Known(text="", seen=known.seen), [
            "What was accepted before no longer fits: the ticket has been edited since."
        ]
    left = _find_difference(write_fields(checked), write_fields(after))
    told = "is proposed again" if left else "is what the ticket now says"
    return Known(text="", seen=known.seen, proposed=left), [
        f"What was accepted before {told}: the ticket has been edited since."
    ]


def _list_fresh(ticket: Ticket, known: Known | None) -> list[Comment]:
    """Comments that nobody has read: with nothing known those since our last answer, without the assignee's own."""
    assignee = str(ticket.fields.get("assignee") or "").casefold()
    if known is None:
        if ticket.answered is None:
            return []
        found = [each for each in ticket.answers if each.created > ticket.answered]
    else:
        found = list_new(ticket.answers, known.seen)
    return [each for each in found if not assignee or each.author.casefold() != assignee]


def _is_due(ticket: Ticket, known: Known) -> bool:
    """True if no answer has come since a change was accepted."""
    said = [each for each in ticket.answers if compute_comment_fingerprint(each) == known.by]
    return bool(said and known.accepted) and (ticket.answered is None or said[-1].created > ticket.answered)


def _make_proposal(fields: Mapping[str, str], why: Mapping[str, Sequence[str]]) -> Proposal:
    items = (
        Item(field=name, value=fields[name], why="; ".join(dict.fromkeys(why.get(name, ()))))
        for name in CHANGEABLE
        if name in fields
    )
    return Proposal(items=tuple(items))


def _follow(
    ticket: Ticket, fresh: Sequence[Comment], proposal: Proposal, remarks: list[str]
) -> tuple[dict[str, str], str] | None:
    """The parts that the one who asked has accepted, and by which comment; why other answers don't count."""
    found = None
    for comment in fresh if proposal.items else ():
        answer = read_answer(comment.body, proposal)
        if answer is None or _is_for_candidate(ticket, comment):
            continue
        if not ticket.requester_account or comment.account != ticket.requester_account:
            who = code(comment.author or "nobody", 60)
            remarks.append(f"An answer of {who} does not count; it is for the one who asked.")
        elif answer.fault:
            remarks.append(f"An answer can't be followed: {answer.fault}.")
        else:
            found = choose_fields(answer, proposal), compute_comment_fingerprint(comment)
    return found


def _is_for_candidate(ticket: Ticket, comment: Comment) -> bool:
    """True for a bare `accept` where a candidate was asked about, too: that is meant for the candidate."""
    return APPROVAL in ticket.comment_fingerprints and read_word(comment) is not None


def _is_word(comment: Comment) -> bool:
    """True for what others of this system read: it is neither a change nor to be passed on."""
    anything = Proposal(items=tuple(Item(field=name, value="") for name in CHANGEABLE))
    return bool(
        is_use_word(comment)
        or read_word(comment)
        or read_lesson(comment)
        or read_answer(comment.body, anything)
    )


def _propose(  # what is known of one ticket
    ticket: Ticket,
    checked: Requirement | Incomplete,
    now: Known,
    fresh: Sequence[Comment],
    remarks: Sequence[str],
    check: Check,
    vocabulary: Vocabulary,
    today: date,
) -> Reaction:
    """Read comments as changes of what is there and of what is proposed already, and say what became of them."""
    words = [each.body for each in fresh if not _is_word(each)]
    if not isinstance(checked, Requirement):
        return _write(ticket, now, Proposal(), [code(line(each, 80)) for each in words], remarks, checked)
    base = merge(ticket, now.proposed)
    asked = check(base)
    current, proposed = write_fields(checked), dict(now.proposed)
    why: dict[str, list[str]] = {}
    unread: list[str] = []
    if words and isinstance(asked, Requirement):
        change = read_change(words, write_fields(asked), asked.wishes.filters, vocabulary, today)
        after = check(
            merge(ticket, _add_sources(_find_difference(current, change.fields), checked, vocabulary))
        )
        unread, why = change.unread, change.why
        if isinstance(after, Requirement):
            proposed = _find_difference(current, write_fields(after))
        else:
            unread += [f"{gap}" for gap in after.gaps[:5]]
    now = now.model_copy(update={"proposed": proposed})
    return _write(ticket, now, _make_proposal(proposed, why), unread, remarks, checked)


def _add_sources(
    fields: Mapping[str, str], requirement: Requirement, vocabulary: Vocabulary
) -> dict[str, str]:
    """A change of the metrics with the sources that they are computed from, where the request names sources."""
    if "metrics" not in fields or "data_sources" in fields or not requirement.sources:
        return dict(fields)
    known = vocabulary.catalogue
    names = [each for each in fields["metrics"].split(", ") if each in known.metric_names()]
    feeding = (source for name in names for source in known.sources_feeding(name))
    return {**fields, "data_sources": ", ".join(dict.fromkeys((*requirement.sources, *feeding)))}


def _find_difference(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """The parts that are another than before."""
    return {
        name: after.get(name, "") or NOTHING
        for name in CHANGEABLE
        if before.get(name, "") != after.get(name, "") and (before.get(name) or after.get(name) != NOTHING)
    }


def _write(
    ticket: Ticket,
    known: Known,
    proposal: Proposal,
    unread: Sequence[str],
    remarks: Sequence[str],
    checked: Requirement | Incomplete,
) -> Reaction:
    """Our comment on what people said; nothing where there is nothing to say."""
    parts = []
    if proposal.items:
        requester = checked.requester if isinstance(checked, Requirement) else ""
        parts += [
            "### A change is proposed",
            write_text(proposal, line(requester, 60), Surroundings(answers=tuple(remarks))),
        ]
        parts.append(
            "All else of the request stays as it is, and readers keep the dashboard they have until then."
        )
        if APPROVAL in ticket.comment_fingerprints:
            parts.append("A bare `accept` is for a candidate here: answer this with numbers, as `accept 1`.")
    elif unread or remarks:
        parts += ["### Not read as a change", bullets(remarks) if remarks else ""]
    if unread:
        parts += ["**Not read as a change, and passed on:**", bullets(unread), HOW]
    told = bool(unread or remarks or proposal.fields != known.before)
    text = "\n\n".join(part for part in parts if part) if told else ""
    return Reaction(ticket, False, known, text, tuple(unread))


def react_to_tickets(  # noqa: PLR0913, PLR0917  # what a plan is made of
    tracker: Tracker,
    catalogue: Catalogue,
    warehouse: Warehouse,
    originals: Sequence[Ticket],
    elaborated: Elaborated,
    values: ServedValues,
    today: date,
    record: bool,
    due_only: bool = False,
) -> list[Ticket]:
    """The tickets with what was accepted just now.

    originals: as they are in the tracker, in the order of those that were elaborated. record: answers are written.
    due_only: without those that don't have to be delivered again, as nobody asked for these tickets by name.
    """
    check = partial(check_ticket, catalogue=catalogue, find_values=values)
    vocabulary: Vocabulary | None = None
    found = []
    for original, ticket in zip(originals, elaborated.tickets, strict=True):
        done, known = original.status == "done", elaborated.changes.get(original.key)
        reaction = Reaction(ticket)
        if (original.answers or known) and (done or isinstance(check(ticket), Requirement)):
            vocabulary = vocabulary or make_vocabulary(catalogue, values)
            reaction = react_to_comments(original, ticket, known, check, vocabulary, today)
        if record and reaction.known:
            receiver = _find_receiver(tracker, catalogue, reaction, check, originals)
            try:
                record_reaction(tracker, warehouse, original.key, reaction, receiver)
            except PlatformError as error:  # one ticket's trouble is its own
                get_run_logger().error("%s: %s", original.key, error)
                reaction = Reaction(ticket)
        if reaction.due and done:
            found.append(reaction.ticket.model_copy(update={"status": "changes_requested"}))
        elif not due_only:
            found.append(reaction.ticket)
    return found


def _find_receiver(
    tracker: Tracker, catalogue: Catalogue, reaction: Reaction, check: Check, tickets: Sequence[Ticket]
) -> str:
    """Whose business is what could not be read, as a sentence; who has no assignee gets one."""
    if not reaction.unread:
        return ""
    if assignee := reaction.ticket.fields.get("assignee"):
        return f"It is for {code(line(assignee, 60))}, who has this ticket."
    requirement = check(reaction.ticket)
    plan = Plan(run="", requirements=(requirement,) if isinstance(requirement, Requirement) else ())
    notes = [
        each.notes
        for each in assign_tickets(tracker, choose_assignees(plan, catalogue, tickets)).requirements
    ]
    chosen = notes[0][-1] if notes and notes[0] else ""
    return chosen or "Nobody has this ticket, and dbt names no owner of its data: assign it by hand."


@task(task_run_name="react to {key}", **RETRY)
def record_reaction(
    tracker: Tracker, warehouse: Warehouse, key: str, reaction: Reaction, receiver: str
) -> None:
    """Record what people's comments come to, then say it; a run that dies between says it again."""
    known, text = reaction.known, reaction.text
    if known is None:
        return
    if reaction.unread:
        text = f"{text}\n\n{receiver}"
    if text:
        known = known.model_copy(update={"shown": compute_fingerprint(text)})
    write_proposal(warehouse, name_record(key), known.model_dump_json())
    if text:
        tracker.comment(key, CHANGE, text)
