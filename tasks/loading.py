"""Loading one data source: the unit of retry."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task

from blocks.errors import ContractBroken, Misconfigured, Rejected
from blocks.load_range import NEW_ROWS, LoadRange
from blocks.loader.base import Loader
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

    A Rejected comes back as reports with `error`; nothing was loaded.
    """
    kind = tables[0].loader
    try:
        loader = next((loader for loader in loaders if loader.kind == kind), None)
        if loader is None:
            known = ", ".join(loader.kind for loader in loaders)
            raise Misconfigured(
                f"load {source}",
                f"dbt says `loader: {kind}`, the run has {known}",
                "Give the run that loader.",
            )
        return loader.load_source(tables, warehouse, run, load_range)
    except Rejected as error:
        return [
            LoadReport(
                source=source, table=table.name, loader=kind, error=str(error), **_name_broken(table, error)
            )
            for table in tables
        ]


def _name_broken(table: SourceTable, error: Rejected) -> dict[str, object]:
    """What of a table its source has broken, for its report."""
    if not isinstance(error, ContractBroken) or error.table != table.full_name:
        return {}
    return {"broken": error.columns, "retyped": error.retyped}
