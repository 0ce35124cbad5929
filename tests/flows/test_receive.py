"""The receiver: whoever knows its secret can name a ticket that is ready, and nothing else can be done there."""

from __future__ import annotations

import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from blocks.errors import PlatformError
from flows import receive
from flows.flags import Flags
from tests.conftest import ROOT
from tests.flows.receiver import SECRET, serve_receiver

PROJECT = "RECEIVED"
"""Of these tests alone: the server has events of others, too."""
GOOD = {"ticket": f"{PROJECT}-1"}
RIGHT = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture(scope="module")
def address(prefect_server: str) -> Iterator[str]:
    with serve_receiver(PROJECT, "AN") as found:
        yield found


def sign(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature": f"sha256={hmac.new(secret.encode(), body, 'sha256').hexdigest()}"}


def post(address: str, body: Any = GOOD, headers: dict[str, str] = RIGHT) -> requests.Response:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(f"{address}/ticket", data=sent, headers=headers, timeout=60)


def read_events(api: str, key: str) -> list[dict[str, Any]]:
    """What Prefect's server was told of a ticket; it writes events by and by."""
    wanted = {"filter": {"resource": {"id": [f"ticket.{key}"]}}}
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        answer = requests.post(f"{api.rstrip('/')}/events/filter", json=wanted, timeout=60)
        answer.raise_for_status()
        if found := answer.json()["events"]:
            return list(found)
        time.sleep(0.3)
    raise AssertionError("no event came")


SENT = {
    "custom data": '{"ticket": "KEY"}',
    "webhook": '{"webhookEvent": "jira:issue_created", "issue": {"id": "1", "key": "KEY", "fields": {"summary": "s"}}}',
    "automation": r"""{"key": "KEY", "fields": {"summary": "\"}} {{ a }} <script>"}}""",
}
"""The ways in which Jira says a key, and one with text that goes nowhere."""


def test_what_jira_sends_becomes_the_event_and_nothing_else_of_it(address: str, prefect_server: str) -> None:
    kinds = list(SENT)
    for number, kind in enumerate(kinds, 10):
        body = SENT[kind].replace("KEY", f"{PROJECT}-{number}").encode()
        answer = post(address, body, sign(body) if kind == "webhook" else RIGHT)
        assert (answer.status_code, answer.text) == (202, "taken\n"), kind
    for number, kind in enumerate(kinds, 10):
        key = f"{PROJECT}-{number}"
        (event,) = read_events(prefect_server, key)
        assert event["event"] == "ticket.ready", kind
        assert event["payload"] == {"ticket": key}
        assert event["resource"] == {"prefect.resource.id": f"ticket.{key}"}
        assert event["related"] == []


BODY = json.dumps(GOOD).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": SECRET},
        {"Authorization": f"Bearer {SECRET[:-1]}"},
        {"Authorization": f"Bearer {SECRET}é".encode("latin-1")},
        {"Authorization": "Bearer"},
        {"X-Hub-Signature": "sha256="},
        {"X-Hub-Signature": f"sha1={hmac.new(SECRET.encode(), BODY, 'sha1').hexdigest()}"},
        sign(BODY, "another"),
        sign(BODY + b" "),
        {**sign(BODY), "Authorization": "Bearer wrong"},
    ],
)
def test_nobody_without_the_secret_is_heard(address: str, headers: dict[str, str]) -> None:
    answer = post(address, BODY, headers)
    assert answer.status_code == 401
    assert SECRET not in answer.text


HOSTILE = [
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    b"[]",
    b"null",
    b'"' + PROJECT.encode() + b'-1"',
    {},
    {"ticket": None},
    {"ticket": [f"{PROJECT}-1"]},
    {"ticket": {"key": f"{PROJECT}-1"}},
    {"issue": f"{PROJECT}-1"},
    {"issue": {"key": 7}},
    {"ticket": "ZZ-1"},
    {"ticket": f"X{PROJECT}-1"},
    {"ticket": f"{PROJECT}-0"},
    {"ticket": f"{PROJECT}-1\n"},
    {"ticket": f"{PROJECT}-1.*"},
    {"ticket": f"{PROJECT.lower()}-1"},
    {"ticket": f"{PROJECT}-١"},
    {"ticket": f"{PROJECT}-1234567890"},
    {"ticket": f"AN|{PROJECT}-1"},
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: str(body)[:40])
def test_a_body_that_names_no_ticket_of_a_known_project_is_refused(address: str, body: Any) -> None:
    answer = post(address, body)
    assert answer.status_code in (400, 422), answer.text
    assert "ticket" not in str(body) or str(body["ticket"]) not in answer.text


def test_a_body_that_is_too_large_is_not_read_whole(address: str) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b" " * 2**20

    begun = time.monotonic()
    try:
        answer = requests.post(f"{address}/ticket", data=endless(), headers=RIGHT, timeout=30)
        assert answer.status_code == 413
    except requests.ConnectionError:  # it was closed before all was sent
        assert time.monotonic() - begun < 20
    assert post(address, {**GOOD, "text": "x" * 2**20}).status_code == 413
    assert post(address, {**GOOD, "text": "x" * (2**20 - 100)}).status_code == 202


