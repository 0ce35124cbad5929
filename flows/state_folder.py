"""The state folder of a run on one machine: looked at before anything starts, so that a run does not end halfway.

Also what the last run needed, for a warning where the machine has less now. Add here what else a run needs of it.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from blocks.errors import Misconfigured, explain_os_error

LEAST_FREE = 100 * 2**20
"""Bytes: the empty demo's run writes 20 MB; Prefect's log, dbt's and the extracts grow beside it."""
UNUSABLE = ("$", "#", "?", "*", "[", "{{", "{%")
"""In a path, Great Expectations replaces the first, dbt-duckdb cuts at the second, globs, templates take the rest."""
NEED_FILE = "last_need.json"
_MEMINFO, _CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def check_state(state: Path, write: bool = True) -> None:
    """Make the folder, write in it, and look for free space. Raises Misconfigured with what to do.

    write: false for what only looks: then nothing but a file in its place is an error.
    """
    asked = f"keep the run's files in {state}"
    taken = next((place for place in (state, *state.parents) if place.exists() and not place.is_dir()), None)
    if taken:
        raise Misconfigured(asked, f"{taken} is a file", "Give --state a folder, or a name that is free.")
    if sign := next((sign for sign in UNUSABLE if sign in str(state)), ""):
        raise Misconfigured(
            asked,
            f"its name holds {sign}",
            "Some libraries that open files there read that as something else: give --state another name.",
        )
    if not write:
        return
    try:
        state.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=state) as probe:
            probe.write(b"\0" * 4096)
        for name in ("warehouse.duckdb", "prefect.db"):
            if (state / name).exists() and not os.access(state / name, os.W_OK):
                raise PermissionError(13, "Permission denied", str(state / name))
        free = shutil.disk_usage(state).free
    except OSError as error:
        reason = error.strerror or type(error).__name__
        remedy = "Let the user that runs this write there, or give --state another folder."
        raise explain_os_error(asked, error) or Misconfigured(asked, reason, remedy) from None
    if free < LEAST_FREE:
        raise Misconfigured(
            asked,
            f"only {free / 2**20:.0f} MB are free there, of {LEAST_FREE / 2**20:.0f} MB that a run needs at the least",
            "Make room, or give --state a folder on another disk.",
        )


def note_need(state: Path) -> None:
    """Write down the most memory that this run took, its processes' together, for `warn_of_need` of the next."""
    unit = 1 if sys.platform == "darwin" else 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    largest_child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with suppress(OSError):
        (state / NEED_FILE).write_text(json.dumps({"memory": (own + largest_child) * unit}), encoding="utf-8")


def warn_of_need(state: Path) -> str:
    """What to tell if the last run took more memory than there is now; empty if not, or where it is not known."""
    try:
        need = int(json.loads((state / NEED_FILE).read_text(encoding="utf-8"))["memory"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    free = measure_available_memory()
    if free is None or free >= need:
        return ""
    return (
        f"the last run took {need / 2**20:,.0f} MB of memory, {free / 2**20:,.0f} MB are free now: the system may end"
        " this one. Close other programs, or give the machine or its container more."
    )


def measure_available_memory() -> int | None:
    """Bytes that a run could take now, of the machine and of its container; None where the system does not say."""
    limits = [_read_container_memory(), _read_machine_memory()]
    return min((limit for limit in limits if limit is not None), default=None)


def _read_machine_memory() -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="ascii").splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _read_container_memory() -> int | None:
    try:
        limit, used, stat = (
            (_CGROUP / f"memory.{name}").read_text(encoding="ascii") for name in ("max", "current", "stat")
        )
        cache = dict(line.split() for line in stat.splitlines()).get("inactive_file", 0)  # given up on demand
        return max(0, int(limit) - int(used) + int(cache))
    except (OSError, ValueError):  # "max", or another kind of control group
        return None
