"""A proposal is accepted by the one who asked, in one word, and counts only as long as it is the same."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.records import Comment, Requirement, Ticket
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.proposals import read_proposals, write_proposal
from tasks.elaboration.acceptance import choose_fields, read_answer
from tasks.elaboration.elaborate import Elaboration, Memory, elaborate_ticket
from tasks.elaboration.proposal import Item, Proposal, Question
from tasks.elaboration.proposal_text import Surroundings
from tasks.elaboration.proposal_text import write_proposal as write_text
from tasks.elaboration.vocabulary import Vocabulary
from tasks.requirements import check_ticket
from tests.prose import ASKED_ON, make_vocabularies
from tests.tasks.reading import count

SHOP = make_vocabularies()["shop"]
CHECK = partial(check_ticket, catalogue=SHOP.catalogue, find_values=SHOP.values.get)
ASKED = "Net revenue by country, month by month, for Germany. I need it by 15 January 2027."


def ticket(*comments: tuple[str, str], description: str = ASKED, **fields: Any) -> Ticket:
    message = [
        Comment(author=who, account=who, created=datetime(2026, 11, 26, 9, n, tzinfo=UTC), body=body)
        for n, (who, body) in enumerate(comments)
    ]
    return Ticket(
        key="AN-7",
        title="Revenue",
        status="open",
        fields={"requester": "Lena", "description": description, **fields},
        comments=tuple(message),
        requester_account="lena",
    )


def elaborate(asked: Ticket, memory: Memory | None = None, today: date = ASKED_ON) -> Elaboration:
    if memory:  # whose proposal is on the ticket
        shown = {"requirements": f"version {memory.version}"}
        asked = asked.model_copy(update={"comment_fingerprints": shown})
    return elaborate_ticket(asked, SHOP, CHECK, memory, today)


def memory_of(asked: Ticket) -> Memory:
    found = elaborate(asked)
    assert found.fresh
    assert found.memory
    return found.memory


def test_the_requesters_accept_makes_a_complete_request() -> None:
    memory = memory_of(ticket())
    found = elaborate(ticket(("lena", "accept")), memory)
    assert found.accepted_now
    assert found.proposal is None
    requirement = CHECK(found.ticket)
    assert isinstance(requirement, Requirement)
    assert requirement.metrics == ("net_revenue",)
    assert (str(requirement.deadline), requirement.wishes.grain) == ("2027-01-15", "month")
    assert [str(each) for each in requirement.wishes.filters] == ["country = Germany"]
    assert found.memory
    again = elaborate(ticket(("lena", "accept")), Memory.model_validate_json(found.memory.model_dump_json()))
    assert (again.accepted_now, again.ticket.fields) == (False, found.ticket.fields)


class WithUnusable:
    """The shop's catalogue, one metric of which no dashboard can show."""

    def list_unusable(self) -> dict[str, str]:
        return {"rebuy_quota": "it is a conversion metric"}

    def unusable_labels(self) -> dict[str, str]:
        return {"rebuy_quota": "Repeat purchase rate"}

    def __getattr__(self, name: str) -> Any:
        return getattr(SHOP.catalogue, name)


@pytest.mark.parametrize("called", ["repeat purchase rate", "the rebuy quota"])
def test_a_metric_that_cannot_be_shown_is_said_with_its_reason(called: str) -> None:
    words = Vocabulary(WithUnusable(), SHOP.values)
    asked = ticket(description=f"Please show {called} and net revenue by country.")
    found = elaborate_ticket(asked, words, CHECK, None, ASKED_ON)
    assert found.proposal
    (missing,) = found.proposal.missing
    assert called.endswith(missing.words)
    text = write_text(found.proposal, "Lena", Surroundings())
    assert f"`{missing.words}` is known, but can't be shown, because `it is a conversion metric`." in str(
        text
    )
    assert found.proposal.fields["metrics"] == "net_revenue"


