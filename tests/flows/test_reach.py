"""Prefect's API dead, silent, foreign or closed: said in seconds, with what to do."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.errors import Misconfigured, Unavailable
from flows import reach
from tests.conftest import ROOT


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
            thread.join()


def refusal(url: str) -> str:
    with temporary_settings({PREFECT_API_URL: url}), pytest.raises(Unavailable) as found:
        reach.check_api()
    return str(found.value)


def test_a_silent_server_costs_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "LOOK_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = monotonic()
        message = refusal(f"http://127.0.0.1:{silent.getsockname()[1]}/api")
    assert "does not answer" in message
    assert monotonic() - start < 5


def test_a_closed_port_and_a_wrong_address_are_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "can't be reached (ConnectError)" in refusal(f"http://127.0.0.1:{port}/api")
    assert "can't be reached" in refusal("nonsense")


def test_what_is_no_prefect_server_is_not_taken_for_one() -> None:
    with answering(200, b"<html>log in</html>") as url:
        message = refusal(url)
    assert "no Prefect server" in message
    assert "unset it" in message


def test_a_refused_credential_names_the_settings() -> None:
    with answering(401, b"") as url:
        assert "PREFECT_API_KEY" in refusal(url)


@pytest.mark.parametrize(
    ("action", "profiles", "variables", "message"),
    [
        (
            "run",
            "",
            {"PREFECT_CLIENT_MAX_RETRIES": "pl4nted"},
            "max_retries: Input should be a valid integer",
        ),
        ("status", "nonsense [", {}, "TOMLDecodeError: Expected '='"),
    ],
)
def test_settings_that_prefect_cannot_read_are_said_and_no_traceback(
    action: str, profiles: str, variables: dict[str, str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "profiles.toml").write_text(profiles)
    words = [sys.executable, ROOT / "flows" / "main.py", action, "--json", "--state", tmp_path / "state"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {**own, "PREFECT_HOME": str(tmp_path), **variables}
    run = subprocess.run(
        list(map(str, words)), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 2
    assert f"✗ read Prefect's settings: {message}" in run.stderr
    assert "Traceback" not in run.stderr
    assert "pl4nted" not in run.stderr + run.stdout
    assert json.loads(run.stdout)["ok"] is False


def test_a_socks_proxy_is_said_before_every_client_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "find_spec", lambda _: None)
    monkeypatch.setattr(reach, "getproxies", lambda: {"all": "socks5://user:secret@proxy:1"})
    with pytest.raises(Misconfigured, match="SOCKS") as found:
        reach.check_proxies()
    assert "secret" not in str(found.value)
    monkeypatch.setattr(reach, "getproxies", lambda: {"http": "http://proxy:1"})
    reach.check_proxies()


@pytest.mark.parametrize("name", [":/etc/passwd", "/etc/passwd", "../../../etc/passwd"])
def test_a_time_zone_that_is_another_file_is_said_before_anything_starts(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", name)
    with pytest.raises(Misconfigured, match="unset TZ"):
        reach.check_time_zone()


@pytest.mark.parametrize(
    "name", ["", ":", "UTC0", "CET-1CEST,M3.5.0", "Nowhere/Nothing", "Europe/Berlin", "💥"]
)
def test_other_time_zones_are_no_reason_not_to_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days are in UTC or the project's zone, whatever the machine's is."""
    monkeypatch.setenv("TZ", name)
    reach.check_time_zone()


@pytest.mark.parametrize(
    ("soft", "hard", "message"),
    [
        (40, 40, "this process may have 40 open at once"),
        (40, 127, "this process may have 127 open at once"),
        (40, 500, "500"),
        (600, 600, "600"),
    ],
)
def test_a_run_may_open_files_enough_or_is_refused(soft: int, hard: int, message: str) -> None:
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from blocks.errors import Misconfigured
from flows.reach import raise_file_limit
try:
    raise_file_limit()
except Misconfigured as error:
    print(error)
else:
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert message in run.stdout


@pytest.mark.parametrize(
    ("megabytes", "message"), [(4000, "4,000 MB of addresses"), (80_000, "enough"), (-1, "enough")]
)
def test_a_process_may_have_addresses_enough_or_the_run_is_refused(
    megabytes: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = megabytes * 2**20 if megabytes > 0 else resource.RLIM_INFINITY
    monkeypatch.setattr(reach.resource, "getrlimit", lambda _: (limit, limit))
    said = "enough"
    try:
        reach.check_address_limit()
    except Misconfigured as error:
        said = str(error)
    assert message in said


@pytest.mark.parametrize(("status", "message"), [(500, "make room on its disk"), (422, "of this version")])
def test_a_server_that_can_not_record_a_run_is_said_with_what_to_do(status: int, message: str) -> None:
    """As where the disk of its database is full."""
    request = httpx.Request("POST", "http://127.0.0.1:1/api/flow_runs/")
    refused = PrefectHTTPStatusError("", request=request, response=httpx.Response(status))
    found = reach.explain_api_failure(refused)
    assert found
    assert f"it answered {status}" in str(found)
    assert message in str(found)
    assert reach.explain_api_failure(ValueError("other")) is None


def test_prefects_server_that_does_not_answer_any_more_is_not_taken_for_another() -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        for url, known in (("http://127.0.0.1:1/api/flow_runs/", True), ("http://127.0.0.1:1/x", False)):
            found = reach.explain_api_failure(httpx.ConnectError("", request=httpx.Request("POST", url)))
            assert (found is not None) == known
        assert reach.explain_api_failure(httpx.ConnectError("of no request")) is None
