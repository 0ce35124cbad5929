"""What a run is called on Prefect's pages, what it is tagged with, and the sentence it ends with.

Names of tickets and dashboards are shown there, never their text.
"""

from __future__ import annotations

from collections.abc import Iterable

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.runtime import deployment, flow_run

from blocks.records import Outcome, Plan
from flows.run_context import name_new_run
from tasks.markdown import count_of, line

MOST_NAMED, MOST_TAGS = 3, 40
TICKET, INCOMPLETE, DASHBOARD, ANSWERED = "ticket:", "incomplete:", "dashboard:", "answered"
"""Tags: what a run delivers, by key and name; and that its tickets were told how it ended."""


def name_delivery() -> str:
    """`20261123_084530_1f2e3d · AN-1, AN-3 · deliver/ad-hoc`: the run, what was asked for, and what asked."""
    given = flow_run.parameters or {}
    asked = [*(given.get("tickets") or ()), *(given.get("dashboards") or ())]
    named = ", ".join(line(each, 40) for each in asked[:MOST_NAMED])
    more = f" and {len(asked) - MOST_NAMED} more" if len(asked) > MOST_NAMED else ""
    what = f"{named}{more}" or "open tickets and schedules"
    who = f"{flow_run.flow_name}/{deployment.name}" if deployment.name else "command line"
    return " · ".join((str(given.get("run") or name_new_run()), what, who))


def name_stage() -> str:
    """`validate of 20261123_084530_1f2e3d`; alone, the stage and its own run's name."""
    given = flow_run.parameters or {}
    named = (
        getattr(given.get(each), "run", None) for each in ("context", "plan", "build", "outcome", "gate")
    )
    run = given.get("run") or next(filter(None, named), None) or name_new_run()
    return f"{flow_run.flow_name} of {run}"


def tag_delivery(plan: Plan) -> None:
    """Tag this run with its tickets and dashboards, so that Prefect's pages find every run of one."""
    if flow_run.id is None:
        return
    found = [f"{TICKET}{each.key}" for each in plan.requirements]
    found += [f"{INCOMPLETE}{each.key}" for each in plan.incomplete]
    found += [f"{DASHBOARD}{each.name}" for each in plan.dashboards]
    add_tags(found[:MOST_TAGS])


def list_delivered_now(keys: Iterable[str]) -> set[str]:
    """Those of the tickets that a delivery works on at this moment, whatever started it."""
    tags = {f"{TICKET}{key}": key for key in keys}
    wanted = FlowRunFilter.model_validate(
        {"state": {"type": {"any_": [StateType.RUNNING]}}, "tags": {"any_": list(tags)}}
    )
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=wanted)
    return {tags[tag] for run in found for tag in run.tags if tag in tags}


def add_tags(found: list[str]) -> None:
    """Add tags to this run."""
    if flow_run.id is None:
        return
    with get_client(sync_client=True) as client:
        known = client.read_flow_run(flow_run.id).tags
        client.update_flow_run(flow_run.id, tags=list(dict.fromkeys((*known, *found))))


def clear_answered() -> None:
    """Take off the tag of an earlier attempt of this run: its tickets have not heard of this one yet."""
    if flow_run.id is None or (flow_run.run_count or 0) < 2:
        return
    with get_client(sync_client=True) as client:
        known = client.read_flow_run(flow_run.id).tags
        client.update_flow_run(flow_run.id, tags=[tag for tag in known if tag != ANSWERED])


def summarize_delivery(outcome: Outcome) -> str:
    """`3 dashboards published, 2 tickets answered, 1 ticket incomplete`."""
    plan = outcome.plan
    if not outcome.published and not outcome.publications:
        done = "nothing to build"
    else:
        out = sum(each.error is None for each in outcome.publications)
        done = f"{count_of(out, 'dashboard')} published"
    parts = [done]
    if plan and plan.requirements:
        parts.append(f"{count_of(len(plan.requirements), 'ticket')} answered")
    if plan and plan.incomplete:
        parts.append(f"{count_of(len(plan.incomplete), 'ticket')} incomplete")
    if outcome.gate and outcome.gate.warnings:
        parts.append(
            f"{count_of(len(outcome.gate.warnings), 'warning')} of {len(outcome.gate.checks)} checks"
        )
    return ", ".join(parts)
