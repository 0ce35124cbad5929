"""What a look at the tracker remembers, in a real server's variables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from blocks.records import Comment, Ticket
from tasks.polling import mark, read_seen, remember

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TICKET = Ticket(key="AN-1", title="Revenue", status="open", fields={"metrics": "net_revenue"}, updated=NOW)


@pytest.mark.usefixtures("prefect_server")
def test_more_tickets_than_one_variable_holds_are_remembered_and_forgotten() -> None:
    many = {f"AN-{number}": f"{number:08x}" for number in range(1, 1001)}
    remember("deliver/Many", many)
    assert read_seen("deliver/Many") == many
    few = {"AN-7": "00000007"}
    remember("deliver/Many", few)
    assert read_seen("deliver/Many") == few
    remember("deliver/Many", {})
    assert read_seen("deliver/Many") == {}
    assert read_seen("deliver/Never") == {}


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Revenue by day"},
        {"fields": {"metrics": "orders"}},
        {"comments": (Comment(author="Dana", created=NOW, body="weeks too"),)},
        {"answered": NOW},
    ],
)
def test_what_people_change_is_news(change: dict[str, object]) -> None:
    assert mark(TICKET.model_copy(update=change)) != mark(TICKET)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "incomplete"},
        {"comment_fingerprints": {"requirements": "x"}},
        {"updated": None},
        {"fields": {"metrics": "net_revenue", "assignee": "Dana"}},
    ],
)
def test_what_we_did_ourselves_is_no_news(change: dict[str, object]) -> None:
    assert mark(TICKET.model_copy(update=change)) == mark(TICKET)
