"""What we write on a ticket's text: our comments, and whole tickets about incidents. No files are opened here."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from blocks.tracker.files.ticket_reader import BOT, drop_unprintable, read
from blocks.tracker.files.yaml_editor import set_list_item


def write_comment(text: str, topic: str, body: str) -> str:
    """A ticket's text with our comment on a topic; the same body changes nothing, not even its time."""
    ours, now = {"author": BOT, "topic": topic}, datetime.now(UTC).isoformat(timespec="seconds")
    comments = read(text).get("comments")
    entries = comments if isinstance(comments, list) else []
    old = next((each for each in entries if isinstance(each, dict) and ours.items() <= each.items()), None)
    if old is None:
        return set_list_item(text, "comments", ours, {**ours, "created": now, "body": body})
    if old.get("body") == body:
        return text
    times = {"created": str(old.get("created") or now), "updated": now}
    return set_list_item(text, "comments", ours, {**ours, **times, "body": body})


def write_incident(key: str, about: str, title: str, body: str, requests: Sequence[str]) -> str:
    """A new ticket about an incident: `incident` says what it is about, `requests` who needs it gone."""
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import LiteralScalarString

    stream = io.StringIO()
    YAML().dump(
        {
            "key": key,
            "title": drop_unprintable(title),
            "status": "open",
            "incident": about,
            "requester": BOT,
            "requests": list(requests),
            "description": LiteralScalarString(drop_unprintable(body)),
        },
        stream,
    )
    return stream.getvalue()


def quote_inline(value: str) -> str:
    """A value as YAML holds it on one line: a plain word as it is, anything else in quotes."""
    return value if re.fullmatch(r"[A-Za-z0-9_.-]{1,80}", value) else json.dumps(value, ensure_ascii=False)
