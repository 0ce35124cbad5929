"""The command line of flows/main.py: read flags, overlap slow starts, run flows, show what happened."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.child_process import leave_at_once
from blocks.errors import Misconfigured, NotDelivered, NotFound, PlatformError, explain_error
from flows.flag_check import check_flags
from flows.flags import Flags, FlagsError, read_flags, write_completion
from flows.interruption import end_run, find_interrupt, find_reason, handle_interrupts
from flows.local_server import LocalServer
from flows.reach import (
    check_address_limit,
    check_api,
    check_proxies,
    check_time_zone,
    explain_api_failure,
    find_settings_fault,
    raise_file_limit,
)
from flows.state_folder import check_state, note_need, warn_of_need
from flows.warmup import SETTINGS, reach_loopback_directly

if TYPE_CHECKING:
    from blocks.records import Outcome, Release
    from blocks.warehouse.base import Warehouse
    from flows.local import Blocks
    from flows.terminal import Terminal

_LOOKS = {"plan", "status", "setup", "suites", "check", "init", "open", "export"}
"""Commands of which nothing is recorded on a server."""
_DRAWS = {"run", "rollback", "retire"}
"""Commands that may publish dashboards, with their pictures."""


def main(arguments: list[str] | None = None) -> int:
    """Run and return the exit code: 0 all delivered, 1 not all, 2 wrong flags or settings, 130 interrupted."""
    try:
        flags = read_flags(sys.argv[1:] if arguments is None else arguments)
    except FlagsError as error:
        sys.stderr.write(f"✗ {error}\n")
        return 2
    if flags is None:
        return 0
    if flags.action == "completion":
        sys.stdout.write(write_completion(flags.shell))
        return 0
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if flags.action == "receive":  # a service, which has signals of its own
        return _receive(flags)
    with handle_interrupts():
        try:
            return _check_and_carry_out(flags)
        except KeyboardInterrupt:  # before anything began
            sys.stderr.write("Interrupted before it began.\n")
            return 130


def _check_and_carry_out(flags: Flags) -> int:
    """Do what the flags say, once they and this machine are seen to be right; the exit code."""
    reach_loopback_directly()
    try:
        if _has_named_blocks(flags) and (fault := find_settings_fault()):
            raise fault
        check_flags(flags)
    except PlatformError as error:
        return _show_problem(error, flags, 2)
    recorded = _has_named_blocks(flags) or flags.action not in _LOOKS
    try:
        check_state(flags.state_folder, recorded)
        check_proxies()
        check_time_zone()
        raise_file_limit()
        if flags.action in _DRAWS:
            check_address_limit()
    except PlatformError as error:  # before anything starts
        return _show_problem(error, flags, 1)
    return _carry_out(flags, recorded)


def _receive(flags: Flags) -> int:
    """Serve until it is ended; the exit code where it can't begin."""
    reach_loopback_directly()
    try:
        if fault := find_settings_fault():
            raise fault
        check_proxies()
        from flows.receive import receive

        return receive(flags)
    except PlatformError as error:
        return _show_problem(error, flags, 2 if isinstance(error, Misconfigured) else 1)


def _carry_out(flags: Flags, recorded: bool) -> int:
    """Do what the flags say; the exit code. recorded: on a server, one of our own where none is named."""
    state = flags.state_folder
    own = recorded and not os.environ.get("PREFECT_API_URL")
    server = LocalServer(state / "prefect.db", end_run) if own else None
    if fault := find_settings_fault():
        return _show_problem(fault, flags, 2)
    from prefect.settings import get_current_settings

    if server and get_current_settings().api.url is not None:  # Prefect's profile names one
        server.stop()
        server = None
    from prefect.exceptions import TerminationSignal

    from flows.terminal import Terminal

    terminal = Terminal(flags.quiet or flags.json)
    try:
        with _apply_settings(server):
            return _run(flags, terminal, server)
    except NotDelivered as error:
        return _show_undelivered(error, flags, terminal)
    except (PlatformError, OSError, MemoryError) as error:
        known = explain_error(f"{flags.action} in {state}", error)
        if known is None:
            raise
        return _show_problem(known, flags, 1, terminal)
    except (
        Exception,
        KeyboardInterrupt,
        TerminationSignal,
    ) as error:  # the last is Prefect's word for SIGTERM
        if unrecorded := find_reason() or explain_api_failure(error):
            leave_at_once()
            ended = _find_undelivered(error)  # what ended the run's flow, whose end was not recorded
            return (
                _show_undelivered(ended, flags, terminal)
                if ended
                else _show_problem(unrecorded, flags, 1, terminal)
            )
        if find_interrupt(error) is not None:
            terminal.print_interrupted()
            return 130
        raise


def _find_undelivered(error: BaseException | None) -> NotDelivered | None:
    """The end of a delivery that another error came after."""
    while error is not None and not isinstance(error, NotDelivered):
        error = error.__context__
    return error


