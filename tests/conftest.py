"""Fixtures for every test: one Prefect server for the session, blocks over a temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TINY = ROOT / "tests" / "tiny"
REAL_ERP = ROOT.parent / "shared" / "data" / "online-retail"

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault(
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore"
)  # tests call tasks outside of runs
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start many processes; each would compile all anew


SLOW = ("flows", "deployment", "gate", "dbt_project", "blocks/warehouse", "tasks")
"""Folders whose files take longest, whole runs first: begun last, one of them would keep the others waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; within a folder the order stays."""
    ranks = {ROOT / "tests" / folder: rank for rank, folder in enumerate(SLOW)}
    items.sort(
        key=lambda item: min((ranks[at] for at in item.path.parents if at in ranks), default=len(SLOW))
    )


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
def command_line(prefect_server: str, measurement: dict[str, str]):
    """Run flows/main.py as a user does; return the finished process with its output as text.

    The first run of each command is measured.
    """
    commands = {
        "run",
        "check",
        "rollback",
        "retire",
        "status",
        "setup",
        "blocks",
        "automations",
        "poll",
        "--dry-run",
    }

    def run(
        *flags: object, cwd: Path | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        name = next((str(flag) for flag in flags if flag in commands), "run")
        first = measurement if name in commands else {}
        commands.discard(name)
        return subprocess.run(
            [sys.executable, str(ROOT / "flows" / "main.py"), *map(str, flags)],
            cwd=cwd,
            env={**os.environ, **first},
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return run
