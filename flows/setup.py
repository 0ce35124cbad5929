"""What the warehouse needs once, printed for its administrator or run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.local import Blocks
    from flows.terminal import Terminal


def show_setup(blocks: Blocks, terminal: Terminal, apply: bool) -> None:
    """Print every line as it can be pasted; with `apply`, run them all."""
    terminal.done()
    lines = blocks.warehouse.setup(apply)
    for line in lines:
        terminal.console.print(line, soft_wrap=True, markup=False)
    if not lines:
        terminal.console.print("nothing to set up: the warehouse makes what it needs by itself")
    elif apply:
        terminal.console.print(f"-- done: {blocks.warehouse.check()}", soft_wrap=True, markup=False)
