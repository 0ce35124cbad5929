"""What a Prefect server needs before deployments run on it: saved blocks and automations, from declared files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from blocks.prefect.automations import apply_automation, compare_automation, read_automations
from blocks.prefect.block_documents import apply_block, check_block, read_declared

if TYPE_CHECKING:
    from flows.terminal import Terminal

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"


def show_blocks(file: Path | None, terminal: Terminal, apply: bool) -> bool:
    """A line for each declared block: what became of it, or (without `apply`) whether it connects, and why not."""
    declared = read_declared(file or DEPLOY / "blocks.yaml")
    if apply:
        for slug, block in declared.items():
            _print_line(terminal, apply_block(slug, block), slug)
        return True
    well = True
    for slug in declared:
        good, status = check_block(slug)
        well = well and good
        _print_line(terminal, "[green]ok[/]" if good else "[red]✗[/]", f"{slug}: {status}")
    return well


def show_automations(file: Path | None, terminal: Terminal, apply: bool) -> bool:
    """A line for each declared automation: created, updated, unchanged; without `apply`, what would happen."""
    for automation in read_automations(file or DEPLOY / "automations.yaml"):
        word = apply_automation(automation) if apply else compare_automation(automation)
        _print_line(terminal, word, automation.name)
    return True


def _print_line(terminal: Terminal, word: str, line: str) -> None:
    terminal.console.print(f"{word:<10} {escape(line)}", soft_wrap=True)
