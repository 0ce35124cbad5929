"""The flags of flows/main.py. Not here: what they do."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from pathlib import Path

SMALLEST, LARGEST = 0.3, 1000
"""Of the demo company: one that is smaller has too few invoices for its own checks."""


def build_parser() -> argparse.ArgumentParser:
    """The flags; --help documents every one."""
    parser = argparse.ArgumentParser(
        prog="python flows/main.py",
        description="From tickets to dashboards: read requirements, load, build, check, publish, answer.",
    )
    add = parser.add_argument
    add(
        "action",
        nargs="?",
        default="run",
        choices=[
            "run",
            "check",
            "init",
            "rollback",
            "retire",
            "status",
            "setup",
            "suites",
            "blocks",
            "automations",
        ],
        help="default: run; check: what there is to mend in the dbt project, before"
        " anything is built; init: propose what a folder of files, a database or a dbt project lacks for a first"
        " dashboard; retire: take marts that the project has no more from readers; setup: what the"
        " warehouse needs once, printed for its administrator; suites: what in them can't be evaluated; blocks: connect"
        " to every system that is declared; automations: compare the declared ones with the server's",
    )
    add(
        "--tickets",
        type=_names,
        help="only these tickets, as in AN-1,AN-3 (default: all open ones, and schedules)",
    )
    add("--dry-run", action="store_true", help="print the plan; touch nothing")
    add("--quiet", action="store_true", help="only problems and the result")
    add("--to", metavar="RUN", help="rollback: to this run's release (default: the one before)")
    add("--marts", metavar="NAMES", type=_names, help="retire: these marts, as in old_sales,old_stock")
    add(
        "--upgrade", action="store_true", help="suites: how those of versions before 1.0 read in today's form"
    )
    add(
        "--apply",
        action="store_true",
        help="init, setup, suites --upgrade, blocks, automations: carry it out",
    )
    add(
        "--file",
        type=Path,
        help="blocks, automations: where they are declared (default: blocks.yaml, automations.yaml in deploy)",
    )
    add("--ticket", metavar="KEY", help="init: the ticket that asks for the first dashboard, as in AN-1")
    add("--json", action="store_true", help="check: print what was found as JSON")
    add("--schema", action="store_true", help="check: print the JSON Schema of what may stand in dbt's meta")
    add("--cost", action="store_true", help="status: what the last 30 days cost in the warehouse, by ticket")
    add(
        "--source",
        action="append",
        default=[],
        metavar="NAME=LOCATION",
        help="where a dbt source is: a folder, a database URL, an API's address; may be repeated",
    )
    add(
        "--only-sources", metavar="NAMES", type=_names, help="load these sources and no others, as in crm,erp"
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--full-refresh", action="store_true", help="load sources again from their beginning")
    again.add_argument(
        "--backfill",
        metavar="FROM:TO",
        type=_days,
        default=(None, None),
        help="load these days again, both included, as in 2026-01-01:2026-01-31 (no TO: up to today)",
    )
    add(
        "--scale",
        type=_scale,
        default=1.0,
        help=f"size of the demo company, {SMALLEST} to {LARGEST}; 1 is 60,000 invoice lines",
    )
    add("--project", type=Path, metavar="DIR", help="a dbt project's folder (default: dbt, with demo data)")
    add(
        "--suites",
        type=Path,
        metavar="DIR",
        help="expectation suites (default: expectations in it or beside it)",
    )
    add(
        "--tickets-folder",
        type=Path,
        metavar="DIR",
        help="ticket files (default: tickets in the project or beside it; of the demo, copies)",
    )
    add(
        "--state",
        type=Path,
        metavar="DIR",
        default=Path(__file__).resolve().parents[1] / ".local",
        help="where warehouse, site, tickets and logs are kept (default: .local)",
    )
    for name in ("tracker", "warehouse", "site"):
        add(f"--{name}", metavar="TYPE/NAME", help=f"a saved {name} block instead of the local one")
    add(
        "--loader",
        metavar="TYPE/NAME",
        action="append",
        default=[],
        help="a saved loader block beside the local dlt one; may be repeated",
    )
    return parser


def _names(text: str) -> list[str] | None:
    return [name.strip() for name in text.split(",") if name.strip()] or None


def _scale(text: str) -> float:
    """A size of the demo company. Raises what argparse shows."""
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not SMALLEST <= scale <= LARGEST:
        raise argparse.ArgumentTypeError(f"{text} is not a number from {SMALLEST} to {LARGEST}")
    return scale


def _days(text: str) -> tuple[date, date | None]:
    """FROM:TO as days. Raises what argparse shows."""
    first, separator, last = text.partition(":")
    try:
        days = date.fromisoformat(first), date.fromisoformat(last) if last else None
    except ValueError:
        separator = ""
    if not separator:
        raise argparse.ArgumentTypeError(f"{text} is not FROM:TO, as in 2026-01-01:2026-01-31")
    if days[0] > (days[1] or datetime.now(UTC).date()):
        raise argparse.ArgumentTypeError(f"{text} ends before it starts")
    if not all(1900 <= day.year <= 2200 for day in days if day):
        raise argparse.ArgumentTypeError(f"{text} is not between the years 1900 and 2200")
    return days
