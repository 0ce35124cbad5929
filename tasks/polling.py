"""What a poll remembers between two looks: a mark of each waiting ticket, in a Prefect variable. No text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256

from prefect.variables import Variable

from blocks.records import Ticket

MOST = 150  # a variable holds 5,000 characters
MARK = 8


def mark(ticket: Ticket) -> str:
    """Tells one content of a ticket from another, and one answer from the next; says nothing of it.

    The status is no part of it: that we moved a ticket is no news.
    """
    return sha256(ticket.model_dump_json(exclude={"status"}).encode()).hexdigest()[:MARK]


def seen(deployment: str) -> dict[str, str]:
    """The marks by ticket key as of the last look; empty before the first."""
    found = Variable.get(_name(deployment))
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def remember(deployment: str, waiting: Mapping[str, str]) -> None:
    """Keep the marks of what waits now."""
    newest = dict(list(waiting.items())[-MOST:])
    Variable.set(_name(deployment), newest, overwrite=True)


def _name(deployment: str) -> str:
    return f"polled_{re.sub('[^a-z0-9]+', '_', deployment.lower())}"
