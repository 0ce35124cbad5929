"""Prefect's temporary server: there while the run is, gone with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from blocks.errors import Unavailable
from flows.local_server import LocalServer
from tests.conftest import ROOT

RUN = "from flows.local_server import LocalServer; s = LocalServer(); s.wait(); print(s.url, flush=True); input()"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    ours = {"PREFECT_HOME": str(tmp_path_factory.mktemp("prefect"))}
    return {**{k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}, **ours}


@pytest.mark.parametrize("signalled", [signal.SIGKILL, None], ids=["killed", "ended"])
def test_it_ends_with_its_run(environment: dict[str, str], signalled: signal.Signals | None) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert run.stdout
    url = run.stdout.readline().strip()
    assert httpx.get(f"{url}/health").json() is True
    assert httpx.post(f"{url}/flows/count").json() == 0
    if signalled:
        run.send_signal(signalled)
        run.wait()
    else:
        run.communicate("\n", timeout=60)
    for _ in range(300):
        try:
            httpx.get(f"{url}/health", timeout=1)
        except httpx.HTTPError:
            return
        time.sleep(0.1)
    pytest.fail("the server outlived its run")


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
