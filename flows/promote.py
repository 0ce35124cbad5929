"""Stage 5: readers see the release, all of it at once; then old releases go."""

from __future__ import annotations

from prefect import flow, get_run_logger

from blocks.errors import GateFailed
from blocks.query_tags import tag_queries
from blocks.records import BuildReport, GateReport, Release, State
from blocks.warehouse.base import Warehouse
from flows.run_context import read_last_report
from flows.run_names import name_stage
from tasks.markdown import count_of
from tasks.promotion import promote_release, retain
from tasks.reports import show_release


@flow(name="promote", flow_run_name=name_stage)
def promote(
    warehouse: Warehouse, build: BuildReport | None = None, gate: GateReport | None = None
) -> Release:
    """Promote a validated release (alone: the last one). Raises GateFailed, and readers keep what they have."""
    gate = gate or read_last_report(warehouse, State.validated, GateReport)
    build = build or read_last_report(warehouse, State.building, BuildReport)
    tag_queries("promote", build.run)
    require_passed(build.run, gate)
    with warehouse.exclusive():
        release = promote_release(warehouse, build, gate)
        gone = retain(warehouse)
    show_release(release)
    get_run_logger().info("readers see run %s; %s dropped", release.run, count_of(len(gone), "old release"))
    return release


def require_passed(run: str, gate: GateReport) -> None:
    """Raises GateFailed for a verdict of no, with the first failed check and how many were held up by it."""
    if gate.passed:
        return
    failed, others = gate.root_failures, len(gate.consequences)
    answer = f"{len(failed)} of {count_of(len(gate.checks), 'check')} failed"
    answer += f", first {failed[0].scope}: {failed[0].told}" if failed else ""
    answer += f"; {others} more not evaluated because of that" if others else ""
    raise GateFailed(
        f"accept run {run}",
        answer,
        "Readers keep the previous release; correct the data or the suite and run again.",
    )