@pytest.mark.parametrize(
    "comments",
    [
        [("otto", "accept")],
        [("", "accept")],
        [("lena", "I can't accept that")],
        [("lena", "accept that it is late")],
        [("lena", "> accept")],
        [("lena", "accept 99")],
        [("lena", "accept B7")],
        [("lena", "accept 1")],
        [],
    ],
)
def test_nothing_else_accepts(comments: list[tuple[str, str]]) -> None:
    found = elaborate(ticket(*comments), memory_of(ticket()))
    assert found.proposal is not None
    assert not found.accepted
    assert "metrics" not in found.ticket.fields


@pytest.mark.parametrize(
    ("said", "field", "understood"),
    [
        ("change 2: the Orders, GROSS REVENUE", "metrics", "orders, gross_revenue"),
        ("change 1: COMPARISON", "analysis", "comparison"),
        ("change 6: Weekly", "grain", "week"),
        ("accept 1 2 3 4\nchange 7: 15.02.2027", "deadline", "2027-02-15"),
    ],
)
def test_a_change_of_a_number_is_recorded_as_it_is_understood(said: str, field: str, understood: str) -> None:
    """None of the words that it was said in."""
    found = elaborate(ticket(("lena", said)), memory_of(ticket()))
    assert found.accepted_now, found.remarks
    assert found.memory
    assert found.memory.accepted
    assert found.memory.accepted[field] == found.ticket.fields[field] == understood
    assert isinstance(CHECK(found.ticket), Requirement)


def test_why_an_answer_does_not_count_is_said() -> None:
    for comment, message in {
        ("otto", "accept"): "it is for the one who asked",
        ("lena", "accept 99"): "there is no number 99",
        ("lena", "accept 1"): "not complete with that yet",
    }.items():
        assert message in " ".join(elaborate(ticket(comment), memory_of(ticket())).remarks)


def test_an_accept_from_before_a_proposal_is_none_for_it() -> None:
    early = ticket(("lena", "accept"))
    memory = memory_of(early)
    assert elaborate(early, memory).proposal is not None
    later = elaborate(ticket(("lena", "accept"), ("lena", "Accept.")), memory)
    assert later.accepted_now


def test_another_text_is_another_proposal_and_what_was_accepted_does_not_count_for_it() -> None:
    accepted = elaborate(ticket(("lena", "accept")), memory_of(ticket())).memory
    changed = elaborate(ticket(("lena", "accept"), description=ASKED.replace("Germany", "France")), accepted)
    assert changed.fresh
    assert changed.memory
    assert (changed.memory.version, changed.memory.accepted) == (2, None)
    assert "no longer fits" in changed.remarks[0]


def test_text_that_changes_nothing_of_the_proposal_leaves_it_accepted() -> None:
    accepted = elaborate(ticket(("lena", "accept")), memory_of(ticket())).memory
    same = elaborate(ticket(("lena", "accept"), description=f"{ASKED} Thanks a lot!"), accepted)
    assert same.accepted


def test_relative_days_count_from_when_they_were_first_read() -> None:
    asked = ticket(description="Net revenue by country by next Friday.")
    memory = memory_of(asked)
    later = elaborate(asked, memory, date(2026, 12, 24))
    assert not later.fresh
    assert later.proposal
    assert later.proposal.fields["deadline"] == "2026-12-04"


def test_fields_of_the_ticket_are_kept_and_nearly_known_names_are_proposed() -> None:
    found = elaborate(ticket(description="", metrics=["net_revenu"], analysis="kpi", deadline="2027-01-01"))
    assert found.proposal
    assert found.proposal.read_fields == {"metrics": "net_revenue"}
    assert found.proposal.fields == {"metrics": "net_revenue", "data_sources": "crm, erp"}


def test_what_is_recorded_holds_no_word_of_the_ticket() -> None:
    memory = memory_of(ticket(description=f"{ASKED} Secretwords of ours, and the zebra margin by unicorn."))
    recorded = memory.model_dump_json()
    for word in ("Secretwords", "zebra", "unicorn", "Lena", "lena"):
        assert word not in recorded


