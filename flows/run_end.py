"""A run that ends without having answered its tickets, killed or cancelled from outside: they hear of it all the same.

The runner of a deployment calls this in a process of its own, where the run's is gone. A run that answered is tagged.
"""

from __future__ import annotations

from contextlib import suppress

from prefect import Flow, State, get_client
from prefect.blocks.core import Block
from prefect.client.schemas.objects import FlowRun
from prefect.logging import get_run_logger

from blocks.errors import PlatformError
from blocks.tracker.base import Tracker
from flows.run_names import ANSWERED, TICKET
from tasks.answers import act_for_each_ticket
from tasks.markdown import code


def answer_end(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    """Tell each ticket of a run that was cancelled or died, once, if the run has not told it already."""
    with get_client(sync_client=True) as client:
        tags = client.read_flow_run(flow_run.id).tags
    keys = [tag.removeprefix(TICKET) for tag in tags if tag.startswith(TICKET)]
    reference = flow_run.parameters.get("tracker")
    if ANSWERED in tags or not keys or not isinstance(reference, dict) or "$ref" not in reference:
        return
    run = flow_run.name.split(" · ")[0]
    why = "it was cancelled" if state.is_cancelled() or state.is_cancelling() else "its process ended"
    text = (
        f"### Not delivered this time\n\nRun {code(run)} did not get to its end: {why}. Nothing is wrong with the "
        "ticket; it stays open, and the next run delivers it. What readers see is a release that passed its checks."
    )
    with suppress(PlatformError):  # the runner has nobody to tell; the next run answers
        tracker = Block.load_from_ref(reference["$ref"])
        if isinstance(tracker, Tracker):
            act_for_each_ticket({key: key for key in keys}, lambda key: tracker.comment(key, run, text))
            get_run_logger(flow_run=flow_run).info("tickets told of the end: %s", ", ".join(keys))
