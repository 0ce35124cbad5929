"""Whatever ends a run, its tickets are answered and an incident is opened, without a word of data."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from blocks.dbt.project import DbtProject
from blocks.errors import Busy, NotDelivered, Unavailable
from blocks.loader.dlt.loader import DltLoader
from blocks.quality.suites import Suites
from blocks.records import Outcome
from blocks.site.base import Card
from blocks.site.html.site import FolderSite
from blocks.tracker.files.tracker import FilesTracker
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from flows import cli
from flows.interruption import end_run, handle_interrupts
from flows.terminal import Terminal
from tests.conftest import ROOT, TINY

SECRET = "row 17 of Anna Schmidt"


class BrokenSite(FolderSite):
    """A site with a fault of its own."""

    def publish(self, card: Card) -> Any:
        raise RuntimeError(SECRET)


class BrokenSuites(Suites):
    """A gate with a fault of its own."""

    def evaluate(self, *arguments: Any) -> Any:
        raise KeyError(SECRET)


Deliver = Callable[..., object]


@pytest.fixture
def deliver_tiny(tmp_path: Path, prefect_server: str) -> Deliver:
    from flows.deliver import deliver

    shutil.copytree(TINY / "tickets", tmp_path / "tickets")
    shutil.copytree(TINY / "dbt", tmp_path / "project")
    shutil.copytree(TINY / "expectations", tmp_path / "suites")

    def run(suites: type[Suites] = Suites, site: type[FolderSite] = FolderSite) -> object:
        return deliver(
            FilesTracker(folder=tmp_path / "tickets", project="BK"),
            [
                DltLoader(
                    locations={"bikes": str(TINY / "rides")}, workdir=tmp_path / "loads", deadline_seconds=60
                )
            ],
            DuckDBWarehouse(database=str(tmp_path / "warehouse.duckdb")),
            site(folder=tmp_path / "site", project="dashboards"),
            DbtProject(folder=tmp_path / "project", state=tmp_path / "dbt"),
            suites(folder=tmp_path / "suites", docs=tmp_path / "docs"),
            tickets=["BK-1"],
        )

    return run


def incidents(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.glob("BK-*.yaml") if path.name != "BK-1.yaml"]


@pytest.mark.parametrize(
    ("faulty", "kind"),
    [({"suites": BrokenSuites}, KeyError), ({"site": BrokenSite}, RuntimeError)],
    ids=["before readers see it", "after readers see it"],
)
def test_an_error_nobody_expected_answers_the_ticket_and_goes_on_as_a_crash(
    deliver_tiny: Deliver,
    tmp_path: Path,
    faulty: dict[str, Any],
    kind: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(kind):
        deliver_tiny(**faulty)
    ticket = (tmp_path / "tickets" / "BK-1.yaml").read_text()
    assert "not the ticket's fault" in ticket
    assert "status: failed" in ticket
    (opened,) = incidents(tmp_path / "tickets")
    assert kind.__name__ in opened
    assert SECRET not in ticket + opened
    assert "Traceback" not in ticket + opened

    deliver_tiny()
    assert "status: done" in (tmp_path / "tickets" / "BK-1.yaml").read_text()
    (closed,) = incidents(tmp_path / "tickets")
    assert "status: done" in closed
    if kind is RuntimeError:  # there are two releases
        check_rollback_without_prefect(tmp_path, monkeypatch)


def check_rollback_without_prefect(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback that loses Prefect's API once readers are back: dashboards stay, and their tickets hear it."""
    from flows import rollback as stage

    warehouse = DuckDBWarehouse(database=str(folder / "warehouse.duckdb"))
    last = warehouse.read_served()
    monkeypatch.setattr(stage, "show_release", lose_api)
    with pytest.raises(NotDelivered, match="it does not answer any more") as ended:
        stage.rollback(
            FilesTracker(folder=folder / "tickets", project="BK"),
            warehouse,
            FolderSite(folder=folder / "site", project="dashboards"),
            DbtProject(folder=folder / "project", state=folder / "dbt"),
        )
    served, outcome = warehouse.read_served(), ended.value.outcome
    assert last
    assert served
    assert served.run != last.run
    assert isinstance(outcome, Outcome)
    assert outcome.release
    assert outcome.release.run == served.run
    ticket = (folder / "tickets" / "BK-1.yaml").read_text()
    assert "Back to an earlier release" in ticket
    assert "could not be refreshed" in ticket


