"""The faults of a soak: each disturbs a run of a ground at a random moment, and says what it did.

Add one here: a function of the ground that starts a run, disturbs it and checks how it ends, and its name in FAULTS,
or in `list_faults` if not every ground can have it.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from tests.blocks.tracker.jira.site import Fault
from tests.faults.ground import Ground, Run

KILLED, INTERRUPTED = -signal.SIGKILL, 130
ENDED = (0, 1)


def wait_a_moment(ground: Ground, run: Run) -> bool:
    """Wait for a random moment of the run; True if it is still there."""
    return run.wait(ground.random.uniform(0, 1.1 * ground.usual)) is None


def send_signal(run: Run, number: signal.Signals) -> None:
    """Send a signal to a run, which may have ended this moment."""
    with suppress(ProcessLookupError):
        os.kill(run.process.pid, number)


def kill(ground: Ground) -> str:
    """SIGKILL."""
    run = ground.start()
    if wait_a_moment(ground, run):
        send_signal(run, signal.SIGKILL)
    ground.finish(run, KILLED, *ENDED)
    return "kill -9"


def interrupt(ground: Ground) -> str:
    """SIGINT or SIGTERM, once or twice."""
    run, number = ground.start(), ground.random.choice([signal.SIGINT, signal.SIGTERM])
    times = ground.random.choice([1, 1, 2])
    for _ in range(times):
        if wait_a_moment(ground, run):
            send_signal(run, number)
    # before the program has taken the signals over, they end it as any other
    ground.finish(run, INTERRUPTED, -number, *ENDED)
    return f"kill -{number}{' twice' if times > 1 else ''}"


def stall(ground: Ground) -> str:
    """SIGSTOP, another run meanwhile, SIGCONT: longer than the lease lasts, where there is one."""
    run = ground.start()
    message = "stopped"
    if wait_a_moment(ground, run):
        send_signal(run, signal.SIGSTOP)
        try:
            if ground.random.random() < 0.5:
                ground.write_day()
                ground.finish(ground.start(), *ENDED)
                message = "stopped while another ran"
        finally:
            send_signal(run, signal.SIGCONT)
    ground.finish(run, *ENDED)
    return message


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


def deliver_again(ground: Ground) -> str:
    """One event delivered again and again, as by a webhook that got no answer: while its run works, or has ended."""
    name = f"n{ground.runs + 1}"
    runs = [ground.start()]
    killed = ground.random.random() < 0.3 and wait_a_moment(ground, runs[0])
    if killed:
        send_signal(runs[0], signal.SIGKILL)
    for _ in range(ground.random.choice([1, 2, 4])):
        runs[-1].wait(ground.random.uniform(0, 1.5 * ground.usual))
        runs.append(ground.start(name))
    for run in runs:
        ground.finish(run, *(KILLED, *ENDED) if killed and run is runs[0] else ENDED)
    return "delivered again" + (", killed" if killed else "")


def deliver_old(ground: Ground) -> str:
    """An event of some time ago delivered once more, with newer runs behind it: readers are not led back."""
    name = f"n{ground.random.randint(1, ground.runs)}"
    ground.finish(ground.start(name), *ENDED)
    return "an old event again"


def skew_clock(ground: Ground) -> str:
    """A run on a machine whose clock is wrong, killed or not."""
    run = ground.start(CLOCK_SKEW=str(ground.random.choice([-90_000, -301, 301, 7200, 90_000])))
    killed = ground.random.random() < 0.5 and wait_a_moment(ground, run)
    if killed:
        send_signal(run, signal.SIGKILL)
    ground.finish(run, *(KILLED, *ENDED) if killed else ENDED)
    return "skewed clock" + (", killed" if killed else "")


def roll_back(ground: Ground) -> str:
    """A rollback, killed or not."""
    ground.rollbacks += 1
    run = ground.start("rollback")
    killed = ground.random.random() < 0.5 and run.wait(ground.random.uniform(0, 0.5 * ground.usual)) is None
    if killed:
        send_signal(run, signal.SIGKILL)
    ground.finish(run, KILLED, *ENDED)
    return "rollback" + (", killed" if killed else "")


def load_bad_data(ground: Ground) -> str:
    """Data that the gate holds back: an incident, closed by the run that passes."""
    ground.write_day(bad=True)
    ground.finish(ground.start(), 1)
    return "bad data"


def storm(ground: Ground) -> str:
    """The tracker answers 429 or 5xx, or drops connections before or after it has done what it was asked for."""
    assert ground.desk
    kind = ground.random.choice(["429", "500", "503", "drop", "drop-after", "html"])
    match = ground.random.choice(["", "POST", "comment", "transitions", "search|bulkfetch"])
    run = ground.start()
    if ground.random.random() < 0.5:
        wait_a_moment(ground, run)
    ground.desk.site.faults = [Fault(match, kind, ground.random.choice([1, 3, 12, 99]))]
    ground.finish(run, *ENDED)
    ground.desk.site.faults = []
    return f"Jira: {kind}"


def cut_connections(ground: Ground) -> str:
    """The warehouse's server ends the connections of a run, once or again and again."""
    assert ground.cut
    run, times = ground.start(), ground.random.choice([1, 1, 5])
    wait_a_moment(ground, run)
    for _ in range(times):
        ground.cut()
        run.wait(time.monotonic() - run.began + 0.2)
    ground.finish(run, *ENDED)
    return "connections cut"


def list_faults(ground: Ground) -> list[tuple[int, Callable[[Ground], str]]]:
    """How often each fault comes that can be on a ground, and what it is."""
    return [
        *FAULTS,
        *([(5, storm)] if ground.desk else []),
        *([(3, cut_connections)] if ground.cut else []),
    ]


FAULTS: list[tuple[int, Callable[[Ground], str]]] = [
    (5, kill),
    (3, interrupt),
    (3, stall),
    (3, fill_disk),
    (2, run_twice),
    (1, run_one_twice),
    (2, deliver_again),
    (1, deliver_old),
    (2, skew_clock),
    (1, roll_back),
    (1, load_bad_data),
]
