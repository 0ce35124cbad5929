"""What a run costs where little is new, against the same run that builds all: `python -m tests.benchmarks reuse`.

Over generated projects (generated.py). Processor time is that of a run and of all that it starts; ratios are to the
cold run of the same project, in the same minutes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.generated import change_mart, write_day, write_project
from tests.benchmarks.measure import Measured, measure

SIZES = ((13, 4), (50, 10), (150, 25), (300, 50))


class Case(NamedTuple):
    """What is done to a project before a run, and the flags of the run."""

    name: str
    change: Callable[[Path], object]
    flags: tuple[str, ...] = ()


CASES = (
    Case("nothing new", lambda folder: None),
    Case("nothing new, once more", lambda folder: None),
    Case("nothing new, all built", lambda folder: None, ("--full-build",)),
    Case("one mart changed", lambda folder: change_mart(folder / "project", 0)),
    Case("one new day", lambda folder: write_day(folder, 60)),
)


def main(folder: Path, sizes: tuple[tuple[int, int], ...] = SIZES) -> None:
    """Print each size's cold run and what the others are of it."""
    for models, marts in sizes:
        place = folder / f"{models}"
        project = write_project(place, models, marts)
        command = ("flows/main.py", "--quiet", "--project", project, "--source", f"shop={place / 'exports'}")
        cold = measure(*command, "--state", place / "state")
        print(f"{models} models, {marts} marts: cold {_write(cold)}", flush=True)
        for case in CASES:
            case.change(place)
            found = measure(*command, "--state", place / "state", *case.flags)
            print(
                f"  {case.name:<24} {_write(found)}, {found.cpu / cold.cpu:.2f} of its processor time",
                flush=True,
            )
        shutil.rmtree(place)


def _write(measured: Measured) -> str:
    return f"{measured.seconds:.1f} s, {measured.cpu:.1f} s of processor time"