def lose_api(*_: object) -> None:
    """As Prefect's client does where its server is silent."""
    url = os.environ["PREFECT_API_URL"]
    raise httpx.ReadTimeout("", request=httpx.Request("POST", f"{url.rstrip('/')}/artifacts/"))


def test_a_command_that_loses_prefects_api_says_what_readers_see(
    tmp_path: Path, prefect_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    warehouse = DuckDBWarehouse(database=str(tmp_path / "warehouse.duckdb"))
    with pytest.raises(httpx.ReadTimeout), cli._say_what_is_served(warehouse, Terminal(quiet=True)):
        lose_api()
    assert "readers see nothing yet" in capsys.readouterr().err
    with pytest.raises(KeyError), cli._say_what_is_served(warehouse, Terminal(quiet=True)):
        raise KeyError
    assert not capsys.readouterr().err


def write(name: str, content: str | bytes) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return act


BEFORE_THE_PLAN = {
    "a project that is no YAML": write("project/dbt_project.yml", "name: ["),
    "a project without a name": write("project/dbt_project.yml", "version: 2"),
    "a model that does not parse": write("project/models/station_days.sql", "select {{ x("),
    "a warehouse file that is none": write("warehouse.duckdb", b"\x00\xff" * 20_000),
}


@pytest.mark.parametrize("harm", BEFORE_THE_PLAN.values(), ids=BEFORE_THE_PLAN)
def test_what_ends_a_run_before_it_has_a_plan_is_told_too(
    deliver_tiny: Deliver, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """Once, however often it is met; and the ticket waits as before."""
    harm(tmp_path)
    for _ in range(2):
        with pytest.raises(NotDelivered):
            deliver_tiny()
    ticket = (tmp_path / "tickets" / "BK-1.yaml").read_text()
    assert ticket.count("### Not begun") == 1
    assert "Nothing is wrong with the ticket" in ticket
    assert "status: open" in ticket
    assert "Traceback" not in ticket
    assert not list((tmp_path / "tickets").glob("*.new*"))


def test_who_waits_for_another_run_leaves_the_tickets_to_it(
    deliver_tiny: Deliver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Busy("use the warehouse", "another run works on it")

    monkeypatch.setattr("flows.deliver.run_lock", refuse)
    with pytest.raises(NotDelivered, match="another run"):
        deliver_tiny()
    assert (tmp_path / "tickets" / "BK-1.yaml").read_bytes() == (TINY / "tickets" / "BK-1.yaml").read_bytes()


def ignore_interrupts() -> None:
    """As a shell starts what it runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class EndingSuites(Suites):
    """Its gate is when something else finds that the run can't go on."""

    def evaluate(self, *arguments: Any) -> Any:
        end_run(Unavailable("record the run", "its server is gone", "Start it."))
        return super().evaluate(*arguments)


def test_a_run_that_is_ended_for_a_reason_tells_it_on_the_ticket(
    deliver_tiny: Deliver, tmp_path: Path
) -> None:
    with handle_interrupts(), pytest.raises(NotDelivered, match="its server is gone"):
        deliver_tiny(suites=EndingSuites)
    ticket = (tmp_path / "tickets" / "BK-1.yaml").read_text()
    assert ticket.count("its server is gone") == 1
    assert "interrupted" not in ticket
    assert "status: failed" in ticket
    assert incidents(tmp_path / "tickets") == []


TALKING = """
import os, signal, sys, time
from flows import cli
from flows.interruption import handle_interrupts
with handle_interrupts():
    try:
        print("there", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.2)
        print("said to nobody", flush=True)
        os.kill(os.getpid(), signal.SIGHUP)  # a second one waits
        open(sys.argv[1], "w").write("answered")
"""


def test_a_terminal_that_is_closed_is_an_interrupt(tmp_path: Path) -> None:
    """Written to, it would answer each line with an error."""

    def take_terminal() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup the tests are told to ignore it
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    master, slave = pty.openpty()
    run = subprocess.Popen(
        [sys.executable, "-c", TALKING, str(tmp_path / "end")],
        cwd=ROOT,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    try:
        os.close(slave)
        assert b"there" in os.read(master, 100)
        os.close(master)
        assert run.wait(timeout=60) == 0
    finally:
        run.kill()
        run.wait()
    assert (tmp_path / "end").read_text() == "answered"


def test_under_nohup_a_closed_terminal_is_none() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handle_interrupts():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def find_server(parent: int) -> int | None:
    """The process of Prefect's temporary server of a run; None between two of them."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (
                f"PPid:\t{parent}\n" in (folder / "status").read_text()
                and b"flows.local_server" in (folder / "cmdline").read_bytes()
            ):
                return int(folder.name)
    return None


@contextmanager
def running(tmp_path: Path, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A run of the command line whose sources are loaded."""
    shutil.copytree(TINY / "tickets", tmp_path / "tickets")
    flags = {
        "--state": tmp_path / "state",
        "--project": TINY / "dbt",
        "--tickets-folder": tmp_path / "tickets",
        "--source": f"bikes={TINY / 'rides'}",
    }
    words = [sys.executable, ROOT / "flows" / "main.py", *(word for pair in flags.items() for word in pair)]
    with subprocess.Popen(
        map(str, words),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        preexec_fn=ignore_interrupts,
    ) as run:
        try:
            for line in run.stdout or ():
                if "extract_load" in line and "✓" in line:
                    break
            yield run
        finally:
            run.kill()


@pytest.mark.parametrize(
    "signals",
    [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGHUP)],
    ids=["Ctrl-C", "terminated", "Ctrl-C, and its terminal closed"],
)
def test_a_run_that_is_interrupted_answers_its_ticket(
    tmp_path: Path, signals: tuple[signal.Signals, ...]
) -> None:
    """At whatever moment, also between two flows, where Prefect does not hear it."""
    with running(tmp_path) as run:
        for number in signals:
            run.send_signal(number)
            time.sleep(0.3)
        output, _ = run.communicate(timeout=240)
    assert run.returncode == 130, output
    assert "Traceback" not in output
    assert output.strip().endswith("Interrupted; `python flows/main.py status` says what readers see.")
    assert "interrupted" in (tmp_path / "tickets" / "BK-1.yaml").read_text()
    assert not incidents(tmp_path / "tickets")


def test_a_run_whose_server_is_killed_again_and_again_ends_at_once_and_answers_its_ticket(
    tmp_path: Path,
) -> None:
    """Prefect's client would try again for minutes, and end with a traceback."""
    own = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    with running(tmp_path, own) as run:
        last = 0.0
        while run.poll() is None:
            if server := find_server(run.pid):
                with suppress(ProcessLookupError):
                    os.kill(server, signal.SIGKILL)
                    last = time.monotonic()
            time.sleep(0.02)
        assert time.monotonic() - last < 60
        output, _ = run.communicate()
    assert run.returncode == 1, output
    assert "Traceback" not in output
    assert "Error logging" not in output
    assert "✗ record the run on Prefect's temporary server: its process ended 4 times" in output
    assert "readers see nothing yet" in output
    assert "its process ended 4 times" in (tmp_path / "tickets" / "BK-1.yaml").read_text()
