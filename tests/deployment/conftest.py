"""A real Prefect server with its services, a process pool, the project's deployments, and a worker to kill."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.errors import Busy
from blocks.tracker.files.tracker import FilesTracker
from blocks.warehouse import control
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.conftest import ROOT, TINY
from tests.deployment.receiver import Receiver

BIN = Path(sys.executable).parent
BLOCKS = """
files-tracker/main: {project: BK, folder: "${STATE}/tickets"}
dlt-loader/main:
  locations: {bikes: "${RIDES}"}
  credentials: {bikes: {token: "${BIKES_TOKEN}"}}
  workdir: ${STATE}/loads
  deadline_seconds: 60
duckdb-warehouse/main: {database: "${STATE}/warehouse.duckdb"}
folder-site/main: {folder: "${STATE}/site"}
dbt-project/main: {folder: "${STATE}/project", state: "${STATE}/dbt"}
expectation-suites/main: {folder: "${SUITES:-nowhere}", docs: "${STATE}/data_docs"}
folder-notifier/main: {folder: "${STATE}/outbox"}
custom-webhook/alerts: {name: alerts, url: "${ALERTS}", json_data: {said: "{{subject}} {{body}}"}}
"""
TOKEN = "tok-5f1c9a"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(what: str, done: Callable[[], Any], seconds: float = 300, pause: float = 0.3) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < deadline, f"no {what} after {seconds} s"
        time.sleep(pause)
    return found


@dataclass
class Stack:
    """The server, what is deployed on it, and the state folder the runs work on."""

    state: Path
    environment: dict[str, str]
    alerts: Receiver
    log: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    rows: int = 0

    def start(self, *command: object) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def run(self, *command: object, expect: int = 0) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def admin(self, *flags: object, expect: int = 0) -> str:
        """The command line, in this process: what it prints."""
        from flows.cli import main

        message = io.StringIO()
        with (
            patch.dict(os.environ, self.environment, clear=True),
            temporary_settings({PREFECT_API_URL: self.environment["PREFECT_API_URL"]}),
            contextlib.redirect_stdout(message),
            contextlib.redirect_stderr(message),
        ):
            assert main([str(flag) for flag in flags]) == expect, message.getvalue()
        return message.getvalue()

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start(
            BIN / "prefect", "worker", "start", "--pool", "process", "--name", f"w{len(self.processes)}"
        )

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """The machine is lost: the process and all below it, at once."""
        family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    @property
    def warehouse(self) -> DuckDBWarehouse:
        return DuckDBWarehouse(database=str(self.state / "warehouse.duckdb"))

    def free(self) -> bool:
        """True once nothing of a run holds the warehouse's file."""
        try:
            self.warehouse.read_served()
        except Busy:
            return False
        return True

    def journal(self) -> list[tuple[str, str]]:
        return [(entry.run, entry.state.value) for entry in control.read_journal(self.warehouse)]

    def status(self) -> str:
        return FilesTracker(folder=self.state / "tickets", project="BK").read_tickets(["BK-1"])[0].status

    def slow(self, rows: int = 50_000) -> None:
        """Let the mart read so many million rows more, for minutes; 0: as it was."""
        self.rows = rows
        model = self.state / "project" / "models" / "station_days.sql"
        text = (TINY / "dbt" / "models" / "station_days.sql").read_text()
        model.write_text(
            f"with slow as (select sum(a.range + b.range) as n from range({rows}) a, range(1000000) b),"
            f" fast as ({text}) select fast.* from fast, slow"
            if rows
            else text
        )

    def dbt(self) -> list[psutil.Process]:
        """dbt's processes that work for this stack."""
        return [
            process
            for process in psutil.process_iter(["cmdline", "environ"])
            if "blocks.dbt.worker" in (process.info["cmdline"] or ())
            and (process.info["environ"] or {}).get("STATE") == str(self.state)
        ]

    def in_query(self) -> bool:
        """True while dbt runs the slow query: it has written the statement, and its process is busy."""
        written = (self.state / "dbt" / "target" / "run").rglob("station_days.sql")
        if not any(f"range({self.rows})" in path.read_text() for path in written):
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            return any(
                each.cpu_percent(interval=0.5) > 5 for each in self.dbt()
            )  # on a busy machine it gets little
        return False


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("stack")
    state, port = home / "state", free_port()
    shutil.copytree(TINY / "tickets", state / "tickets")
    with (state / "tickets" / "BK-1.yaml").open("a") as ticket:
        ticket.write("subscribers: [ops@example.com]\n")
    shutil.copytree(TINY / "dbt", state / "project")
    (home / "token").write_text(f"{TOKEN}\n")
    with Receiver() as alerts:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
            "DO_NOT_TRACK": "1",
            "NO_COLOR": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "STATE": str(state),
            "RIDES": str(TINY / "rides"),
            "SUITES": str(TINY / "expectations"),
            "BIKES_TOKEN_FILE": str(home / "token"),
            "ALERTS": alerts.url,
            "OPENLINEAGE_URL": alerts.url,
        }
        made = Stack(state, environment, alerts, home / "log.txt")
        (home / "blocks.yaml").write_text(BLOCKS)
        try:
            # Prefect's server runs none of our code: coverage would only slow it down
            made.start(
                "env",
                "-u",
                "COVERAGE_PROCESS_CONFIG",
                BIN / "prefect",
                "server",
                "start",
                "--host",
                "127.0.0.1",
                "--port",
                port,
            )
            wait_for("server", lambda: _answers(f"http://127.0.0.1:{port}/api/health"))
            yield made
        finally:
            for process in reversed(made.processes):
                if process.poll() is None:
                    made.kill(process)
            print(made.log.read_text(errors="replace")[-6000:])  # pytest shows it where a test failed


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False
