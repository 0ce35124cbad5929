"""The parent flow: from tickets to dashboards and back. `python flows/main.py --help` for the command line."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the project's root, from any directory
    from blocks.child_process import run
    from flows.cli import main

    run(main)
    sys.exit()

from prefect import Flow, flow

from blocks.dbt.project import DbtProject
from blocks.errors import NotDelivered
from blocks.load_range import Reload
from blocks.loader.base import Loader
from blocks.prefect.block_types import import_types
from blocks.quality.suites import Suites
from blocks.query_tags import tag_queries
from blocks.records import Outcome
from blocks.site.base import BiSite
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse
from flows.delivery import Delivery
from flows.extract_load import extract_load
from flows.feedback import feedback
from flows.promote import promote
from flows.publish import publish
from flows.requirements import requirements
from flows.run import new_run
from flows.transform import transform
from flows.validate import validate
from flows.warmup import meanwhile
from tasks.promotion import recover
from tasks.run_lock import turn

import_types()  # a deployment names its blocks, of any type

STAGES: list[Flow[Any, Any]] = [requirements, extract_load, transform, validate, promote, publish, feedback]


@flow(name="deliver")
def deliver(  # noqa: PLR0913, PLR0917
    tracker: Tracker,
    loaders: list[Loader],
    warehouse: Warehouse,
    site: BiSite,
    project: DbtProject,
    suites: Suites,
    tickets: list[str] | None = None,
    run: str | None = None,
    sources: list[str] | None = None,
    full_refresh: bool = False,
    since: date | None = None,
    until: date | None = None,
    dry_run: bool = False,
    patience: int = 0,
) -> Outcome:
    """Deliver what open tickets (or these) and schedules ask for. Raises NotDelivered if something did not go out.

    sources: load these only. full_refresh: load all of them anew; since, until: load these days again.
    dry_run: only the plan, as an artifact and in the outcome; tracker, warehouse and site stay as they are.
    patience: seconds to wait for another run to end, before giving up as Busy.
    """
    reload = Reload(full=full_refresh, since=since, until=until)
    run = run or new_run()
    if dry_run:
        plan = requirements(tracker, project, warehouse, tickets, run, sources, dry_run=True)
        return Outcome(run=run, published=False, plan=plan)
    tag_queries("deliver", run)
    with Delivery(run) as delivery, turn(warehouse, patience):
        recover(warehouse, run)
        with meanwhile(*(loader.warm for loader in loaders)):  # dbt parses in a process of its own
            delivery.plan = requirements(tracker, project, warehouse, tickets, run, sources)
        tag_queries("deliver", run, delivery.plan.tickets)
        if delivery.plan.dashboards:  # or all tickets are incomplete and nothing is scheduled: no failure
            delivery.loads = extract_load(loaders, warehouse, project, delivery.plan, reload=reload)
            anew = full_refresh or since is not None
            with meanwhile(suites.warm, site.warm):  # and builds there
                delivery.build = transform(project, warehouse, delivery.loadable(project, warehouse), anew)
            delivery.gate = validate(suites, warehouse, project, delivery.build)
            delivery.release = promote(warehouse, delivery.build, delivery.gate)
            delivery.publications = publish(site, warehouse, project, tracker, delivery.plan, delivery.gate)
    outcome = delivery.outcome(warehouse)
    feedback(tracker, outcome)
    if not outcome.ok:
        raise NotDelivered(f"deliver run {run}", "; ".join(outcome.errors), outcome=outcome)
    return outcome
