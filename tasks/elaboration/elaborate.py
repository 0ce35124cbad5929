"""A ticket that lacks fields, elaborated: what its words propose, and what of that the requester has accepted.

Pure: the trackers and the control table are read and written in tasks/proposals.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from blocks.catalogue import Exposure
from blocks.hashing import hash_text
from blocks.records import Comment, Incomplete, Record, Requirement, Ticket
from blocks.tracker.base import GAPS
from blocks.tracker.description_template import list_own_lines
from blocks.tracker.request_lines import Line
from tasks.elaboration.acceptance import (
    Answer,
    choose_fields,
    compute_comment_fingerprint,
    list_commands,
    list_new,
    read_answer,
)
from tasks.elaboration.change import write_fields
from tasks.elaboration.proposal import ORDER, Item, Proposal
from tasks.elaboration.proposal_text import Surroundings
from tasks.elaboration.reader import keep_valid, read_prose
from tasks.elaboration.vocabulary import Vocabulary
from tasks.fields import Form
from tasks.markdown import code, line, listed
from tasks.spellings import BY, Spellings

AGAIN = "What was accepted before no longer fits: the ticket, or the catalogue, is not the same."
MOST_REMARKS = 5
NEAR_NAME, NEAR_DASHBOARD, MOST_NEAREST = 82.0, 0.3, 2
Check = Callable[[Ticket], Requirement | Incomplete]


class Memory(Record):
    """What is recorded of a ticket's proposal: names, values and dates, none of the ticket's words.

    fingerprint: the proposal's; text: of what the ticket says; asked_on: from when relative days count; seen: comments
    with commands that were there before it; accepted: the fields, once the requester has accepted; by: the account that
    did, as a fingerprint; around: what the proposal is shown with; task: of the modellers, for what is missing; about:
    which missing things that is. again: another proposal was accepted before. before: the fingerprint of our comment
    when it was recorded, empty for none; None: it is known that the comment shows this proposal.
    """

    fingerprint: str
    text: str
    asked_on: date
    seen: tuple[str, ...] = ()
    version: int = 1
    accepted: dict[str, str] | None = None
    by: str = ""
    around: Surroundings = Surroundings()
    task: str = ""
    about: str = ""
    again: bool = False
    before: str | None = None

    def is_shown(self, ticket: Ticket) -> bool:
        """False where the run that recorded it died before it was on the ticket: then nobody can have meant it."""
        return (
            self.accepted is not None
            or self.before is None
            or ticket.comment_fingerprints.get(GAPS, "") != self.before
        )


@dataclass
class Elaboration:
    """A ticket with what it comes to.

    ticket: with the accepted fields, if there are any. proposal: for one that is not accepted yet. memory: what is to
    be recorded; fresh: it is another than before; accepted_now: by a comment that was not followed before; asked_now:
    the modellers were; task: the state of their task, in Markdown.
    """

    ticket: Ticket
    proposal: Proposal | None = None
    memory: Memory | None = None
    fresh: bool = False
    accepted_now: bool = False
    accepted: Mapping[str, str] = field(default_factory=dict)
    asked_now: bool = False
    task: str = ""
    remarks: tuple[str, ...] = ()


def elaborate_ticket(
    ticket: Ticket, vocabulary: Vocabulary, check: Check, remembered: Memory | None, today: date
) -> Elaboration:
    """What a ticket's words come to, held against what was proposed and accepted before."""
    text = compute_text_fingerprint(ticket)
    asked_on = remembered.asked_on if remembered and remembered.text == text else today
    proposal = propose(ticket, vocabulary, check, asked_on)
    same = remembered is not None and remembered.fingerprint == proposal.fingerprint
    if remembered is None or not same or not remembered.is_shown(ticket):
        seen = tuple(map(compute_comment_fingerprint, list_commands(ticket.answers, proposal)))
        version = remembered.version + 1 if remembered else 1
        memory = Memory(
            fingerprint=proposal.fingerprint,
            text=text,
            asked_on=asked_on,
            seen=seen,
            version=version,
            before=ticket.comment_fingerprints.get(GAPS, ""),
        )
        if remembered:
            memory = memory.model_copy(update={"task": remembered.task, "about": remembered.about})
        again = remembered is not None and (remembered.again or remembered.accepted is not None)
        memory = memory.model_copy(update={"again": again})
        return Elaboration(ticket, proposal, memory, fresh=True, remarks=(AGAIN,) if again else ())
    if remembered.accepted is not None:
        return Elaboration(merge(ticket, remembered.accepted), None, remembered, accepted=remembered.accepted)
    return _follow_answers(ticket, proposal, remembered, check)


