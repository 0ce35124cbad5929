"""One delivery, or rollback, in a process of its own: `python -m tests.faults.one_delivery SETTINGS RUN`.

The flows, tasks, loader, warehouse and tracker are the product's. Prefect's server, dbt's process, Great Expectations
and the site are left out, so that a run takes a second and thousands can be ended in every way; tests/flows has
tests of the whole command line.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from prefect import Flow, Task

from blocks.child_process import run
from blocks.errors import NotDelivered, PlatformError, Transient, explain_error
from blocks.loader.dlt.loader import DltLoader
from blocks.records import Analysis, Dashboard, Plan, Priority, Publication, Requirement
from blocks.tracker.files.tracker import FilesTracker
from blocks.tracker.jira.tracker import JiraTracker
from blocks.warehouse.base import Warehouse
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from flows import deliver, interruption, rollback
from tests.property.project import Model, Project, StandInProject
from tests.property.sequences import StandInSuites

RAW = "{{ source('raw', 't') }}"
TICKETS = {"BK-1": "days", "BK-2": "total"}
TRIES = 4


class CompanyProject(Project):
    """Two marts over one source of files, so that a mixture of two releases would show."""

    def __init__(self) -> None:
        super().__init__(
            {
                "days": Model("days", f"select k, v from {RAW}"),
                "total": Model("total", f"select count(*) as k, sum(v) as v from {RAW}"),
            }
        )

    def manifest(self, schema: str) -> dict[str, Any]:
        manifest = super().manifest(schema)
        meta = {"kind": "files", "path": "*.csv", "format": "csv", "load": "append"}
        columns = {name: {"name": name, "data_type": "integer"} for name in ("k", "v")}
        manifest["sources"]["source.small.raw.t"] |= {"loader": "dlt", "meta": meta, "columns": columns}
        return manifest


def make_warehouse(settings: dict[str, Any]) -> Warehouse:
    """The warehouse that the settings of a ground describe."""
    if "host" in settings:
        from blocks.warehouse.postgres.warehouse import PostgresWarehouse

        return PostgresWarehouse(**settings)
    return DuckDBWarehouse(**settings)


def make_plan(*_: Any, **__: Any) -> Plan:
    """Both dashboards, for both tickets, whatever their status is."""
    run = sys.argv[2]
    dashboards = tuple(
        Dashboard(name=mart, analysis=Analysis.kpi, metrics=(), dimensions=(), marts=(mart,), ticket=key)
        for key, mart in TICKETS.items()
    )
    requirements = tuple(
        Requirement(
            key=key,
            analysis=Analysis.kpi,
            metrics=(),
            dimensions=(),
            sources=("raw",),
            deadline="2027-01-01",
            priority=Priority.high,
            requester="Ada",
        )
        for key in TICKETS
    )
    marts = tuple(TICKETS.values())
    return Plan(run=run, requirements=requirements, dashboards=dashboards, sources=("raw",), select=marts)


def publish(site: Any, warehouse: Warehouse, *_: Any, **__: Any) -> list[Publication]:
    """What a site says of both dashboards."""
    release = warehouse.read_served()
    assert release
    return [
        Publication(dashboard=mart, ticket=key, run=release.run, url=f"file:///{mart}", rows=1)
        for key, mart in TICKETS.items()
    ]


class Killer:
    """SIGKILL to this process where KILL_AT says: a stage, and `begin`, `end` or `inside`, a statement or comment."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._stage, _, self._moment = os.environ.get("KILL_AT", "").partition(" ")
        with warehouse.session() as session:
            self._places = ((type(session), "rows", 3), (FilesTracker, "comment", 1))

    def wrap(self, stage: str, act: Callable[..., Any]) -> Callable[..., Any]:
        """A stage's function that ends the process if it is to end there."""
        if stage != self._stage:
            return act

        def watched(*args: Any, **kwargs: Any) -> Any:
            self._end_at("begin")
            with ExitStack() as stack:
                for kind, name, left in self._places if self._moment == "inside" else ():
                    stack.enter_context(patch.object(kind, name, self._count(getattr(kind, name), left)))
                found = act(*args, **kwargs)
            self._end_at("end")
            return found

        return watched

    def _count(self, act: Callable[..., Any], left: int) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            found = act(*args, **kwargs)
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return counted

    def _end_at(self, moment: str) -> None:
        if self._moment == moment:
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def without_prefect(killer: Killer) -> Iterator[None]:
    """Flows and tasks as plain functions; tasks are retried as they would be, without the pauses."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, Flow):
            return killer.wrap(self.name, self.fn)(*args, **kwargs)
        for left in reversed(range(TRIES)):
            try:
                return self.fn(*args, **kwargs)
            except Transient:
                if not left:
                    raise
                time.sleep(0.05)

    def submit(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = call(self, *args, **kwargs)
        return SimpleNamespace(result=lambda: found)

    quiet = logging.getLogger("soak")
    quiet.setLevel(logging.CRITICAL + 1)
    replaced: dict[str, Callable[..., Any]] = {
        "get_run_logger": lambda: quiet,
        "create_markdown_artifact": lambda *_, **__: None,
        "record_loads": lambda *_, **__: None,
        "requirements": killer.wrap("requirements", make_plan),
        "publish": killer.wrap("publish", publish),
        "mark_held": lambda *_, **__: None,
        "show_checks": lambda _, gate: gate,
    }
    with ExitStack() as stack:
        for kind in (Flow, Task):
            stack.enter_context(patch.object(kind, "__call__", call))
        stack.enter_context(patch.object(Task, "submit", submit))
        for name, module in list(sys.modules.items()):
            for each in vars(module).keys() & replaced if name.startswith(("flows.", "tasks.")) else ():
                stack.enter_context(patch.object(module, each, replaced[each]))
        yield


def main(settings: dict[str, Any], name: str) -> int:
    """Deliver in a run of this name, or roll back. Exit codes: the command line's; 3 for an error nothing explains."""
    tempfile.tempdir = settings["scratch"]
    warehouse = make_warehouse(settings["warehouse"])
    tracker: Any = (JiraTracker if "server" in settings["tracker"] else FilesTracker)(**settings["tracker"])
    site = SimpleNamespace(warm=lambda: None)
    project: Any = StandInProject(CompanyProject())
    loader = DltLoader(
        locations={"raw": settings["data"]}, workdir=Path(settings["state"]) / "loads", deadline_seconds=60
    )
    try:
        with interruption.handle_interrupts(), without_prefect(Killer(warehouse)):
            if name == "rollback":
                rollback.rollback(tracker, warehouse, site, project)
            else:
                deliver.deliver(tracker, [loader], warehouse, site, project, StandInSuites(), run=name)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        known = error if isinstance(error, PlatformError) else explain_error("deliver", error)
        if known is None:
            traceback.print_exc()
            return 3
        kind = "not delivered" if isinstance(error, NotDelivered) else type(error).__name__
        print(f"{kind}: {known}", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    run(lambda: main(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]))