def _show_undelivered(error: NotDelivered, flags: Flags, terminal: Terminal) -> int:
    from blocks.records import Outcome

    if isinstance(error.outcome, Outcome):
        _show_outcome(error.outcome, flags, terminal)
    return 1


def _show_problem(error: PlatformError, flags: Flags, code: int, terminal: Terminal | None = None) -> int:
    """Say what keeps a command from starting or ended it; the exit code."""
    from flows.json_output import describe_error, write_json

    if terminal is None and (unreadable := find_settings_fault()):  # the terminal's lines need Prefect
        sys.stderr.write("".join(f"✗ {each}\n" for each in dict.fromkeys((str(error), str(unreadable)))))
        if flags.json:
            sys.stdout.write(f"{write_json(describe_error(error))}\n")
        return code
    from flows.terminal import Terminal

    terminal = terminal or Terminal(quiet=True)
    terminal.print_problem(error)
    if code == 1 and flags.action == "run" and not (terminal.has_begun or isinstance(error, NotFound)):
        from flows.early_end import tell_ticket_files

        tell_ticket_files(flags, error)
    if flags.json:
        terminal.print_json(describe_error(error))
    return code


def _show_outcome(outcome: Outcome, flags: Flags, terminal: Terminal) -> None:
    from flows.browse import find_index
    from flows.json_output import describe_outcome

    index = find_index(flags.state_folder) if flags.site is None else None
    terminal.print_summary(outcome, index, printed=not flags.json)
    if flags.json:
        terminal.print_json(describe_outcome(outcome))


def _has_named_blocks(flags: Flags) -> bool:
    """True if saved blocks are named: a server has them."""
    return any((flags.tracker, flags.warehouse, flags.site, flags.loader, flags.notifier))


def _apply_settings(server: LocalServer | None) -> AbstractContextManager[object]:
    """Prefect's settings of a run in a terminal: no heartbeats, which cost up to a second at each flow's end."""
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    ours = {PREFECT_API_URL: server.url} if server else {}
    if server:
        os.environ["PREFECT_API_URL"] = server.url  # for threads and processes, which do not get the settings
    else:
        from blocks.vendor_patches.prefect_clients import bound_silence

        bound_silence()  # our own is watched and started again, which takes longer
    os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "false"  # nothing of a run starts a server of its own
    return temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, **ours})


def _run(flags: Flags, terminal: Terminal, server: LocalServer | None) -> int:
    if flags.action == "open":
        from flows.browse import open_index

        open_index(flags.state_folder, terminal)
        return 0
    if flags.action in {"blocks", "automations"}:
        return _administer(flags, terminal, server)
    if flags.action == "suites":
        return _show_suites(flags, terminal)
    if flags.action == "export":
        return _export(flags, terminal, server)
    if flags.action == "init":
        return _run_init(flags, terminal, server)
    return _show_schema(terminal) if flags.schema else _run_blocks(flags, terminal, server)


def _run_blocks(flags: Flags, terminal: Terminal, server: LocalServer | None) -> int:
    from flows.local import make_local_blocks
    from flows.run_context import name_new_run
    from flows.setup import show_setup
    from flows.status import show_status

    run = name_new_run()
    if _has_named_blocks(flags):
        _await_server(terminal, server)
    terminal.show_waiting("making the demo's data …" if flags.project is None else "starting …")
    with make_local_blocks(flags, run) as blocks:
        if flags.action == "check":
            return _check(blocks, flags, terminal)
        if flags.action == "preview":
            return _preview(blocks, flags, terminal, server)
        if flags.action == "status":
            show_status(blocks, terminal, flags.cost, flags.json)
        elif flags.action == "setup":
            show_setup(blocks, terminal, flags.apply)
        else:
            _start(blocks, flags, terminal, server, run)
    return 0


def _start(blocks: Blocks, flags: Flags, terminal: Terminal, server: LocalServer | None, run: str) -> None:
    if flags.action == "plan":
        _plan(blocks, flags, terminal, run)
    elif flags.action == "rollback":
        _roll_back(blocks, flags, terminal, server)
    elif flags.action == "retire":
        _retire(blocks, flags.marts or [], terminal, server)
    else:
        _deliver(blocks, flags, terminal, server, run)


def _watch_memory(state: Path, terminal: Terminal) -> ExitStack:
    """Warn where there is less memory than the last run took; at the end, note what this one took."""
    if warning := warn_of_need(state):
        terminal.print_warning(warning)
    stack = ExitStack()
    stack.callback(note_need, state)
    return stack


def _show_suites(flags: Flags, terminal: Terminal) -> int:
    from flows.places import find_suites
    from flows.suites import show_suites

    return 0 if show_suites(find_suites(flags), terminal, flags.upgrade, flags.apply) else 1


