"""What coverage leaves alone: code of others that calls none of ours. Measured, it takes twice its time for nothing.

Coverage traces every line of every package and then keeps ours. Here tracing is off for as long as such code runs.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

THREADS = ("socketserver", "uvicorn", "anyio", "prefect._internal", "tests.blocks.warehouse.snowflake")
"""Where threads begin that run none of our code: stand-ins' servers, Prefect's calls of its server."""
CALLS = (
    ("sqlglot", "parse"),
    ("sqlglot", "parse_one"),
    ("sqlglot.expressions", "Expr.sql"),
    ("sqlglot.expressions", "Expression.sql"),
    ("yaml", "safe_load"),
    ("httpx", "Client.send"),
    ("urllib3.connectionpool", "HTTPConnectionPool.urlopen"),
)
"""Functions that call nothing of ours back."""


def keep_python_out_of_tracing() -> None:
    """Load filelock without its audit hook, so that no Python runs while a trace function is set.

    CPython 3.11 refuses to set one while another thread is about to, and a thread that begins then ends at once. Only
    a hook in Python lets another thread in there. filelock's watches for forks, of which it hears in another way, too.
    """
    hook, sys.addaudithook = sys.addaudithook, lambda _: None
    try:
        importlib.import_module("filelock")
    finally:
        sys.addaudithook = hook


def leave_threads_unmeasured() -> None:
    """Let the threads that begin in THREADS run without coverage."""
    measure: Any = threading.gettrace()
    if measure is None:
        return
    sys.settrace = _set_trace  # what threads of Python's own begin with

    def choose(frame: FrameType, event: str, argument: Any) -> Any:
        thread = frame.f_locals.get("self")
        begin = getattr(thread, "_target", None) or type(thread)
        if (getattr(begin, "__module__", None) or "").startswith(THREADS):
            sys.settrace(None)
            return None
        return _insist(lambda: measure(frame, event, argument))

    threading.settrace(choose)


def leave_libraries_unmeasured() -> None:
    """Let CALLS run without coverage."""
    if sys.gettrace() is None:
        return
    for module, path in CALLS:
        holder: Any = importlib.import_module(module)
        *outer, name = path.split(".")
        for step in outer:
            holder = getattr(holder, step)
        setattr(holder, name, leave_unmeasured(getattr(holder, name)))


def leave_unmeasured(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, run without coverage."""

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        trace = sys.gettrace()
        if trace is None:
            return function(*arguments, **options)
        sys.settrace(None)
        try:
            return function(*arguments, **options)
        finally:
            sys.settrace(trace)
            _begin()

    return call


_plain_set_trace = sys.settrace


def _set_trace(function: Any) -> None:
    _insist(lambda: _plain_set_trace(function))


def _insist(change: Callable[[], Any]) -> Any:
    """Change what traces this thread. Python 3.11 refuses to while another thread is about to."""
    for _ in range(1000):
        try:
            return change()
        except RuntimeError:
            time.sleep(0.001)
    return change()


def _begin() -> None:
    """Nothing: coverage takes over again at the next call, which has to come before the caller goes on."""
