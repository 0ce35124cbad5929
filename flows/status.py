"""What is served, what the last runs came to, what was loaded: read from the warehouse alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from blocks.warehouse import control
from flows.json_output import describe_costs, describe_status, list_runs, read_built, sum_loads

if TYPE_CHECKING:
    from flows.local import Blocks
    from flows.terminal import Terminal

RUNS_SHOWN = 10
COST_DAYS = 30


def show_status(blocks: Blocks, terminal: Terminal, cost: bool, as_json: bool) -> None:
    """Print it, or what the last days cost; for people, or as JSON."""
    terminal.stop_waiting()
    if as_json:
        describe = describe_costs(blocks.warehouse, COST_DAYS) if cost else describe_status(blocks.warehouse)
        terminal.print_json(describe)
    elif cost:
        show_costs(blocks, terminal)
    else:
        show_served(blocks, terminal)


def show_served(blocks: Blocks, terminal: Terminal) -> None:
    """Print what readers see, the last runs, and the rows that were loaded."""
    served = blocks.warehouse.read_served()
    print_ = terminal.console.print
    print_(
        f"readers see  run {served.run}, since {served.published_at:%Y-%m-%d %H:%M} UTC"
        if served
        else "readers see  nothing yet"
    )
    for mart, relation in sorted(served.marts.items()) if served else ():
        print_(f"  {mart:<28} {relation}")
    terminal.print_states(
        "What its run built, and what it shows again:", read_built(blocks.warehouse, served)
    )
    for note in blocks.warehouse.describe_readers():
        print_(note, soft_wrap=True, markup=False)
    runs = Table("run", "state", "since (UTC)", box=None, pad_edge=False, header_style="bold")
    for entry in list_runs(control.read_journal(blocks.warehouse, details=False))[-RUNS_SHOWN:]:
        runs.add_row(entry.run, entry.state.value, f"{entry.at:%Y-%m-%d %H:%M}")
    print_(runs)
    loads = Table(
        "source table", "loads", "rows", "quarantined", box=None, pad_edge=False, header_style="bold"
    )
    for each in sum_loads(control.read_ledger(blocks.warehouse)):
        loads.add_row(
            f"{each['source']}.{each['table']}",
            *(f"{each[name]:,}" for name in ("loads", "rows", "quarantined")),
        )
    print_(loads)


def show_costs(blocks: Blocks, terminal: Terminal) -> None:
    """Print what the last days cost: by ticket, by run, and the rest that no run caused."""
    terminal.stop_waiting()
    costs = blocks.warehouse.read_costs(COST_DAYS)
    if costs is None:
        terminal.console.print("this warehouse records no cost")
        return
    for title, amounts in (("ticket", costs.by_ticket()), ("run", costs.by_run())):
        shown = Table(title, costs.unit, box=None, pad_edge=False, header_style="bold")
        for name, amount in amounts.items():
            shown.add_row(name or "no ticket", f"{amount:,.4f}")
        terminal.console.print(shown)
    terminal.console.print(
        f"{costs.total:,.4f} {costs.unit} in {costs.days} days, of which {costs.rest:,.4f} belong to no run: "
        "idle time, queries too short to be attributed, and what others asked"
    )
