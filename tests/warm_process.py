"""Python processes that are forked from one that has the slow imports behind it: Prefect's, dbt's, dlt's.

A run of the command line spends half of its processor time on importing, and so does every process of dbt. What is
forked is a process of its own, with its own memory, environment, streams and exit code, as one freshly started; but it
is no child of whoever asked, and its command line is the parent's. What a test says of process trees, signals or a
start needs a real start.

`python -m tests.warm_process` is the parent; it ends with its standard input.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import json
import logging
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = (
    "dbt.cli.main",
    "dbt.adapters.factory",
    "dbt.adapters.duckdb",
    "dbt.task.build",
    "prefect_dbt",
    "prefect.flow_engine",
    "blocks.vendor_patches.prefect_dbt",
    "blocks.dbt.release_manifest",
    "great_expectations",
    "flows.cli",
    "flows.local",
    "flows.status",
    "flows.terminal",
    "flows.deliver",
    "flows.rollback",
    "blocks.loader.dlt.loader",
    "blocks.site.html.site",
    "blocks.tracker.files.tracker",
    "blocks.warehouse.duckdb.warehouse",
)
READ_AT_IMPORT = (
    "PREFECT_",
    "DBT_ADAPTER_GUARD",
    "GX_",
    "RUNTIME__",
    "PYTHON",
    "COVERAGE_",
    "LC_",
    "LANG",
    "TZ",
    "NO_COLOR",
)
"""Variables that a library reads when it is imported: where they differ, the process has to be a fresh one."""
FIRST_FREE = 500
"""File descriptors from here on are out of the way of those a process is given."""


class WarmParent:
    """The process that the others are forked from; this process's environment is theirs. module: what it runs."""

    def __init__(self, address: Path, module: str = "tests.warm_process") -> None:
        self._address = address
        self._environment = dict(os.environ)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(address)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        while not address.exists():  # it listens once it can fork; whoever asks before it does waits
            assert self._process.poll() is None, "the parent of the forked processes did not start"
            time.sleep(0.05)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def popen(self, args: Sequence[str], **options: Any) -> Any:
        """As subprocess.Popen; forked where that is the same."""
        return warm_popen(self._address, self._environment, args, **options)


def warm_popen(address: Path, known: Mapping[str, str], args: Sequence[str], **options: Any) -> Any:
    """As subprocess.Popen: forked from the parent at `address` where that is the same, else started."""
    environment = options.get("env") or os.environ
    cwd = Path(options.get("cwd") or os.getcwd())
    if args[0] != sys.executable or cwd != ROOT or _read_at_import(environment) != _read_at_import(known):
        return subprocess.Popen(args, **options)  # type: ignore[call-overload]
    return WarmProcess(address, args[1:], environment, options)


def _read_at_import(environment: Mapping[str, str]) -> dict[str, str]:
    from flows.warmup import SETTINGS  # the command line sets them itself

    ours = {*SETTINGS, "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"}
    return {k: v for k, v in environment.items() if k.startswith(READ_AT_IMPORT) and k not in ours}


def stand_in_subprocess(popen: Callable[..., Any]) -> Any:
    """The module `subprocess`, for one that starts processes with Popen alone."""
    return SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired)


class WarmProcess:
    """A forked process, to those who started it: the part of subprocess.Popen that is used."""

    def __init__(
        self, address: Path, args: Sequence[str], environment: Mapping[str, str], options: Mapping[str, Any]
    ) -> None:
        self.args = [sys.executable, *args]
        self.returncode: int | None = None
        self.stdin: IO[bytes] | None = None
        theirs = [os.open(os.devnull, os.O_RDONLY), os.dup(1), os.dup(2)]
        for at, name in enumerate(("stdin", "stdout", "stderr")):
            stream = options.get(name)
            if stream is None or stream == subprocess.DEVNULL:
                continue
            os.close(theirs[at])
            if stream == subprocess.PIPE:
                assert name == "stdin", "only standard input can be a pipe"
                theirs[at], writing = os.pipe()
                self.stdin = os.fdopen(writing, "wb", buffering=0)
            else:
                theirs[at] = os.dup(stream if isinstance(stream, int) else stream.fileno())
        passed = list(options.get("pass_fds", ()))
        wish = {
            "args": list(args),
            "environment": dict(environment),
            "session": bool(options.get("start_new_session")),
            "descriptors": [0, 1, 2, *passed],
        }
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.connect(str(address))
        socket.send_fds(self._connection, [json.dumps(wish).encode()], [*theirs, *passed])
        for descriptor in theirs:
            os.close(descriptor)
        self.pid = int(self._connection.recv(100))

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(self._connection.recv(100) or 1)
            self._connection.close()
        return self.returncode

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def serve(address: str) -> list[Callable[[], object]]:
    """Fork a process for each that asks until standard input ends.

    Returns in the forked process, ready to be it: a list of what that does at its very end, after all the libraries.
    """
    last: list[Callable[[], object]] = []
    atexit.register(lambda: [end() for end in last])  # the first to be registered is the last to be called
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(address)
    listening.listen(16)
    from flows.warmup import SETTINGS

    known = dict(os.environ)
    os.environ.update({name: value for name, value in SETTINGS.items() if name not in known})
    for name in IMPORTS:
        importlib.import_module(name)
    worker_client: Any = importlib.import_module("blocks.dbt.worker_client")
    worker_client.subprocess = stand_in_subprocess(
        lambda args, **options: warm_popen(Path(address), known, args, **options)
    )
    gc.collect()
    gc.freeze()  # what is there is shared, as long as nobody writes to it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listening, 0], [], [])
        if 0 in ready:
            os._exit(0)
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _keep(connection)
            return last
        connection.close()


def _keep(connection: socket.socket) -> None:
    """Fork once more: the first tells who asked how the second ended. Returns in the second."""
    message, descriptors, _, _ = socket.recv_fds(connection, 2**20, 50)
    if pid := os.fork():
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    connection.close()
    wish = json.loads(message)
    if wish["session"]:
        os.setsid()
    away = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE) for descriptor in descriptors]
    for descriptor in descriptors:
        os.close(descriptor)
    for source, target in zip(away, wish["descriptors"], strict=True):
        os.dup2(source, target, inheritable=True)
        os.close(source)
    os.environ.clear()
    os.environ.update(wish["environment"])
    sys.argv[:] = wish["args"]


def become(last: list[Callable[[], object]]) -> None:
    """Run what was asked for as Python itself would: a file, or a module by -m."""
    child_process: Any = importlib.import_module("blocks.child_process")
    child_process.atexit = SimpleNamespace(register=last.append)
    gc.unfreeze()
    if sys.argv[0] == "-m":  # dbt's
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        logging.getLogger().handlers.clear()  # dbt's, which the command line never imports
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    become(serve(sys.argv[1]))
