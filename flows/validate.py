"""Stage 4: the gate. dbt's tests, the suites, the quarantine and the diff against live say yes or no."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow, get_run_logger

from blocks.dbt.project import DbtProject
from blocks.quality.history.rules import Lesson
from blocks.quality.suites import Suites
from blocks.query_tags import tag_queries
from blocks.records import BuildReport, GateReport, Plan, Release, State
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from flows.run_context import RunContext, hold_alone, read_last_report, stage_run
from flows.run_names import name_stage
from tasks.approval import hold_for_approval
from tasks.carried_checks import list_judges, read_carried
from tasks.gate import (
    accept_loads,
    audit_suites,
    check_diff_budgets,
    check_marts,
    check_metrics,
    check_quarantine_budget,
    check_removed_marts,
    compare_with_live,
    judge,
    show_checks,
)
from tasks.history import keep_history, look_at_history
from tasks.markdown import count_of
from tasks.planning import list_dashboards
from tasks.promotion import retain
from tasks.reports import show_gate

MOST_IDLE = 5  # checks that were not evaluated, each in a line of the log


@flow(name="validate", flow_run_name=name_stage)
def validate(
    suites: Suites,
    warehouse: Warehouse,
    project: DbtProject,
    build: BuildReport | None = None,
    plan: Plan | None = None,
    context: RunContext | None = None,
    timeout: int = 0,
    lessons: Sequence[Lesson] = (),
) -> GateReport:
    """Audit a build (alone: the last one) and write the verdict into the journal.

    Args:
        suites: the expectation suites, one a mart.
        warehouse: where the build is.
        project: the dbt project, whose tests ran with the build.
        build: what is audited; none: the last build.
        plan: what it is built for; none: any metric may be shown somewhere, and has to be one that can be computed.
        context: what the parent flow has opened; none: it is opened here.
        timeout: alone, seconds to wait for another run to end.
        lessons: what people said is expected.
    """
    with hold_alone(context, warehouse, timeout):
        build = build or read_last_report(warehouse, State.building, BuildReport)
        tag_queries("validate", build.run)
        with stage_run(context, project, warehouse, build.run) as stage:
            catalogue = stage.catalogue
        carried = read_carried(warehouse, list_judges(build)) if build.reused else None
        tested = stage.catalogue.find_suite_tests(build.marts)
        checks = audit_suites(suites, warehouse, build, tested, carried)
        diffs = compare_with_live(warehouse, catalogue, build, carried)
        sources = sorted({source for mart in build.marts for source in catalogue.sources_of(mart)})
        shown = plan.dashboards if plan else ()
        look = look_at_history(warehouse, catalogue, build, shown, lessons)
        other = [
            *check_marts(warehouse, catalogue, build, shown, carried),
            *check_metrics(catalogue, diffs, shown if plan else None),
            *check_diff_budgets(catalogue, diffs),
            *check_quarantine_budget(warehouse, catalogue, sources, build.run),
            *check_removed_marts(warehouse, catalogue),
            *look.checks,
        ]
        judged = judge(build, checks, other, diffs).model_copy(update={"movements": tuple(look.movements)})
        gate = show_checks(suites, judged)
        if gate.passed:
            accept_loads(warehouse, sources)
        keep_history(warehouse, build.run, look, gate.passed)
        if gate.passed:  # before it counts as validated: whoever promotes it then leaves out what has to wait
            built = Release(run=build.run, marts=build.marts)
            dashboards = shown if plan else list_dashboards(catalogue, built)
            hold_for_approval(warehouse, stage.dbt, suites, build, dashboards)
        verdict = State.validated if gate.passed else State.rejected
        control.write_journal(warehouse, build.run, verdict, gate.model_dump_json())
        if not gate.passed:
            retain(warehouse)
    show_gate(gate)
    _log_gate(gate)
    return gate


def _log_gate(gate: GateReport) -> None:
    log = get_run_logger()
    failed = f"{len(gate.failures)} failed{'' if gate.passed else ': readers keep what they see'}"
    log.info("%s, %s, %d warned", count_of(len(gate.checks), "check"), failed, len(gate.warnings))
    idle = [check for check in gate.warnings if check.not_run]
    for check in [*idle[:MOST_IDLE], *(check for check in gate.warnings if not check.not_run)]:
        log.warning("%s: %s: %s", check.scope, check.told, check.observed)
    if len(idle) > MOST_IDLE:
        log.warning("%d more checks were not evaluated: the page of checks names each", len(idle) - MOST_IDLE)
    for check in gate.root_failures:
        log.error("%s: %s: %s", check.scope, check.told, check.observed)
    if gate.consequences:
        log.error("%d more checks were not evaluated because of these", len(gate.consequences))
