"""The one HTTP session against a real server: bounds, faults, and where the credential goes."""

from __future__ import annotations

import gzip
import json
import logging
import time
import traceback
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

import pytest
import requests

from blocks.deadline import Deadline
from blocks.errors import (
    BadAnswer,
    Forbidden,
    Misconfigured,
    NotFound,
    PlatformError,
    RateLimited,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from blocks.http.session import HttpLimits, HttpSession
from tests.blocks.loader.origins import SECRET, Api

WAITS = HttpLimits(rate_limit_seconds=30)


@pytest.fixture
def server() -> Iterator[Api]:
    """An HTTP server that can fail."""
    api = Api()
    yield api
    api.close()


def connect(server: Api, **settings: object) -> HttpSession:
    session = HttpSession(server.url, "ask", **settings)  # type: ignore[arg-type]
    session.headers["Authorization"] = f"Bearer {SECRET}"
    return session


def test_a_call_returns_json_or_none(server: Api) -> None:
    """An empty answer is None."""
    assert connect(server).call("GET", "/rates", asked="read")["data"] == []
    server.answer = lambda handler: server.send(handler, 204, b"")  # type: ignore[method-assign]
    assert connect(server).call("GET", "/rates") is None


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("unauthorized", Unauthorized, "401"),
        ("forbidden", Forbidden, "403"),
        ("missing", NotFound, "404"),
        ("crash", Unavailable, "500"),
        ("limit_long", RateLimited, "429"),
        ("limit", RateLimited, "429"),
        ("moved", BadAnswer, "302"),
        ("html", BadAnswer, "HTML came instead of JSON"),
        ("broken", BadAnswer, "something else came instead of JSON"),
        ("drop", Unavailable, "refused or dropped"),
        ("half", Unavailable, "refused or dropped"),
        ("slow", TimedOut, "no answer"),
        ("drip", TimedOut, "not done after"),
    ],
)
def test_every_fault_becomes_an_error_of_ours_without_the_secret(
    server: Api, fault: str, kind: type[PlatformError], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of the vendor's exception hangs on it; the call says what was asked."""
    caplog.set_level(logging.DEBUG)
    server.fail(fault)
    session = connect(server, limits=HttpLimits(read_seconds=1, total_seconds=2))
    started = time.monotonic()
    with pytest.raises(kind, match=message) as caught:
        session.call("GET", "/rates", asked="read the rates")
    assert time.monotonic() - started < 4
    error = caught.value
    assert error.asked == "read the rates"
    assert error.__cause__ is error.__context__ is None
    assert error.remedy
    assert SECRET not in "".join(traceback.format_exception(error)) + caplog.text + repr(error.args)


def test_client_libraries_get_the_same_errors(server: Api) -> None:
    """They use the session as requests' own."""
    server.fail("forbidden")
    with pytest.raises(Forbidden):
        connect(server).get(f"{server.url}rates")


def test_no_other_host_gets_the_credential(server: Api) -> None:
    """Neither by a redirect nor by a link; another way to write the port is no other host."""
    session = connect(server)
    with pytest.raises(BadAnswer, match="another host"):
        session.get(server.url.replace("127.0.0.1", "localhost"))
    with pytest.raises(BadAnswer, match="another host"):
        HttpSession("https://api.example.com").get("http://api.example.com/x")
    same = HttpSession("https://127.0.0.1:443/", limits=HttpLimits(connect_seconds=0.2))
    with pytest.raises(Unavailable):
        same.get("https://127.0.0.1/x")


def test_a_netrc_file_does_not_replace_the_credential(
    server: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests reads one by itself."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    connect(server).call("GET", "/rates")
    assert server.seen[-1][1] == f"Bearer {SECRET}"


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(server: Api, packed: bool) -> None:
    """Its size counts after unpacking."""
    body = json.dumps({"data": ["x" * 100] * 20_000}).encode()
    headers = {"Content_Encoding": "gzip"} if packed else {}
    sent = gzip.compress(body) if packed else body
    server.answer = lambda handler: server.send(handler, 200, sent, **headers)  # type: ignore[method-assign]
    assert len(connect(server).call("GET", "/")["data"]) == 20_000
    with pytest.raises(BadAnswer, match="larger than 1 MB"):
        connect(server, limits=HttpLimits(max_bytes=1 << 20)).call("GET", "/")


def test_a_pause_is_kept_where_the_limits_allow_it(server: Api) -> None:
    """Then the call goes on; a pause beyond the limit, or beyond the deadline, is the caller's."""
    server.fail("limit", times=1)
    started = time.monotonic()
    assert connect(server, limits=WAITS).call("GET", "/rates")["data"] == []
    assert time.monotonic() - started >= 1
    server.fail("limit_long")
    for session in (connect(server, limits=WAITS), connect(server, deadline=Deadline("ask", 5))):
        with pytest.raises(RateLimited) as caught:
            session.call("GET", "/rates")
        assert caught.value.retry_after == 3600
    assert time.monotonic() - started < 20


def test_a_pause_that_is_not_named_grows(server: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the limits name a first one; otherwise it is raised."""
    pauses: list[float] = []
    monkeypatch.setattr("blocks.http.polling.time.sleep", pauses.append)
    refusals = [429, 429, 429]
    good = server.answer

    def answer(handler: object) -> None:
        if refusals:
            server.send(handler, refusals.pop(), b"{}")  # type: ignore[arg-type]
        else:
            good(handler)  # type: ignore[arg-type]

    server.answer = answer  # type: ignore[method-assign]
    limits = HttpLimits(rate_limit_seconds=600, first_pause=5)
    assert connect(server, limits=limits).call("GET", "/rates")["data"] == []
    assert pauses == [5, 10, 20]
    refusals.append(429)
    with pytest.raises(RateLimited):
        connect(server, limits=WAITS).call("GET", "/rates")


def test_a_session_ends_with_its_deadline(server: Api) -> None:
    """Before a request, and within one."""
    session = connect(server, deadline=Deadline("load", 0.5))
    server.fail("drip")
    with pytest.raises(TimedOut):
        session.call("GET", "/rates")
    with pytest.raises(TimedOut, match="load"):
        session.call("GET", "/rates")


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://host/x"])
def test_a_malformed_address_is_a_setting_to_correct(url: str) -> None:
    """And no crash."""
    with pytest.raises((Misconfigured, BadAnswer)):
        HttpSession(url).call("GET", "/x")


def test_a_malformed_credential_is_not_shown(server: Api) -> None:
    """requests' own error would show it."""
    session = connect(server)
    session.headers["Authorization"] = f"Bearer {SECRET}\n"
    with pytest.raises(Misconfigured) as caught:
        session.call("GET", "/rates")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_what_a_refusal_says_is_the_plain_name_of_the_error_only(server: Api) -> None:
    """A text may hold anything."""
    body = json.dumps({"code": "NotAllowed", "message": f"no {SECRET}"}).encode()
    server.answer = lambda handler: server.send(handler, 403, body)  # type: ignore[method-assign]
    with pytest.raises(Forbidden, match=r"403 \(NotAllowed\)") as caught:
        connect(server).call("GET", "/rates")
    assert SECRET not in str(caught.value)


def test_a_subclass_can_judge_an_answer_itself(server: Api) -> None:
    """As for a client library that reads the vendor's own codes."""

    class Lenient(HttpSession):
        def check_response(self, response: requests.Response, asked: str) -> None:
            self.status = response.status_code

    server.fail("forbidden")
    session = Lenient(server.url)
    assert session.get(server.url).status_code == session.status == 403


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/latest",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal/computeMetadata",
        "http://METADATA.google.internal./",
        "http://100.100.100.200/",
    ],
)
def test_a_metadata_service_is_never_called(address: str) -> None:
    session = HttpSession(address, "read", limits=HttpLimits(connect_seconds=0.2))
    with pytest.raises(Misconfigured, match="metadata service"):
        session.call("GET", "")


def test_a_name_that_resolves_there_is_refused_before_anything_is_sent(
    server: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a name means when it is connected to: here the server's own address counts as one of those."""
    monkeypatch.setattr("blocks.http.reach.FORBIDDEN_NETWORKS", (IPv4Network("127.0.0.0/8"),))
    asked = len(server.seen)
    for host in ("localhost", "127.1", "2130706433"):
        session = HttpSession(server.url.replace("127.0.0.1", host), "read")
        with pytest.raises(Misconfigured, match="metadata service"):
            session.call("GET", "/rates")
    assert len(server.seen) == asked


def test_a_setting_allows_it(server: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blocks.http.reach.FORBIDDEN_NETWORKS", (IPv4Network("127.0.0.0/8"),))
    monkeypatch.setenv("ALLOW_LINK_LOCAL", "1")
    assert connect(server).call("GET", "/rates")["data"] == []
