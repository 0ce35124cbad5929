"""What the warehouse and the dbt project need once, printed for their administrator or run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.local import Blocks
    from flows.terminal import Terminal


def show_setup(blocks: Blocks, terminal: Terminal, apply: bool) -> None:
    """Print every line as it can be pasted; with `apply`, run them all."""
    terminal.stop_waiting()
    _show_packages(blocks, terminal, apply)
    lines = blocks.warehouse.setup(apply)
    for line in lines:
        terminal.console.print(line, soft_wrap=True, markup=False)
    if not lines:
        terminal.console.print("nothing to set up: the warehouse makes what it needs by itself")
    elif apply:
        terminal.console.print(f"-- done: {blocks.warehouse.check()}", soft_wrap=True, markup=False)


def _show_packages(blocks: Blocks, terminal: Terminal, apply: bool) -> None:
    """dbt's packages that are not there yet; with `apply`, dbt deps. Raises BuildFailed with dbt's own reason."""
    missing = blocks.project.list_missing_packages()
    if not missing:
        return
    line = f"dbt deps --project-dir {blocks.project.folder}"
    terminal.console.print(f"{line}  # {', '.join(missing)}", soft_wrap=True, markup=False)
    if apply:
        blocks.project.fetch_packages()
