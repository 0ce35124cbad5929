"""The faults of a soak: each disturbs a run of a ground at a random moment, and says what it did.

Add one here: a function of the ground that starts a run, disturbs it and checks how it ends, and its name in FAULTS.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress

from tests.faults.ground import Ground, Run

KILLED, INTERRUPTED = -signal.SIGKILL, 130
ENDED = (0, 1)


def wait_a_moment(ground: Ground, run: Run) -> bool:
    """Wait for a random moment of the run; True if it is still there."""
    return run.wait(ground.random.uniform(0, 1.1 * ground.usual)) is None


def kill(ground: Ground) -> str:
    """SIGKILL."""
    run = ground.start()
    if wait_a_moment(ground, run):
        os.kill(run.process.pid, signal.SIGKILL)
    ground.finish(run, KILLED, *ENDED)
    return "kill -9"


def interrupt(ground: Ground) -> str:
    """SIGINT or SIGTERM, once or twice."""
    run, number = ground.start(), ground.random.choice([signal.SIGINT, signal.SIGTERM])
    times = ground.random.choice([1, 1, 2])
    for _ in range(times):
        if wait_a_moment(ground, run):
            os.kill(run.process.pid, number)
    # before the program has taken the signals over, they end it as any other
    ground.finish(run, INTERRUPTED, -number, *ENDED)
    return f"kill -{number}{' twice' if times > 1 else ''}"


def stall(ground: Ground) -> str:
    """SIGSTOP, another run meanwhile, SIGCONT: longer than the lease lasts, where there is one."""
    run = ground.start()
    said = "stopped"
    if wait_a_moment(ground, run):
        os.kill(run.process.pid, signal.SIGSTOP)
        try:
            if ground.random.random() < 0.5:
                ground.write_day()
                ground.finish(ground.start(), *ENDED)
                said = "stopped while another ran"
        finally:
            os.kill(run.process.pid, signal.SIGCONT)
    ground.finish(run, *ENDED)
    return said


def fill_disk(ground: Ground) -> str:
    """No file may grow beyond some size any more, as on a full disk."""
    run = ground.start()
    if wait_a_moment(ground, run):
        largest = ground.random.choice([0, 4096, 300_000, 1_000_000, 3_000_000])
        with suppress(ProcessLookupError):
            resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    ground.finish(run, *ENDED)
    return "disk full"


def run_twice(ground: Ground) -> str:
    """Two schedules, or one webhook twice: two runs at once."""
    first = ground.start()
    wait_a_moment(ground, first)
    second = ground.start()
    ground.finish(first, *ENDED)
    ground.finish(second, *ENDED)
    return "two at once"


def run_one_twice(ground: Ground) -> str:
    """One event delivered twice: two runs of one name."""
    first = ground.start()
    second = ground.start(first.name)
    ground.finish(first, *ENDED)
    ground.finish(second, *ENDED)
    return "the same run twice"


def skew_clock(ground: Ground) -> str:
    """A run on a machine whose clock is wrong, killed or not."""
    run = ground.start(CLOCK_SKEW=str(ground.random.choice([-90_000, -301, 301, 7200, 90_000])))
    killed = ground.random.random() < 0.5 and wait_a_moment(ground, run)
    if killed:
        os.kill(run.process.pid, signal.SIGKILL)
    ground.finish(run, *(KILLED, *ENDED) if killed else ENDED)
    return "skewed clock" + (", killed" if killed else "")


def roll_back(ground: Ground) -> str:
    """A rollback, killed or not."""
    ground.rollbacks += 1
    run = ground.start("rollback")
    killed = ground.random.random() < 0.5 and run.wait(ground.random.uniform(0, 0.5 * ground.usual)) is None
    if killed:
        os.kill(run.process.pid, signal.SIGKILL)
    ground.finish(run, KILLED, *ENDED)
    return "rollback" + (", killed" if killed else "")


def load_bad_data(ground: Ground) -> str:
    """Data that the gate holds back: an incident, closed by the run that passes."""
    ground.write_day(bad=True)
    ground.finish(ground.start(), 1)
    return "bad data"


FAULTS: list[tuple[int, Callable[[Ground], str]]] = [
    (5, kill),
    (3, interrupt),
    (3, stall),
    (3, fill_disk),
    (2, run_twice),
    (1, run_one_twice),
    (2, skew_clock),
    (1, roll_back),
    (1, load_bad_data),
]
