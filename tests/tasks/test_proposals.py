"""Runs killed before and after each write of a proposal: the next run leaves one, and builds nothing unconfirmed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blocks.catalogue import Catalogue
from blocks.records import Plan
from blocks.tracker.files import tracker as files_tracker
from blocks.tracker.jira.session import JiraSession
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks import proposals
from tasks.occasion import plan_requests
from tasks.requirements import answer_gaps, knows_gaps
from tests.blocks.tracker.desks import DESKS, Desk
from tests.tasks.conftest import KilledError

EMPTY: dict[str, Any] = {"metrics": [], "dimensions": [], "data_sources": [], "analysis": None}
ASKED = "Show the rides by station and the profit margin."


class Moments:
    """Ends the run before or after its nth write: to the tracker, or of the proposal to control."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 10**6
        send = JiraSession.send
        monkeypatch.setattr(JiraSession, "send", self.wrap(send, lambda args: args[2] != "GET"))
        monkeypatch.setattr(files_tracker, "replace_file", self.wrap(files_tracker.replace_file))
        monkeypatch.setattr(proposals, "write_proposal", self.wrap(proposals.write_proposal))
        for name in ("record_proposal", "draw_proposal", "ask_modeller"):
            monkeypatch.setattr(proposals, name, getattr(proposals, name).fn)

    def wrap(
        self, write: Callable[..., Any], is_write: Callable[[tuple[Any, ...]], bool] = lambda _: True
    ) -> Any:
        def written(*args: Any, **more: Any) -> Any:
            if not is_write(args):
                return write(*args, **more)
            self.pass_one()
            found = write(*args, **more)
            self.pass_one()
            return found

        return written

    def pass_one(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KilledError


def run(desk: Desk, warehouse: DuckDBWarehouse, catalogue: Catalogue) -> Plan:
    """What a run does for open tickets before it loads."""
    tickets = desk.tracker.list_open_tickets()
    plan = plan_requests(desk.tracker, warehouse, catalogue, tickets, "r", scheduled=False, record=True)
    for gaps in plan.incomplete:
        if not knows_gaps(gaps):
            answer_gaps.fn(desk.tracker, gaps)
    return plan


def say_accept(desk: Desk, minute: int) -> None:
    desk.say("AN-7", "Dana Whitfield", f"2026-11-26T10:{minute:02}:00+00:00", "accept")


@pytest.mark.parametrize("name", ["files", "jira-cloud-v3"])
@pytest.mark.parametrize("word", ["first", "changed"])
@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.soak)])
def test_killed_at_each_write_one_proposal_is_left_and_nothing_is_built_unconfirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Catalogue, name: str, word: str, stride: int
) -> None:
    """word: what is proposed is the first, or another than what stands there from before."""
    moments, moment, unseen = Moments(monkeypatch), 1, 0
    while True:
        folder = tmp_path / str(moment)
        (folder / "desk").mkdir(parents=True)
        warehouse = DuckDBWarehouse(database=str(folder / "w.duckdb"))
        with DESKS[name](folder / "desk") as desk, warehouse.session():
            desk.file("AN-7", **EMPTY, title="Rides", description=ASKED)
            if word == "changed":
                run(desk, warehouse, tiny)
                before = desk.comments("AN-7")
                change(desk)
            moments.left = moment
            try:
                run(desk, warehouse, tiny)
                ended = True
            except KilledError:
                ended = False
            moments.left = 10**6
            shown = desk.comments("AN-7") != (before if word == "changed" else [])
            if not shown:  # a word on what is not there, or on the one before
                unseen += 1
                say_accept(desk, 0)
            assert run(desk, warehouse, tiny).requirements == ()
            ours = [each for each in desk.comments("AN-7") if "can't be started yet" in each]
            assert len(ours) == 1
            assert len(desk.tracker.list_incidents()) == 1
            kept = desk.comments("AN-7")
            assert run(desk, warehouse, tiny).requirements == ()
            assert desk.comments("AN-7") == kept
            say_accept(desk, 1)
            (requirement,) = run(desk, warehouse, tiny).requirements
            assert ("minutes_per_ride" in requirement.metrics) is (word == "changed")
        if ended:
            break
        moment += stride
    assert moment > 6
    assert unseen > 0


@pytest.mark.parametrize("name", ["files", "jira-cloud-v3", "jira-data-center"])
def test_the_requesters_status_accepts_what_was_proposed_before_it_and_nothing_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Catalogue, name: str
) -> None:
    Moments(monkeypatch)
    (tmp_path / "desk").mkdir()
    warehouse = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    with DESKS[name](tmp_path / "desk") as desk, warehouse.session():
        desk.file("AN-7", **EMPTY, title="Rides", description=ASKED)
        desk.accept("AN-7", "Dana Whitfield")  # nothing is proposed yet
        assert run(desk, warehouse, tiny).requirements == ()
        assert desk.status("AN-7") == "incomplete"
        desk.accept("AN-7", "Mallory")
        assert run(desk, warehouse, tiny).requirements == ()
        assert "does not count" in desk.comments("AN-7")[0]
        desk.accept("AN-7", "Dana Whitfield")
        (found,) = run(desk, warehouse, tiny).requirements
        assert found.metrics == ("rides",)


def change(desk: Desk) -> None:
    """The requester rewrites the ticket."""
    asked = ASKED.replace("the rides", "minutes per ride")
    if hasattr(desk, "site"):
        desk.site.find("AN-7")["fields"]["description"] = desk.rich(asked)  # type: ignore[attr-defined]
    else:
        path = desk.path("AN-7")  # type: ignore[attr-defined]
        path.write_text(path.read_text().replace("the rides", "minutes per ride"))
