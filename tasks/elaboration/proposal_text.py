"""The text of a proposal on its ticket, in Markdown. It sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from blocks.records import Record
from tasks.elaboration.proposal import LETTERS, Missing, Proposal, Question
from tasks.fields import say_unusable
from tasks.markdown import Markdown, bullets, code, line, listed, table

ACCEPTED = "### Accepted"


class Surroundings(Record):
    """What a proposal is shown with, in Markdown: dashboards that are like it, what to expect, a picture's name.

    answers: what became of comments that tried to accept it; missing: what is said of things the data do not have.
    """

    nearest: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    picture: str = ""
    answers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def write_proposal(proposal: Proposal, requester: str, around: Surroundings) -> str:
    """The proposal in full, how to accept it, and all that could not be read."""
    parts = [
        *_write_items(proposal, requester),
        *_write_questions(proposal),
        *_write_list("**What became of your answer:**", around.answers),
        *_write_list(
            "**Missing in the data:**", around.missing or tuple(map(describe_missing, proposal.missing))
        ),
        *_write_list("**Left over** (not read, or not as a wish):", proposal.leftovers),
        *_write_list("**Dashboards that are like it already:**", around.nearest),
        *_write_list("**What to expect:**", (*around.expect, *_name_picture(around.picture))),
    ]
    return "\n\n".join(parts)


def _write_items(proposal: Proposal, requester: str) -> list[str]:
    if not proposal.items:
        return []
    rows = [
        (
            Markdown(str(number)),
            Markdown(each.field.replace("_", " ")),
            code(each.value, 300),
            Markdown(each.why or "–"),
        )
        for number, each in enumerate(proposal.items, 1)
    ]
    who = f" It is for {code(requester)} to say." if requester else ""
    first = next((n for n, each in enumerate(proposal.items, 1) if each.field == "metrics"), 1)
    some = f"1 {max(first, 2)}` takes these numbers" if len(proposal.items) > 1 else "1` takes this number"
    answer = " `accept A1` answers a question." if proposal.questions else ""
    return [
        "**This is how your words were read.** Nothing is built until you say that it is right.",
        table(["no.", "part", "proposed", "why"], rows),
        f"**One word starts it:** comment `accept`.{who} `accept {some} alone, "
        f"`change {first}: …` takes all with another value for number {first}.{answer}",
    ]


def _write_questions(proposal: Proposal) -> list[str]:
    if not proposal.questions:
        return []
    lines = [
        f"**{letter}.** {code(each.words)} as {each.field.replace('_', ' ')} can be {_list_options(letter, each)}."
        for letter, each in zip(LETTERS, proposal.questions, strict=False)
    ]
    return ["**Two readings are close:**", bullets(lines)]


def _list_options(letter: str, question: Question) -> str:
    hints = dict(zip(question.options, question.hints, strict=False))
    shown = [
        f"{letter}{number} {code(option)}{f' ({code(hints[option], 100)})' if option in hints else ''}"
        for number, option in enumerate(question.options, 1)
    ]
    return " or ".join(shown)


def _write_list(head: str, lines: Sequence[str]) -> list[str]:
    return [head, bullets(lines)] if lines else []


def _name_picture(name: str) -> tuple[str, ...]:
    return (f"A picture of it, drawn of what readers see now, is attached: {code(name)}.",) if name else ()


def describe_missing(missing: Missing) -> str:
    """What is missing, in the words of the field."""
    if missing.reason:
        return say_unusable(missing.words, missing.reason)
    what = {
        "metric": "There is no metric for {}.",
        "dimension": "There is no dimension {}.",
        "source": "There is no data source {}.",
        "period": "There are no data for {}.",
    }[missing.kind]
    return what.format(code(missing.words))


def write_accepted(fields: Mapping[str, str]) -> str:
    """What was accepted, as one line for an answer."""
    shown = "; ".join(f"{name.replace('_', ' ')}: {line(value, 200)}" for name, value in fields.items())
    return f"Read from the ticket's words, and accepted by the one who asked: {code(shown, 600)}."


def write_lines(fields: Mapping[str, str]) -> tuple[str, ...]:
    """The fields as lines to paste."""
    return tuple(f"{name}: {line(value, 500)}" for name, value in fields.items())


def list_fields(names: Sequence[str]) -> str:
    """Fields by the names that people read."""
    return listed(name.replace("_", " ") for name in names)
