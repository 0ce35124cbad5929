"""It must show its refusal: corrupted sources never reach readers, and the ticket says why."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.flows.conftest import SCALE, Place

DAY = "2011-12-12"


def new_day(erp: Path) -> tuple[Path, list[str]]:
    """A day after the last one: its path and good lines, header first."""
    last = sorted(erp.glob("*.csv"))[-1]
    header, *lines = last.read_text(encoding="utf-8").splitlines(keepends=True)
    return erp / f"{DAY}.csv", [header, *(f"99{line}".replace(last.stem, DAY) for line in lines)]


def negative_revenue(erp: Path) -> None:
    path, lines = new_day(erp)
    sale = f"999999,85123A,CREAM HANGING HEART,10,{DAY} 10:00:00,-500.0,12346.0,United Kingdom\n"
    path.write_text("".join([*lines, sale]))


def empty_file(erp: Path) -> None:
    new_day(erp)[0].touch()


def half_a_file(erp: Path) -> None:
    path, lines = new_day(erp)
    content = "".join(lines).encode()
    path.write_bytes(content[: len(content) // 2])


def wrong_encoding(erp: Path) -> None:
    path, lines = new_day(erp)
    path.write_bytes("".join([*lines, lines[-1].replace("United Kingdom", "Österreich")]).encode("latin-1"))


def a_column_gone(erp: Path) -> None:
    path, lines = new_day(erp)
    header = lines[0].rstrip("\n").split(",")
    at = header.index("UnitPrice")
    kept = [line.rstrip("\n").split(",") for line in lines if '"' not in line]
    path.write_text("".join(",".join(v for n, v in enumerate(row) if n != at) + "\n" for row in kept))


def a_type_changed(erp: Path) -> None:
    path, lines = new_day(erp)
    rows = [line.rstrip("\n").split(",") for line in lines if '"' not in line]
    changed = [[*row[:3], "some" if n else row[3], *row[4:]] for n, row in enumerate(rows)]
    path.write_text("".join(",".join(row) + "\n" for row in changed))


def many_bad_rows(erp: Path) -> None:
    path, lines = new_day(erp)
    good = [line for line in lines if '"' not in line]
    bad = [line.replace(",", ",", 1).rsplit(",", 4)[0] + ",never,1.0,12346.0,France\n" for line in good[1:]]
    path.write_text("".join([good[0], *good[1:], *bad[: len(good) // 4]]))


CORRUPTIONS = [
    (negative_revenue, "-5000"),
    (empty_file, f"{DAY}.csv"),
    (half_a_file, f"{DAY}.csv"),
    (wrong_encoding, f"{DAY}.csv"),
    (a_column_gone, "UnitPrice"),
    (a_type_changed, "quantity: not an integer"),
]


def look(place: Place) -> tuple[str | None, str]:
    """The run that readers see, and the page without its line about what is held back."""
    page = place.page("revenue_trend").read_text(encoding="utf-8")
    return place.read_served(), re.sub("<!--held-->.*?<!--/held-->", "", page)


def assert_refused(place: Place, before: tuple[str | None, str], message: str, evidence: str) -> None:
    """Readers, pages and the ticket as the issue of a refusal demands."""
    assert "Traceback" not in message
    assert "✗ validate" in message or "✗ extract_load" in message  # at its own stage, not at the next one
    assert "✗ promote" not in message
    assert look(place) == before
    if "✗ validate" in message:
        assert "Newer data held back since" in place.page("revenue_trend").read_text(encoding="utf-8")
    assert place.rows("select count(*) > 0 from serving.daily_revenue") == [(True,)]
    assert place.status("AN-1") == "failed"
    answer = place.ticket("AN-1")
    assert evidence in answer, answer[-3000:]
    assert str(before[0]) in answer  # it names the release that readers still see


@pytest.mark.parametrize(
    ("corrupt", "evidence"), CORRUPTIONS, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_corrupted_file_is_refused(
    place: Place, erp: Path, corrupt: Callable[[Path], None], evidence: str
) -> None:
    before = look(place)
    corrupt(erp)
    message = place.run("--source", f"erp={erp}", "--tickets", "AN-1", expect=1)
    assert_refused(place, before, message, evidence)


def test_duplicate_keys_are_refused_until_they_are_corrected(place: Place) -> None:
    before = look(place)
    crm = place.state / "demo" / "crm.sqlite"
    with sqlite3.connect(crm) as connection:
        connection.execute("create table kept as select * from accounts")
        connection.execute("insert into accounts select * from accounts limit 3")
    connection.close()
    message = place.run("--tickets", "AN-1", expect=1)
    assert_refused(place, before, message, "unique")
    assert "not evaluated because of failed ones" in place.ticket("AN-1")
    assert len(place.incidents()) == 1  # of one root cause
    with sqlite3.connect(crm) as connection:
        connection.execute("delete from accounts")
        connection.execute("insert into accounts select * from kept")
    connection.close()
    (line,) = place.run("--quiet", "--tickets", "AN-1").strip().splitlines()
    assert place.read_served() != before[0]
    assert f"run {place.read_served()}" in line
    assert place.status("AN-1") == "done"


def test_what_failed_its_gate_is_not_waved_through_by_running_again(place: Place, erp: Path) -> None:
    """The bad rows are loaded and quarantined once; a second run loads nothing and still refuses."""
    before = look(place)
    many_bad_rows(erp)
    message = place.run("--source", f"erp={erp}", "--tickets", "AN-1", expect=1)
    assert_refused(place, before, message, "bad rows")
    message = place.run("--source", f"erp={erp}", "--tickets", "AN-1", expect=1)
    assert " 0 rows from" in message
    assert place.read_served() == before[0]


def test_a_broken_source_does_not_hold_up_the_others(place: Place, erp: Path) -> None:
    first = place.read_served()
    empty_file(erp)
    place.run("--source", f"erp={erp}", "--tickets", "AN-1,AN-4", "--full-build", expect=1)
    assert place.status("AN-1") == "failed"
    assert place.status("AN-4") == "done"
    shown = dict(place.rows("select mart, relation from serving._release"))  # type: ignore[arg-type]
    assert shown["daily_revenue"] == f"rel_{first}.daily_revenue"
    assert shown["sales_pipeline"] != f"rel_{first}.sales_pipeline"


def test_killed_while_dbt_builds_the_next_run_recovers(place: Place) -> None:
    """SIGKILL of the whole command: dbt's process goes too, readers keep their release, the next run works."""
    first = place.read_served()
    command = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "flows" / "main.py"),
            "--state",
            str(place.state),
            "--scale",
            str(SCALE),
            "--tickets",
            "AN-1,AN-2,AN-3,AN-4",
            "--full-build",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert command.stdout is not None
    for line in command.stdout:
        if "extract_load" in line:
            break
    written = place.state / "dbt" / "target" / "run"
    deadline, start = time.monotonic() + 60, time.time()
    while not any(path.stat().st_mtime >= start for path in written.rglob("*.sql")):
        assert time.monotonic() < deadline, "dbt built nothing"
        time.sleep(0.05)
    children = psutil.Process(command.pid).children(recursive=True)
    os.kill(command.pid, signal.SIGKILL)
    command.wait()
    command.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive, "dbt outlived its parent"
    assert place.read_served() == first
    dead = next(run for run, state in place.states().items() if state == "building")
    place.run("--tickets", "AN-1")
    assert place.states()[dead] == "abandoned"
    assert place.read_served() not in (first, dead)


def test_two_runs_at_once_one_waits_or_is_told(place: Place) -> None:
    with place.warehouse.exclusive():
        message = place.run("--tickets", "AN-1", expect=1)
    assert "another run works on it" in message
