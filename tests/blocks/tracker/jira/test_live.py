"""One walk through every verb, for a real Jira project; on the stand-in too, so that it stays walkable.

It files two issues in the project and deletes them if the account may. docs/jira.md says how to run it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from blocks.errors import PlatformError
from blocks.tracker.base import compute_fingerprint
from blocks.tracker.jira.tracker import JiraTracker
from tests.blocks.tracker.desks import jira_desk

NEEDED = ("JIRA_SERVER", "JIRA_TOKEN", "JIRA_PROJECT")
BODY = "### Built\n\nIt shows `run_1`, **all** of it.\n\n| mart | rows |\n| --- | --- |\n| `a_b|c` | 1,100 |\n\n- [open](https://example.com/a)"


def eventually(look: Callable[[], bool], seconds: float = 60) -> bool:
    """Jira Cloud's search follows writes with a delay."""
    deadline = time.monotonic() + seconds
    while not look() and time.monotonic() < deadline:
        time.sleep(1)
    return look()


def walk(tracker: JiraTracker, kind: str, folder: Path) -> None:
    """File a ticket, answer it twice, open and close an incident, look at what Jira has of it."""
    assert tracker.project in tracker.check()
    api = tracker._connect().api
    ask, made = api.session.send, []
    fields = {
        "project": {"key": tracker.project},
        "issuetype": {"name": kind},
        "summary": "Try-out; please ignore",
        "description": api.to_rich_text("Metrics: net_revenue"),
    }
    try:
        key = ask("file a ticket", "POST", "issue", {"fields": fields})["key"]
        made.append(key)
        ask("say something", "POST", f"issue/{key}/comment", {"body": api.to_rich_text("By week, please.")})
        image = folder / "try-out.png"
        for content in (b"\x89PNG 1", b"\x89PNG 2", b"\x89PNG 2"):
            image.write_bytes(content)
            tracker.attach(key, image)
            tracker.comment(key, "requirements", "missing: `deadline`")
            tracker.comment(key, "run_1", BODY)
            tracker.link(key, "https://example.com/a", "Dashboard")
        tracker.move(key, "incomplete")
        (ticket,) = tracker.read_tickets([key])
        assert ticket.fields["metrics"] == "net_revenue"
        assert [comment.body for comment in ticket.comments] == ["By week, please."]
        assert ticket.comment_fingerprints == {
            "requirements": compute_fingerprint("missing: `deadline`"),
            "run_1": compute_fingerprint(BODY),
        }
        assert ticket.answered is not None
        assert ticket.status == "incomplete"
        assert eventually(lambda: key in {each.key for each in tracker.list_open_tickets()})
        found = ask("look", "GET", f"issue/{key}", fields="attachment")["fields"]["attachment"]
        assert [(each["filename"], each["size"]) for each in found] == [("try-out.png", 6)]
        assert len(ask("look", "GET", f"issue/{key}/remotelink")) == 1

        about = f"try_out:{int(time.time()):x}"
        made.append(tracker.open_incident(about, "Try-out of an incident; please ignore", BODY, [key]))
        assert eventually(lambda: tracker.list_incidents().get(about) == made[1])
        assert tracker.open_incident(about, "again", BODY, [key]) == made[1]
        links = ask("look", "GET", f"issue/{key}", fields="issuelinks")["fields"]["issuelinks"]
        assert len(links) == 1
        for each in made:
            tracker.move(each, "done")
        assert tracker.read_tickets([key])[0].status == "done"
        assert eventually(lambda: about not in tracker.list_incidents())
    finally:
        for each in reversed(made):
            try:
                ask(f"delete {each}", "DELETE", f"issue/{each}")
            except PlatformError as error:
                print(f"please delete {each}: {error}")


@pytest.mark.parametrize("version", ["2", "3"])
def test_the_walk_on_the_stand_in(tmp_path: Path, version: str) -> None:
    with jira_desk(tmp_path, cloud=True, version=version) as desk:
        walk(desk.tracker, "Analytics Request", tmp_path)
        assert not desk.site.issues


@pytest.mark.live
@pytest.mark.skipif(
    not all(map(os.environ.get, NEEDED)), reason=f"set {', '.join(NEEDED)} to try a real Jira"
)
@pytest.mark.parametrize("version", ["2", "3"])
def test_the_walk_on_a_real_jira(tmp_path: Path, version: str) -> None:
    env = os.environ
    if version == "3" and not env.get("JIRA_EMAIL"):
        pytest.skip("Data Center has version 2 only")
    tracker = JiraTracker.model_validate(
        {
            "server": env["JIRA_SERVER"],
            "token": env["JIRA_TOKEN"],
            "project": env["JIRA_PROJECT"],
            "api_version": version,
            "email": env.get("JIRA_EMAIL"),
            **json.loads(env.get("JIRA_SETTINGS", "{}")),
        }
    )
    walk(tracker, env.get("JIRA_ISSUE_TYPE", "Task"), tmp_path)
