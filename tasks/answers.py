"""The answer on each ticket after a run: comment, image, link, status. One comment a run.

A ticket only hears of its own sources, marts and dashboards. What is written on incomplete tickets is in
requirements.py; the text of an answer is in answer_text.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from prefect import get_run_logger, task

from blocks.errors import NotFound, PlatformError, Rejected, Transient, Unavailable
from blocks.records import Outcome, Publication, Release, Requirement
from blocks.tracker.base import GAPS, NOT_BEGUN, Tracker
from tasks.answer_text import answer_text, describe_rollback, is_delivered, list_delivered
from tasks.markdown import bullets, code
from tasks.policy import RETRY

Item = TypeVar("Item")


@task(task_run_name="answer {requirement.key}", **RETRY)
def answer_ticket(tracker: Tracker, outcome: Outcome, requirement: Requirement) -> None:
    """Say on one ticket how the run ended for it; safe to repeat, wherever it stopped."""
    key = requirement.key
    tracker.comment(key, outcome.run, answer_text(outcome, requirement))
    if requirement.status == "incomplete":
        tracker.comment(key, GAPS, "Nothing is missing any more; see the answer of the run.")
    for publication in list_delivered(outcome, key):
        if publication.image:
            tracker.attach(key, publication.image)
        tracker.link(key, publication.url, f"Dashboard {publication.dashboard}")
    tracker.move(key, "done" if is_delivered(outcome, key) else "failed", _collect_facts(outcome, key))


@task(task_run_name="answer {publication.ticket}", **RETRY)
def answer_rollback_ticket(tracker: Tracker, release: Release, publication: Publication) -> None:
    """Say on a dashboard's ticket that readers see an earlier release again."""
    key = publication.ticket or ""
    try:
        tracker.comment(key, f"rollback_{release.run}", describe_rollback(release, publication))
        fresh = {"freshness": publication.as_of} if publication.as_of else {}
        tracker.move(key, None, {"release": release.run, **fresh} if not publication.error else {})
    except NotFound:  # an exposure may name any ticket, of another tracker or gone
        get_run_logger().warning("%s is no ticket of this tracker; it gets no answer", key)


@task(name="tell why nothing began", **RETRY)
def tell_not_begun(tracker: Tracker, keys: Sequence[str] | None, reasons: Sequence[str]) -> int:
    """Say on the tickets of a run that ended before it had a plan what keeps it; return how many heard.

    keys: those asked for; None: all that wait for work. Those that lack something of their own hear nothing. One
    comment, in place of the last one, and left alone where the reason is the same.
    """
    found = tracker.list_open_tickets() if keys is None else tracker.read_tickets(keys)
    waiting = [each for each in found if each.status != "incomplete" and "unreadable" not in each.fields]
    text = (
        "### Not begun\n\nThe run that was to work on this ticket could not begin:\n\n"
        f"{bullets(code(reason, 500) for reason in reasons)}\n\nNothing is wrong with the ticket; it stays as it is, "
        "and the next run takes it up. Readers see what they saw before."
    )
    return act_for_each_ticket(
        {each.key: each for each in waiting}, lambda each: tracker.comment(each.key, NOT_BEGUN, text)
    )


def _collect_facts(outcome: Outcome, key: str) -> dict[str, str]:
    """Which release the ticket's dashboards show, and how fresh the oldest of them is."""
    days = [each.as_of for each in list_delivered(outcome, key) if each.as_of]
    shown = {"release": outcome.release.run} if outcome.release and list_delivered(outcome, key) else {}
    return {**shown, "freshness": min(days)} if days else shown


def answer_tickets(tracker: Tracker, outcome: Outcome) -> int:
    """Answer every complete ticket of the plan; return how many. One's failure comes after the others."""
    requirements = outcome.plan.requirements if outcome.plan else ()
    return act_for_each_ticket(
        {each.key: each for each in requirements}, lambda each: answer_ticket(tracker, outcome, each)
    )


def answer_rollback(
    tracker: Tracker, release: Release, publications: Sequence[Publication], recorded: bool = True
) -> int:
    """Tell the tickets of dashboards after a rollback; return how many. recorded: by Prefect's API, which is there."""
    answer = answer_rollback_ticket if recorded else answer_rollback_ticket.fn
    refreshed = {each.dashboard: each for each in publications if each.ticket}
    return act_for_each_ticket(refreshed, lambda each: answer(tracker, release, each))


def act_for_each_ticket(items: Mapping[str, Item], act: Callable[[Item], None]) -> int:
    """Act for one ticket after the other; a failure is raised when all were tried."""
    failures: dict[str, Exception] = {}
    for key, item in items.items():
        try:
            act(item)
        except Exception as error:  # a ticket's trouble is its own
            failures[key] = error
    if failures:
        passing = any(isinstance(error, Transient) for error in failures.values())
        raise (Unavailable if passing else Rejected)(
            f"answer {', '.join(failures)}",
            " · ".join(map(_describe_error, failures.values())),
            "Run it again: what was answered stays as it is.",
        ) from next(iter(failures.values()))
    return len(items)


def _describe_error(error: Exception) -> str:
    return str(error) if isinstance(error, PlatformError) else type(error).__name__
