"""The walk in docs/walk.md: what it quotes is what is written today, on files and on a stand-in of Jira."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from blocks.records import Incomplete, Requirement
from blocks.tracker.base import compute_fingerprint
from tasks.changes import react_to_comments
from tasks.elaboration.change import ASKED
from tasks.elaboration.elaborate import Elaboration, Memory, elaborate_ticket
from tasks.elaboration.proposal_text import Surroundings, write_accepted, write_proposal
from tasks.elaboration.vocabulary import Vocabulary
from tasks.requirements import answer_gaps, check_ticket
from tests.blocks.tracker.desks import Desk
from tests.conftest import ROOT
from tests.documentation import read_blocks
from tests.prose import ASKED_ON, SHOP_VALUES, make_vocabularies, read_yaml

PAGE = ROOT / "docs" / "walk.md"
SHOP = Vocabulary(make_vocabularies()["shop"].catalogue, SHOP_VALUES, ["adjustments"])
CHECK = partial(check_ticket, catalogue=SHOP.catalogue, find_values=SHOP.values.get)
EMPTY: dict[str, Any] = {
    **{name: [] for name in ("metrics", "dimensions", "data_sources")},
    **dict.fromkeys(("analysis", "deadline")),
    "priority": "Medium",
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The ticket as the page has it."""
    block = next(
        each for each in read_blocks() if each.where.startswith("docs/walk.md") and each.language == "yaml"
    )
    path = tmp_path_factory.mktemp("walk") / "AN-6.yaml"
    path.write_text(block.text)
    found: dict[str, Any] = read_yaml(path)
    return found


def read(desk: Desk, memory: Memory | None = None) -> Elaboration:
    (ticket,) = desk.tracker.read_tickets(["AN-6"])
    return elaborate_ticket(ticket, SHOP, CHECK, memory, ASKED_ON)


def answer(desk: Desk, found: Elaboration) -> str:
    """Write the comment of a proposal, and give it back as people see it."""
    assert found.proposal
    checked = CHECK(found.ticket)
    assert isinstance(checked, Incomplete)
    text = write_proposal(found.proposal, "Lena Vogt", Surroundings(answers=found.remarks))
    answer_gaps.fn(desk.tracker, checked.model_copy(update={"proposal": text}))
    return text


def test_a_comment_on_the_delivered_dashboard_is_read_as_the_page_says(desk: Desk) -> None:
    page = PAGE.read_text(encoding="utf-8")
    asked = {
        "title": "Revenue",
        "requester": "Lena Vogt",
        "analysis": "trend",
        "chart": "trend",
        "grain": "month",
    }
    names = {
        "metrics": ["net_revenue", "orders"],
        "dimensions": ["segment", "country"],
        "data_sources": ["erp"],
    }
    desk.file("AN-6", "done", **asked, **names)
    desk.tracker.comment("AN-6", "run_1", "built")
    copied = f"Dashboard: AN-6\nShown: Country: Spain\nRun: run_1\n\n{ASKED} "
    said = "Only Germany, please, and weekly is enough. Why is March so low?"
    assert said in page
    desk.say("AN-6", "Otto Brandt", "2099-11-28T10:00:00+00:00", copied + said)
    (ticket,) = desk.tracker.list_commented_tickets()
    found = react_to_comments(ticket, ticket, None, CHECK, SHOP, ASKED_ON)
    assert found.text.partition("\n\nA change is read from")[0] in page
    assert not found.due
    assert found.known
    desk.tracker.comment("AN-6", "change", found.text)
    desk.say("AN-6", "Lena Vogt", "2099-11-28T11:00:00+00:00", "accept 1")
    (ticket,) = desk.tracker.read_tickets(["AN-6"])
    known = found.known.model_copy(update={"shown": compute_fingerprint(found.text)})
    changed = react_to_comments(ticket, ticket, known, CHECK, SHOP, ASKED_ON)
    assert changed.due
    assert changed.ticket.fields["filters"] == "country = Germany"
    assert "cadence" not in changed.ticket.fields


def test_from_vague_words_to_a_request_and_to_a_changed_one(desk: Desk, asked: dict[str, Any]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    desk.file("AN-6", **{**EMPTY, **{name: asked[name] for name in ("title", "requester", "description")}})
    first = read(desk)
    text = answer(desk, first)
    head = text.split("\n\n")
    assert head[1] in page  # the table
    assert head[2] in page  # how to accept it
    assert "- There is no metric for `adjustments`." in text
    assert desk.status("AN-6") == "incomplete"
    assert len(desk.comments("AN-6")) == 1

    desk.say("AN-6", "Otto Brandt", "2026-11-26T10:00:00+00:00", "accept")
    refused = read(desk, first.memory)
    assert refused.proposal
    assert "does not count; it is for the one who asked" in refused.remarks[0]
    desk.say("AN-6", "Lena Vogt", "2026-11-26T10:01:00+00:00", "accept")
    accepted = read(desk, first.memory)
    assert accepted.accepted_now
    assert write_accepted(accepted.accepted) in page
    assert isinstance(CHECK(accepted.ticket), Requirement)

    more = f"{asked['description'].rstrip()}\nOrders by country would help, too.\n"
    again = elaborate_ticket(
        accepted.ticket.model_copy(
            update={"fields": {**desk.tracker.read_tickets(["AN-6"])[0].fields, "description": more}}
        ),
        SHOP,
        CHECK,
        accepted.memory,
        ASKED_ON,
    )
    assert again.fresh
    changed = answer(desk, again)
    for line in [each for each in changed.split("\n") if each.startswith(("| 2 |", "| 3 |"))]:
        assert line in page
    assert again.remarks[0] in page
    assert len(desk.comments("AN-6")) == 3  # one of ours, which was written again
