"""This side of dbt's process: starting it, asking it, ending it. The other side is worker.py."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from blocks.deadline import Deadline
from blocks.errors import BuildFailed

ROOT = Path(__file__).resolve().parents[2]
EXIT_SECONDS = 15
LOOK_SECONDS = 1.0
_NO_EXTENSION = re.compile(r'Failed to download extension "(\w+)"')


class DbtWorker:
    """dbt's process. Closing it ends dbt and its queries; so does the death of this process.

    environment: variables of its own beside this process's. log: file that gets what it prints.
    """

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs, log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # this Python, and a module of ours
                [sys.executable, "-m", "blocks.dbt.worker", str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, **environment},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            self._connection = Connection(ours.detach())
        self._asked: str | None = None
        self._log = log

    def ask(self, command: str, **arguments: object) -> None:
        """Send a command, to be answered later. Raises BuildFailed if the process is gone."""
        self._asked = command
        with self._close_on_error():
            self._connection.send((command, arguments))

    def answer(self, deadline_seconds: float, go_on: Callable[[], None] = lambda: None) -> Any:
        """Wait for the answer to what was asked. Raises TimedOut, BuildFailed; then the process is gone.

        go_on: called every second meanwhile; what it raises ends the process too.
        """
        deadline = Deadline(f"dbt {self._asked}", deadline_seconds, f"See {self._log}.")
        with self._close_on_error():
            while not self._connection.poll(min(LOOK_SECONDS, deadline.check())):
                go_on()
            status, answer = self._connection.recv()
        command, self._asked = self._asked, None
        if status == "error":
            raise BuildFailed(
                f"dbt {command}", answer, suggest_remedy(str(answer), self._log.parent / "dbt.log")
            )
        return answer

    @property
    def is_asked(self) -> bool:
        """True while an answer is outstanding."""
        return self._asked is not None

    @contextmanager
    def _close_on_error(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self.close()
            raise BuildFailed(f"dbt {self._asked}", "its process ended", f"See {self._log}.") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End an idle process; interrupt a busy one, give it time to cancel its queries, then end it."""
        self._connection.close()
        if self.is_asked and self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()


def suggest_remedy(answer: str, log: Path) -> str:
    """What to do about dbt's own words. log: where the rest of them is."""
    if extension := _NO_EXTENSION.search(answer):
        return (
            f"The project's profiles.yml asks for DuckDB's extension {extension[1]}, which can't be fetched from here: "
            f"install it once by `install {extension[1]}` in a DuckDB that has a network, or take it out of "
            "`extensions`, if no model needs it."
        )
    return f"See {log}."
