"""Stage 7: the answer on each ticket, of success and of failure."""

from __future__ import annotations

from prefect import flow, get_run_logger

from blocks.records import Outcome
from blocks.tracker.base import Tracker
from tasks.answers import tell


@flow(name="feedback")
def feedback(tracker: Tracker, outcome: Outcome) -> int:
    """One comment per ticket and run, updated in place; return how many tickets were told."""
    told = tell(tracker, outcome)
    get_run_logger().info("%d tickets answered", told)
    return told
