"""Stage 2: the sources the plan needs into RAW, side by side; what fails stays out and is reported."""

from __future__ import annotations

from prefect import flow, get_run_logger

from blocks.dbt.project import DbtProject
from blocks.load_range import NEW_ROWS, LoadRange
from blocks.loader.base import Loader
from blocks.query_tags import tag_queries
from blocks.records import LoadReport, Plan
from blocks.warehouse.base import Warehouse
from flows.run_context import RunContext, hold_alone, stage_run
from flows.run_names import name_stage
from tasks.impact import say_impact
from tasks.lineage import record_loads
from tasks.loading import load_source
from tasks.markdown import count_of
from tasks.planning import list_known_sources
from tasks.reports import show_loads


@flow(name="extract_load", flow_run_name=name_stage)
def extract_load(
    loaders: list[Loader],
    warehouse: Warehouse,
    project: DbtProject,
    plan: Plan | None = None,
    sources: list[str] | None = None,
    load_range: LoadRange = NEW_ROWS,
    context: RunContext | None = None,
    timeout: int = 0,
) -> list[LoadReport]:
    """Load the plan's sources; alone: the named ones, or all that dbt declares with a loader.

    Args:
        loaders: one a kind of source; dbt's `loader:` says which loads what.
        warehouse: where the rows go, into RAW.
        project: the dbt project, whose sources say what is loaded and how.
        plan: whose sources are loaded; none: those of `sources`.
        sources: names of sources; none: all that the plan, or dbt, has.
        load_range: which rows are loaded again, beside the new ones.
        context: what the parent flow has opened; none: it is opened here.
        timeout: alone, seconds to wait for another run to end.
    """
    with hold_alone(context, warehouse, timeout):
        with stage_run(context, project, warehouse, plan.run if plan else None) as stage:
            plan, catalogue = plan or Plan(run=stage.run), stage.catalogue
        tag_queries("extract_load", plan.run, plan.tickets)
        names = list_known_sources(catalogue, sources) or plan.sources or catalogue.source_names()
        futures = [
            load_source.submit(name, catalogue.source_tables(name), loaders, warehouse, plan.run, load_range)
            for name in names
        ]
        loads = [report for future in futures for report in future.result()]
        loads = say_impact(loads, catalogue, stage.dbt, plan.dashboards)
    show_loads(plan.run, loads)
    record_loads(warehouse, catalogue, plan.run, loads)
    log = get_run_logger()
    for report in loads:
        for change in (*report.schema_changes, *report.notes):
            log.warning("%s.%s: %s", report.source, report.table, change)
        if report.error:
            message = f"{report.error} {report.impact}".strip()
            log.error("%s.%s was not loaded: %s", report.source, report.table, message)
    log.info(
        "%s from %s, %d quarantined",
        count_of(sum(r.rows for r in loads), "row"),
        count_of(len(loads), "table"),
        sum(r.quarantined for r in loads),
    )
    return loads
