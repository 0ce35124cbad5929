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


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server of our own for the session; this process and those it starts use it."""
    os.environ["PREFECT_HOME"] = str(tmp_path_factory.mktemp("prefect"))
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    from prefect.settings import PREFECT_SERVER_ANALYTICS_ENABLED, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    measured = os.environ.pop("COVERAGE_PROCESS_CONFIG", None)  # Prefect's server runs none of our code
    with (
        temporary_settings({PREFECT_SERVER_ANALYTICS_ENABLED: False}),
        prefect_test_harness(server_startup_timeout=180),
    ):
        if measured:
            os.environ["COVERAGE_PROCESS_CONFIG"] = measured
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            os.environ["PREFECT_API_URL"] = str(client.api_url)
        yield os.environ["PREFECT_API_URL"]
        os.environ.pop("PREFECT_API_URL")


@pytest.fixture(scope="session")
def command_line(prefect_server: str):
    """Run flows/main.py as a user does; return the finished process with its output as text."""

    def run(
        *flags: object, cwd: Path | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "flows" / "main.py"), *map(str, flags)],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return run
