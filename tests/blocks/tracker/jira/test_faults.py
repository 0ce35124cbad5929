"""Jira fails in every way: what comes out is ours, says what to do, carries no secret, and may be done again."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from blocks.errors import (
    BadAnswer,
    BadInput,
    Forbidden,
    Misconfigured,
    NotFound,
    PlatformError,
    RateLimited,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from tests.blocks.tracker.desks import JiraDesk, jira_desk
from tests.blocks.tracker.jira.site import EMAIL, TOKEN, Fault
from tests.conftest import ROOT

WORDS = "ticket words that nobody else should read"


@pytest.fixture(params=["cloud", "data-center"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JiraDesk]:
    cloud = request.param == "cloud"
    with jira_desk(
        tmp_path, cloud, "3" if cloud else "2", timeout_seconds=2, rate_limit_timeout_seconds=30
    ) as found:
        found.file("AN-1", title=WORDS, description=WORDS)
        yield found


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (400, BadInput),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, PlatformError),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
        ("hang", TimedOut),
        ("drop", Unavailable),
        ("html", BadAnswer),
    ],
)
@pytest.mark.parametrize("when", ["connecting", "reading", "writing"])
def test_a_fault_is_one_of_ours_and_tells_nothing(
    desk: JiraDesk,
    kind: int | str,
    expected: type[PlatformError],
    when: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    match = {"connecting": "serverInfo|myself", "reading": "POST .*/search", "writing": "POST .*/comment$"}[
        when
    ]
    if when == "connecting" and kind == 404:
        expected = Misconfigured  # there is no such API
    if when != "connecting":
        desk.tracker.list_open_tickets()
    if kind == "hang":
        desk.site.released.clear()
        desk.tracker._lazy_connection._connection = None
        desk.tracker.timeout_seconds = 0.3
    desk.site.faults = [Fault(match, kind, times=99)]
    with caplog.at_level(logging.DEBUG), pytest.raises(expected) as caught:
        desk.tracker.comment(
            "AN-1", "run_1", WORDS
        ) if when == "writing" else desk.tracker.list_open_tickets()
    message = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert TOKEN not in message
    assert WORDS not in message
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    desk.site.faults = []
    desk.tracker.comment("AN-1", "run_1", WORDS)
    assert desk.comments("AN-1") == [WORDS]


def test_pages_that_repeat_end_the_reading_at_once(desk: JiraDesk) -> None:
    desk.site.page, desk.site.repeats_pages = 1, True
    desk.file("AN-2", title=WORDS)
    with pytest.raises(BadAnswer, match="search repeats a page"):
        desk.tracker.list_open_tickets()
    assert len([call for call in desk.site.traffic if "/search" in call.path]) <= 3


def test_no_comment_is_left_out_where_pages_repeat(desk: JiraDesk) -> None:
    desk.site.page = 1
    for day in (1, 2, 3):
        desk.say("AN-1", "Dana", f"2027-01-0{day}T00:00:00.000+0000", f"{day}")
    (ticket,) = desk.tracker.read_tickets(["AN-1"])
    assert len(ticket.comments) == 3
    desk.site.repeats_pages = True
    with pytest.raises(BadAnswer, match="comments repeats a page"):
        desk.tracker.comment("AN-1", "run_1", "built")


def test_the_token_is_in_no_log_and_no_text_of_the_block(
    desk: JiraDesk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        desk.tracker.check()
        desk.tracker.comment("AN-1", "run_1", "built")
        desk.tracker.move("AN-1", "done")
    assert caplog.records  # the client's own among them
    for text in (caplog.text, repr(desk.tracker), str(desk.tracker), desk.tracker.model_dump_json()):
        assert TOKEN not in text


def test_a_redirect_is_not_followed(desk: JiraDesk) -> None:
    desk.tracker.check()
    desk.site.faults = [Fault("search", 302, headers={"Location": f"{desk.site.base}/rest/api/2/myself"})]
    with pytest.raises(BadAnswer, match="Redirects are not followed"):
        desk.tracker.list_open_tickets()


@pytest.mark.parametrize("message", ["1", "date", None])
def test_a_pause_that_jira_asks_for_is_kept(
    desk: JiraDesk, message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blocks.tracker.jira.session.FIRST_PAUSE", 0.5)
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    headers = {} if message is None else {"Retry-After": date if message == "date" else message}
    desk.tracker.check()
    desk.site.faults = [Fault("POST .*/comment$", 429, times=1, headers=headers)]
    start = time.monotonic()
    desk.tracker.comment("AN-1", "run_1", "built")
    assert time.monotonic() - start >= (0.5 if message is None else 0.9)
    assert desk.comments("AN-1") == ["built"]


@pytest.mark.parametrize("message", ["3600", "date"])
def test_a_pause_that_is_too_long_is_handed_on(desk: JiraDesk, message: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    desk.site.faults = [Fault("search", 429, headers={"Retry-After": date if message == "date" else message})]
    start = time.monotonic()
    with pytest.raises(RateLimited) as caught:
        desk.tracker.list_open_tickets()
    assert time.monotonic() - start < 25
    assert caught.value.retry_after == pytest.approx(3600, abs=30)


@pytest.mark.parametrize(("kind", "expected"), [("endless", BadAnswer), ("trickle", TimedOut)])
def test_an_answer_is_bounded_in_size_and_in_time(
    desk: JiraDesk, kind: str, expected: type[PlatformError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blocks.tracker.jira.session.MAX_BYTES", 1 << 20)
    monkeypatch.setattr("blocks.tracker.jira.session.TOTAL_SECONDS", 1)
    desk.tracker.check()
    desk.site.released.clear()
    desk.site.faults = [Fault("search", kind)]
    start = time.monotonic()
    with pytest.raises(expected, match="larger than 1 MB" if kind == "endless" else "not done after 1 s"):
        desk.tracker.list_open_tickets()
    assert time.monotonic() - start < 15
    desk.site.released.set()
    assert desk.tracker.list_open_tickets()


def test_a_dead_host_is_unavailable(desk: JiraDesk) -> None:
    desk.tracker.server = "http://127.0.0.1:9"
    with pytest.raises(Unavailable, match="connection was refused"):
        desk.tracker.check()


def test_what_was_done_though_the_answer_was_lost_is_not_done_twice(desk: JiraDesk, tmp_path: Path) -> None:
    image = tmp_path / "revenue.png"
    image.write_bytes(b"\x89PNG")

    def everything() -> None:
        desk.tracker.comment("AN-1", "run_1", "built")
        desk.tracker.attach("AN-1", image)
        desk.tracker.link("AN-1", "https://bi.example/x", "X")
        desk.tracker.open_incident("daily:1f2e", "title", "text", ["AN-1"])
        desk.tracker.move("AN-1", "done", {"release": "run_1"})

    lost = ("/comment", "/attachments", "/properties/", "/remotelink", "/issue", "/issueLink", "/transitions")
    desk.site.faults = [Fault(f"(POST|PUT) .*{path}($|[^/]*$)", "drop-after") for path in lost]
    for _ in range(len(lost)):
        with pytest.raises(Unavailable):
            everything()
    assert all(fault.times == 0 for fault in desk.site.faults)
    everything()
    (key,) = desk.tracker.list_incidents().values()
    assert desk.comments("AN-1") == ["built"]
    assert desk.attachments("AN-1") == {"revenue.png": b"\x89PNG"}
    assert desk.links("AN-1") == {"https://bi.example/x": "X"}
    assert desk.requests(key) == ["AN-1"]
    assert len(desk.site.links[""]) == 1
    assert desk.status("AN-1") == "done"


KILLED = """
import sys
from pathlib import Path
from blocks.tracker.jira.tracker import JiraTracker
from tasks.answers import answer_ticket
from tests.tasks.test_answers import REVENUE, published, success

