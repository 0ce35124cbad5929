"""What the suites' files say: which expectations can't be evaluated, and how old ones read in today's form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import Misconfigured, NotFound
from blocks.quality.upgrade import SuiteUpgrade, plan_upgrade, write_upgrade

if TYPE_CHECKING:
    from flows.terminal import Terminal


def show_suites(folder: Path, terminal: Terminal, upgrade: bool, apply: bool) -> bool:
    """A line for each suite of a folder and one for each thing to know of it; False if one can't be read or written.

    upgrade: show the differences as well; apply: write them.
    """
    terminal.stop_waiting()
    files = sorted(folder.glob("*.json"))
    if not files:
        raise NotFound(
            f"read suites in {folder}", "there is no file *.json", "Name their folder by --suites."
        )
    well = True
    for path in files:
        try:
            found = plan_upgrade(path)
            if upgrade and apply and found.diff:
                write_upgrade(found)
        except (Misconfigured, OSError) as error:
            well = False
            terminal.print_text(f"{path.name}: {error}")
            continue
        _show(terminal, found, upgrade, apply)
    return well


def _show(terminal: Terminal, found: SuiteUpgrade, upgrade: bool, apply: bool) -> None:
    old = ("upgraded" if apply else "to be upgraded") if upgrade else "in the form of a version before 1.0"
    terminal.print_text(f"{found.path.name}: " + (old if found.diff else "in today's form"))
    for line in found.unusable:
        terminal.print_text(f"  can't be evaluated, stays as it is: {line}")
    for line in found.dropped:
        terminal.print_text(f"  without effect today, left out: {line}")
    if upgrade and found.diff and not apply:
        terminal.print_text(found.diff.rstrip())
