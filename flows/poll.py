"""A light look at the tracker: what waits and was not seen yet is delivered by the ad hoc deployment."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import cast

from prefect import flow, get_run_logger, runtime
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment

from blocks.prefect.block_types import import_types
from blocks.tracker.base import Tracker
from flows.form import put_first
from flows.run_names import list_delivered_now
from tasks.polling import TAG, is_same_content, is_waiting, mark, read_seen, remember
from tasks.requirements import read_tickets

import_types()  # a deployment names its blocks, of any type


@flow(name="poll")
def poll(tracker: Tracker, deployment: str = "deliver/ad-hoc", settle_seconds: int = 0) -> list[str]:
    """Start `deployment` for the tickets that are new or were edited since the last look; return their keys.

    Failed ones are left to the next scheduled run. Starts nothing where nothing is new, nothing twice, and nothing
    while a run that a look started waits to begin: what is new then is left to the next look.

    Args:
        tracker: where the tickets are.
        deployment: what is started, as flow/deployment, with the tickets' keys.
        settle_seconds: seconds from the event to the look, so that it serves all events of that time.
    """
    _wait_since_event(settle_seconds)
    waiting = {each.key: mark(each) for each in read_tickets(tracker) if each.status != "failed"}
    known = read_seen(deployment)
    fresh = [key for key, marked in waiting.items() if known.get(key) != marked]
    if answered := [key for key in fresh if is_same_content(known.get(key, ""), waiting[key])]:
        for key in list_delivered_now(answered):  # it was answered this moment, and is moved in the next
            fresh.remove(key)
            waiting[key] = known[key]
    log = get_run_logger()
    if fresh and is_waiting(deployment):
        log.info("%s are left to the next look: a run of %s waits already", ", ".join(fresh), deployment)
        return []
    if fresh:
        started = run_deployment(
            deployment,
            parameters={"tickets": fresh},
            idempotency_key="-".join(waiting[key] for key in fresh),
            tags=[TAG],
            timeout=0,
            as_subflow=False,
        )
        remember(deployment, waiting)
        log.info("%s wait; %s is run %s", ", ".join(fresh), deployment, cast(FlowRun, started).name)
    else:
        log.info("nothing new among %d tickets", len(waiting))
    return fresh


def _wait_since_event(seconds: float) -> None:
    """Wait until so long after this run was asked for: one that stood in a queue has waited already.

    So looks take less time than lies between two of them, and an endless flood of events makes no endless queue.
    """
    waited = (datetime.now(UTC) - runtime.flow_run.scheduled_start_time).total_seconds()
    time.sleep(seconds - min(max(waited, 0), seconds))


put_first(poll, "deployment", "settle_seconds")