def test_a_flood_is_cut_off_and_told_when_to_send_again(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    async def take(key: str) -> None:
        keys.append(key)

    monkeypatch.setattr(receive, "MOST_A_MINUTE", 6)
    with serve_receiver(PROJECT, send=take) as address:
        answers = [post(address) for _ in range(12)]
        assert post(address, headers={}).status_code == 401  # which costs no event
    taken = [each for each in answers if each.status_code == 202]
    refused = [each for each in answers if each.status_code == 429]
    assert len(taken) + len(refused) == 12
    assert 6 <= len(taken) == len(keys) <= 8  # one more each ten seconds
    assert {each.headers["Retry-After"] for each in refused} == {"60"}


def test_more_connections_than_it_takes_are_refused_and_slow_ones_end(
    prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "MOST_AT_ONCE", 4)
    monkeypatch.setattr(receive, "BODY_SECONDS", 1.0)
    monkeypatch.setattr(receive, "CONNECTION_SECONDS", 2.0)
    with serve_receiver(PROJECT) as address:
        host, port = address.removeprefix("http://").split(":")
        idle = [socket.create_connection((host, int(port)), timeout=30) for _ in range(4)]
        head = f"POST /ticket HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: 99\r\n\r\n"
        with ThreadPoolExecutor(4) as pool:
            assert {each.status_code for each in pool.map(lambda _: post(address), range(4))} == {503}
        for each in idle:
            assert each.recv(1) == b""  # closed from there, though nothing was ever sent
            each.close()
        with socket.create_connection((host, int(port)), timeout=30) as slow:
            slow.sendall(head.encode())
            assert slow.recv(99).startswith(b"HTTP/1.1 408")
        assert post(address).status_code == 202


def test_where_prefect_does_not_take_it_the_sender_hears_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from blocks.errors import Unavailable

    async def refuse(key: str) -> None:
        raise Unavailable("send it", "it does not answer", "Start it.")

    with serve_receiver(PROJECT, send=refuse) as address:
        answer = post(address)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/ticket", 405),
        ("POST", "/health", 405),
        ("POST", "/ticket/", 404),
        ("POST", "/api/events", 404),
        ("POST", "/api/deployments/filter", 404),
        ("GET", "/docs", 404),
    ],
)
def test_nothing_else_is_there(address: str, method: str, path: str, status: int) -> None:
    answer = requests.request(
        method, f"{address}{path}", headers=RIGHT, json=GOOD, timeout=60, allow_redirects=False
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("environment", "projects", "reason"),
    [
        ({"RECEIVE_SECRET": "short"}, ["AN"], "fewer than 20 characters"),
        ({"RECEIVE_SECRET_FILE": "/nowhere"}, ["AN"], "No such file"),
        ({"RECEIVE_SECRET": SECRET}, ["AN", "A.*"], "no project's key"),
        ({"RECEIVE_SECRET": SECRET, "PREFECT_API_URL": "http://127.0.0.1:9/api"}, ["AN"], "can't be reached"),
    ],
)
def test_it_does_not_begin_without_a_secret_or_a_server(
    environment: dict[str, str], projects: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with (
        temporary_settings({PREFECT_API_URL: environment.get("PREFECT_API_URL")}),
        pytest.raises(PlatformError, match=reason) as error,
    ):
        receive.receive(Flags(action="receive", ticket_projects=projects))
    assert SECRET not in str(error.value)


def test_what_keeps_it_from_beginning_is_said(
    command_line: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = command_line("receive", "--ticket-projects", "AN")
    assert done.returncode == 2
    assert "RECEIVE_SECRET is not set" in done.stderr


def test_the_command_serves_until_it_is_ended_and_logs_keys_alone(prefect_server: str, tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, ROOT / "flows" / "main.py", "receive", "--ticket-projects", PROJECT, "--port", port],
        env={**os.environ, "RECEIVE_SECRET_FILE": str(secret)},
        text=True,
        stderr=subprocess.PIPE,
    )
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            assert requests.get(f"{address}/health", timeout=5).text == "ok\n"
            break
        except requests.ConnectionError:
            time.sleep(0.1)
    hidden = {"fields": {"summary": "nobody may read this"}}
    assert post(address, {**hidden, "key": f"{PROJECT}-99"}).status_code == 202
    for _ in range(3):
        assert post(address, {**hidden, "key": "nobody may read this-1"}).status_code == 422
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert f"ticket {PROJECT}-99 is ready" in said
    assert said.count("refused") == 1
    assert "nobody may read" not in said
    assert SECRET not in said
    assert "Traceback" not in said
    assert read_events(prefect_server, f"{PROJECT}-99")
