"""Tickets get somebody who works on them, and the plan says why they come in their order and which will be late."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from blocks.catalogue import Exposure
from blocks.records import Analysis, Dashboard, Incomplete, Plan, Priority, Requirement, Ticket
from tasks.assignment import assign_tickets, choose_assignees, estimate_efforts, explain_order, list_at_risk
from tasks.requirements import rank

TODAY = date(2026, 11, 26)


class Owners:
    """A catalogue in which one exposure has an owner, and metrics have two."""

    exposures = (
        Exposure(
            name="trend",
            title="",
            description="",
            marts=(),
            ticket="AN-1",
            scheduled=False,
            analysis=None,
            metrics=(),
            dimensions=(),
            owner="Finance (f@example.com)",
        ),
    )

    def owner_of(self, exposure: str) -> str:
        return "Finance"

    def list_owners(self, metrics: tuple[str, ...]) -> tuple[str, ...]:
        return ("Ana", "Ben") if "orders" in metrics else ()


def requirement(key: str, **fields: Any) -> Requirement:
    known = {
        "analysis": Analysis.kpi,
        "metrics": ("orders",),
        "dimensions": (),
        "sources": (),
        "deadline": date(2026, 12, 6),
        "priority": Priority.medium,
        "requester": "Dana",
    }
    return Requirement(key=key, **{**known, **fields})


def choose(*requirements: Requirement, loads: tuple[str, ...] = ()) -> list[tuple[str | None, str]]:
    tickets = [Ticket(key="X-1", title="", status="open", fields={"assignee": name}) for name in loads]
    plan = Plan(run="r", requirements=requirements)
    chosen = choose_assignees(plan, Owners(), tickets)  # type: ignore[arg-type]  # what is asked of a catalogue
    return [(each.assignee, each.assigned) for each in chosen.requirements]


def test_who_is_assigned_already_stays() -> None:
    assert choose(requirement("AN-1", assignee="Eva")) == [("Eva", "")]


def test_the_owner_of_the_dashboard_takes_its_ticket() -> None:
    assert choose(requirement("AN-1")) == [("Finance", "owns the dashboard trend")]


def test_declared_owners_take_turns_by_their_open_tickets() -> None:
    found = choose(*(requirement(f"AN-{n}") for n in (2, 3, 4)), loads=("ana", "Ana", "Ben"))
    assert [person for person, _ in found] == ["Ben", "Ana", "Ben"]
    assert found[0][1] == "answers for its data, with 1 open ticket, the fewest of 2"


def test_nobody_is_assigned_where_nobody_is_declared() -> None:
    assert choose(requirement("AN-5", metrics=("visits",))) == [(None, "")]


def test_the_plan_says_why_a_ticket_has_its_place() -> None:
    filed = datetime(2026, 11, 20, tzinfo=UTC)
    assert (
        explain_order(requirement("AN-1", created=filed), TODAY, 12.4)
        == "medium priority, due in 10 days, filed 6 days ago, about 12 s of work"
    )
    assert explain_order(requirement("AN-1", deadline=TODAY), TODAY) == "medium priority, due today"
    assert "1 day overdue" in explain_order(requirement("AN-1", deadline=date(2026, 11, 25)), TODAY)


def test_of_two_alike_the_older_one_comes_first() -> None:
    old, new = (datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2))
    ranked = rank([requirement("AN-1", created=new), requirement("AN-2", created=old), requirement("AN-3")])
    assert [each.key for each in ranked] == ["AN-2", "AN-1", "AN-3"]


def test_what_will_be_late_is_said_before_it_is() -> None:
    plan = Plan(
        run="r",
        requirements=(
            requirement("AN-1", deadline=date(2026, 11, 20)),
            requirement("AN-2", deadline=date(2026, 11, 28), status="failed"),
            requirement("AN-3", deadline=date(2026, 11, 28)),
        ),
        incomplete=(
            Incomplete(key="AN-4", deadline=date(2026, 11, 27)),
            Incomplete(key="AN-5", deadline=date(2027, 11, 27)),
            Incomplete(key="AN-6"),
        ),
    )
    assert list_at_risk(plan, TODAY) == [
        "AN-1: 6 days overdue",
        "AN-2: due on 2026-11-28, and failed in the last run",
        "AN-4: due on 2026-11-27, and waits for its requester's answer",
    ]


def test_effort_is_the_share_of_the_last_build() -> None:
    boards = [
        Dashboard(name=key, analysis=Analysis.kpi, metrics=(), dimensions=(), marts=marts, ticket=key)
        for key, marts in {"AN-1": ("a",), "AN-2": ("a", "b"), "AN-3": ("new",)}.items()
    ]
    assert estimate_efforts(Plan(run="r", dashboards=tuple(boards)), 12, ["a", "b", "c"]) == {
        "AN-1": 4,
        "AN-2": 8,
    }


class Desk:
    """A tracker that knows one person."""

    def assign(self, key: str, person: str) -> bool:
        return person == "Ana"


def test_the_answer_says_who_was_assigned_or_that_nobody_could_be() -> None:
    plan = Plan(
        run="r",
        requirements=(
            requirement("AN-1", assignee="Ana", assigned="answers for its data"),
            requirement("AN-2", assignee="Ben", assigned="answers for its data"),
            requirement("AN-3", assignee="Eva"),
        ),
    )
    done = assign_tickets.fn(Desk(), plan)  # type: ignore[arg-type]  # what is asked of a tracker
    assert [each.notes for each in done.requirements] == [
        ("`Ana` is assigned, who answers for its data.",),
        ("`Ben` answers for its data, but is not one account that can have this ticket: assign it by hand.",),
        (),
    ]
