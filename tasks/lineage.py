"""Lineage from source to dashboard: Prefect assets, and OpenLineage events where an address is set.

A table's asset key is the one that prefect-dbt gives it, so what dbt reports of its models joins in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from types import MappingProxyType

from prefect.assets import Asset, AssetProperties
from prefect.context import AssetContext
from prefect.states import Completed, Failed

from blocks.catalogue import Catalogue
from blocks.column_lineage import ALL, ColumnLineage
from blocks.prefect.openlineage import Columns, is_wanted, send_lineage
from blocks.records import Dashboard, LoadReport, Publication, Release
from blocks.site.base import BiSite
from blocks.warehouse.base import Warehouse


def record_loads(warehouse: Warehouse, catalogue: Catalogue, run: str, loads: Iterable[LoadReport]) -> None:
    """Each source table, and the table of RAW it was loaded into."""
    raw = {(t.source, t.name): t for load in loads for t in catalogue.source_tables(load.source)}
    for load in loads:
        if (table := raw.get((load.source, load.table))) is None:
            continue
        origin = Asset(key=_make_key(load.loader, load.source, load.table))
        into = Asset(key=_make_table_key(warehouse, table.schema_name, table.identifier))
        _record_made(
            f"load.{load.source}.{load.table}", run, [origin], into, load.loader, load.rows, not load.error
        )


def record_publications(
    site: BiSite,
    warehouse: Warehouse,
    catalogue: Catalogue,
    run: str,
    release: Release,
    dashboards: Sequence[Dashboard],
    publications: Sequence[Publication],
    trace: Callable[[], ColumnLineage],
) -> None:
    """Each serving view with the release's table and the RAW tables below it, and each dashboard with its views.

    trace: gives the lineage of columns, which is asked for only where there is a server that takes it.
    """
    columns = trace() if is_wanted() else None
    views = {
        mart: Asset(key=_make_table_key(warehouse, warehouse.serving, mart)) for mart in release.marts
    }  # what readers see, whichever run made it
    for mart in sorted({mart for each in dashboards for mart in each.marts} & set(views)):
        below = [_make_table_key(warehouse, *release.marts[mart].rsplit(".", 1))]
        for source in catalogue.sources_of(mart):
            tables = catalogue.source_tables(source)
            below += [_make_table_key(warehouse, table.schema_name, table.identifier) for table in tables]
        made_of = _trace_mart(warehouse, catalogue, columns, mart) if columns else {}
        inputs = [Asset(key=key) for key in below]
        _record_made(f"promote.{mart}", run, inputs, views[mart], _read_scheme(warehouse), columns=made_of)
    for dashboard, publication in zip(dashboards, publications, strict=True):
        shown = AssetProperties(name=dashboard.name, url=publication.url or None)
        page = Asset(
            key=_make_key(_read_scheme(site), *site.project.split("/"), dashboard.name), properties=shown
        )
        read = [views[mart] for mart in dashboard.marts if mart in views]
        good = publication.error is None
        _record_made(f"publish.{dashboard.name}", run, read, page, _read_scheme(site), publication.rows, good)


def _record_made(
    job: str,
    run: str,
    inputs: Sequence[Asset],
    output: Asset,
    by: str,
    rows: int | None = None,
    good: bool = True,
    columns: Columns = MappingProxyType({}),
) -> None:
    """Record that one thing was made of others. A lineage server that fails is logged and holds nothing up."""
    context = AssetContext(
        direct_asset_dependencies=set(inputs),
        downstream_assets={output},
        materialized_by=by,
        materialization_metadata={output.key: {"run": run, **({} if rows is None else {"rows": rows})}},
    )
    context.emit_events(Completed() if good else Failed())
    send_lineage(job, run, [asset.key for asset in inputs], output.key, rows, good, columns)


def _trace_mart(
    warehouse: Warehouse, catalogue: Catalogue, lineage: ColumnLineage, mart: str
) -> dict[str, list[tuple[str, str]]]:
    """A mart's columns, each with the columns of RAW that it is made of; those that are not known are left out."""
    tables = {catalogue.source_id(each.full_name): each for each in catalogue.tables}
    key = catalogue.mart(mart).unique_id
    found = {}
    for column in lineage.columns(key):
        parts = [
            (_make_table_key(warehouse, tables[origin].schema_name, tables[origin].identifier), name)
            for origin, name in sorted(lineage.origins(key, column))
            if origin in tables and name != ALL
        ]
        if parts:
            found[column] = parts
    return found


def _read_scheme(block: Warehouse | BiSite) -> str:
    return block.get_block_type_slug().partition("-")[0]


def _make_table_key(warehouse: Warehouse, schema: str, table: str) -> str:
    database = warehouse.database.rsplit("/", 1)[-1].removesuffix(f".{_read_scheme(warehouse)}")
    return _make_key(_read_scheme(warehouse), database, schema, table)


def _make_key(scheme: str, *parts: str) -> str:
    return f"{scheme}://{'/'.join(re.sub(r'[^A-Za-z0-9_.-]', '_', part) for part in parts)}"
