"""Run a command and measure it: seconds, and the peak of memory of it and all it starts."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[2]
LINES_SHOWN = 30


class Measured(NamedTuple):
    """seconds: wall clock; megabytes: highest sum of resident memory over the tree, sampled 10 times a second.

    cpu: seconds of processor time of the command and of all that it started and waited for.
    """

    seconds: float
    megabytes: float
    cpu: float = 0.0


class MeasuredFailure(Exception):
    """A measured command failed; its text is the command, its exit code and the last lines that it wrote."""

    def __init__(self, command: list[str], code: int, output: str) -> None:
        last = "\n".join(output.splitlines()[-LINES_SHOWN:])
        super().__init__(f"{' '.join(command)} ended with {code}:\n{last}")


def measure(*command: object) -> Measured:
    """Run with this Python from the project's root. Raises MeasuredFailure with what it said at the end."""
    start, peak, used = time.monotonic(), 0, _sum_cpu()
    run = [sys.executable, *map(str, command)]
    with tempfile.TemporaryFile(
        "w+"
    ) as output:  # a pipe that nobody reads meanwhile would stop a talkative one
        process = subprocess.Popen(run, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, text=True)
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            time.sleep(0.1)
        output.seek(0)
        if process.returncode:
            raise MeasuredFailure(run, process.returncode, output.read())
    return Measured(time.monotonic() - start, peak / 1e6, _sum_cpu() - used)


def _sum_cpu() -> float:
    """Processor time of all children that have ended."""
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def _memory(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total
