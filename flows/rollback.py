"""Back to an earlier release: one flip, then the site and the tickets hear of it."""

from __future__ import annotations

from time import monotonic

from prefect import flow, get_run_logger

from blocks.dbt.project import DbtProject
from blocks.errors import NotDelivered
from blocks.prefect.block_types import import_types
from blocks.query_tags import tag_queries
from blocks.records import Outcome
from blocks.site.base import BiSite
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse
from flows.form import put_first
from flows.publish import publish
from tasks.answers import answer_rollback
from tasks.promotion import recover, roll_back
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

    Raises NotDelivered if a dashboard was not refreshed.
    """
    tag_queries("rollback")
    start = monotonic()
    with run_lock(warehouse, lock_timeout(timeout, patience)):
        recover(warehouse, "")
        release = roll_back(warehouse, to)
        show_release(release)
        publications = publish(site, warehouse, project, tracker)
    answer_rollback(tracker, release, publications)
    get_run_logger().info("readers see run %s again", release.run)
    errors = tuple(f"{p.dashboard}: {p.error}" for p in publications if p.error)
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


put_first(rollback, "to", "timeout", "patience")
