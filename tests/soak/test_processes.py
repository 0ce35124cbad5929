"""Whole runs of the command line, any process of which is stopped, continued or killed at a random moment.

Prefect's server, dbt and Hyper among them, which tests/soak/test_faults.py leaves out. `SOAK` scales their number,
SOAK_SEED begins elsewhere.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import duckdb
import psutil
import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT, TINY

ROUNDS, SECONDS = 100, 900
"""SECONDS: the longest that a run may take, on a machine that others use; more: it hangs."""
SEEN = "select (select count(distinct run) from serving._release), sum(rides), sum(minutes) from serving.station_days"


class Company:
    """The tiny project, a file of rides a day, and what readers may see of it, in order."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        shutil.copytree(TINY / "tickets", folder / "tickets")
        (folder / "rides").mkdir()
        self.rows: list[int] = []
        self.good: list[tuple[int, int]] = []
        self.seen, self.usual, self.counts = -1, 30.0, Counter[str]()

    def write_day(self) -> None:
        """One more day, whose rides nobody else has counted."""
        number = len(self.good)
        lines = ["ride_id,started,station,minutes"]
        for at in range(3):
            self.rows.append(self.random.randrange(1, 90))
            lines.append(f"{number * 10 + at},2026-01-{1 + number % 28:02} 08:00:0{at},North,{self.rows[-1]}")
        (self.folder / "rides" / f"{number:04}.csv").write_text("\n".join(lines) + "\n")
        self.good.append((len(self.rows), sum(self.rows)))

    def start(self) -> subprocess.Popen[str]:
        """A run of the command line, in a process that is started for it."""
        flags = {
            "--state": self.folder / "state",
            "--project": TINY / "dbt",
            "--suites": TINY / "expectations",
            "--tickets-folder": self.folder / "tickets",
            "--source": f"bikes={self.folder / 'rides'}",
            "--tickets": "BK-1",
        }
        words = [
            sys.executable,
            ROOT / "flows" / "main.py",
            *(word for pair in flags.items() for word in pair),
        ]
        output = (self.folder / "output.txt").open("w")
        with output:
            return subprocess.Popen(
                list(map(str, words)), stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True
            )

    def look(self) -> None:
        """What readers see is whole, has passed, and is no older than what they saw before."""
        with suppress(duckdb.IOException, duckdb.CatalogException):  # nothing yet
            with duckdb.connect(str(self.folder / "state" / "serving.duckdb"), read_only=True) as file:
                runs, rides, minutes = file.execute(SEEN).fetchall()[0]
            assert runs == 1
            at = self.good.index((rides, minutes))
            assert at >= self.seen, f"readers see {at} after {self.seen}"
            self.seen = at

    def wait(self, run: subprocess.Popen[str], family: dict[int, float], until: float) -> bool:
        """Wait until this moment, looking as a reader does; True if the run is still there."""
        while time.monotonic() < until:
            if run.poll() is not None:
                return False
            with suppress(psutil.Error):
                for each in (own := psutil.Process(run.pid), *own.children(recursive=True)):
                    family[each.pid] = each.create_time()
            self.look()
            time.sleep(0.3)
        return True

    def finish(self, run: subprocess.Popen[str], family: dict[int, float], *codes: int) -> None:
        """The run ends with one of these codes, says so in words, and leaves no process."""
        assert not self.wait(run, family, time.monotonic() + SECONDS), f"it hangs: {self.read_output()}"
        assert run.returncode in codes, f"{run.returncode}: {self.read_output()}"
        assert "Traceback" not in self.read_output(), self.read_output()
        found = [each for pid, begun in family.items() if (each := find_process(pid, begun))]
        _, alive = psutil.wait_procs(found, timeout=60)
        assert not alive, [" ".join(each.cmdline())[:200] for each in alive]

    def read_output(self) -> str:
        return (self.folder / "output.txt").read_text()[-3000:]

    def disturb(self) -> None:
        """A run of which one process is stopped for a while, or killed."""
        self.write_day()
        run, family = self.start(), dict[int, float]()
        killed = stopped = False
        if self.wait(run, family, time.monotonic() + self.random.uniform(1, self.usual)):
            others = [each for pid, begun in family.items() if (each := find_process(pid, begun))]
            children = [each for each in others if each.pid != run.pid]
            with suppress(psutil.Error):
                chosen = self.random.choice(children if children and self.random.random() < 0.8 else others)
                killed = self.random.random() < 0.4
                words = " ".join(chosen.cmdline())
                self.counts[f"{name_process(words)} {'killed' if killed else 'stopped'}"] += 1
                if killed:
                    chosen.kill()
                else:
                    chosen.suspend()
                    stopped = True
            if stopped:
                self.wait(run, family, time.monotonic() + self.random.choice([1, 5, 20]))
                with suppress(psutil.Error):
                    chosen.resume()
        self.finish(run, family, *((0, 1, -signal.SIGKILL) if killed else (0, 1)))

    def settle(self) -> None:
        """A run that nothing disturbs delivers all there is, and tells its ticket once."""
        self.write_day()
        run, family, began = self.start(), dict[int, float](), time.monotonic()
        self.finish(run, family, 0)
        self.usual = time.monotonic() - began
        self.look()
        assert self.seen == len(self.good) - 1
        for path in (self.folder / "tickets").glob("BK-*.yaml"):
            ticket = YAML(typ="safe").load(path)
            topics = Counter(each["topic"] for each in ticket.get("comments", ()))
            assert set(topics.values()) <= {1}, topics
            assert ticket["status"] == "done", path.name


def find_process(pid: int, begun: float) -> psutil.Process | None:
    try:
        found = psutil.Process(pid)
        return found if found.create_time() == begun and found.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def name_process(words: str) -> str:
    """Which of a run's processes it is, by its command line."""
    known = {
        "blocks.dbt": "dbt",
        "local_server": "server",
        "uvicorn": "server",
        "main.py": "run",
        "hyper": "hyper",
    }
    return next((name for sign, name in known.items() if sign in words), "other")


@pytest.mark.soak
def test_any_process_of_a_run_may_stop_or_die(tmp_path: Path) -> None:
    rounds = max(1, round(ROUNDS * float(os.environ.get("SOAK", "1"))))
    company = Company(tmp_path, int(os.environ.get("SOAK_SEED", "1")))
    company.settle()
    for number in range(rounds):
        company.disturb()
        if number == rounds - 1 or company.random.random() < 0.5:
            company.settle()
        print(f"{number + 1} runs disturbed ({dict(company.counts)}), 0 violations", flush=True)
