"""A run's name, and the reports the journal keeps of it, for stages that run alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

from prefect.runtime import flow_run

from blocks.errors import NotFound
from blocks.records import Record, State
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse

Report = TypeVar("Report", bound=Record)


def new_run() -> str:
    """`20261123_084530_1f2e3d`: when it was due, in UTC, and the end of its id; the same for every attempt."""
    due = flow_run.scheduled_start_time or datetime.now(UTC)
    return f"{due.astimezone(UTC):%Y%m%d_%H%M%S}_{(flow_run.id or uuid4().hex).replace('-', '')[-6:]}"


def last_report(warehouse: Warehouse, state: State, kind: type[Report], run: str | None = None) -> Report:
    """The newest report of a state, of one run or of any. Raises NotFound if there is none."""
    for entry in reversed(control.journal(warehouse)):
        if entry.state is state and entry.detail and run in (None, entry.run):
            return kind.model_validate_json(entry.detail)
    raise NotFound(
        f"read the last {state.value} report", "the journal has none", "Run the stages before this."
    )
