"""What a poll remembers between two looks: a mark of each waiting ticket, in Prefect variables. No text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import count

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.variables import Variable

from blocks.records import Ticket

MOST = 150  # a variable holds 5,000 characters
CONTENT, ANSWER = 8, 4
TAG = "polled"
"""On the runs that a look starts."""


def mark(ticket: Ticket) -> str:
    """Tells one content of a ticket from another, and one answer from the next; says nothing of it.

    That we moved a ticket, gave it an assignee, or commented on what it lacks, is no news.
    """
    fields = {name: value for name, value in ticket.fields.items() if name != "assignee"}
    content = ticket.model_copy(update={"fields": fields}).model_dump_json(
        exclude={"status", "comment_fingerprints", "updated", "answered"}
    )
    return _hash(content, CONTENT) + _hash(str(ticket.answered), ANSWER)


def is_same_content(one: str, other: str) -> bool:
    """True if two marks differ by our own answer at most."""
    return one[:CONTENT] == other[:CONTENT]


def read_seen(deployment: str) -> dict[str, str]:
    """The marks by ticket key as of the last look; empty before the first."""
    found: dict[str, str] = {}
    for name in _name_variables(deployment):
        part = Variable.get(name)
        if not isinstance(part, dict):
            break
        found |= {str(key): str(value) for key, value in part.items()}
    return found


def remember(deployment: str, waiting: Mapping[str, str]) -> None:
    """Keep the marks of what waits now."""
    marks = list(waiting.items())
    for at, name in enumerate(_name_variables(deployment)):
        part = dict(marks[at * MOST : (at + 1) * MOST])
        if not part and Variable.get(name) is None:
            break
        Variable.set(name, part, overwrite=True)


def is_waiting(deployment: str) -> bool:
    """True if a run that a look started has not begun: one is enough, however many events and edits there are."""
    with get_client(sync_client=True) as client:
        wanted = FlowRunFilter.model_validate(
            {
                "deployment_id": {"any_": [client.read_deployment_by_name(deployment).id]},
                "state": {"type": {"any_": [StateType.SCHEDULED, StateType.PENDING]}},
                "tags": {"all_": [TAG]},
            }
        )
        return bool(client.read_flow_runs(flow_run_filter=wanted, limit=1))


def _name_variables(deployment: str) -> Iterator[str]:
    """As many variables as it takes, one after the other."""
    base = f"polled_{re.sub('[^a-z0-9]+', '_', deployment.lower())}"
    return (f"{base}_{number}" for number in count())


def _hash(text: str, length: int) -> str:
    return sha256(text.encode()).hexdigest()[:length]
