"""Prefect artifacts that a person can read, one a stage. No ticket text: keys and dbt's names only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from urllib.parse import unquote, urlsplit

from prefect.artifacts import create_markdown_artifact

from blocks.findings import Finding, Severity
from blocks.records import BuildReport, Check, GateReport, LoadReport, Plan, Publication, Release
from tasks.assignment import explain_order, list_at_risk
from tasks.markdown import Markdown, code, count_of, link, table, write_figure


def show_plan(plan: Plan, today: date, efforts: Mapping[str, float]) -> None:
    """Tickets in their order and why, who has them, what is late or will be; dashboards, sources."""
    tickets = table(
        ["ticket", "why here", "assignee", "analysis", "deadline", "metrics", "dimensions", "new comments"],
        [
            (
                r.key,
                explain_order(r, today, efforts.get(r.key)),
                r.assignee if r.assigned else "as on the ticket" if r.assignee else "nobody",
                r.analysis,
                r.deadline,
                ", ".join(r.metrics),
                ", ".join(r.dimensions),
                len(r.feedback),
            )
            for r in plan.requirements
        ],
    )
    dashboards = table(
        ["dashboard", "ticket", "marts", "declared in dbt"],
        [(d.name, d.ticket, ", ".join(d.marts), "yes" if d.declared else "no") for d in plan.dashboards],
    )
    gaps = table(["incomplete ticket", "gaps"], [(gap.key, len(gap.gaps)) for gap in plan.incomplete])
    late = "\n".join(f"- won't make its day: {each}" for each in list_at_risk(plan, today))
    faults = "\n".join(
        [f"- can't be shown: {fault}" for fault in plan.faults]
        + [f"- not due, so neither refreshed nor answered: {wait}" for wait in plan.waiting]
    )
    _show(
        "plan",
        f"# Plan of run {plan.run}\n\n{tickets}\n\n{gaps}\n\n{dashboards}\n\n{late}\n\n{faults}\n\n"
        f"Sources: {', '.join(plan.sources) or 'none'}",
        f"{len(plan.requirements)} tickets",
    )


def show_findings(found: Sequence[Finding]) -> None:
    """What a check of the project found; words of tickets are left on the tickets."""
    rows = [
        (
            each.severity,
            each.about,
            each.place,
            "a gap that quotes the ticket" if each.quotes_ticket else each.problem,
            each.fix,
        )
        for each in found
    ]
    errors = sum(each.severity is Severity.error for each in found)
    head = f"{errors} errors, {len(found) - errors} warnings"
    body = table(["severity", "about", "place", "problem", "fix"], rows)
    _show("check", f"# Check of the project: {head}\n\n{body}", head)


def show_loads(run: str, loads: Sequence[LoadReport]) -> None:
    """What arrived, table by table."""
    body = table(
        [
            "source table",
            "loader",
            "items",
            "rows",
            "MB",
            "seconds",
            "quarantined",
            "watermark",
            "notes",
            "error",
        ],
        [
            (
                f"{load.source}.{load.table}",
                load.loader,
                load.items,
                load.rows,
                f"{load.bytes / 1e6:.1f}",
                f"{load.seconds:.1f}",
                load.quarantined,
                load.watermark,
                "; ".join((*load.schema_changes, *load.notes)),
                f"{load.error} {load.impact}".strip() if load.error else None,
            )
            for load in loads
        ],
    )
    _show("loads", f"# Loads of run {run}\n\n{body}", f"{sum(load.rows for load in loads)} rows")


def show_build(build: BuildReport) -> None:
    """Marts and failed tests."""
    marts = table(["mart", "relation", "rows"], [(m, r, build.rows.get(m)) for m, r in build.marts.items()])
    failed = [check for check in build.checks if check.status != "passed"]
    tests = table(
        ["test", "status", "about", "observed", "evidence"], [_check_row(check) for check in failed]
    )
    head = f"{build.models} models, {build.tests} tests, {build.seconds:.1f} s"
    head += f"; {count_of(len(build.reused), 'relation')} of earlier runs shown again" if build.reused else ""
    states = table(
        ["model", "built or shown again", "why", "relation"],
        [
            (each.name, "built" if each.built else "shown again", each.why, each.relation)
            for each in build.states
        ],
    )
    parts = [
        f"# Build of run {build.run}",
        head,
        marts,
        states if build.states else "",
        tests if failed else "",
    ]
    _show("build", "\n\n".join(filter(None, parts)), head)


def show_gate(gate: GateReport) -> None:
    """The verdict, what failed with its evidence, and the diff against live."""
    verdict = "passed" if gate.passed else "FAILED: readers keep the previous release"
    shown = [*gate.failures, *gate.warnings]
    found = table(
        ["check", "status", "about", "observed", "evidence"], [_check_row(check) for check in shown]
    )
    diffs = table(
        ["mart", "rows before", "rows after", "added", "removed", "changed", "columns", "not compared"],
        [
            (
                d.mart,
                d.rows_before,
                d.rows_after,
                d.added,
                d.removed,
                d.changed,
                ", ".join(d.columns),
                ", ".join(d.not_compared),
            )
            for d in gate.diffs
        ],
    )
    metrics = table(
        ["metric", "live", "candidate"],
        [
            (name, *(write_figure(value, d.formats.get(name, "number")) for value in sides))
            for d in gate.diffs
            for name, sides in d.metrics.items()
        ],
    )
    docs = (
        f"All checks: {gate.docs_url or code(str(gate.data_docs), 300)}"
        if gate.data_docs
        else "The page of checks is missing."
    )
    body = f"# Gate of run {gate.run}: {verdict}\n\n{len(gate.checks)} checks, {len(gate.failures)} failed"
    body += f", {len(gate.warnings)} warned"
    if gate.carried:
        runs = ", ".join(sorted({check.made_by for check in gate.carried}))
        body += f"; {len(gate.carried)} carried over from run {runs}, of relations that have not changed"
    body += f"\n\n{found}" if shown else ""
    _show("gate", f"{body}\n\n## Against live\n\n{diffs}\n\n{metrics}\n\n{docs}", verdict)


def show_release(release: Release) -> None:
    """What readers see now."""
    marts = table(["serving view", "shows"], sorted(release.marts.items()))
    _show("release", f"# Readers see run {release.run}\n\n{marts}", f"run {release.run}")


def show_publications(run: str, publications: Sequence[Publication], index: str) -> None:
    """Dashboards that went out."""
    body = table(
        ["dashboard", "ticket", "rows", "read back", "opened", "notes", "seconds", "address", "error"],
        [
            (
                p.dashboard,
                p.ticket,
                p.rows,
                p.canary,
                p.views,
                " ".join((*p.data_notes, *p.notes)),
                f"{p.seconds:.1f}",
                _show_address("open", p.url),
                p.error,
            )
            for p in publications
        ],
    )
    every = _show_address("All of them", index)
    _show("publications", f"# Dashboards of run {run}\n\n{body}\n\n{every}", f"{len(publications)}")


def _show_address(words: str, url: str) -> Markdown:
    """A link; for a file, where it is: a page that was loaded from a server may not lead to one."""
    parts = urlsplit(url)
    return (
        link(words, url) if parts.scheme != "file" else Markdown(f"{words}: {code(unquote(parts.path), 300)}")
    )


def _check_row(check: Check) -> tuple[object, ...]:
    told = f"{check.told} ({check.name})" if check.statement else check.told
    return told, check.status, check.scope, check.observed, "; ".join(check.evidence)


def _show(key: str, markdown: str, description: str) -> None:
    create_markdown_artifact(markdown, key=key, description=description)
