"""Stage 7: the answer on each ticket, of success and of failure, and the incidents of the gate."""

from __future__ import annotations

from prefect import flow, get_run_logger

from blocks.records import Outcome
from blocks.tracker.base import Tracker
from flows.run_names import name_stage
from tasks.answers import answer_tickets
from tasks.incidents import update_incidents
from tasks.markdown import count_of
from tasks.refreshes import tell_of_refreshes


@flow(name="feedback", flow_run_name=name_stage)
def feedback(tracker: Tracker, outcome: Outcome) -> int:
    """One comment per ticket and run, updated in place; incidents; return how many tickets were answered."""
    try:
        answered = answer_tickets(tracker, outcome)
    finally:
        opened, closed = update_incidents(tracker, outcome)
    tell_of_refreshes(tracker, outcome)
    get_run_logger().info(
        "%s answered, %s opened, %d closed",
        count_of(answered, "ticket"),
        count_of(opened, "incident"),
        closed,
    )
    return answered
