"""Attaching a file to an issue once. Jira keeps every upload of a name: ours before are deleted."""

from __future__ import annotations

import mimetypes
from hashlib import sha256
from pathlib import Path

from blocks.errors import BadInput
from blocks.tracker.base import FILE_NAME
from blocks.tracker.jira.api import Edition

ATTACHED = "analytics.attachments"  # the issue property: file name → id and content of what we attached


def attach_file(edition: Edition, key: str, path: Path) -> None:
    """Upload, note what it holds, delete those before it; in this order, so that one is always there."""
    if not FILE_NAME.fullmatch(path.name):
        raise BadInput(f"attach a file to {key}", "its name is not like sales-2026.png")
    ask, content = edition.session.ask, path.read_bytes()
    digest = sha256(content).hexdigest()
    raw = ask(
        f"read the attachments of {key}", "GET", f"issue/{key}", fields="attachment", properties=ATTACHED
    )
    noted = (raw.get("properties") or {}).get(ATTACHED) or {}
    ours = [
        each["id"]
        for each in raw["fields"].get("attachment") or ()
        if each["filename"] == path.name and edition.mine(each)
    ]
    kept = next((each for each in ours if noted.get(path.name) == [each, digest]), None)
    if kept is None:
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        new = edition.session.upload(f"attach to {key}", f"issue/{key}/attachments", path.name, content, kind)
        noted = {**noted, path.name: [new[0]["id"], digest]}
        ask(f"note what is attached to {key}", "PUT", f"issue/{key}/properties/{ATTACHED}", noted)
    for old in ours:
        if old != kept:
            ask(f"delete an older attachment of {key}", "DELETE", f"attachment/{old}")