server, token, email, version, image = sys.argv[1:]
tracker = JiraTracker(project="AN", server=server, token=token, email=email or None, statuses={"failed": "Failed"})
outcome = success(publications=(published("AN-1", "revenue", image=Path(image)),))
answer_ticket.fn(tracker, outcome, REVENUE)
"""


def test_killed_between_comment_and_transition_and_run_again(desk: JiraDesk, tmp_path: Path) -> None:
    image = tmp_path / "revenue.png"
    image.write_bytes(b"\x89PNG")
    email = EMAIL if desk.site.cloud else ""
    command = [sys.executable, "-c", KILLED, desk.site.base, TOKEN, email, desk.version, str(image)]
    desk.site.faults = [Fault("POST .*/transitions", "hang")]
    process = subprocess.Popen(command, cwd=ROOT)
    deadline = time.monotonic() + 120
    while desk.site.faults[0].times and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait(30)
    assert desk.site.faults[0].times == 0
    assert len(desk.comments("AN-1")) == 1
    assert desk.status("AN-1") == "open"
    desk.site.released.set()
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    assert len(desk.comments("AN-1")) == 1
    assert "Your dashboard is ready" in desk.comments("AN-1")[0]
    assert desk.attachments("AN-1") == {"revenue.png": b"\x89PNG"}
    assert len(desk.links("AN-1")) == 1
    assert desk.status("AN-1") == "done"
