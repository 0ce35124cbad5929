"""Prefect's temporary server: there while the run is, gone with it, however it ends."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from blocks.errors import Unavailable
from flows import local_server
from flows.local_server import LocalServer
from flows.warmup import reach_loopback_directly
from tests.conftest import ROOT

RUN = "from flows.local_server import LocalServer; s = LocalServer(); s.wait(); print(s.url, flush=True); input()"

CLIENT_KEEPS_SECONDS = 5  # httpx's keepalive_expiry, https://www.python-httpx.org/advanced/resource-limits/


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    ours = {"PREFECT_HOME": str(tmp_path_factory.mktemp("prefect"))}
    return {**{k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}, **ours}


@pytest.mark.parametrize("signalled", [signal.SIGKILL, None], ids=["killed", "ended"])
def test_it_ends_with_its_run(environment: dict[str, str], signalled: signal.Signals | None) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        cwd=ROOT,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert run.stdout
    url = run.stdout.readline().strip()
    assert httpx.get(f"{url}/health").json() is True
    assert httpx.post(f"{url}/flows/count").json() == 0
    if signalled:
        run.send_signal(signalled)
        run.communicate(timeout=60)
    else:
        run.communicate("\n", timeout=60)
    for _ in range(300):
        try:
            httpx.get(f"{url}/health", timeout=1)
        except httpx.HTTPError:
            return
        time.sleep(0.1)
    pytest.fail("the server outlived its run")


@pytest.fixture(scope="module")
def server(environment: dict[str, str]) -> Iterator[LocalServer]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.delenv("PREFECT_API_URL", raising=False)
        server = LocalServer()
    server.wait()
    yield server
    server.stop()


def test_one_that_is_killed_is_started_again_on_the_same_address(server: LocalServer) -> None:
    with httpx.Client(base_url=server.url, timeout=120) as client:
        flow = client.post("/flows/", json={"name": "kept"}).json()["id"]
        server._process.kill()
        server._process.wait()
        started = time.monotonic()
        while True:
            try:
                found = client.get(f"/flows/{flow}")
                break
            except httpx.HTTPError:  # what was under way when it died
                assert time.monotonic() < started + 120
        assert found.json()["name"] == "kept"


def test_one_that_is_silent_or_killed_again_and_again_is_given_up_at_once(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """First it is stopped, which is found out; then killed whenever it is there. Requests are not tried again."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(local_server, "PATROL_SECONDS", 0.1)
    lost: queue.Queue[str] = queue.Queue()
    server = LocalServer(tell_lost=lambda reason: lost.put(str(reason)))
    server.wait()
    monkeypatch.setattr(local_server, "LOOK_SECONDS", 0.2)
    for number in range(local_server.MOST_STARTS - 1):
        previous = server._process
        previous.send_signal(signal.SIGKILL if number else signal.SIGSTOP)
        deadline = time.monotonic() + 120
        while server._process is previous:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        monkeypatch.setattr(local_server, "PATROL_SECONDS", 60)
    assert lost.empty()
    server._process.kill()
    assert "its process ended 4 times" in lost.get(timeout=60)
    told = time.monotonic()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert client.post("/flow_runs/", json={"name": "x" * 100_000}).status_code == 410
        assert client.post("/logs/", json=[]).status_code == 204
    assert time.monotonic() - told < 5
    server.stop()


def test_its_database_is_the_states_own_whatever_the_folder_is_called(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own database, in Prefect's folder, is not even made; a proxy is not asked."""
    home = tmp_path / "home"
    for name, value in {**environment, "PREFECT_HOME": str(home), "HTTP_PROXY": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    database = tmp_path / "a b$c?d#e%f[g]*h" / "prefect.db"
    server = LocalServer(database)
    server.wait()
    server.stop()
    assert database.is_file()
    assert not (home / "prefect.db").exists()


def test_loopback_goes_past_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    from urllib.request import proxy_bypass

    for name in ("http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "intern.example")
    monkeypatch.setenv("no_proxy", "intern.example")
    reach_loopback_directly()
    assert proxy_bypass("127.0.0.1")
    assert proxy_bypass("intern.example")
    assert not proxy_bypass("example.org")


def test_task_runs_made_side_by_side_are_all_taken(server: LocalServer) -> None:
    """On Prefect's own configuration of SQLite some are refused as locked; each then costs a run seconds."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        flow = client.post("/flows/", json={"name": "side by side"}).json()["id"]
        run = client.post("/flow_runs/", json={"flow_id": flow}).json()["id"]

        def make(number: int) -> int:
            wanted = {"flow_run_id": run, "task_key": "t", "dynamic_key": str(number), "name": f"t{number}"}
            return client.post("/task_runs/", json=wanted).status_code

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(make, range(200))) == {201}


def test_a_connection_is_kept_longer_than_clients_keep_it_and_answers_at_once(server: LocalServer) -> None:
    """Head and body are two writes: held back together, each answer takes the 40 ms of a delayed acknowledgement."""
    address, seconds = httpx.URL(server.url), []
    with closing(HTTPConnection(address.host, address.port or 80)) as connection:
        for pause in (0, CLIENT_KEEPS_SECONDS + 1):
            time.sleep(pause)
            connection.request("GET", f"{address.path}/health")
            assert connection.getresponse().read() == b"true"
            assert connection.sock is not None
        for _ in range(60):  # the first ones are acknowledged at once
            begun = time.monotonic()
            connection.request("GET", f"{address.path}/admin/version")
            connection.getresponse().read()
            seconds.append(time.monotonic() - begun)
    assert min(seconds[30:]) < 0.03


def test_one_that_cannot_start_is_a_clear_error(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (tmp_path / "no-database").mkdir()
    monkeypatch.setenv(
        "PREFECT_SERVER_DATABASE_CONNECTION_URL", f"sqlite+aiosqlite:///{tmp_path}/no-database"
    )
    server = LocalServer()
    with pytest.raises(Unavailable, match="temporary server"):
        server.wait()
    server.stop()
