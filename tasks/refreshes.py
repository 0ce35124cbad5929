"""What the ticket of a scheduled dashboard hears that asked for nothing: held back, with warnings, or well again."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import get_run_logger, task

from blocks.errors import NotFound, PlatformError
from blocks.records import Check, Dashboard, Outcome
from blocks.tracker.base import Tracker
from tasks.markdown import bullets, code
from tasks.movement_text import describe_movements
from tasks.policy import RETRY

TOPIC, MOST_SHOWN = "refresh", 10


@task(name="tell of refreshes", **RETRY)
def tell_of_refreshes(tracker: Tracker, outcome: Outcome) -> int:
    """Write one comment on each such dashboard's ticket, in place of the last one; return how many tickets heard.

    A refresh that went out without warnings is told only where the ticket has such a comment. What the tracker refuses
    is logged: nobody's request waits for it.
    """
    asked = set(outcome.plan.tickets) if outcome.plan else set()
    boards: dict[str, list[Dashboard]] = {}
    for each in outcome.plan.dashboards if outcome.plan and outcome.gate else ():
        if each.ticket and each.ticket not in asked:
            boards.setdefault(each.ticket, []).append(each)
    told = 0
    for key, own in boards.items():
        try:
            told += _tell(tracker, key, own, outcome)
        except NotFound:  # an exposure may name any ticket, of another tracker or gone
            get_run_logger().warning("%s is no ticket of this tracker; it hears nothing", key)
        except PlatformError as error:
            get_run_logger().warning("%s was not told of its refresh: %s", key, error)
    return told


def _tell(tracker: Tracker, key: str, boards: Sequence[Dashboard], outcome: Outcome) -> bool:
    checks = outcome.gate.checks if outcome.gate else ()
    marts = {mart for each in boards for mart in each.marts}
    own = [check for check in checks if check.scope in marts]
    found = [check for check in own if not check.passed] or [check for check in own if check.warned]
    if outcome.published and not found:
        if TOPIC not in tracker.read_tickets([key])[0].comment_fingerprints:
            return False
        tracker.comment(key, TOPIC, f"### Refreshed\n\nRun {code(outcome.run)} went out without a warning.")
        return True
    names = ", ".join(code(each.name) for each in boards)
    owners = ", ".join(dict.fromkeys(code(each.owner) for each in boards if each.owner))
    metrics = {name for each in boards for name in each.metrics}
    moved = describe_movements(outcome.gate.movements if outcome.gate else (), metrics)
    parts = (
        _say(outcome, names),
        bullets(_describe(check) for check in found[:MOST_SHOWN]),
        moved,
        f"**Owner:** {owners}" if owners else "",
    )
    tracker.comment(key, TOPIC, "\n\n".join(part for part in parts if part))
    return True


def _say(outcome: Outcome, names: str) -> str:
    if outcome.published:
        return f"### Refreshed, with warnings\n\nRun {code(outcome.run)} went out; {names} shows it."
    release = outcome.release
    when = f" of {release.published_at:%Y-%m-%d at %H:%M} UTC" if release and release.published_at else ""
    seen = (
        f"the release of run {code(release.run)}{when}" if release else "what it showed before, if anything"
    )
    return (
        f"### Newer data were held back\n\nRun {code(outcome.run)} was to refresh {names}, and its checks did not pass."
        f" Readers see {seen}."
    )


def _describe(check: Check) -> str:
    return f"{code(check.scope)}: {code(check.told, 200)}: {code(check.observed or 'no figure', 300)}"
