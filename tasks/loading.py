"""Loading one data source: the unit of retry."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task

from blocks.errors import Misconfigured, Rejected
from blocks.load_range import NEW_ROWS, LoadRange
from blocks.loader.base import Loader, report_fault
from blocks.records import LoadReport, SourceTable
from blocks.warehouse.base import Warehouse
from tasks.policy import RETRY


@task(task_run_name="load {source}", **RETRY)
def load_source(
    source: str,
    tables: Sequence[SourceTable],
    loaders: Sequence[Loader],
    warehouse: Warehouse,
    run: str,
    load_range: LoadRange = NEW_ROWS,
) -> list[LoadReport]:
    """Load what is new of one source, and what load_range asks for.

    A Rejected comes back as reports with `error`: of the table that it is about, and the others are loaded without
    it; else of the whole source, of which nothing was loaded then.
    """
    kind, reports, left = tables[0].loader, dict[str, LoadReport](), list(tables)
    while left:
        try:
            loaded = _find_loader(source, kind, loaders).load_source(left, warehouse, run, load_range)
        except Rejected as error:
            at_fault = [table for table in left if table.full_name == error.table] or left
            reports |= {table.name: report_fault(table, kind, error) for table in at_fault}
            left = [table for table in left if table not in at_fault]
            continue
        reports |= {report.table: report for report in loaded}
        break
    return [reports[table.name] for table in tables if table.name in reports]


def _find_loader(source: str, kind: str, loaders: Sequence[Loader]) -> Loader:
    for loader in loaders:
        if loader.kind == kind:
            return loader
    known = ", ".join(loader.kind for loader in loaders)
    raise Misconfigured(
        f"load {source}", f"dbt says `loader: {kind}`, the run has {known}", "Give the run that loader."
    )
