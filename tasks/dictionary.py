"""Publishing the data dictionary of what readers see. It is beside the dashboards and holds none of them up."""

from __future__ import annotations

from prefect import get_run_logger, task

from blocks.dbt.run import DbtRun
from blocks.dictionary import write_dictionary
from blocks.errors import PlatformError
from blocks.records import Release
from blocks.site.base import BiSite, Guides
from blocks.warehouse.base import Warehouse


@task(task_run_name="publish the data dictionary")
def publish_dictionary(site: BiSite, warehouse: Warehouse, dbt: DbtRun, release: Release) -> Guides:
    """Publish the dictionary of a release's marts and dbt's documentation, on a site that has a place for them.

    Columns and types are as readers see them; lineage is of models as they were last built here.
    """
    try:
        with warehouse.session() as session:
            types = {mart: warehouse.columns(session, warehouse.serving, mart) for mart in release.marts}
        dictionary = write_dictionary(dbt.manifest, dbt.catalogue, dbt.remember_columns(), release.run, types)
        docs = site.publish_dbt_docs(dbt.manifest, dictionary)  # first: the dictionary leads to it
        return Guides(site.publish_dictionary(dictionary), docs)
    except PlatformError as error:
        get_run_logger().warning("the data dictionary was not published: %s", error)
        return Guides()
