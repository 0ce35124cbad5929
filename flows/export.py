"""`export`: a mart as readers see it, as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blocks.notebook.exports import check_target, write_export
from flows.flags import Flags
from flows.notebook import open_notebook

if TYPE_CHECKING:
    from flows.terminal import Terminal


def export_mart(flags: Flags, terminal: Terminal) -> None:
    """Write a mart into a file, and say which release it is of.

    Raises NotFound for a mart that readers do not see, Misconfigured for a file that can't be written.
    """
    path = flags.to_file.expanduser().resolve()
    check_target(path, flags.overwrite)
    terminal.show_waiting(f"reading {flags.mart} …")
    frame = open_notebook(flags.warehouse, flags.project, flags.state_folder).read_mart(flags.mart)
    notes = write_export(path, flags.mart, frame, flags.overwrite)
    terminal.stop_waiting()
    release, newest = frame.attrs["release"], frame.attrs["freshness"]
    about = {
        "mart": flags.mart,
        "file": str(path),
        "rows": len(frame),
        "release": release["run"],
        "published_at": release["published_at"],
        "data_up_to": newest,
        "notes": notes,
    }
    if flags.json:
        terminal.print_json(about)
        return
    until = f", data up to {newest}" if newest else ""
    text = f"{len(frame):,} rows of {flags.mart} in {path}: as readers see them, of run {release['run']}"
    terminal.print_text(f"{text}, published at {release['published_at']}{until}")
    for note in notes:
        terminal.print_text(f"  {note}")
