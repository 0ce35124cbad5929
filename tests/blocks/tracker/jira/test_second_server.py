"""Our Data Center client against a server that others wrote (PyPI: jira820), as far as that one goes.

It has no POST for searches and no properties of issues and comments, so tickets are not read from it and nothing is
attached there; comments are found again by the anchor in their text.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from blocks.errors import Misconfigured
from blocks.tracker.jira.tracker import JiraTracker

KEY, START_SECONDS = "JIRA820-1", 120


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = Path(tmp_path_factory.mktemp("jira820")) / "log"
    settings = {"JIRA820_PORT": str(port), "JIRA820_DATE": "2026-01-01"}
    with log.open("wb") as stream:
        command = [sys.executable, "-m", "jira820"]
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env={**os.environ, **settings})
    try:
        deadline = time.monotonic() + START_SECONDS
        while b"Uvicorn running" not in log.read_bytes():
            assert process.poll() is None, log.read_text()[-2_000:]
            assert time.monotonic() < deadline, "it did not start in time"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def build_tracker(server: str, done: str = "Done") -> JiraTracker:
    statuses = {"open": "Open", "in_progress": "In Progress", "done": done}
    return JiraTracker.model_validate(
        {"project": "JIRA820", "server": server, "token": "x", "statuses": statuses, "timeout_seconds": 20}
    )


def test_it_is_looked_at(server: str) -> None:
    assert build_tracker(server).check().startswith(f"project JIRA820 on {server}, as Administrator")
    with pytest.raises(Misconfigured, match="no status Resolved"):
        build_tracker(server, "Resolved").check()


def test_a_comment_is_written_once(server: str) -> None:
    tracker = build_tracker(server)
    api = tracker._connect().api
    before = len(list(api.read_comments(KEY)))
    for _ in range(2):
        tracker.comment(KEY, "run_1", "### Ready\n\n- `net_revenue`")
    comments = list(api.read_comments(KEY))
    assert len(comments) == before + 1
    (ours,) = [text for each in comments if "Ready" in (text := api.to_plain_text(each.body))]
    assert ours == "### Ready\n\n- net_revenue"


def test_a_link_and_a_status_may_be_repeated(server: str) -> None:
    tracker = build_tracker(server)
    for title in ("Dashboard", "Dashboard revenue"):
        tracker.link(KEY, "https://bi.example/revenue", title)
        tracker.move(KEY, "done")
    issue = f"{server}/rest/api/2/issue/{KEY}"
    assert requests.get(issue, timeout=120).json()["fields"]["status"]["name"] == "Done"
    links = requests.get(f"{issue}/remotelink", timeout=120).json()
    assert [each["object"]["title"] for each in links if each["object"]["url"].startswith("https://bi")] == [
        "Dashboard revenue"
    ]
