"""Publishing the data dictionary of what readers see. It is beside the dashboards and holds none of them up."""

from __future__ import annotations

from typing import NamedTuple

from prefect import get_run_logger, task

from blocks.dbt.run import DbtRun
from blocks.dictionary import write_dictionary
from blocks.errors import PlatformError
from blocks.records import Dashboard, Publication, Release
from blocks.site.base import BiSite
from blocks.warehouse.base import Warehouse


class Explained(NamedTuple):
    """Where a site explains what readers see: the data dictionary, and dbt's own documentation."""

    dictionary: str | None = None
    dbt_docs: str | None = None


@task(task_run_name="publish the data dictionary")
def publish_dictionary(site: BiSite, warehouse: Warehouse, dbt: DbtRun, release: Release) -> Explained:
    """Publish the dictionary of a release's marts and dbt's documentation, on a site that has a place for them.

    Columns and types are as readers see them; lineage is of models as they were last built here.
    """
    try:
        with warehouse.session() as session:
            types = {mart: warehouse.columns(session, warehouse.serving, mart) for mart in release.marts}
        dictionary = write_dictionary(dbt.manifest, dbt.catalogue, dbt.remember_columns(), release.run, types)
        docs = site.publish_dbt_docs(dbt.manifest, dictionary)  # first: the dictionary leads to it
        return Explained(site.publish_dictionary(dictionary), docs)
    except PlatformError as error:
        get_run_logger().warning("the data dictionary was not published: %s", error)
        return Explained()


def link_dictionary(publication: Publication, explained: Explained, dashboard: Dashboard) -> Publication:
    """The publication, with where its first mart is in the dictionary and where dbt's own pages are, if they are."""
    links = {"dbt_docs": explained.dbt_docs}
    if explained.dictionary and dashboard.marts:
        links["dictionary"] = f"{explained.dictionary}#mart-{dashboard.marts[0]}"
    return publication.model_copy(update=links)
