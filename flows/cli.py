"""The command line of flows/main.py: read flags, overlap slow starts, run flows, show what happened."""

from __future__ import annotations

import argparse
import os
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import Misconfigured, NotDelivered, PlatformError, explain_error
from flows.flags import build_parser
from flows.interruption import handle_interrupts
from flows.local_server import LocalServer
from flows.reach import check_api, check_proxies
from flows.state_folder import check_state, note_need, warn_of_need
from flows.warmup import SETTINGS, reach_loopback_directly

if TYPE_CHECKING:
    from flows.local import Blocks
    from flows.terminal import Terminal


def main(arguments: list[str] | None = None) -> int:
    """Run and return the exit code: 0 all delivered, 1 not all, 2 wrong flags or settings, 130 interrupted."""
    flags = build_parser().parse_args(arguments)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    handle_interrupts()
    reach_loopback_directly()
    recorded = _names_blocks(flags) or (
        flags.action not in {"status", "setup", "suites", "check", "init"} and not flags.dry_run
    )
    state: Path = flags.state.expanduser().resolve()
    try:
        check_state(state, recorded)
        check_proxies()
    except PlatformError as error:  # before anything starts
        return _show_problem(error)
    server = LocalServer(state / "prefect.db") if recorded and not os.environ.get("PREFECT_API_URL") else None
    from prefect.settings import get_current_settings

    if server and get_current_settings().api.url is not None:  # Prefect's profile names one
        server.stop()
        server = None
    from prefect.exceptions import TerminationSignal

    from blocks.records import Outcome
    from flows.terminal import Terminal

    terminal = Terminal(flags.quiet)
    try:
        with _settings(server):
            return _run(flags, terminal, server)
    except NotDelivered as error:
        if isinstance(error.outcome, Outcome):
            terminal.summary(error.outcome)
        return 1
    except (PlatformError, OSError, MemoryError) as error:
        known = explain_error(f"{flags.action} in {state}", error)
        if known is None:
            raise
        terminal.problem(known)
        return 1
    except (KeyboardInterrupt, TerminationSignal):  # Prefect's own word for SIGTERM in a flow
        terminal.done()
        return 130


def _show_problem(error: PlatformError) -> int:
    """Say what keeps a run from starting; the exit code."""
    from flows.terminal import Terminal

    Terminal(quiet=False).problem(error)
    return 1


def _names_blocks(flags: argparse.Namespace) -> bool:
    """True if saved blocks are named: a server has them."""
    return any((flags.tracker, flags.warehouse, flags.site, flags.loader))


def _settings(server: LocalServer | None) -> AbstractContextManager[object]:
    """Prefect's settings of a run in a terminal: no heartbeats, which cost up to a second at each flow's end."""
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    ours = {PREFECT_API_URL: server.url} if server else {}
    if server:
        os.environ["PREFECT_API_URL"] = server.url  # for threads and processes, which do not get the settings
    os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "false"  # nothing of a run starts a server of its own
    return temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, **ours})


def _run(flags: argparse.Namespace, terminal: Terminal, server: LocalServer | None) -> int:
    if flags.action in {"blocks", "automations"}:
        return _administer(flags, terminal, server)
    if flags.action == "suites":
        return _show_suites(flags, terminal)
    if flags.action == "init":
        return _init(flags, terminal)
    return _show_schema(terminal) if flags.schema else _run_blocks(flags, terminal, server)


def _run_blocks(flags: argparse.Namespace, terminal: Terminal, server: LocalServer | None) -> int:
    from flows.local import make_local_blocks
    from flows.run_context import new_run
    from flows.setup import show_setup
    from flows.status import show_costs, show_status

    run = new_run()
    if _names_blocks(flags):
        _await_server(terminal, server)
    terminal.waiting("making the demo's data …" if flags.project is None else "starting …")
    with make_local_blocks(flags, run) as blocks:
        if flags.action == "check":
            return _check(blocks, flags, terminal)
        if flags.action == "status":
            show_costs(blocks, terminal) if flags.cost else show_status(blocks, terminal)
        elif flags.action == "setup":
            show_setup(blocks, terminal, flags.apply)
        else:
            _start(blocks, flags, terminal, server, run)
    return 0


