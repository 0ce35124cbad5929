"""The parent flow: from tickets to dashboards and back, a stage a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, cast

from prefect import Flow, flow, get_run_logger
from prefect.states import Completed

from blocks.dbt.project import DbtProject
from blocks.errors import NotDelivered
from blocks.load_range import LoadRange
from blocks.loader.base import Loader
from blocks.notifier.base import Notifier
from blocks.prefect.block_types import import_types
from blocks.quality.suites import Suites
from blocks.query_tags import tag_queries
from blocks.records import BuildReport, Dashboard, Outcome, Plan, State
from blocks.site.base import BiSite
from blocks.tracker.base import Tracker
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from flows.delivery import Delivery
from flows.extract_load import extract_load
from flows.feedback import feedback
from flows.form import put_first
from flows.interruption import answer_first, check_interrupt, find_reason
from flows.promote import promote, require_passed
from flows.publish import publish
from flows.reach import explain_api_failure
from flows.requirements import requirements
from flows.run_context import (
    RunContext,
    name_new_run,
    open_run,
    read_last_report,
    read_published_reports,
)
from flows.run_end import answer_end
from flows.run_names import (
    ANSWERED,
    add_tags,
    clear_answered,
    name_delivery,
    summarize_delivery,
    tag_delivery,
)
from flows.transform import transform
from flows.validate import validate
from flows.warmup import run_meanwhile
from tasks.answers import tell_not_begun
from tasks.approval import close_approvals, decide_approvals, list_due_pages, list_held
from tasks.candidates import ask_for_approval, preview_candidates, remove_previews, tell_decisions
from tasks.disuse import review_uses
from tasks.lessons import read_lessons
from tasks.promotion import list_unfinished, recover
from tasks.publication import mark_held
from tasks.run_lock import lock_timeout, run_lock

import_types()  # a deployment names its blocks, of any type

STAGES: list[Flow[Any, Any]] = [requirements, extract_load, transform, validate, promote, publish, feedback]


@flow(
    name="deliver",
    flow_run_name=name_delivery,
    on_cancellation=[answer_end],
    on_crashed=[answer_end],
)
def deliver(  # noqa: PLR0913, PLR0917  # what a deployment may set, one by one in its form
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
    timeout: int = 0,
    patience: int | None = None,
    dashboards: list[str] | None = None,
    full_build: bool = False,
    notifier: Notifier | None = None,
) -> Outcome:
    """Deliver what open tickets (or these) and schedules ask for.

    Args:
        tracker: where tickets are.
        loaders: one a kind of source; dbt's `loader:` says which loads what.
        warehouse: where data is loaded, built, checked and read.
        site: where dashboards go.
        project: the dbt project.
        suites: the expectation suites, one a mart.
        tickets: keys of these tickets only; none: all open ones, and scheduled dashboards.
        run: the run's name; none: made of the time it was due.
        sources: load these sources only, needed or not.
        full_refresh: load all of them again from their beginning, and build incremental models whole.
        since: load again what is from this day on.
        until: with since: the last day to load again.
        dry_run: only the plan, as an artifact and in the outcome; tracker, warehouse and site stay as they are.
        timeout: seconds to wait for another run to end, before giving up as Busy.
        patience: the former name of timeout.
        dashboards: these dashboards only, whether or not a schedule asks for them; none: all that are asked for.
        full_build: build every model, also those that have not changed since a kept release.
        notifier: tells the subscribers of dashboards of new figures and alerts; none: nobody is told.

    Raises NotDelivered if something did not go out. An error that nobody expected is raised again once the
    tickets are answered.
    """
    run = run or name_new_run()
    plan_run = partial(
        requirements, tracker, project, warehouse, tickets, run, sources, dashboards=dashboards, site=site
    )
    if dry_run:
        return Outcome(run=run, published=False, plan=plan_run(dry_run=True))
    systems = _Systems(tracker, loaders, warehouse, site, project, suites, notifier)
    load_range = LoadRange(full=full_refresh, since=since, until=until)
    everything = tickets is None and dashboards is None
    order = _Order(run, plan_run, load_range, full_build, everything)
    delivery = _run_stages(systems, order, lock_timeout(timeout, patience))
    return _finish_delivery(_answer(delivery, tracker, warehouse, tickets))


@dataclass(frozen=True)
class _Systems:
    """What a run works with."""

    tracker: Tracker
    loaders: list[Loader]
    warehouse: Warehouse
    site: BiSite
    project: DbtProject
    suites: Suites
    notifier: Notifier | None


@dataclass(frozen=True)
class _Order:
    """What a run is asked for. plan_run: reads it as a plan; everything: no ticket and no dashboard is named."""

    run: str
    plan_run: Callable[..., Plan]
    load_range: LoadRange
    full_build: bool
    everything: bool


def _run_stages(systems: _Systems, order: _Order, timeout: int) -> Delivery:
    """Everything but the answers. What ended it is in the delivery."""
    warehouse, run = systems.warehouse, order.run
    tag_queries("deliver", run)
    clear_answered()
    with (
        Delivery(run) as delivery,
        _hold_lock(delivery, warehouse, timeout),
        open_run(systems.project, warehouse, run) as context,
    ):
        delivery.unfinished = tuple(list_unfinished(recover(warehouse, run)))
        _take_decisions(systems)
        if order.everything:
            review_uses(systems.site, systems.tracker, warehouse)
        with run_meanwhile(
            *(loader.warm for loader in systems.loaders)
        ):  # dbt parses in a process of its own
            delivery.plan = order.plan_run(context=context, due=list_due_pages(warehouse))
        tag_queries("deliver", run, delivery.plan.tickets)
        tag_delivery(delivery.plan)
        check_interrupt()
        if done := read_published_reports(warehouse, run):  # an attempt before this one came that far
            delivery.build, delivery.gate, delivery.release = done
            _hold_back(delivery, context, warehouse, systems.suites)
            _publish(delivery, context, systems)
        elif delivery.plan.dashboards:  # or all tickets are incomplete and nothing is scheduled: no failure
            _build_and_publish(delivery, context, systems, order)
    return delivery


def _take_decisions(systems: _Systems) -> None:
    """What people said of new definitions, told and kept."""
    decisions = decide_approvals(systems.tracker, systems.warehouse)
    if decisions:
        tell_decisions(systems.tracker, decisions)
        decided = [(each.candidate.dashboard, each.candidate.run) for each in decisions]
        remove_previews(systems.site, decided)
        close_approvals(systems.warehouse, decisions)


def _publish(delivery: Delivery, context: RunContext, systems: _Systems) -> None:
    site, warehouse, project, tracker = systems.site, systems.warehouse, systems.project, systems.tracker
    notifier = systems.notifier
    delivery.take(
        publish(site, warehouse, project, tracker, delivery.plan, context=context, notifier=notifier)
    )


@contextmanager
def _hold_lock(delivery: Delivery, warehouse: Warehouse, timeout: int) -> Iterator[None]:
    """Hold the run lock, and let the delivery know. Raises Busy if another run keeps it."""
    with run_lock(warehouse, timeout):
        delivery.holds_lock = True
        yield


put_first(
    deliver,
    *(
        "tickets",
        "dashboards",
        "dry_run",
        "sources",
        "full_refresh",
        "full_build",
        "since",
        "until",
        "timeout",
        "run",
        "patience",
    ),
)


def _build_and_publish(delivery: Delivery, context: RunContext, systems: _Systems, order: _Order) -> None:
    """Load, build, check, promote, publish what the plan names."""
    warehouse, project, site, suites = systems.warehouse, systems.project, systems.site, systems.suites
    load_range = order.load_range
    delivery.loads = extract_load(
        systems.loaders, warehouse, project, delivery.plan, load_range=load_range, context=context
    )
    check_interrupt()
    warehouse.check_lease(ask=True)  # or its loss would look like a fault of the sources
    plan = delivery.remove_failed_sources(context.catalogue)

    def warm_if_built(warm: Callable[[], None]) -> None:
        """Where nothing is built, answers are known and dashboards left alone, as a rule: it would be for nothing."""
        if context.dbt.await_build():
            warm()

    with run_meanwhile(
        partial(warm_if_built, site.warm), partial(warm_if_built, suites.warm)
    ):  # and builds there
        whole = load_range.full or load_range.since is not None
        delivery.build = transform(
            project, warehouse, plan, whole, context=context, full_build=order.full_build
        )
    check_interrupt()
    lessons = read_lessons(systems.tracker, warehouse, plan)
    delivery.gate = validate(
        suites, warehouse, project, delivery.build, plan, context=context, lessons=lessons
    )
    if not delivery.gate.passed:
        mark_held(site, plan, delivery.gate)
    require_passed(delivery.build.run, delivery.gate)
    check_interrupt()
    held = _hold_back(delivery, context, warehouse, suites)
    if delivery.build.marts:
        delivery.release = promote(warehouse, delivery.build, delivery.gate)
        check_interrupt()
        _publish(delivery, context, systems)
    else:
        control.write_journal(warehouse, plan.run, State.awaiting)
    check_interrupt()
    for candidate, preview in preview_candidates(site, warehouse, context.catalogue, systems.tracker, held):
        gate = delivery.gate if candidate.run == plan.run else None
        ask_for_approval(systems.tracker, warehouse, candidate, preview, gate)


def _hold_back(
    delivery: Delivery, context: RunContext, warehouse: Warehouse, suites: Suites
) -> list[Dashboard]:
    """Go on without what waits for somebody's word; return those dashboards."""
    plan = delivery.plan
    waiting = list_held(warehouse, context.dbt, suites, plan.dashboards) if plan else []
    if plan:  # also without marts that dashboards show which are no part of this run
        delivery.leave_out(read_last_report(warehouse, State.building, BuildReport, plan.run))
    if waiting:
        delivery.hold([each.dashboard.name for each in waiting])
    return [each.dashboard for each in waiting]


