"""A process of a run: the command line's, dbt's, the temporary server's. Each starts and ends without idle seconds."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable

OBJECTS = (
    100_000  # made, less freed, before Python looks for cycles; its own 700 costs a quarter of import time
)


def run(main: Callable[[], int | None]) -> None:
    """Run a program and exit with what it returns; 1 for an error nobody expected.

    It leaves without taking loaded libraries apart, a second a process; what is registered at exit is still done.
    """
    code = [1]

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code[0])

    atexit.register(leave)  # the first to be registered is the last to be called
    gc.set_threshold(OBJECTS)
    try:
        code[0] = main() or 0
    except SystemExit as stop:  # argparse's
        code[0] = int(stop.code or 0)