def _start(
    blocks: Blocks, flags: argparse.Namespace, terminal: Terminal, server: LocalServer | None, run: str
) -> None:
    if flags.dry_run:
        _dry_run(blocks, flags, terminal, run)
    elif flags.action == "rollback":
        _roll_back(blocks, flags.to, terminal, server)
    elif flags.action == "retire":
        _retire(blocks, flags.marts, terminal, server)
    else:
        _deliver(blocks, flags, terminal, server, run)


def _watch_memory(state: Path, terminal: Terminal) -> ExitStack:
    """Warn where there is less memory than the last run took; at the end, note what this one took."""
    if warning := warn_of_need(state):
        terminal.warning(warning)
    stack = ExitStack()
    stack.callback(note_need, state)
    return stack


def _show_suites(flags: argparse.Namespace, terminal: Terminal) -> int:
    from flows.local import suites_folder
    from flows.suites import show_suites

    return 0 if show_suites(suites_folder(flags), terminal, flags.upgrade, flags.apply) else 1


def _init(flags: argparse.Namespace, terminal: Terminal) -> int:
    from flows.init import show_init
    from flows.local import read_locations

    show_init(flags, read_locations(flags), terminal)
    return 0


def _show_schema(terminal: Terminal) -> int:
    from flows.check import show_schema

    show_schema(terminal)
    return 0


def _check(blocks: Blocks, flags: argparse.Namespace, terminal: Terminal) -> int:
    from flows.check import show_check

    terminal.waiting("reading the project …")
    return 0 if show_check(blocks, flags, terminal) else 1


def _await_server(terminal: Terminal, server: LocalServer | None) -> None:
    terminal.waiting("starting Prefect …")
    if server:
        server.wait()
    else:
        check_api()


def _administer(flags: argparse.Namespace, terminal: Terminal, server: LocalServer | None) -> int:
    from flows import administration

    _await_server(terminal, server)
    show = administration.show_blocks if flags.action == "blocks" else administration.show_automations
    return 0 if show(flags.file, terminal, flags.apply) else 1


def _deliver(
    blocks: Blocks, flags: argparse.Namespace, terminal: Terminal, server: LocalServer | None, run: str
) -> None:
    from flows.deliver import STAGES, deliver

    terminal.watch(STAGES)
    _await_server(terminal, server)
    with _watch_memory(flags.state.expanduser().resolve(), terminal):
        outcome = deliver(
            blocks.tracker,
            blocks.loaders,
            blocks.warehouse,
            blocks.site,
            blocks.project,
            blocks.suites,
            flags.tickets,
            run,
            flags.only_sources,
            flags.full_refresh,
            *flags.backfill,
        )
    terminal.summary(outcome)


def _roll_back(blocks: Blocks, to: str | None, terminal: Terminal, server: LocalServer | None) -> None:
    from flows.publish import publish
    from flows.rollback import rollback

    terminal.watch([publish])
    _await_server(terminal, server)
    terminal.summary(rollback(blocks.tracker, blocks.warehouse, blocks.site, blocks.project, to))


def _retire(blocks: Blocks, marts: list[str] | None, terminal: Terminal, server: LocalServer | None) -> None:
    from flows.retire import retire

    if not marts:
        raise Misconfigured("retire", "no mart is named", "As in retire --marts old_sales.")
    _await_server(terminal, server)
    release = retire(blocks.warehouse, marts)
    terminal.done()
    terminal.console.print(f"readers see run {release.run}: {', '.join(sorted(release.marts))}")


def _dry_run(blocks: Blocks, flags: argparse.Namespace, terminal: Terminal, run: str) -> None:
    from flows.run_context import open_run
    from tasks.planning import plan_tickets
    from tasks.requirements import read_tickets

    terminal.waiting("reading dbt's manifest …")
    with open_run(blocks.project, blocks.warehouse, run) as context:
        found = read_tickets.fn(blocks.tracker, flags.tickets)
        plan = plan_tickets(found, context.catalogue, run, flags.tickets is None, flags.only_sources)
    terminal.plan(plan)