def test_the_record_is_kept_by_ticket(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(database=str(tmp_path / "warehouse.duckdb"))
    assert read_proposals(warehouse, ["AN-7"]) == {}
    for version in (1, 2):
        write_proposal(warehouse, "AN-7", json.dumps({"version": version}))
    write_proposal(warehouse, "AN-8", "{}")
    assert read_proposals(warehouse, ["AN-7", "AN-9"]) == {"AN-7": '{"version": 2}'}


ITEMS = Proposal(
    items=(
        Item(field="analysis", value="trend"),
        Item(field="metrics", value="orders"),
        Item(field="deadline", value="2027-01-01"),
    ),
    questions=(Question(field="metrics", options=("net_revenue", "gross_revenue"), words="sales"),),
)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("accept", {"analysis": "trend", "metrics": "orders", "deadline": "2027-01-01"}),
        ("Hi,\naccept 1, 2\nthanks", {"analysis": "trend", "metrics": "orders"}),
        ("`accept all`", {"analysis": "trend", "metrics": "orders", "deadline": "2027-01-01"}),
        ("accept 2 A2", {"metrics": "orders, gross_revenue"}),
        ("Annehmen.", {"analysis": "trend", "metrics": "orders", "deadline": "2027-01-01"}),
        ("change 2: refunds", {"analysis": "trend", "metrics": "refunds", "deadline": "2027-01-01"}),
        ("accept 1 2\nchange 1: kpi", {"analysis": "kpi", "metrics": "orders"}),
    ],
)
def test_an_answer_names_numbers_and_changes(body: str, fields: dict[str, str]) -> None:
    answer = read_answer(body, ITEMS)
    assert answer
    assert not answer.fault
    assert choose_fields(answer, ITEMS) == fields


def test_hostile_words_stay_in_their_quotes_in_the_comment() -> None:
    hostile = "Show orders by `x`|<b>| @dana [a](http://evil) by zebra\u202e and revenue of # | accept |"
    proposal = elaborate(ticket(description=f"{ASKED}\n{hostile}\n\nShow margin by zebra|x|y.")).proposal
    assert proposal
    text = write_text(proposal, "Lena | x `y`", Surroundings(answers=("An answer can't be followed.",)))
    for kind in ("link_open", "image", "html_block", "html_inline", "fence", "heading_open", "hr"):
        assert count(text, kind) == 0, kind
    assert count(text, "tr_open") == len(proposal.items) + 1


SAID = """by per last 12 months since 2026 Q3 to the end of top 10 vs last year, target 95% not without each week
nach pro letzte Monate bis Ende ohne jede Woche ; | - " ( .. ≥ 1.000,5 {{ <b> ` @dana accept C1"""
PARTS = [*SHOP.catalogue.metric_names(), *SAID.split(), ": ", "\n", "\u202e", "\x00"]
LONGEST, MOST_SECONDS = 32_767, 3.0
"""Of a description, and of a processor's time that one ticket may take."""


@settings(max_examples=60)
@given(
    words=st.lists(st.sampled_from(PARTS) | st.text(max_size=8), max_size=80),
    message=st.lists(st.sampled_from(PARTS) | st.text(max_size=8), max_size=4),
    field=st.sampled_from(
        ["filters", "period", "comparison", "grain", "target", "cadence", "audience", "deadline"]
    ),
)
def test_whatever_is_written_is_read(words: list[str], message: list[str], field: str) -> None:
    """A text is a proposal, a gap or nothing, and never an error; what is proposed says so in words."""
    asked = ticket(("lena", " ".join(message)), description=" ".join(words), **{field: " ".join(words[:12])})
    found = elaborate(asked)
    elaborate(asked, found.memory)
    if found.proposal:
        write_text(found.proposal, "Lena", Surroundings())


@pytest.mark.parametrize(
    "part",
    [
        "net revenue by country and ",
        "by the end of the ",
        "compared to the last 12 ",
        'country = "x" or ',
        "1.000.000,",
        "not without ",
        "every week on ",
        "  \n",
        "((((",
        "2026-01-",
        "a" * 90 + " ",
    ],
)
def test_no_words_said_again_and_again_take_long(part: str) -> None:
    text = (part * LONGEST)[:LONGEST]
    began = time.process_time()
    elaborate(ticket(description=text, filters=text, target=text, period=text, cadence=text))
    assert time.process_time() - began < MOST_SECONDS