def _follow_answers(ticket: Ticket, proposal: Proposal, memory: Memory, check: Check) -> Elaboration:
    """Follow the newest command of the requester; say why those that don't count don't."""
    remarks = [AGAIN] if memory.again else []
    found: tuple[Comment, Answer] | None = None
    for comment in list_new(list_commands(ticket.answers, proposal), memory.seen):
        answer = read_answer(comment.body, proposal)
        if answer is None:
            continue
        if not ticket.requester_account or comment.account != ticket.requester_account:
            whose = (
                "the one who asked" if ticket.requester_account else "nobody: the ticket names no requester"
            )
            remarks.append(
                f"An answer of {code(comment.author or 'nobody', 60)} does not count; it is for {whose}."
            )
        elif answer.fault:
            remarks.append(f"An answer can't be followed: {answer.fault}.")
        else:
            found = comment, answer
    if found is None:
        return Elaboration(ticket, proposal, memory, remarks=tuple(dict.fromkeys(remarks))[:MOST_REMARKS])
    fields = choose_fields(found[1], proposal)
    merged = merge(ticket, fields)
    checked = check(merged)
    if isinstance(checked, Incomplete):
        remarks += [f"It is not complete with that yet: {gap}" for gap in checked.gaps[:5]]
        return Elaboration(ticket, proposal, memory, remarks=tuple(remarks))
    fields |= _read_typed(found[1], fields, proposal, checked)
    merged = merge(ticket, fields)
    by = hash_text(found[0].account)
    accepted = memory.model_copy(update={"accepted": fields, "by": by})
    return Elaboration(merged, None, accepted, accepted_now=True, accepted=fields)


def _read_typed(
    answer: Answer, fields: Mapping[str, str], proposal: Proposal, checked: Requirement
) -> dict[str, str]:
    """The parts that the answer has in words of its own, as they are understood; one that says nothing is as it is."""
    understood = {**write_fields(checked), "deadline": checked.deadline.isoformat()}
    typed = [proposal.items[number - 1].field for number, text in (answer.numbers or {}).items() if text]
    return {name: understood[name] for name in typed if name in fields and name in understood}


def merge(ticket: Ticket, fields: Mapping[str, str]) -> Ticket:
    """The ticket with accepted fields in place of its own; what was left over of its text is accepted with them."""
    own = {name: value for name, value in ticket.fields.items() if name != "unplaced"}
    return ticket.model_copy(update={"fields": {**own, **fields}})


def compute_text_fingerprint(ticket: Ticket) -> str:
    """What tells a ticket's text and fields from what they were before."""
    own_fields = {name: value for name, value in ticket.fields.items() if name not in ("assignee", "labels")}
    text = "\n".join((ticket.title, *(f"{name}={own_fields[name]!r}" for name in sorted(own_fields))))
    return hash_text(text)


def propose(ticket: Ticket, vocabulary: Vocabulary, check: Check, asked_on: date) -> Proposal:
    """What a ticket's words and half-read fields propose, without anything that would be refused."""
    checked = check(ticket)
    if not isinstance(checked, Incomplete) or "unreadable" in ticket.fields:
        return Proposal()
    ticket = ticket.model_copy(
        update={"fields": {name: value for name, value in ticket.fields.items() if value not in ("", [], {})}}
    )
    bad = set(checked.gap_fields)
    given, near = _read_names(ticket, vocabulary, bad)
    proposal = read_prose(ticket.title, list(_list_lines(ticket, bad)), vocabulary, asked_on, given)
    items = [each for each in proposal.items if each.field in bad or each.field not in ticket.fields]
    items = [each for each in items if each.field not in near]
    items = sorted([*items, *near.values()], key=lambda each: ORDER.index(each.field))
    proposal = proposal.model_copy(update={"items": tuple(items)})
    for _ in range(2):  # what is left out may have kept something else from being refused
        merged = check(merge(ticket, proposal.fields))
        if isinstance(merged, Requirement):
            break
        faults = dict(zip(merged.gap_fields, ["it can't be had so"] * len(merged.gap_fields), strict=True))
        faults |= {
            name: gap
            for gap in merged.gaps
            for name in faults
            if gap.startswith(f"**{name.replace('_', ' ')}**")
        }
        proposal = keep_valid(proposal, faults)
    return proposal