def _run_init(flags: Flags, terminal: Terminal, server: LocalServer | None) -> int:
    from flows.init import show_init
    from flows.local import load_saved
    from flows.places import read_locations

    if flags.warehouse:
        _await_server(terminal, server)
    warehouse = load_saved(flags.warehouse)
    show_init(flags, read_locations(flags), terminal, warehouse)
    return 0


def _export(flags: Flags, terminal: Terminal, server: LocalServer | None) -> int:
    from flows.export import export_mart

    if flags.warehouse:
        _await_server(terminal, server)
    export_mart(flags, terminal)
    return 0


def _show_schema(terminal: Terminal) -> int:
    from flows.check import show_schema

    show_schema(terminal)
    return 0


def _check(blocks: Blocks, flags: Flags, terminal: Terminal) -> int:
    from flows.check import show_check, show_impact

    terminal.show_waiting("reading the project …")
    if flags.column:
        show_impact(blocks, flags, terminal)
        return 0
    return 0 if show_check(blocks, flags, terminal) else 1


def _preview(blocks: Blocks, flags: Flags, terminal: Terminal, server: LocalServer | None) -> int:
    from flows.preview import show_preview

    _await_server(terminal, server)
    return 0 if show_preview(blocks, flags, terminal) else 1


def _await_server(terminal: Terminal, server: LocalServer | None) -> None:
    terminal.show_waiting("starting Prefect …")
    if server:
        server.wait()
    else:
        check_api()


def _administer(flags: Flags, terminal: Terminal, server: LocalServer | None) -> int:
    from flows import administration

    _await_server(terminal, server)
    show = administration.show_blocks if flags.action == "blocks" else administration.show_automations
    return 0 if show(flags.file, terminal, flags.apply) else 1


def _deliver(blocks: Blocks, flags: Flags, terminal: Terminal, server: LocalServer | None, run: str) -> None:
    from blocks.vendor_patches.prefect import share_certificates
    from flows.deliver import STAGES, deliver

    share_certificates()
    terminal.watch(STAGES)
    _await_server(terminal, server)
    with _watch_memory(flags.state_folder, terminal):
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
            dashboards=flags.select,
            full_build=flags.full_build,
            notifier=blocks.notifier,
        )
    _show_outcome(outcome, flags, terminal)


def _roll_back(blocks: Blocks, flags: Flags, terminal: Terminal, server: LocalServer | None) -> None:
    from flows.publish import publish
    from flows.rollback import rollback

    terminal.watch([publish])
    _await_server(terminal, server)
    with _say_what_is_served(blocks.warehouse, terminal):
        outcome = rollback(blocks.tracker, blocks.warehouse, blocks.site, blocks.project, flags.to)
    _show_outcome(outcome, flags, terminal)


def _retire(blocks: Blocks, marts: list[str], terminal: Terminal, server: LocalServer | None) -> None:
    from flows.retire import retire

    _await_server(terminal, server)
    with _say_what_is_served(blocks.warehouse, terminal):
        release = retire(blocks.warehouse, marts)
    terminal.stop_waiting()
    terminal.console.print(_describe_served(release))


@contextmanager
def _say_what_is_served(warehouse: Warehouse, terminal: Terminal) -> Iterator[None]:
    """Say what readers see where Prefect's API is lost meanwhile: that may be before the change or after it."""
    try:
        yield
    except BaseException as error:
        if (find_reason() or explain_api_failure(error)) and not _find_undelivered(error):
            with suppress(Exception):  # what ended it matters more
                terminal.print_warning(_describe_served(warehouse.read_served()))
        raise


def _describe_served(release: Release | None) -> str:
    if release is None:
        return "readers see nothing yet"
    return f"readers see run {release.run}: {', '.join(sorted(release.marts))}"


def _plan(blocks: Blocks, flags: Flags, terminal: Terminal, run: str) -> None:
    from flows.json_output import describe_plan
    from flows.run_context import open_run
    from tasks.building import plan_build
    from tasks.occasion import plan_requests
    from tasks.requirements import read_tickets

    terminal.show_waiting("reading dbt's manifest …")
    with open_run(blocks.project, blocks.warehouse, run) as context:
        found = read_tickets.fn(blocks.tracker, flags.tickets)
        plan = plan_requests(
            blocks.tracker,
            blocks.warehouse,
            context.catalogue,
            found,
            run,
            scheduled=flags.tickets is None,
            sources=flags.only_sources,
            dashboards=flags.select,
            site=blocks.site,
        )
        whole = flags.full_build or flags.full_refresh or flags.backfill[0] is not None
        states = plan_build(context.dbt, blocks.warehouse, context.schema, plan.select, whole)
    if flags.json:
        terminal.print_json(describe_plan(plan, states))
    else:
        terminal.plan(plan)
        terminal.print_states("If nothing new is loaded:", states)
