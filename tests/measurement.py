"""What coverage leaves alone: code of others that calls none of ours. Measured, it takes twice its time for nothing.

Coverage traces every line of every package and then keeps ours. Here tracing is off for as long as such code runs.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from types import FrameType, ModuleType
from typing import Any

OURS = ("flows", "tasks", "blocks")
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
        _switch(None)
        try:
            return function(*arguments, **options)
        finally:
            _switch(trace)

    return call


_paused = threading.local()
"""trace: what measures this thread, while that is paused."""


@contextmanager
def pause_measuring() -> Iterator[None]:
    """Let this thread, and those that it starts meanwhile, run without coverage; modules of ours are measured."""
    begin: Any = threading.gettrace()
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        with _pause_here():
            yield
    finally:
        threading.settrace(begin)


@contextmanager
def _pause_here() -> Iterator[None]:
    trace = sys.gettrace()
    if trace is None:
        yield
        return
    before = getattr(_paused, "trace", None)
    _paused.trace = trace
    _switch(None)
    try:
        yield
    finally:
        _switch(trace)
        _paused.trace = before


def leave_imports_unmeasured() -> None:
    """Let other modules than ours be imported without coverage, and ours with it, also where it is paused."""
    if sys.gettrace() is None:
        return
    loader: Any = SourceFileLoader
    plain = loader.exec_module

    def exec_module(self: SourceFileLoader, module: ModuleType) -> None:
        if module.__name__.partition(".")[0] not in OURS:
            with _pause_here():
                plain(self, module)
        elif sys.gettrace() is None and (trace := getattr(_paused, "trace", None)):
            _switch(trace)
            try:
                plain(self, module)
            finally:
                _switch(None)
        else:
            plain(self, module)

    # a warning is told of who imports: frames of this name are passed over
    exec_module.__code__ = exec_module.__code__.replace(co_filename="<importlib._bootstrap, unmeasured>")
    loader.exec_module = exec_module


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


def _switch(trace: Any) -> None:
    """Stop what measures this thread (None), or let it go on.

    Coverage counts calls and returns: it never hears of the return from the one, nor of the call of the other. So
    both have to be called from the same depth, or it takes one function's lines for another's from then on.
    """

    def change() -> None:
        _plain_set_trace(trace)
        if trace is not None:
            _begin()

    _insist(change)


def _begin() -> None:
    """Nothing: coverage takes over again at the next call, which has to come before the caller goes on."""
