"""Stage 3: dbt builds the planned marts with their parents into the run's own release schema."""

from __future__ import annotations

from prefect import flow, get_run_logger

from blocks.dbt.project import DbtProject
from blocks.query_tags import tag_queries
from blocks.records import BuildReport, Plan, State
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from flows.run import new_run
from tasks.building import build_release, carry_over
from tasks.promotion import schema_of
from tasks.reports import show_build


@flow(name="transform")
def transform(
    project: DbtProject, warehouse: Warehouse, plan: Plan | None = None, anew: bool = False
) -> BuildReport:
    """Build the plan's marts; alone: those of every exposure. Failed tests are left to the gate.

    anew: incremental models are built whole, not on top of what the served release holds.
    """
    plan = plan or Plan(run=new_run())
    tag_queries("transform", plan.run, plan.tickets)
    catalogue = project.catalogue(warehouse, schema_of(plan.run))
    select = plan.select or tuple(
        dict.fromkeys(mart for exposure in catalogue.exposures for mart in exposure.marts)
    )
    control.record(warehouse, plan.run, State.building)
    carried = [] if anew else carry_over(warehouse, catalogue, schema_of(plan.run), select)
    if carried:
        get_run_logger().info("on top of the served release: %s", ", ".join(carried))
    build = build_release(project, warehouse, catalogue, plan.run, schema_of(plan.run), select)
    control.record(warehouse, plan.run, State.building, build.model_dump_json())
    show_build(build)
    get_run_logger().info(
        "%d models, %d tests, %s rows in %d marts",
        build.models,
        build.tests,
        f"{sum(build.rows.values()):,}",
        len(build.marts),
    )
    return build
