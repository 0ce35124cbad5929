"""A process of a run: the command line's, dbt's, the temporary server's. Each starts and ends without idle seconds,
and what another process started ends with it.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

_hurried = threading.Event()
OBJECTS = 100_000  # made before Python looks for cycles; its own 700 costs a quarter of import time


def run(main: Callable[[], int | None]) -> None:
    """Run a program and exit with what it returns; 1 for an error nobody expected.

    It skips the interpreter's teardown, a second a process; what is registered at exit is still done.
    """
    code = [1]

    def leave() -> None:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # None: it was closed before the start
            with suppress(OSError):  # nobody reads it any more
                stream.flush()
        os._exit(code[0])

    atexit.register(leave)  # the first to be registered is the last to be called
    gc.set_threshold(OBJECTS)
    try:
        code[0] = main() or 0
    except SystemExit as stop:  # argparse's
        code[0] = int(stop.code or 0)
    if _hurried.is_set():
        leave()


def leave_at_once() -> None:
    """When main returns, skip what is registered at exit, too: it would wait for a server that does not answer."""
    _hurried.set()


def end_with_parent(tell: Callable[[], None], grace_seconds: float) -> None:
    """Watch standard input, the lifeline: at its end tell main to end; after a grace leave without it."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        tell()
        time.sleep(grace_seconds)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
