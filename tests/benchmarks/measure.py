"""Run a command and measure it: seconds, and the peak of memory of it and all it starts."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[2]


class Measured(NamedTuple):
    """seconds: wall clock; megabytes: highest sum of resident memory over the tree, sampled 10 times a second.

    cpu: seconds of processor time of the command and of all that it started and waited for.
    """

    seconds: float
    megabytes: float
    cpu: float = 0.0


def measure(*command: object) -> Measured:
    """Run with this Python from the project's root. Raises CalledProcessError with what it said."""
    start, peak, used = time.monotonic(), 0, _sum_cpu()
    run = [sys.executable, *map(str, command)]
    process = subprocess.Popen(run, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while process.poll() is None:
        peak = max(peak, _memory(process.pid))
        time.sleep(0.1)
    message = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, run, message)
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