def _list_lines(ticket: Ticket, bad: set[str]) -> Iterator[str]:
    """A description without the parts that were read as fields, and the words of fields that could not be read."""
    description = ticket.fields.get("description")
    lines = list_own_lines(description.split("\n")) if isinstance(description, str) else ()
    for each in lines:
        parsed = Line.parse(each)
        named = parsed.field in ticket.fields and (parsed.separated or parsed.heading)
        if not named:
            yield each
    for name in sorted(
        bad - {"metrics", "dimensions", "requester", "title", "data_sources", "filters", "target"}
    ):
        if isinstance(value := ticket.fields.get(name), str):
            yield f"Needed by {line(value, 100)}" if name == "deadline" else line(value, 200)


def _read_names(
    ticket: Ticket, vocabulary: Vocabulary, bad: set[str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, Item]]:
    """The metrics and dimensions that fields name, nearly known ones as items of their own."""
    words = vocabulary.catalogue
    dimensions = {
        each for name in words.metric_names() for each in words.dimensions_of(words.source_of(name))
    }
    known = {
        "metrics": Spellings(words.metric_names(), words.metric_labels()),
        "dimensions": Spellings(sorted(dimensions), words.dimension_labels(), BY),
    }
    given: dict[str, tuple[str, ...]] = {}
    near: dict[str, Item] = {}
    for name, spellings in known.items():
        if name not in ticket.fields:
            continue
        asked = Form({name: ticket.fields[name]}).read_words(name)
        found = {word: spellings.find(word) or _find_near(word, spellings) for word in asked}
        names = tuple(dict.fromkeys(each for several in found.values() for each in several))
        if names:
            given[name] = names
        if names and name in bad:
            why = "; ".join(
                f"{code(word)} is nearly {listed(several)}"
                for word, several in found.items()
                if several and not spellings.find(word)
            )
            near[name] = Item(field=name, value=", ".join(names), why=why or "what the ticket has")
    return given, near


def _find_near(word: str, spellings: Spellings) -> list[str]:
    """The one name that a word nearly is, letter by letter."""
    from rapidfuzz import fuzz

    plain = " ".join(word.casefold().replace("_", " ").split())
    scores = {
        name: max(
            fuzz.ratio(plain, spelled.casefold().replace("_", " "))
            for spelled in (name, *_list_spellings(name, spellings))
        )
        for name in spellings.suggest(word)
    }
    best = [name for name, score in scores.items() if score >= NEAR_NAME and score == max(scores.values())]
    return best if len(best) == 1 else []


def _list_spellings(name: str, spellings: Spellings) -> list[str]:
    return [spelled for spelled, meant in spellings.names.items() if meant == name]


def find_nearest(requirement: Requirement, exposures: Iterable[Exposure]) -> Iterator[str]:
    """Dashboards that show much of what is asked for, the likest first, in Markdown."""
    scored = []
    for exposure in exposures:
        if exposure.ticket == requirement.key or not exposure.metrics:
            continue
        score = 0.7 * _compute_overlap(exposure.metrics, requirement.metrics)
        score += 0.3 * _compute_overlap(exposure.dimensions, requirement.dimensions)
        if score >= NEAR_DASHBOARD:
            scored.append((score, exposure))
    for _, exposure in sorted(scored, key=lambda pair: (-pair[0], pair[1].name))[:MOST_NEAREST]:
        whole = set(requirement.metrics) <= set(exposure.metrics) and set(requirement.dimensions) <= set(
            exposure.dimensions
        )
        shown = (
            f"{code(exposure.title)} shows {listed(exposure.metrics, 6)} by {listed(exposure.dimensions, 6)}"
        )
        ticket = f", asked for in {code(exposure.ticket)}" if exposure.ticket else ""
        advice = ". It has all of this: look at it before you ask for another" if whole else ""
        yield f"{shown}{ticket}{advice}."


def _compute_overlap(names: Sequence[str], others: Sequence[str]) -> float:
    both = set(names) | set(others)
    return len(set(names) & set(others)) / len(both) if both else 0.0


def replace_memory(elaboration: Elaboration, around: Surroundings) -> Elaboration:
    """The elaboration with what its proposal is shown with, recorded."""
    memory = elaboration.memory.model_copy(update={"around": around}) if elaboration.memory else None
    return replace(elaboration, memory=memory)
