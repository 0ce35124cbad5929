"""Stage 3: dbt builds the planned marts with their parents into the run's own release schema."""

from __future__ import annotations

from prefect import flow, get_run_logger

from blocks.dbt.project import DbtProject
from blocks.query_tags import tag_queries
from blocks.records import BuildReport, Plan, State
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from flows.run_context import RunContext, hold_alone, stage_run
from flows.run_names import name_stage
from tasks.building import build_release, carry_over, clear_release
from tasks.markdown import count_of
from tasks.reports import show_build


@flow(name="transform", flow_run_name=name_stage)
def transform(
    project: DbtProject,
    warehouse: Warehouse,
    plan: Plan | None = None,
    full_refresh: bool = False,
    context: RunContext | None = None,
    timeout: int = 0,
    full_build: bool = False,
) -> BuildReport:
    """Build the plan's marts; alone: those of every exposure. Failed tests are left to the gate.

    Args:
        project: the dbt project.
        warehouse: where it is built, into a schema of the run's own.
        plan: whose marts are built; none: those of every exposure.
        full_refresh: incremental models are built whole, not on top of what the served release holds; snapshots and
            models with `full_refresh: false` keep their rows, as dbt has it.
        context: what the parent flow has opened; none: it is opened here.
        timeout: alone, seconds to wait for another run to end.
        full_build: every model is built, also where a kept release has it as it would be; full_refresh does that too.
    """
    with (
        hold_alone(context, warehouse, timeout),
        stage_run(context, project, warehouse, plan.run if plan else None) as stage,
    ):
        plan, catalogue = plan or Plan(run=stage.run), stage.catalogue
        tag_queries("transform", plan.run, plan.tickets)
        every = dict.fromkeys(mart for exposure in catalogue.exposures for mart in exposure.marts)
        select = plan.select or tuple(every)
        control.write_journal(warehouse, plan.run, State.building)
        clear_release(warehouse, stage.schema)
        carried = carry_over(warehouse, catalogue, stage.schema, select, full_refresh)
        if carried:
            get_run_logger().info("on top of the served release: %s", ", ".join(carried))
        build = build_release(
            stage.dbt, warehouse, stage.run, stage.schema, select, full_build or full_refresh
        )
        control.write_journal(warehouse, plan.run, State.building, build.model_dump_json())
    show_build(build)
    get_run_logger().info(
        "%s%s, %s, %s in %s",
        count_of(build.models, "model"),
        f" built, {len(build.reused)} shown again" if build.reused else "",
        count_of(build.tests, "test"),
        count_of(sum(build.rows.values()), "row"),
        count_of(len(build.marts), "mart"),
    )
    return build
