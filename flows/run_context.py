"""What every stage of a run works with: its name, its release schema, dbt's catalogue. Made once, handed on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

from prefect.runtime import flow_run

from blocks.catalogue import Catalogue
from blocks.dbt.project import DbtProject
from blocks.dbt.run import DbtRun
from blocks.errors import BadInput, NotFound
from blocks.records import BuildReport, GateReport, Record, Release, State
from blocks.release_names import release_schema
from blocks.vendor_patches.prefect import bound_parameters
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from blocks.warehouse.release_history import choose_attempt
from tasks.run_lock import run_lock

RUN_NAME = re.compile(r"[A-Za-z0-9_]{1,60}")
Report = TypeVar("Report", bound=Record)


class RunContext:
    """One attempt of a run over one project and one warehouse.

    run: its name; schema: what the attempt builds into; dbt: the project for that schema.
    """

    # without a __dict__, so that Prefect stores no content of it with a flow's run
    __slots__ = ("dbt", "run", "schema")

    def __init__(self, run: str, schema: str, dbt: DbtRun) -> None:
        self.run, self.schema, self.dbt = run, schema, dbt

    @property
    def catalogue(self) -> Catalogue:
        """dbt's catalogue, parsed on first use. Raises BuildFailed with dbt's own words, TimedOut."""
        return self.dbt.catalogue


@contextmanager
def open_run(project: DbtProject, warehouse: Warehouse, run: str | None = None) -> Iterator[RunContext]:
    """The next attempt of a run of this name, or a new run; dbt's process ends with it.

    Raises BadInput for a name that could not be part of a schema's.
    """
    if run and not RUN_NAME.fullmatch(run):
        raise BadInput(
            "name a run", "it is not letters, digits and _, 60 at the most", "As in 20261123_0845."
        )
    bound_parameters()  # stages hand on reports of every model
    attempt = choose_attempt(warehouse, run) if run else 1
    attempt = warehouse.lease_number() or attempt  # an attempt that was stopped may not be in the journal yet
    run = run or name_new_run()
    schema = release_schema(run, attempt)
    dbt = project.open(warehouse, schema)
    try:
        yield RunContext(run, schema, dbt)
    finally:
        dbt.close()


def stage_run(
    context: RunContext | None, project: DbtProject, warehouse: Warehouse, run: str | None = None
) -> AbstractContextManager[RunContext]:
    """The parent's context, which stays open; for a stage that runs alone, one of its own."""
    return nullcontext(context) if context else open_run(project, warehouse, run)


def hold_alone(
    context: RunContext | None, warehouse: Warehouse, timeout: float = 0
) -> AbstractContextManager[None]:
    """The right to write, for a stage that runs alone; the parent has it. Raises Busy if another run keeps it.

    Without it the stage would write the control tables without a fencing number, between another run's steps.
    timeout: seconds to wait for another run to end.
    """
    return nullcontext() if context else run_lock(warehouse, timeout)


def name_new_run() -> str:
    """`20261123_084530_1f2e3d`: when it was due, in UTC, and the end of its id; the same for every attempt."""
    due = flow_run.scheduled_start_time or datetime.now(UTC)
    return f"{due.astimezone(UTC):%Y%m%d_%H%M%S}_{(flow_run.id or uuid4().hex).replace('-', '')[-6:]}"


def read_last_report(
    warehouse: Warehouse, state: State, kind: type[Report], run: str | None = None
) -> Report:
    """The newest report of a state, of one run or of any. Raises NotFound if there is none."""
    if detail := control.read_last_detail(warehouse, state, run):
        return kind.model_validate_json(detail)
    raise NotFound(
        f"read the last {state.value} report", "the journal has none", "Run the stages before this."
    )


def read_published_reports(warehouse: Warehouse, run: str) -> tuple[BuildReport, GateReport, Release] | None:
    """What a run built, its gate and its release, if readers have seen it already; None before that."""
    if not control.read_journal(warehouse, run, [State.published], details=False):
        return None
    return (
        read_last_report(warehouse, State.building, BuildReport, run),
        read_last_report(warehouse, State.validated, GateReport, run),
        read_last_report(warehouse, State.published, Release, run),
    )
