"""Attaching a file to an issue once. Jira keeps every upload of a name, so our earlier ones are deleted."""

from __future__ import annotations

import mimetypes
from hashlib import sha256
from pathlib import Path

from blocks.errors import BadInput
from blocks.tracker.base import FILE_NAME
from blocks.tracker.jira.api import JiraApi
from blocks.tracker.jira.responses import Attachment, Issue

ATTACHED_PROPERTY = "analytics.attachments"  # on the issue: file name → id and SHA-256 of what we attached


def attach_file(api: JiraApi, key: str, path: Path) -> None:
    """Upload a file, note its content, delete our earlier ones; in this order, so that one is always there."""
    if not FILE_NAME.fullmatch(path.name):
        raise BadInput(f"attach a file to {key}", "its name is not like sales-2026.png")
    content = path.read_bytes()
    digest = sha256(content).hexdigest()
    issue = api.session.read(
        Issue,
        f"read the attachments of {key}",
        "GET",
        f"issue/{key}",
        fields="attachment",
        properties=ATTACHED_PROPERTY,
    )
    found = (issue.properties or {}).get(ATTACHED_PROPERTY)
    noted = found if isinstance(found, dict) else {}  # others can write it, too
    attachments = issue.read_fields().attachment or []
    ours = [each.id for each in attachments if each.filename == path.name and api.is_own(each.author)]
    current = next((each for each in ours if noted.get(path.name) == [each, digest]), None)
    if current is None:
        mime_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        (new,) = api.session.upload_file(
            list[Attachment], f"attach to {key}", f"issue/{key}/attachments", path.name, content, mime_type
        )
        note = {**noted, path.name: [new.id, digest]}
        property_path = f"issue/{key}/properties/{ATTACHED_PROPERTY}"
        api.session.send(f"note what is attached to {key}", "PUT", property_path, note)
    for old in ours:
        if old != current:
            api.session.send(f"delete an older attachment of {key}", "DELETE", f"attachment/{old}")
