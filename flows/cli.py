"""The command line of flows/main.py: read flags, overlap slow starts, run flows, show what happened."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from flows.warmup import SETTINGS, import_slow, start_server

if TYPE_CHECKING:
    from flows.local import Blocks
    from flows.terminal import Terminal


def build_parser() -> argparse.ArgumentParser:
    """The flags; --help documents every one."""
    parser = argparse.ArgumentParser(
        prog="python flows/main.py",
        description="From tickets to dashboards: read requirements, load, build, check, publish, answer.",
    )
    add = parser.add_argument
    add("action", nargs="?", default="run", choices=["run", "rollback", "status"], help="default: run")
    add("--tickets", help="only these tickets, as in AN-1,AN-3 (default: all open ones, and schedules)")
    add("--dry-run", action="store_true", help="print the plan; touch nothing")
    add("--quiet", action="store_true", help="only problems and the result")
    add("--to", metavar="RUN", help="rollback: to this run's release (default: the one before)")
    add("--source", action="append", default=[], metavar="NAME=LOCATION",
        help="where a dbt source is: a folder, a database URL, an API's address; may be repeated")  # fmt: skip
    add("--scale", type=float, default=1.0, help="size of the demo company; 1 is 60,000 invoice lines")
    add("--project", type=Path, metavar="DIR", help="a dbt project's folder (default: dbt, with demo data)")
    add("--suites", type=Path, metavar="DIR", help="expectation suites (default: expectations beside it)")
    add("--tickets-folder", type=Path, metavar="DIR", help="ticket files (default: copies of the demo's)")
    add("--state", type=Path, metavar="DIR", default=Path(__file__).resolve().parents[1] / ".local",
        help="where warehouse, site, tickets and logs are kept (default: .local)")  # fmt: skip
    for name in ("tracker", "warehouse", "site"):
        add(f"--{name}", metavar="TYPE/NAME", help=f"a saved {name} block instead of the local one")
    add("--loader", metavar="TYPE/NAME", action="append", default=[], help="saved loader blocks, likewise")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run and return the exit code: 0 all delivered, 1 not all, 2 wrong flags or settings, 130 interrupted."""
    flags = build_parser().parse_args(arguments)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    server = threading.Thread(target=start_server, daemon=True)  # after Prefect's import: two at once collide
    if not flags.dry_run and flags.action != "status":
        server.start()
    from blocks.errors import NotDelivered, PlatformError
    from blocks.records import Outcome
    from flows.terminal import Terminal

    terminal = Terminal(flags.quiet)
    try:
        # heartbeats cost up to a second at each flow's end, and nobody waits for those of a run in a terminal
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            return _run(flags, terminal, server)
    except NotDelivered as error:
        if isinstance(error.outcome, Outcome):
            terminal.summary(error.outcome)
        return 1
    except PlatformError as error:
        terminal.problem(error)
        return 1
    except KeyboardInterrupt:
        terminal.done()
        return 130


def _run(flags: argparse.Namespace, terminal: Terminal, server: threading.Thread) -> int:
    from flows.local import local_blocks
    from flows.run import new_run
    from flows.status import show_status

    run = new_run()
    terminal.waiting("making the demo's data …" if flags.project is None else "starting …")
    tickets = [key.strip() for key in flags.tickets.split(",") if key.strip()] if flags.tickets else None
    with local_blocks(flags, run) as blocks:
        if flags.action == "status":
            show_status(blocks, terminal)
        elif flags.dry_run:
            _dry_run(blocks, tickets, terminal, run)
        elif flags.action == "rollback":
            _roll_back(blocks, flags.to, terminal, server)
        else:
            _deliver(blocks, tickets, terminal, server, run)
    return 0


def _deliver(
    blocks: Blocks, tickets: list[str] | None, terminal: Terminal, server: threading.Thread, run: str
) -> None:
    from flows import main as parent

    threading.Thread(target=import_slow, daemon=True).start()
    terminal.watch(parent.STAGES)
    terminal.waiting("starting Prefect …")
    server.join()
    outcome = parent.deliver(
        blocks.tracker,
        blocks.loaders,
        blocks.warehouse,
        blocks.site,
        blocks.project,
        blocks.suites,
        tickets,
        run,
    )
    terminal.summary(outcome)


def _roll_back(blocks: Blocks, to: str | None, terminal: Terminal, server: threading.Thread) -> None:
    from flows.publish import publish
    from flows.rollback import rollback

    terminal.watch([publish])
    terminal.waiting("starting Prefect …")
    server.join()
    terminal.summary(rollback(blocks.tracker, blocks.warehouse, blocks.site, blocks.project, to))


def _dry_run(blocks: Blocks, tickets: list[str] | None, terminal: Terminal, run: str) -> None:
    from tasks.planning import plan_tickets
    from tasks.promotion import schema_of
    from tasks.requirements import read_tickets

    terminal.waiting("reading dbt's manifest …")
    catalogue = blocks.project.catalogue(blocks.warehouse, schema_of(run))
    found = read_tickets.fn(blocks.tracker, tickets)
    terminal.plan(plan_tickets(found, catalogue, run, scheduled=tickets is None))


if __name__ == "__main__":
    sys.exit(main())
