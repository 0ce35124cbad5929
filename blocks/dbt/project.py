"""A dbt project as a block: parse it to a catalogue, build a release of it. dbt runs in dbt_worker.py.

Any project runs by its folder. Its profiles.yml is written per run, without secrets: those go to dbt's
process as environment variables, so none is on disk.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from pydantic import Field

from blocks.catalogue import Catalogue
from blocks.errors import BuildFailed, Misconfigured, TimedOut
from blocks.warehouse.base import Warehouse

ROOT = Path(__file__).resolve().parents[2]
PARSE_DEADLINE_SECONDS = 600
_workers: dict[tuple[str, str, str], Worker] = {}
_catalogues: dict[tuple[str, str, str], Catalogue] = {}


class Worker:
    """dbt's process. Closing it ends dbt and its queries; so does the death of this process."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs, log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "blocks.dbt.worker", str(theirs.fileno())],
                cwd=ROOT, env={**os.environ, **environment}, pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True,
            )
            self._connection = Connection(ours.detach())
        self._asked: str | None = None

    def ask(self, command: str, **arguments: Any) -> None:
        """Send a command, to be answered later. Raises BuildFailed if the process is gone."""
        self._asked = command
        with self._ended_well():
            self._connection.send((command, arguments))

    def answer(self, deadline_seconds: float) -> Any:
        """Wait for the answer to what was asked. Raises TimedOut, BuildFailed; then the process is gone."""
        with self._ended_well():
            if not self._connection.poll(deadline_seconds):
                raise TimedOut(
                    f"dbt {self._asked}", f"no end after {deadline_seconds:.0f} s", "See dbt's log."
                )
            status, answer = self._connection.recv()
        command, self._asked = self._asked, None
        if status == "error":
            raise BuildFailed(f"dbt {command}", answer)
        return answer

    @property
    def asked(self) -> bool:
        """True while an answer is outstanding."""
        return self._asked is not None

    @contextmanager
    def _ended_well(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self.close()
            raise BuildFailed(f"dbt {self._asked}", "its process ended", "See dbt's log.") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End an idle process; interrupt a busy one, give it time to cancel its queries, then end it."""
        self._connection.close()
        if self.asked and self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class DbtProject(Block):
    """A dbt project's folder. state: where target, logs and the run's profiles.yml go."""

    _block_type_name = "dbt Project"
    _block_type_slug = "dbt-project"

    folder: Path = Field(description="folder of dbt_project.yml")
    state: Path = Field(description="folder for dbt's target and logs, outside the project")

    def check(self) -> str:
        """Read dbt_project.yml; one line for a person."""
        return f"dbt project {self._settings()['name']} in {self.folder}"

    def warm(self, warehouse: Warehouse, schema: str) -> Worker:
        """Let dbt's process parse the project; `catalogue` waits for it. It takes seconds."""
        worker, args = self._worker(warehouse, schema)
        worker.ask("parse", args=args)
        return worker

    def catalogue(self, warehouse: Warehouse, schema: str) -> Catalogue:
        """Parse the project for a release schema, once; raises BuildFailed with dbt's own words."""
        key = self._key(warehouse, schema)
        if key not in _catalogues:
            worker = _workers.get(key)
            if worker is None or not worker.asked:
                worker = self.warm(warehouse, schema)
            worker.answer(PARSE_DEADLINE_SECONDS)
            _catalogues[key] = Catalogue(json.loads((self.target / "manifest.json").read_text()))
        return _catalogues[key]

    def build(
        self, warehouse: Warehouse, schema: str, select: Sequence[str], deadline_seconds: float
    ) -> list[dict[str, Any]]:
        """dbt build of the marts with their parents into a schema; one result a node (see dbt_worker).

        Failed tests are results, not errors. Raises BuildFailed where dbt itself could not go on, TimedOut.
        """
        from prefect.client.orchestration import get_client
        from prefect.context import serialize_context

        worker, args = self._worker(warehouse, schema)
        with get_client(sync_client=True) as client:
            api_url = str(client.api_url)
        settings = {
            "project_dir": args[1],
            "profiles_dir": args[3],
            "target_path": args[5],
            "log_level": "warn",
        }
        chosen = [f"+{mart}" for mart in select]
        try:
            worker.ask(
                "build", settings=settings, api_url=api_url,
                args=["--select", *chosen, "--log-path", args[7], "--no-write-json",
                      "--indirect-selection", "cautious"],
                context=_pickled(serialize_context()),
            )
            result: list[dict[str, Any]] = worker.answer(deadline_seconds)
        finally:
            self.close(warehouse, schema)
        return result

    def close(self, warehouse: Warehouse, schema: str) -> None:
        """End dbt's process, if one runs, and remove its profile."""
        if worker := _workers.pop(self._key(warehouse, schema), None):
            worker.close()
        shutil.rmtree(self.state / f"profiles-{schema}", ignore_errors=True)

    @property
    def target(self) -> Path:
        """dbt's target folder."""
        return self.state.resolve() / "target"

    def _key(self, warehouse: Warehouse, schema: str) -> tuple[str, str, str]:
        return str(self.folder.resolve()), warehouse.database, schema

    def _worker(self, warehouse: Warehouse, schema: str) -> tuple[Worker, list[str]]:
        state, key = self.state.resolve(), self._key(warehouse, schema)
        profiles, logs = state / f"profiles-{schema}", state / "logs"
        target, secrets = warehouse.dbt_target(schema)
        profile = {"target": "release", "outputs": {"release": target}}
        for folder in (profiles, logs):
            folder.mkdir(parents=True, exist_ok=True)
        # anew for every use, because it may carry the query tag; dbt reads it with each command
        (profiles / "profiles.yml").write_text(json.dumps({self._settings()["profile"]: profile}))
        if key not in _workers:
            quiet = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_VERSION_CHECK": "false"}
            _workers[key] = Worker({**quiet, **secrets}, logs / "worker.log")
        return _workers[key], [
            "--project-dir", str(self.folder.resolve()), "--profiles-dir", str(profiles),
            "--target-path", str(self.target), "--log-path", str(logs), "--log-level", "none",
        ]

    def _settings(self) -> dict[str, Any]:
        import yaml

        path = self.folder / "dbt_project.yml"
        try:
            settings: dict[str, Any] = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError) as error:
            raise Misconfigured(
                f"read {path}", type(error).__name__, "Give the folder of a dbt project."
            ) from None
        return settings


def _pickled(context: dict[str, Any]) -> bytes:
    """A run context for another process, with the flow but without its hooks: those are this process's own."""
    import cloudpickle

    if run := context.get("flow_run_context"):
        flow = copy.copy(run["flow"])
        for name in [name for name in vars(flow) if name.endswith("_hooks")]:
            setattr(flow, name, [])
        # a block in the context makes the other process import every vendor's collection: seconds, for nothing
        store = {**run["result_store"], "result_storage": None, "metadata_storage": None}
        context = {
            **context,
            "flow_run_context": {**run, "flow": flow, "result_store": store, "parameters": {}},
        }
    result: bytes = cloudpickle.dumps(context)
    return result
