"""What every tracker promises, whoever keeps the tickets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blocks.errors import BadInput, NotFound
from blocks.tracker.base import compute_fingerprint
from tests.blocks.tracker.desks import DESKS, Desk


@pytest.fixture(params=sorted(DESKS))
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "tickets"
    folder.mkdir()
    with DESKS[request.param](folder) as found:
        yield found


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "revenue.png"
    path.write_bytes(b"\x89PNG first")
    return path


def test_check_says_who_is_served(desk: Desk) -> None:
    desk.file("AN-1")
    assert "AN" in desk.tracker.check()


def test_a_ticket_is_read_by_plain_names(desk: Desk) -> None:
    desk.file("AN-1", description="Every Monday I copy numbers.", labels=["board"])
    (ticket,) = desk.tracker.read_tickets(["AN-1"])
    assert (ticket.key, ticket.title, ticket.status) == ("AN-1", "How is revenue going?", "open")
    assert ticket.fields["metrics"] in (["net_revenue"], "net_revenue")  # a list, or text with commas
    assert ticket.fields["deadline"] == "2027-02-26"
    assert ticket.fields["priority"] == "High"
    assert ticket.fields["description"] == "Every Monday I copy numbers."
    assert ticket.updated is not None
    assert ticket.updated.utcoffset() is not None


def test_a_ticket_that_only_some_may_read_says_so(desk: Desk) -> None:
    desk.file("AN-1")
    desk.file("AN-2")
    desk.restrict("AN-2")
    for tickets in (desk.tracker.list_open_tickets(), desk.tracker.read_tickets(["AN-1", "AN-2"])):
        assert [(ticket.key, ticket.restricted) for ticket in tickets] == [("AN-1", False), ("AN-2", True)]


def test_only_tickets_that_wait_for_work_are_open(desk: Desk) -> None:
    statuses = ["open", "in_progress", "incomplete", "changes_requested", "failed", "done"]
    for number, status in enumerate(statuses, 1):
        desk.file(f"AN-{number}", status)
    assert [ticket.key for ticket in desk.tracker.list_open_tickets()] == [
        "AN-1",
        "AN-2",
        "AN-3",
        "AN-4",
        "AN-5",
    ]


def test_a_delivered_ticket_that_people_speak_of_again_is_found(desk: Desk) -> None:
    for number, status in enumerate(("done", "done", "in_progress", "done"), 1):
        desk.file(f"AN-{number}", status)
    for key in ("AN-1", "AN-2", "AN-3"):
        desk.tracker.comment(key, "run_1", "built")
    desk.say("AN-2", "Dana", "2020-11-02T09:30:00+01:00", "Please by week.")
    assert desk.tracker.list_commented_tickets() == []
    for key in ("AN-1", "AN-3", "AN-4"):  # one that is worked on, and one that was never answered
        desk.say(key, "Dana", "2099-11-02T09:30:00+01:00", "Please by week.")
    (found,) = desk.tracker.list_commented_tickets()
    assert (found.key, found.comments[0].body) == ("AN-1", "Please by week.")
    desk.tracker.comment("AN-1", "change", "proposed")  # which ends nothing
    assert [each.key for each in desk.tracker.list_commented_tickets()] == ["AN-1"]


def test_a_ticket_asked_for_is_read_whatever_its_status_and_once(desk: Desk) -> None:
    desk.file("AN-1", "done")
    desk.file("AN-2")
    assert [ticket.key for ticket in desk.tracker.read_tickets(["AN-2", "AN-1", "AN-2"])] == ["AN-2", "AN-1"]


@pytest.mark.parametrize(
    "key", ["AN-99", "XY-1", "../AN-1", "AN-1/../../x", "AN-01", "an-1", "", "AN-1\n", "AN-١"]
)
def test_an_unknown_key_is_not_found(desk: Desk, key: str) -> None:
    desk.file("AN-1")
    with pytest.raises(NotFound):
        desk.tracker.read_tickets([key])
    with pytest.raises(NotFound):
        desk.tracker.comment(key, "requirements", "text")
    with pytest.raises(NotFound):
        desk.tracker.move(key, "done")


def test_our_comment_is_one_per_topic_and_updated_in_its_place(desk: Desk) -> None:
    desk.file("AN-1")
    desk.tracker.comment("AN-1", "requirements", "missing: deadline")
    desk.tracker.comment("AN-1", "run_1", "built\n\n| a | b |\n| --- | --- |\n| 1 | 2 |")
    desk.tracker.comment("AN-1", "requirements", "missing: metrics")
    assert desk.comments("AN-1") == ["missing: metrics", "built\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"]


def test_the_same_again_changes_nothing(desk: Desk, image: Path) -> None:
    desk.file("AN-1")

    def answer() -> None:
        desk.tracker.comment("AN-1", "run_1", "built ✓ 😀\n- `x` | y")
        desk.tracker.attach("AN-1", image)
        desk.tracker.link("AN-1", "https://bi.example/revenue", "Revenue")
        desk.tracker.move("AN-1", "done")

    answer()
    before = desk.state()
    answer()
    assert desk.state() == before


def test_feedback_is_what_people_said_not_what_we_said(desk: Desk) -> None:
    desk.file("AN-1")
    desk.say("AN-1", "Dana", "2026-11-02T09:30:00+01:00", "Please by week.")
    desk.tracker.comment("AN-1", "run_1", "built")
    (ticket,) = desk.tracker.read_tickets(["AN-1"])
    assert desk.tracker.list_open_tickets() == [ticket]
    assert [(c.author, c.body) for c in ticket.comments] == [("Dana", "Please by week.")]
    assert ticket.comments[0].created == datetime(2026, 11, 2, 8, 30, tzinfo=UTC)


def test_an_attachment_is_there_once_with_its_newest_content(desk: Desk, image: Path) -> None:
    desk.file("AN-1")
    desk.tracker.attach("AN-1", image)
    image.write_bytes(b"\x89PNG second")
    desk.tracker.attach("AN-1", image)
    assert desk.attachments("AN-1") == {"revenue.png": b"\x89PNG second"}


@pytest.mark.parametrize(
    "name", ["..", "a\nb.png", ".hidden.png", "x" * 200 + ".png", "run me.sh;rm", "‮gnp.exe"]
)
def test_an_attachment_with_a_strange_name_is_refused(desk: Desk, tmp_path: Path, name: str) -> None:
    desk.file("AN-1")
    path = tmp_path / name
    if name != "..":
        path.write_bytes(b"x")
    before = desk.state()
    with pytest.raises(BadInput):
        desk.tracker.attach("AN-1", path)
    assert desk.state() == before


def test_a_link_is_there_once_with_its_newest_title(desk: Desk) -> None:
    desk.file("AN-1")
    desk.tracker.link("AN-1", "https://bi.example/a?x=1#y", "Old: title")
    desk.tracker.link("AN-1", "https://bi.example/b", "Other")
    desk.tracker.link("AN-1", "https://bi.example/a?x=1#y", "New: title")
    assert desk.links("AN-1") == {"https://bi.example/a?x=1#y": "New: title", "https://bi.example/b": "Other"}


def test_a_ticket_moves(desk: Desk) -> None:
    desk.file("AN-1")
    for status in ("in_progress", "incomplete", "failed", "done"):
        desk.tracker.move("AN-1", status)
        assert desk.status("AN-1") == status
        assert desk.tracker.read_tickets(["AN-1"])[0].status == status


def test_a_ticket_says_what_it_was_told_and_when(desk: Desk) -> None:
    desk.file("AN-1")
    desk.tracker.comment("AN-1", "requirements", "missing:\n\n- `deadline`")
    (ticket,) = desk.tracker.list_open_tickets()
    assert (ticket.comment_fingerprints, ticket.answered) == (
        {"requirements": compute_fingerprint("missing:\n\n- `deadline`")},
        None,
    )
    desk.tracker.comment("AN-1", "run_1", "built")
    desk.tracker.comment("AN-1", "run_1", "built again")
    (ticket,) = desk.tracker.list_open_tickets()
    assert ticket.comment_fingerprints["run_1"] == compute_fingerprint("built again")
    assert ticket.answered is not None
    assert abs((datetime.now(UTC) - ticket.answered).total_seconds()) < 60


def test_release_and_freshness_are_written_where_they_are_kept(desk: Desk) -> None:
    desk.file("AN-1")
    desk.tracker.move("AN-1", "done", {"release": "20261123_084530_1f2e3d", "freshness": "2026-10-31"})
    assert desk.facts("AN-1") == {"release": "20261123_084530_1f2e3d", "freshness": "2026-10-31"}
    before = desk.state()
    desk.tracker.move("AN-1", "done", {"release": "20261123_084530_1f2e3d", "freshness": "2026-10-31"})
    assert desk.state() == before
    desk.tracker.move("AN-1", "done", {"release": "20261124_084530_1f2e3d", "freshness": "2026-11-01"})
    assert desk.facts("AN-1") == {"release": "20261124_084530_1f2e3d", "freshness": "2026-11-01"}
    assert desk.status("AN-1") == "done"
    desk.tracker.move("AN-1", "incomplete")
    desk.tracker.move("AN-1", None, {"release": "20261123_084530_1f2e3d"})
    assert desk.facts("AN-1")["release"] == "20261123_084530_1f2e3d"
    assert desk.tracker.read_tickets(["AN-1"])[0].status == "incomplete"


def test_an_incident_is_filed_once_while_it_is_open(desk: Desk) -> None:
    desk.file("AN-1")
    desk.file("AN-2")
    assert desk.tracker.list_incidents() == {}
    text = ("daily: `net_revenue` is positive", "found:\n\n- `-5`")
    key = desk.tracker.open_incident("daily:1f2e", *text, ["AN-1", "AN-2", "AN-99", "XY-1"])
    other = desk.tracker.open_incident("daily:77aa", "another", "text", [])
    assert sorted(desk.requests(key)) == ["AN-1", "AN-2"]
    before = desk.state()
    assert desk.tracker.open_incident("daily:1f2e", *text, ["AN-1", "AN-2"]) == key
    assert desk.state() == before
    assert desk.tracker.list_incidents() == {"daily:1f2e": key, "daily:77aa": other}
    assert [ticket.key for ticket in desk.tracker.list_open_tickets()] == ["AN-1", "AN-2"]


def test_an_incident_that_passed_is_told_and_closed_and_may_come_again(desk: Desk) -> None:
    desk.file("AN-1")
    key = desk.tracker.open_incident("daily:1f2e", "negative revenue", "text", ["AN-1"])
    for _ in range(2):
        desk.tracker.comment(key, "run_2", "passed again")
        desk.tracker.move(key, "done")
    assert (desk.comments(key), desk.status(key)) == (["passed again"], "done")
    assert desk.tracker.list_incidents() == {}
    again = desk.tracker.open_incident("daily:1f2e", "negative revenue", "text", ["AN-1"])
    assert again != key
    assert desk.tracker.list_incidents() == {"daily:1f2e": again}


def test_a_ticket_without_an_assignee_gets_one_by_name(desk: Desk) -> None:
    desk.file("AN-1")
    assert "assignee" not in desk.tracker.read_tickets(["AN-1"])[0].fields
    for _ in range(2):
        assert desk.tracker.assign("AN-1", "Piotr Zielinski")
    assert desk.tracker.read_tickets(["AN-1"])[0].fields["assignee"] == "Piotr Zielinski"
    with pytest.raises(NotFound):
        desk.tracker.assign("AN-99", "Piotr Zielinski")


def test_the_one_who_asked_is_known_by_an_account_as_those_who_comment_are(desk: Desk) -> None:
    desk.file("AN-1", requester="Dana Whitfield", description="Requester: Otto")
    desk.say("AN-1", "Dana Whitfield", "2026-11-02T09:30:00+01:00", "accept")
    desk.say("AN-1", "Otto", "2026-11-02T09:31:00+01:00", "accept")
    (ticket,) = desk.tracker.read_tickets(["AN-1"])
    hers, his = (comment.account for comment in ticket.comments)
    assert hers == ticket.requester_account != ""
    assert his not in ("", hers)


def test_the_status_that_accepts_says_who_moved_the_ticket_there(desk: Desk) -> None:
    desk.file("AN-1", requester="Dana Whitfield")
    desk.file("AN-2", requester="Dana Whitfield")
    desk.accept("AN-1", "Dana Whitfield")
    desk.accept("AN-2", "Otto")
    hers, his = desk.tracker.list_open_tickets()
    assert (hers.status, his.status) == ("accepted", "accepted")
    assert hers.accepted
    assert his.accepted
    assert hers.accepted.account == hers.requester_account != his.accepted.account
    assert hers.comments == ()
    assert [each.body for each in hers.answers] == ["accept"]
    for status in ("in_progress", "done"):
        desk.tracker.move("AN-1", status)
        (ticket,) = desk.tracker.read_tickets(["AN-1"])
        assert (ticket.status, ticket.accepted) == (status, None)


def test_a_person_can_open_the_ticket(desk: Desk) -> None:
    desk.file("AN-1")
    assert "AN-1" in desk.tracker.make_url("AN-1")
    assert "://" in desk.tracker.make_url("AN-1")
