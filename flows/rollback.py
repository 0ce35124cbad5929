"""Back to an earlier release: one flip, then the site and the tickets hear of it."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic

from prefect import flow, get_run_logger

from blocks.dbt.project import DbtProject
from blocks.errors import NotDelivered, PlatformError
from blocks.prefect.block_types import import_types
from blocks.query_tags import tag_queries
from blocks.records import Dashboard, Outcome, Publication, Release
from blocks.site.base import BiSite
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse
from flows.form import put_first
from flows.interruption import answer_first, find_reason
from flows.publish import publish
from flows.reach import explain_api_failure
from flows.run_context import open_run
from tasks.answers import answer_rollback
from tasks.planning import list_dashboards
from tasks.promotion import recover, roll_back
from tasks.publication import report_failure
from tasks.reports import show_release
from tasks.run_lock import lock_timeout, run_lock

import_types()  # a deployment names its blocks, of any type


@flow(name="rollback")
def rollback(
    tracker: Tracker,
    warehouse: Warehouse,
    site: BiSite,
    project: DbtProject,
    to: str | None = None,
    timeout: int = 0,
    patience: int | None = None,
) -> Outcome:
    """Flip readers back to the release before the served one, or to run `to`; refresh the site; tell tickets.

    Args:
        tracker: where the tickets are that hear of it.
        warehouse: whose readers are led back.
        site: whose dashboards are refreshed.
        project: the dbt project.
        to: the run whose release readers shall see; none: the one that they saw before.
        timeout: seconds to wait for another run to end, before giving up as Busy.
        patience: the former name of timeout.

    Raises NotDelivered if a dashboard was not refreshed, as where Prefect's API is lost after readers were led back.
    """
    tag_queries("rollback")
    start = monotonic()
    with run_lock(warehouse, lock_timeout(timeout, patience)):
        recover(warehouse, "")
        release = roll_back(warehouse, to)
        publications, lost = _refresh(tracker, warehouse, site, project, release)
    answer_rollback(tracker, release, publications, recorded=lost is None)
    if lost is None:
        get_run_logger().info("readers see run %s again", release.run)
    errors = (str(lost),) if lost else tuple(f"{p.dashboard}: {p.error}" for p in publications if p.error)
    outcome = Outcome(
        run=release.run,
        published=True,
        release=release,
        publications=tuple(publications),
        errors=errors,
        seconds=monotonic() - start,
    )
    if errors:
        raise NotDelivered(f"roll back to run {release.run}", "; ".join(errors), outcome=outcome)
    return outcome


def _refresh(
    tracker: Tracker, warehouse: Warehouse, site: BiSite, project: DbtProject, release: Release
) -> tuple[list[Publication], PlatformError | None]:
    """Publish all dashboards again. Where Prefect's API is lost: each as one that was not refreshed, and why."""
    try:
        show_release(release)
        return publish(site, warehouse, project, tracker), None
    except BaseException as error:
        lost = find_reason() or explain_api_failure(error)
        if lost is None:
            raise
    answer_first()
    dashboards: list[Dashboard] = []
    with suppress(PlatformError), open_run(project, warehouse, release.run) as context:
        dashboards = list_dashboards(context.catalogue, release)
    return [report_failure(each, release, lost) for each in dashboards], lost


put_first(rollback, "to", "timeout", "patience")
