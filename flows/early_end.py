"""A run that ends before its flow begins: no server, no usable state folder or project. Its ticket files hear of it."""

from __future__ import annotations

from contextlib import suppress

from blocks.errors import PlatformError
from flows.flags import Flags


def tell_ticket_files(flags: Flags, error: PlatformError) -> None:
    """Write on the tickets, where they are files that can be written, what keeps the run from beginning.

    A saved block's tracker is on the server, which may be what is missing; the demo's own files stay as they are.
    """
    from blocks.tracker.files.tracker import FilesTracker, find_project
    from flows.places import find_tickets
    from tasks.answers import tell_not_begun

    copied = flags.state.expanduser().resolve() / "tickets"
    folder = find_tickets(flags) if flags.project or flags.tickets_folder else copied
    key = find_project(folder) if folder else None
    if flags.tracker or folder is None or key is None:
        return
    tracker = FilesTracker(folder=folder, project=key)
    with suppress(PlatformError, OSError):  # what is wrong has been said already
        tell_not_begun.fn(tracker, flags.tickets, [str(error)])
