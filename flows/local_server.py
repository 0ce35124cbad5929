"""Prefect's server for one run on one machine: a process of its own that ends with the run, however it ends.

The same application as Prefect's own temporary server. Not that one itself, since it outlives a killed run and
has the run import the whole server first. `python -m flows.local_server FD` is the process.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from blocks.child_process import end_with_parent, run
from blocks.vendor_patches.prefect import TEMPORARY_SERVER, immediate_transactions
from flows.warmup import sqlite_url

ROOT = Path(__file__).resolve().parents[1]
STARTUP_SECONDS = 180  # two slow cores, and a database to be made
STOP_SECONDS = 5
KEEP_SECONDS = 60  # longer than clients do: one that meets a closing connection tries again after seconds
ENVIRONMENT = {"PREFECT_UI_ENABLED": "0", **TEMPORARY_SERVER}


class LocalServer:
    """Started at once; `wait` before the first use, `stop` if there is none. url: its API's address."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", __name__, str(listening.fileno())],
                cwd=ROOT,
                env={**os.environ, **ENVIRONMENT},
                pass_fds=[listening.fileno()],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
        atexit.register(self.stop)  # the last to be called: Prefect sends its last events at exit too

    def wait(self) -> None:
        """Return once it answers. Raises Unavailable where it does not."""
        import httpx

        from blocks.errors import Unavailable

        try:
            httpx.get(f"{self.url}/health", timeout=STARTUP_SECONDS).raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(
                "start Prefect's temporary server",
                type(error).__name__,
                "Run it again, or set PREFECT_API_URL to a server that runs.",
            ) from None

    def stop(self) -> None:
        """End it; a second call does nothing."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(descriptor: int) -> None:
    """Serve on a listening socket until standard input ends: with `stop`, or with the parent."""
    servers: list[Any] = []

    def request_stop() -> None:
        if not servers:  # still being loaded
            os._exit(0)
        servers[0].should_exit = True

    end_with_parent(request_stop, STOP_SECONDS)
    import uvicorn

    config = uvicorn.Config(
        "prefect.server.api.server:create_app",
        factory=True,
        fd=descriptor,
        log_level="critical",
        lifespan="on",
        timeout_graceful_shutdown=0,
        timeout_keep_alive=KEEP_SECONDS,
    )
    servers.append(uvicorn.Server(config))
    with immediate_transactions(sqlite_url()):
        servers[0].run()


if __name__ == "__main__":
    run(lambda: serve(int(sys.argv[1])))
