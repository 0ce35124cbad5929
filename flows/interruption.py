"""Ctrl-C and SIGTERM of a run in a terminal: it ends, and its tickets hear of it.

Prefect swallows an interrupt that comes between two flows, so it is kept, and asked for before each stage. While the
tickets are answered a second one waits; a third ends the process at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_came = 0
_answering = False


@contextmanager
def handle_interrupts() -> Iterator[None]:
    """In here both signals are kept, also where a shell started this process to ignore them."""
    global _came, _answering
    _came, _answering = 0, False
    before = {number: signal.signal(number, _take) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: not one of Python's


def check_interrupt() -> None:
    """Raise KeyboardInterrupt if one came and was swallowed."""
    if _came:
        raise KeyboardInterrupt


def find_interrupt(error: BaseException | None) -> BaseException | None:
    """The interrupt that another error stands for; None for an error of its own.

    DuckDB raises one that comes during a query as the cause of an error of its own, for one.
    """
    while error is not None:
        if not isinstance(error, Exception):
            return error
        error = error.__cause__ or error.__context__
    return None


def answer_first() -> None:
    """From here on the tickets are answered: one more interrupt does not end that."""
    global _answering  # one process, one end
    _answering = True


def _take(number: int, frame: FrameType | None) -> None:
    global _came
    _came += 1
    if _came > 2:
        os._exit(128 + number)
    if _came == 2 or _answering:
        sys.stderr.write("\nThe run is ending and answers its tickets; once more ends it at once.\n")
        return
    raise KeyboardInterrupt
