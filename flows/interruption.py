"""Ctrl-C, SIGTERM and a closed terminal: a run ends, and its tickets hear of it. So it does where `end_run` says why.

Prefect swallows an interrupt that comes between two flows, so it is kept, and asked for before each stage. While the
tickets are answered a second one waits; a third ends the process at once.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from blocks.errors import PlatformError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_OURS = signal.SIGUSR1
_came = 0
_answering = _handling = False
_reason: PlatformError | None = None


@contextmanager
def handle_interrupts() -> Iterator[None]:
    """In here these signals are kept, also where a shell started this process to ignore them (but for `nohup`)."""
    global _came, _answering, _handling, _reason
    _came, _answering, _reason = 0, False, None
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    kept = [number for number in _SIGNALS if not (ignored and number == signal.SIGHUP)]
    before = {number: signal.signal(number, _take) for number in kept}
    before[_OURS] = signal.signal(_OURS, _take_ours)
    _handling = True
    try:
        yield
    finally:
        _handling = False
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: not one of Python's


def end_run(reason: PlatformError) -> None:
    """End what the command line does, from any thread, as an interrupt would; the first reason is the one it tells."""
    global _reason
    if _reason is None and _handling:
        _reason = reason
        signal.pthread_kill(threading.main_thread().ident or 0, _OURS)


def find_reason() -> PlatformError | None:
    """Why `end_run` ended it, if it did."""
    return _reason


def check_interrupt() -> None:
    """Raise KeyboardInterrupt if one came and was swallowed."""
    if _came or _reason:
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


def _take_ours(number: int, frame: FrameType | None) -> None:
    if not (_came or _answering):  # else it ends already
        raise KeyboardInterrupt


def _leave_terminal() -> None:
    """Send to nowhere what would be said in a terminal that is closed: each line would be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        if stat.S_ISCHR(os.fstat(stream).st_mode):
            os.dup2(nowhere, stream)
    os.close(nowhere)


def _take(number: int, frame: FrameType | None) -> None:
    global _came
    _came += 1
    if number == signal.SIGHUP:
        _leave_terminal()
    if _came > 2:
        os._exit(128 + number)
    if _came == 2 or _answering:
        sys.stderr.write("\nThe run is ending and answers its tickets; once more ends it at once.\n")
        return
    raise KeyboardInterrupt
