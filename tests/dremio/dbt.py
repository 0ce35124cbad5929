"""dbt in a process of its own under the guards, as the worker runs it, and asked for one command after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from blocks.warehouse.base import Warehouse
from tests.conftest import ROOT


@dataclass
class Answer:
    """How a command ended. results: node → (status, message)."""

    success: bool
    error: str = ""
    results: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def statuses(self) -> dict[str, str]:
        return {name: status for name, (status, _) in self.results.items()}


class Dbt:
    """A running dbt."""

    def __init__(self, process: subprocess.Popen[str], flags: Sequence[str]) -> None:
        self.process, self.flags = process, list(flags)

    def start(self, *arguments: str) -> None:
        """Send a command and do not wait."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([*arguments, *self.flags]) + "\n")
        self.process.stdin.flush()

    def run(self, *arguments: str) -> Answer:
        """Send a command and wait for its end."""
        assert self.process.stdout is not None
        self.start(*arguments)
        return Answer(**json.loads(self.process.stdout.readline()))


@contextmanager
def dbt(warehouse: Warehouse, project: Path, schema: str, state: Path, **target: Any) -> Iterator[Dbt]:
    """dbt on a project, building into a schema; target: changes to the profile's output."""
    output, environment = warehouse.make_dbt_target(schema)
    settings = yaml.safe_load((project / "dbt_project.yml").read_text())
    state.mkdir(parents=True, exist_ok=True)
    profile = {"target": "test", "outputs": {"test": output | target}}
    (state / "profiles.yml").write_text(json.dumps({settings["profile"]: profile}))
    quiet = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_VERSION_CHECK": "false"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.dremio.dbt"],
        cwd=ROOT,
        text=True,
        env={**os.environ, **environment, **quiet},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    flags = [
        "--project-dir",
        str(project),
        "--profiles-dir",
        str(state),
        "--target-path",
        str(state / "target"),
        "--log-path",
        str(state / "logs"),
        "--log-level",
        "none",
    ]
    try:
        yield Dbt(process, flags)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def main() -> None:
    """Read commands as JSON lines, answer likewise."""
    from importlib import import_module

    answers, sys.stdout = sys.stdout, sys.stderr
    if guard := os.environ.get("DBT_ADAPTER_GUARD"):
        import_module(guard).install()
    from dbt.cli.main import dbtRunner

    for line in sys.stdin:
        done = dbtRunner().invoke(json.loads(line))
        nodes = getattr(done.result, "results", None) or []
        results = {node.node.name: (str(node.status), node.message or "") for node in nodes}
        answer = {"success": done.success, "error": str(done.exception or ""), "results": results}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
