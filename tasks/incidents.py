"""Incidents: a failed check opens one bug, linked to the tickets that need it; the run that passes closes it.

What was not evaluated because of a failed check is told in its incident and gets none of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256

from prefect import get_run_logger, task

from blocks.quality.history.findings import KIND
from blocks.records import Check, Outcome
from blocks.tracker.base import Tracker
from tasks.gate import HAS_MARTS, METRIC_CHECK, ONLY_WHEN_FAILED
from tasks.markdown import bullets, code, line, listed
from tasks.movement_text import describe_movements
from tasks.policy import RETRY

SAY_EXPECTED = (
    "If it is right as it is, comment `expected` here, or `expected until 2026-12-31` for days to come: the next run "
    "lets it through. "
)
MOST_OPENED, MOST_VALUES, MOST_CONSEQUENCES = 50, 10, 20


@task(name="update incidents", **RETRY)
def update_incidents(tracker: Tracker, outcome: Outcome) -> tuple[int, int]:
    """Open what failed and is not open yet, close what passed; return how many of each. Safe to repeat.

    An incident whose check this run did not evaluate stays as it is.
    """
    own = [check for check in (_check_crash(outcome), _check_recovery(outcome)) if check]
    checks = (*(outcome.gate.checks if outcome.gate else ()), *own)
    if not checks:
        return 0, 0
    known = tracker.list_incidents()
    failed = {name_incident(check): check for check in checks if not check.passed and not check.because_of}
    new = {name: check for name, check in failed.items() if name not in known}
    for name, check in list(new.items())[:MOST_OPENED]:
        title = line(f"{check.scope}: {check.told}", 200)
        tracker.open_incident(name, title, _report(check, outcome), find_requests(check, outcome))
    if len(new) > MOST_OPENED:
        get_run_logger().warning("%d failed checks, incidents for the first %d", len(new), MOST_OPENED)
    passed = _list_passed(checks, outcome)
    closed = [key for name, key in known.items() if name in passed]
    for key in closed:
        tracker.comment(key, outcome.run, f"Passed again in run {code(outcome.run)}; closed.")
        tracker.move(key, "done")
    return min(len(new), MOST_OPENED), len(closed)


def _list_passed(checks: Sequence[Check], outcome: Outcome) -> set[str]:
    """Names of the incidents that are over: their check passed, or exists only when it fails and did not."""
    passed = {name_incident(check) for check in checks}
    if outcome.gate and outcome.gate.passed:
        scopes = {check.scope for check in outcome.gate.checks}
        passed |= {_name(scope, name) for scope in scopes for name in ONLY_WHEN_FAILED}
        passed |= {
            _name(diff.mart, METRIC_CHECK.format(name))
            for diff in outcome.gate.diffs
            for name in diff.metrics
        }
        passed.add(_name("release", HAS_MARTS))
    return passed - {name_incident(check) for check in checks if not check.passed or check.not_run}


def _check_crash(outcome: Outcome) -> Check | None:
    """That nothing unexpected ended the run, as a check; None for a run that neither crashed nor delivered."""
    if outcome.crash is None and not outcome.ok:
        return None
    return Check(
        scope="run",
        name="the run ended as expected",
        kind="run",
        passed=outcome.crash is None,
        observed=outcome.crash or "",
    )


def _check_recovery(outcome: Outcome) -> Check | None:
    """That what earlier runs were publishing could be finished, as a check; None where nobody has looked."""
    if outcome.unfinished is None:
        return None
    name = "what earlier runs were publishing is finished"
    passed, observed = not outcome.unfinished, "; ".join(outcome.unfinished)
    return Check(scope="publication", name=name, kind="run", passed=passed, observed=observed)


def name_incident(check: Check) -> str:
    """The word that stands for a mart (or model, or source table) and an expectation."""
    return _name(check.scope, check.name)


def _name(scope: str, check: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_.-]", "_", scope)[:100]
    return f"{word}:{sha256(check.encode()).hexdigest()[:12]}"


def find_requests(check: Check, outcome: Outcome) -> list[str]:
    """The tickets that need what failed, or what was held up by it: by mart, by source; all, if neither is known."""
    plan = outcome.plan
    if plan is None:
        return []
    scopes = {check.scope, *(each.scope for each in _find_consequences(check, outcome))}
    sources = {scope.partition(".")[0] for scope in scopes}
    own = [each.ticket for each in plan.dashboards if each.ticket and not scopes.isdisjoint(each.marts)]
    own += [each.key for each in plan.requirements if not sources.isdisjoint(each.sources)]
    every = [each.ticket for each in plan.dashboards if each.ticket]
    return list(dict.fromkeys(own or every))


def _report(check: Check, outcome: Outcome) -> str:
    found = bullets(
        (
            f"**check:** {code(check.title, 300)}",
            *([f"**its name:** {code(check.name, 300)}"] if check.statement else ()),
            f"**about:** {code(check.scope)}",
            f"**found:** {code(check.observed or 'no figure', 200)}",
            *(f"**failing value:** {code(value, 200)}" for value in check.evidence[:MOST_VALUES]),
        )
    )
    return (
        f"### Check failed in run {code(outcome.run)}\n\n{found}\n\n{_describe_consequences(check, outcome)}"
        f"{_explain(check, outcome)}"
        f"{_describe_readers_view(outcome)} **What to do next:** correct the data, the model or the check. "
        f"{SAY_EXPECTED if check.kind == KIND else ''}"
        "The run in which the check passes again closes this incident."
    )


def _explain(check: Check, outcome: Outcome) -> str:
    """Why the metric moved that a check of history is about, as a paragraph."""
    if check.kind != KIND or outcome.gate is None:
        return ""
    text = describe_movements(outcome.gate.movements, {check.name.partition(" ")[0]})
    return f"{text}\n\n" if text else ""


def _describe_consequences(check: Check, outcome: Outcome) -> str:
    """What was not evaluated because of a check, as a paragraph."""
    names = [f"{each.scope}: {each.title}" for each in _find_consequences(check, outcome)]
    return f"**Not evaluated because of it:** {listed(names, MOST_CONSEQUENCES)}.\n\n" if names else ""


def _find_consequences(check: Check, outcome: Outcome) -> list[Check]:
    others = outcome.gate.consequences if outcome.gate else ()
    return [each for each in others if check.full_name in each.because_of]


def _describe_readers_view(outcome: Outcome) -> str:
    return "Readers see that run." if outcome.published else "Nothing of that run was published."
