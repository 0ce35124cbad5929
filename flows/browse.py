"""`open`: the dashboards' index in the user's browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.errors import NotFound, Unavailable
from flows.flags import MAIN
from flows.places import locate_site

if TYPE_CHECKING:
    from flows.terminal import Terminal


def find_index(state: Path) -> Path | None:
    """The index of the dashboards in a state folder; None before the first was published."""
    folder, project = locate_site(state)
    index = folder / project / "index.html"
    return index if index.is_file() else None


def open_index(state: Path, terminal: Terminal) -> None:
    """Open it, and print its address. Raises NotFound before a first run, Unavailable where there is no browser."""
    index = find_index(state)
    if index is None:
        raise NotFound(
            f"open the dashboards in {state}", "nothing has been published there", f"Run `{MAIN}` first."
        )
    terminal.console.print(index.as_uri(), soft_wrap=True)
    if not webbrowser.open(index.as_uri()):
        raise Unavailable(
            "open a browser", "this machine has none that could be started", "Open the address above."
        )
