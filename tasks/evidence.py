"""What of a run concerns one ticket, as Markdown: its checks, its diff, the loads of its sources.

Failing values come out of data and are hostile: they go in through markdown.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from blocks.records import Check, LoadReport, MartDiff, Outcome, Requirement
from blocks.site.number_format import write_change
from blocks.site.text import check_link
from tasks.markdown import link, listed, table, write_figure
from tasks.movement_text import describe_movements

MOST_FAILURES, MOST_VALUES = 20, 5
TOLD = 3  # columns of the sources' table that are there whatever is in them


def write_evidence(outcome: Outcome, requirement: Requirement) -> str:
    """Checks, diff and loads, of the ticket's own marts and sources only."""
    dashboards = outcome.plan.dashboards if outcome.plan else ()
    marts = {mart for each in dashboards if each.ticket == requirement.key for mart in each.marts}
    parts = (
        _write_checks(outcome, marts, set(requirement.sources)),
        _write_diff(outcome, marts, requirement.metrics),
        describe_movements(outcome.gate.movements if outcome.gate else (), requirement.metrics),
        _write_loads(outcome, marts, set(requirement.sources)),
    )
    return "\n\n".join(part for part in parts if part)


def _write_checks(outcome: Outcome, marts: set[str], sources: set[str]) -> str:
    report = outcome.gate or outcome.build
    checks = report.checks if report else ()
    own = _select_checks(checks, outcome, marts, sources)
    failures = [check for check in own if _is_root(check)]
    held_up = [check for check in own if not check.passed and check.because_of]
    warnings = [check for check in own if check.passed and check.warned]
    elsewhere = sum(map(_is_root, checks)) - len(failures)
    if not own and not elsewhere:
        return ""
    passed = len(own) - len(failures) - len(warnings) - len(held_up)
    summary = f"**Checks:** {passed:,} passed, {len(failures):,} failed"
    summary += f", {len(held_up):,} not evaluated because of failed ones" if held_up else ""
    summary += f", {len(warnings):,} with a warning." if warnings else "."
    if carried := [check for check in own if check.made_by]:
        runs = listed(sorted({check.made_by for check in carried}), MOST_VALUES)
        summary += f" {len(carried):,} of them were evaluated in run {runs}, of what has not changed since."
    if elsewhere:
        summary += (
            f" {elsewhere:,} more failed on parts of the release that this ticket does not use; a release "
            "is published whole or not at all."
        )
    if outcome.gate and (url := check_link(outcome.gate.docs_url)):
        summary += f" {link('See all checks', url)}."
    parts = (
        summary,
        _check_table("failed check", failures),
        _write_held_up(held_up),
        _check_table("warning", warnings),
    )
    return "\n\n".join(part for part in parts if part)


def _is_root(check: Check) -> bool:
    return not check.passed and not check.because_of


def _write_held_up(checks: Sequence[Check]) -> str:
    """What was not evaluated, in one row for each set of failed checks that explains it."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for check in checks:
        groups.setdefault(check.because_of, []).append(f"{check.scope}: {check.title}")
    rows = [
        (listed(causes, MOST_VALUES), len(names), listed(names, MOST_VALUES))
        for causes, names in groups.items()
    ]
    return (
        table(["failed check", "not evaluated because of it", "which"], rows[:MOST_FAILURES]) if rows else ""
    )


def _check_table(head: str, checks: Sequence[Check]) -> str:
    rows = [
        (
            each.told,
            each.scope,
            each.observed,
            listed(each.evidence, MOST_VALUES) if each.evidence else None,
        )
        for each in checks[:MOST_FAILURES]
    ]
    return table([head, "about", "found", "failing values"], rows) if rows else ""


def _select_checks(
    checks: Sequence[Check], outcome: Outcome, marts: set[str], sources: set[str]
) -> list[Check]:
    """Checks of its marts and sources, and of models in between, unless these failed for other marts only."""
    every_mart = marts | set(outcome.plan.select if outcome.plan else ())
    every_source = {load.source for load in outcome.loads} | sources
    near = [check for check in checks if check.scope in marts or _find_source(check) in sources]
    between = [
        each for each in checks if each.scope not in every_mart and _find_source(each) not in every_source
    ]
    hurt = {check.scope for check in checks if not check.passed} & every_mart
    if hurt and not hurt & marts:
        between = [check for check in between if check.passed]
    return near + between


def _find_source(check: Check) -> str:
    return check.scope.partition(".")[0]


def _write_diff(outcome: Outcome, marts: set[str], metrics: Iterable[str]) -> str:
    diffs = outcome.gate.diffs if outcome.gate else ()
    rows = [row for diff in diffs if diff.mart in marts for row in _list_differences(diff, metrics)]
    if not rows:
        return ""
    return (
        f"**Compared with what readers saw before:**\n\n{table(['', 'before', 'this run', 'change'], rows)}"
    )


def write_diff(diffs: Sequence[MartDiff]) -> str:
    """How candidates differ from what readers see."""
    rows = [row for diff in diffs for row in _list_differences(diff, diff.metrics)]
    head = "**Compared with what readers see:**"
    return f"{head}\n\n{table(['', 'before', 'candidate', 'change'], rows)}" if rows else ""


def _list_differences(diff: MartDiff, metrics: Iterable[str]) -> Iterable[Sequence[object]]:
    what = "keys" if diff.keyed or diff.changed is not None else "rows, one by one"
    rows = diff.rows_before, diff.rows_after
    yield f"{diff.mart}: rows", *rows, write_change(diff.rows_after, diff.rows_before, "number")
    keys = {"added": diff.added, "removed": diff.removed, "changed": diff.changed}
    if known := ", ".join(f"{count:,} {kind}" for kind, count in keys.items() if count is not None):
        yield f"{diff.mart}: {what}", None, None, known
    if diff.not_compared:
        yield f"{diff.mart}: not compared", None, None, listed(diff.not_compared)
    if diff.columns:
        yield f"{diff.mart}: columns", None, None, listed(diff.columns)
    for name in metrics:
        if name in diff.metrics:
            before, after = diff.metrics[name]
            form = diff.formats.get(name, "number")
            written = write_figure(before, form), write_figure(after, form)
            yield name, *written, write_change(after, before, form)


def _write_loads(outcome: Outcome, marts: set[str], sources: set[str]) -> str:
    own = [load for load in outcome.loads if load.source in sources]
    if not marts and not any(load.error for load in own):
        own += [load for load in outcome.loads if load.error]  # its dashboard was left out for one of these
    head = ["source table", "new rows", "quarantined", "data up to", "changes of its columns", "error"]
    rows = list(map(_load, own))
    told = [at for at in range(len(head)) if at < TOLD or any(row[at] for row in rows)]
    shown = table([head[at] for at in told], [[row[at] for at in told] for row in rows])
    return f"**Sources:**\n\n{shown}" if own else ""


def _load(load: LoadReport) -> Sequence[object]:
    changes = listed(load.schema_changes) if load.schema_changes else None
    return f"{load.source}.{load.table}", load.rows, load.quarantined, load.watermark, changes, load.error