def _answer(
    delivery: Delivery, tracker: Tracker, warehouse: Warehouse, asked: list[str] | None = None
) -> Outcome:
    """Tell the tickets how it ended, whatever ended it. Raises NotDelivered, or what nobody expected.

    asked: keys of tickets; they hear it too where the run ended before it had read them.
    """
    answer_first()
    outcome = delivery.outcome(warehouse)
    try:
        recorded = _give_feedback(tracker, outcome, delivery.api_failed)
        if delivery.ended_unplanned:
            tell_not_begun(tracker, asked, outcome.errors)
        if recorded:
            add_tags([ANSWERED])  # or the runner tells them
    except Exception as error:
        if outcome.plan is not None and not delivery.crash:
            raise
        # what ended the run matters more, and may be the same
        get_run_logger().error("the tickets were not all answered: %s", type(error).__name__)
    if delivery.crash:
        raise delivery.crash
    if not outcome.ok:
        raise NotDelivered(f"deliver run {outcome.run}", "; ".join(outcome.errors), outcome=outcome)
    return outcome


def _give_feedback(tracker: Tracker, outcome: Outcome, api_failed: bool) -> bool:
    """Answer the tickets as a stage, or where Prefect's API is gone without it; true if the stage is recorded."""
    if not api_failed:
        try:
            feedback(tracker, outcome)
        except Exception as error:
            if not (find_reason() or explain_api_failure(error)):
                raise
        else:
            return True
    feedback.fn(tracker, outcome)
    return False


def _finish_delivery(outcome: Outcome) -> Outcome:
    """The outcome as the flow's result, with a sentence for Prefect's pages."""
    return cast(Outcome, Completed(message=summarize_delivery(outcome), data=outcome))
