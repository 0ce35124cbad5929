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
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blocks.child_process import end_with_parent, run
from blocks.errors import PlatformError, Unavailable
from blocks.vendor_patches.prefect import TEMPORARY_SERVER, use_immediate_transactions
from flows.reach import find_settings_fault
from flows.warmup import DATABASE_URL, find_sqlite_url, prepare_database_url

ROOT = Path(__file__).resolve().parents[1]
STARTUP_SECONDS = 180  # two slow cores, and a database to be made
STOP_SECONDS = 5
LOOK_SECONDS = 2.0
MOST_STARTS = 4
PATROL_SECONDS, MOST_SILENT, MOST_LOADING = 15.0, 4, 12
"""Between two looks whether it answers; looks in a row that it may miss, and may while it is being loaded again."""
KEEP_SECONDS = 60  # longer than clients do: one that meets a closing connection tries again after seconds
ENVIRONMENT = {"PREFECT_UI_ENABLED": "0", **TEMPORARY_SERVER}


class LocalServer:
    """Started at once; `wait` before the first use, `stop` if there is none. url: its API's address.

    database: the file of its database, made where there is none; not the one in the user's own Prefect folder.
    One that ends before the run does, or is silent, is started again on the same address: who asks meanwhile waits for
    it. One that ends again and again is given up: tell_lost hears why, in a thread, and who asks is refused at once.
    """

    def __init__(
        self, database: Path | None = None, tell_lost: Callable[[PlatformError], None] | None = None
    ) -> None:
        self._tell_lost = tell_lost
        self._environment = {**os.environ, **ENVIRONMENT}
        if database and not self._environment.get(DATABASE_URL):
            self._environment[DATABASE_URL] = prepare_database_url(database)
        self._database = self._environment.get(DATABASE_URL, "in Prefect's folder")
        self._listening = socket.create_server(("127.0.0.1", 0))
        # as accepted connections get it: a short answer is sent at once, and not 40 ms after its head
        self._listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/api"
        self._stopping = threading.Event()
        self._answered = False
        self._process = self._start()
        threading.Thread(target=self._watch, daemon=True).start()
        atexit.register(self.stop)  # the last to be called: Prefect sends its last events at exit too

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  # this Python, and this module
            [sys.executable, "-m", __name__, str(self._listening.fileno())],
            cwd=ROOT,
            env=self._environment,
            pass_fds=[self._listening.fileno()],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def _watch(self) -> None:
        """Start it again when it ends before the run, some times; then give it up."""
        for number in range(MOST_STARTS - 1):
            self._await_end(again=number > 0)
            if self._stopping.is_set() or not self._answered:
                break
            self._close_lifeline()
            self._process = self._start()
        else:
            self._await_end(again=True)
        if self._stopping.is_set() or not self._answered:  # the second is said by who waits for the start
            self._listening.close()
            return
        if self._tell_lost:
            self._tell_lost(
                Unavailable(
                    "record the run on Prefect's temporary server",
                    f"its process ended {MOST_STARTS} times, whenever it was started again",
                    "Something ends it: as a rule the system, where memory is short (its log says so), or a full disk. "
                    "Mend that, or set PREFECT_API_URL to a server that runs. Then run it again: what was done is "
                    "kept.",
                )
            )
        _refuse_all(self._listening)

    def _await_end(self, again: bool) -> None:
        """Return when the process has ended; one that is silent look after look (stopped, stuck) is ended.

        again: it was started again, so that nobody has seen it answer yet.
        """
        silent, has_answered = 0, not again
        while silent < (MOST_SILENT if has_answered else MOST_LOADING) or self._stopping.is_set():
            try:
                self._process.wait(PATROL_SECONDS)
            except subprocess.TimeoutExpired:
                if self._answered:
                    answers = not self._ask_health()
                    silent, has_answered = (0, True) if answers else (silent + 1, has_answered)
            else:
                return
        self._process.kill()
        self._process.wait()

    def _close_lifeline(self) -> None:
        """Close what tells the process that this one lives."""
        if self._process.stdin:
            self._process.stdin.close()

    def wait(self) -> None:
        """Return once it answers. Raises TimedOut where it does not, Unavailable at once where it has ended."""
        from blocks.deadline import Deadline
        from blocks.http.polling import Pauses, Pending, poll_until

        asked = "start Prefect's temporary server"
        remedy = (
            f"If its database ({self._database}) is damaged, can't be written or is a newer version's, move it away:"
            " a new one is made. Or set PREFECT_API_URL to a server that runs."
        )

        def look() -> Pending | None:
            fault = self._ask_health()
            if fault and self._process.poll() is not None:
                raise Unavailable(asked, "it ended while it started", remedy)
            return Pending(fault) if fault else None

        poll_until(
            look, Deadline(asked, STARTUP_SECONDS, remedy), Pauses(LOOK_SECONDS / 20, LOOK_SECONDS / 20)
        )
        self._answered = True

    def _ask_health(self) -> str:
        """Why it does not answer; nothing if it does."""
        import httpx

        try:
            httpx.get(f"{self.url}/health", timeout=LOOK_SECONDS, trust_env=False).raise_for_status()
        except httpx.TimeoutException:
            return "it does not answer"  # it is still being loaded
        except httpx.HTTPError as error:
            return type(error).__name__
        return ""

    def stop(self) -> None:
        """End it; a second call does nothing."""
        self._stopping.set()
        self._close_lifeline()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _refuse_all(listening: socket.socket) -> None:
    """Answer in place of a server that is gone for good, until this process ends.

    "Gone" is what Prefect's client does not try again; refused connections cost it a minute at each request. Lines of
    logs are taken and dropped: a refusal of those would be printed.
    """
    from http import HTTPStatus
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Refusing(BaseHTTPRequestHandler):
        def refuse(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)  # unread, it would be a broken connection
            self.send_response(HTTPStatus.NO_CONTENT if self.path.endswith("/logs/") else HTTPStatus.GONE)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):  # and an HTTP method's name
                return self.refuse
            raise AttributeError(name)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(listening.getsockname(), Refusing, bind_and_activate=False) as server:
        server.socket.close()
        server.socket = listening
        server.serve_forever()


def serve(descriptor: int) -> None:
    """Serve on a listening socket until standard input ends: with `stop`, or with the parent."""
    servers: list[Any] = []

    def request_stop() -> None:
        if not servers:  # still being loaded
            os._exit(0)
        servers[0].should_exit = True

    end_with_parent(request_stop, STOP_SECONDS)
    if find_settings_fault():  # whoever waits for it says that
        os._exit(1)
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
    with use_immediate_transactions(find_sqlite_url()):
        servers[0].run()


if __name__ == "__main__":
    run(lambda: serve(int(sys.argv[1])))
