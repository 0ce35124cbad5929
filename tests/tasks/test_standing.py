"""Dashboards are refreshed when their cadence says, made up for when a run failed, and left alone in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from blocks.catalogue import Catalogue
from blocks.records import Comment, Publication, Release, Ticket
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.standing import Standing, read_standing
from blocks.wishes import Cadence
from tasks.planning import list_dashboards, plan_tickets
from tasks.standing import Occasion, list_due_tickets, record_refreshes
from tests.tasks import test_planning

MONDAY, THURSDAY = date(2026, 11, 23), date(2026, 11, 26)
ASKS = {
    "requester": "Dana",
    "analysis": "trend",
    "metrics": ["minutes"],
    "dimensions": ["line"],
    "deadline": "2027-01-01",
    "cadence": "weekly on Monday",
    "filters": "line = north",
}


def catalogue(meta: dict[str, Any] | None = None) -> Catalogue:
    """Of data with a time. meta: of an exposure named board, if there is one."""
    if meta is None:
        return test_planning.catalogue(timed=True)
    return test_planning.catalogue(timed=True, meta={"board": meta}, board=["minutes"])


def ticket(
    key: str = "AN-7", status: str = "open", comments: tuple[Comment, ...] = (), **fields: Any
) -> Ticket:
    return Ticket(key=key, title="Calls", status=status, fields=ASKS | fields, comments=comments)


def plan(found: Catalogue, *tickets: Ticket, occasion: Occasion, select: list[str] | None = None) -> Any:
    return plan_tickets(tickets, found, "r1", True, None, select, occasion)


def publish(
    warehouse: DuckDBWarehouse, planned: Any, run: str, error: str | None = None
) -> dict[str, Standing]:
    done = [
        Publication(dashboard=each.name, ticket=each.ticket, run=run, url="x", rows=1, error=error)
        for each in planned.dashboards
    ]
    record_refreshes(warehouse, run, planned.dashboards, done, planned.known)
    return read_standing(warehouse)


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))


def move(standing: dict[str, Standing], day: date) -> dict[str, Standing]:
    at = datetime(day.year, day.month, day.day)
    return {name: each.model_copy(update={"at": at}) for name, each in standing.items()}


def test_a_dashboard_of_a_ticket_alone_is_refreshed_when_the_ticket_says(warehouse: DuckDBWarehouse) -> None:
    found, first = catalogue(), Occasion(today=THURSDAY)
    planned = plan(found, ticket(), occasion=first)
    assert [each.name for each in planned.dashboards] == ["an_7"]  # the first time at once
    standing = publish(warehouse, planned, "r1")
    assert {name: (each.ticket, each.cadence) for name, each in standing.items()} == {
        "an_7": ("AN-7", "weekly on Monday")
    }
    later = Occasion(today=THURSDAY, standing=standing)
    waits = plan(found, occasion=later)  # the ticket is done
    assert waits.dashboards == ()
    assert waits.waiting == ("an_7: weekly on Monday, next on 2026-11-30",)
    due = replace(later, today=date(2026, 12, 1), standing=move(standing, THURSDAY))  # Monday's run failed
    assert list_due_tickets(due, found, ()) == ["AN-7"]
    again = replace(due, again={"AN-7": ticket(status="done")})
    refreshed = plan(found, occasion=again)
    assert [each.name for each in refreshed.dashboards] == ["an_7"]
    assert refreshed.requirements == ()  # nobody asked now: it is no answer on the ticket
    assert str(refreshed.dashboards[0].wishes.filters[0]) == "line = north"
    assert plan(found, occasion=due).faults == ("an_7: its ticket AN-7 is gone, or lacks something now",)


def test_an_open_ticket_whose_dashboard_went_out_waits_unless_it_asks_anew(
    warehouse: DuckDBWarehouse,
) -> None:
    found = catalogue()
    standing = publish(warehouse, plan(found, ticket(), occasion=Occasion(today=MONDAY)), "r1")
    later = Occasion(today=THURSDAY, standing=move(standing, MONDAY))
    assert plan(found, ticket(), occasion=later).requirements == ()
    message = Comment(author="Dana", created=datetime(2026, 11, 25), body="Thanks, but by month.")
    for asked in (
        ticket(comments=(message,)),
        ticket(status="changes_requested"),
        ticket(metrics=["minutes"], grain="month"),
    ):
        assert [each.key for each in plan(found, asked, occasion=later).requirements] == ["AN-7"]
    by_name = plan(found, ticket(), occasion=later, select=["an_7"])
    assert [each.key for each in by_name.requirements] == ["AN-7"]


def test_a_failed_publication_is_not_a_refresh(warehouse: DuckDBWarehouse) -> None:
    planned = plan(catalogue(), ticket(), occasion=Occasion(today=MONDAY))
    assert publish(warehouse, planned, "r1", error="the site is down") == {}


def test_once_is_once_and_without_a_cadence_nothing_is_kept(warehouse: DuckDBWarehouse) -> None:
    for cadence in ("once", None):
        planned = plan(catalogue(), ticket(cadence=cadence), occasion=Occasion(today=MONDAY))
        assert publish(warehouse, planned, "r1") == {}


@pytest.mark.parametrize("changed", [True, False])
def test_a_change_that_was_accepted_counts_for_later_refreshes_over_what_dbt_declares(
    warehouse: DuckDBWarehouse, changed: bool
) -> None:
    found = catalogue({"ticket": "AN-7"})
    asked = ticket(cadence=None, filters=None, dimensions=[], analysis="trend", grain=None)
    asked = asked.model_copy(update={"changed": changed})
    planned = plan(found, asked, occasion=Occasion(today=MONDAY))
    standing = publish(warehouse, planned, "r1")
    assert ("board" in standing) is changed
    done = asked.model_copy(update={"status": "done"})
    again = {"AN-7": done} if list_due_tickets(Occasion(today=THURSDAY, standing=standing), found, ()) else {}
    (refreshed,) = plan(found, occasion=Occasion(today=THURSDAY, standing=standing, again=again)).dashboards
    assert (refreshed.dimensions == (), refreshed.changed) == (changed, changed)


def test_an_exposure_keeps_what_its_ticket_wished_when_that_is_done(warehouse: DuckDBWarehouse) -> None:
    found = catalogue({"ticket": "AN-7"})
    planned = plan(found, ticket(cadence=None), occasion=Occasion(today=MONDAY))
    standing = publish(warehouse, planned, "r1")
    occasion = Occasion(
        today=THURSDAY, standing=standing, again={"AN-7": ticket(status="done", cadence=None)}
    )
    (scheduled,) = plan(found, occasion=occasion).dashboards
    (shown,) = list_dashboards(found, Release(run="r1", marts={"calls": "rel.calls"}), occasion)
    for each in (scheduled, shown):
        assert (each.name, str(each.wishes.filters[0])) == ("board", "line = north")
    gone = replace(occasion, again={})
    assert plan(found, occasion=gone).dashboards[0].wishes.filters == ()


def test_an_exposure_is_refreshed_as_its_schedule_says_and_opens_as_its_meta_says(
    warehouse: DuckDBWarehouse,
) -> None:
    meta = {"schedule": "monthly on day 1", "filters": "line = north", "grain": "month"}
    found = catalogue(meta)
    first = plan(found, occasion=Occasion(today=THURSDAY))
    (board,) = first.dashboards
    assert board.wishes.list_lines() == {
        "filters": "line = north",
        "grain": "month",
        "cadence": "monthly on day 1",
    }
    standing = move(publish(warehouse, first, "r1"), THURSDAY)
    waits = plan(found, occasion=Occasion(today=date(2026, 11, 30), standing=standing))
    assert waits.waiting == ("board: monthly on day 1, next on 2026-12-01",)
    assert plan(found, occasion=Occasion(today=date(2026, 12, 3), standing=standing)).waiting == ()


def test_an_exposure_whose_meta_wishes_what_can_not_be_is_a_fault() -> None:
    found = catalogue({"filters": "planet = earth"})
    planned = plan(found, occasion=Occasion(today=MONDAY))
    assert planned.faults == ("board: filters name planet, which is no dimension; did you mean line?",)


def test_what_was_accepted_goes_out_whatever_its_time_and_whichever_tickets_are_worked_on() -> None:
    found = catalogue({"schedule": "monthly on day 1"})
    gone_out = Standing(dashboard="board", cadence="monthly on day 1", at=datetime(2026, 11, 25))
    waits = Occasion(today=THURSDAY, standing={"board": gone_out})
    assert plan_tickets([], found, "r1", False, None, None, waits).dashboards == ()
    accepted = replace(waits, accepted=frozenset(["board"]))
    (board,) = plan_tickets([], found, "r1", False, None, None, accepted).dashboards
    assert board.name == "board"


def test_a_schedule_that_is_no_cadence_is_each_run_as_before() -> None:
    assert Cadence(every="run").is_due(MONDAY, MONDAY)
    found = catalogue({"schedule": "hourly"})
    assert len(plan(found, occasion=Occasion(today=MONDAY)).dashboards) == 1
