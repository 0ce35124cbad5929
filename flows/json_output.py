"""What --json prints: a run's outcome, a plan and the status, in words of the command line, for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from blocks.errors import PlatformError
from blocks.records import BuildReport, Check, LedgerEntry, Outcome, Plan, RelationState, Release, State
from blocks.warehouse import control
from blocks.warehouse.control import JournalEntry

if TYPE_CHECKING:
    from blocks.warehouse.base import Warehouse

Json = dict[str, object]


def write_json(content: Json) -> str:
    """As it is printed."""
    return json.dumps(content, indent=2, default=_write_value, ensure_ascii=False)


def _write_value(value: object) -> str:
    """Dates and times as ISO 8601, times of the control tables in UTC; anything else as its text."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return str(value)


def describe_outcome(outcome: Outcome) -> Json:
    """How a run ended: what readers see, each dashboard, source table and check that did not pass."""
    gate, release = outcome.gate, outcome.release
    return {
        "run": outcome.run,
        "ok": outcome.ok,
        "published": outcome.published,
        "seconds": round(outcome.seconds, 1),
        "readers_see": release.run if release else None,
        "dashboards": [
            {
                "name": each.dashboard,
                "ticket": each.ticket,
                "url": each.url,
                "rows": each.rows,
                "unchanged_since": each.unchanged_since or None,
                "error": each.error,
            }
            for each in outcome.publications
        ],
        "incomplete_tickets": [each.key for each in outcome.plan.incomplete] if outcome.plan else [],
        "loads": [
            {
                "source": each.source,
                "table": each.table,
                "rows": each.rows,
                "quarantined": each.quarantined,
                "error": each.error,
                "impact": each.impact,
            }
            for each in outcome.loads
        ],
        "build": _describe_states(outcome.build.states if outcome.build else ()),
        "checks": {
            "passed": gate.passed,
            "count": len(gate.checks),
            "carried_over": sum(bool(each.made_by) for each in gate.checks),
            "failed": [_describe_check(each) for each in gate.failures],
            "warned": [_describe_check(each) for each in gate.warnings],
            "report": gate.data_docs,
        }
        if gate
        else None,
        "errors": list(outcome.errors),
    }


def _describe_check(check: Check) -> Json:
    return {"about": check.scope, "name": check.name, "statement": check.title, "observed": check.observed}


def describe_plan(plan: Plan, states: Iterable[RelationState] = ()) -> Json:
    """What a run would do; tickets by key, without their text. states: of its models, if nothing new is loaded."""
    return {
        "run": plan.run,
        "tickets": [
            {
                "key": each.key,
                "analysis": str(each.analysis),
                "priority": each.priority.name,
                "deadline": each.deadline,
                "metrics": list(each.metrics),
                "dimensions": list(each.dimensions),
            }
            for each in plan.requirements
        ],
        "incomplete_tickets": [{"key": each.key, "gaps": list(each.gaps)} for each in plan.incomplete],
        "sources": list(plan.sources),
        "models": [f"+{mart}" for mart in plan.select],
        "suites": [f"{mart}.json" for mart in plan.select],
        "dashboards": [
            {"name": each.name, "ticket": each.ticket, "marts": list(each.marts)} for each in plan.dashboards
        ],
        "not_shown": list(plan.faults),
        "not_due": list(plan.waiting),
        "build": _describe_states(states),
    }


def _describe_states(states: Iterable[RelationState]) -> list[Json]:
    return [{"model": each.name, "built": each.built, "why": each.why} for each in states]


def sum_loads(entries: Iterable[LedgerEntry]) -> list[Json]:
    """Loads, rows and quarantined rows of each source table, by its name."""
    found: dict[tuple[str, str], list[LedgerEntry]] = {}
    for entry in entries:
        found.setdefault((entry.source, entry.table), []).append(entry)
    return [
        {
            "source": source,
            "table": table,
            "loads": len(own),
            "rows": sum(entry.rows for entry in own),
            "quarantined": sum(entry.quarantined for entry in own),
        }
        for (source, table), own in sorted(found.items())
    ]


def list_runs(journal: Iterable[JournalEntry]) -> list[JournalEntry]:
    """The last entry of each run, the oldest first."""
    last = {entry.run: entry for entry in journal}
    return sorted(last.values(), key=lambda entry: entry.seq)


def describe_status(warehouse: Warehouse) -> Json:
    """What readers see, the last state of each run, what was loaded of each source table."""
    served = warehouse.read_served()
    return {
        "readers_see": {"run": served.run, "since": served.published_at, "marts": served.marts}
        if served
        else None,
        "runs": [
            {"run": each.run, "state": each.state.value, "since": each.at}
            for each in list_runs(control.read_journal(warehouse, details=False))
        ],
        "build": _describe_states(read_built(warehouse, served)),
        "loads": sum_loads(control.read_ledger(warehouse)),
    }


def read_built(warehouse: Warehouse, served: Release | None) -> tuple[RelationState, ...]:
    """Which models the run that readers see built, and which it shows again; nothing where all were built."""
    detail = control.read_last_detail(warehouse, State.building, served.run) if served else None
    return BuildReport.model_validate_json(detail).states if detail else ()


def describe_costs(warehouse: Warehouse, days: int) -> Json:
    """What the last days cost, by ticket and by run; None where the warehouse records no cost."""
    costs = warehouse.read_costs(days)
    if costs is None:
        return {"cost": None}
    return {
        "cost": {
            "unit": costs.unit,
            "days": costs.days,
            "total": costs.total,
            "of_no_run": costs.rest,
            "by_ticket": {name or "": amount for name, amount in costs.by_ticket().items()},
            "by_run": costs.by_run(),
        }
    }


def describe_error(error: PlatformError) -> Json:
    """An error that ended a command before it had anything else to say."""
    return {"ok": False, "error": {"asked": error.asked, "answer": error.answer, "remedy": error.remedy}}
