"""What a run of the tests started and did not end: a worker that crashes leaves its servers behind.

One of them, left alone, holds the output of whoever started the tests, who then waits for its end for ever.
"""

from __future__ import annotations

import os
from contextlib import suppress
from uuid import uuid4

import psutil

MARK = "TESTS_STARTED_BY"
"""In the environment of all that a run of the tests starts, the run's own processes included."""


def mark() -> str | None:
    """Mark what this process starts; None where it was itself started by a run of tests, whose mark stays."""
    if MARK in os.environ:
        return None
    os.environ[MARK] = uuid4().hex
    return os.environ[MARK]


def end_marked(mark: str) -> list[str]:
    """End what bears the mark, but for this process; the command line of each."""
    ended = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                ended.append(" ".join(process.cmdline())[:200])
                process.kill()
    return ended
