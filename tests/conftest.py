"""Fixtures for every test: one Prefect server for the session, blocks over a temporary folder."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from hypothesis import HealthCheck, settings

from tests.leftovers import end_marked, mark
from tests.measurement import (
    keep_python_out_of_tracing,
    leave_imports_unmeasured,
    leave_libraries_unmeasured,
    leave_threads_unmeasured,
    pause_measuring,
)
from tests.warm_process import WarmParent, stand_in_subprocess

keep_python_out_of_tracing()
leave_imports_unmeasured()

ROOT = Path(__file__).resolve().parents[1]
TINY = ROOT / "tests" / "tiny"
REAL_ERP = ROOT.parent / "shared" / "data" / "online-retail"

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault(
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore"
)  # tests call tasks outside of runs
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start many processes; each would compile everything
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So does a shell start what it runs in the background; tests interrupt what they run, themselves too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# The same cases on every machine and in every run; `make soak` draws new ones, and more.
SUITE = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("suite", derandomize=True, **SUITE)
settings.register_profile("soak", max_examples=5_000, **SUITE)
settings.load_profile("suite")

MARK = mark()

SLOW = ("flows", "deployment", "referee", "gate", "dbt_project", "blocks/warehouse", "tasks")
"""Folders whose files take longest, whole runs first: begun last, one of them would keep the others waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; within a folder the order stays."""
    ranks = {ROOT / "tests" / folder: rank for rank, folder in enumerate(SLOW)}
    items.sort(
        key=lambda item: min((ranks[at] for at in item.path.parents if at in ranks), default=len(SLOW))
    )


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: a test that waits leaves its own idle. Each takes 1.5 GB."""
    return min(4, (os.cpu_count() or 1) + 1)


def find_shared(factory: pytest.TempPathFactory) -> Path:
    """The folder that all of pytest's processes have in common."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first of pytest's processes to need it makes, for all of them: copy it to change it."""
    folder = find_shared(factory) / name
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder.with_suffix(".made")
        if not made.exists():
            make(folder)
            made.touch()
    return folder


def pytest_sessionstart() -> None:
    """Spare coverage what is not ours, before anything of it runs."""
    leave_threads_unmeasured()
    leave_libraries_unmeasured()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare coverage pytest's own work, too."""
    with pause_measuring():
        return (yield)


def pytest_unconfigure() -> None:
    """Leave nothing behind, whatever crashed on the way."""
    if MARK is not None:
        for command in end_marked(MARK):
            print(f"left behind by a test, and ended: {command}")


@pytest.fixture(scope="session", autouse=True)
def measurement() -> dict[str, str]:
    """What lets coverage measure a process that a test starts, taken out of the environment.

    Measured, a process takes up to twice its time. Most of them repeat what another did: see `command_line`.
    """
    name = "COVERAGE_PROCESS_CONFIG"
    return {name: value} if (value := os.environ.pop(name, None)) else {}


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server of our own for the session; this process and those it starts use it."""
    os.environ["PREFECT_HOME"] = str(tmp_path_factory.mktemp("prefect"))
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    from prefect.settings import PREFECT_SERVER_ANALYTICS_ENABLED, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        temporary_settings({PREFECT_SERVER_ANALYTICS_ENABLED: False}),
        prefect_test_harness(server_startup_timeout=180),
    ):
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            os.environ["PREFECT_API_URL"] = str(client.api_url)
        yield os.environ["PREFECT_API_URL"]
        os.environ.pop("PREFECT_API_URL")


@pytest.fixture(scope="session")
def warm_parent(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmParent]:
    """What processes that need not be fresh are forked from."""
    with closing(WarmParent(tmp_path_factory.mktemp("warm") / "socket")) as parent:
        yield parent


@pytest.fixture
def warm_dbt(warm_parent: WarmParent) -> Iterator[None]:
    """Let dbt's processes be forked instead of started: half of their time is importing."""
    from blocks.dbt import worker_client

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_client, "subprocess", stand_in_subprocess(warm_parent.popen))
        yield


@pytest.fixture(scope="session")
def command_line(
    warm_parent: WarmParent, measurement: dict[str, str], tmp_path_factory: pytest.TempPathFactory
):
    """Run flows/main.py as a user does; return the finished process with its output as text.

    The first run of each command, in whichever of pytest's processes, is a new process, and measured; later ones are
    forked.
    """
    commands = (
        "check",
        "preview",
        "rollback",
        "retire",
        "status",
        "setup",
        "blocks",
        "automations",
        "poll",
        "--dry-run",
    )
    shared = find_shared(tmp_path_factory)

    def is_first(name: str) -> bool:
        try:
            (shared / f"{name}.run").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def run(
        *flags: object, cwd: Path | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        first = is_first(next((str(flag) for flag in flags if flag in commands), "run"))
        command = [sys.executable, str(ROOT / "flows" / "main.py"), *map(str, flags)]
        environment = {**os.environ, **(measurement if first else {})}
        start = subprocess.Popen if first else warm_parent.popen
        with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
            process = start(
                command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors
            )
            try:
                code = process.wait(timeout)
            finally:
                process.kill()
            for file in (output, errors):
                file.seek(0)
            return subprocess.CompletedProcess(command, code, output.read(), errors.read())

    return run
