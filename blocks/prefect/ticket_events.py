"""The event by which a tracker says that a ticket is ready; `poll/on-ticket` waits for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import PrefectHTTPStatusError

from blocks.errors import Unavailable, replace_vendor_errors

SEND_SECONDS = 10


def make_ready_event(key: str) -> dict[str, object]:
    """What Prefect's API is told of a ticket that is ready: its key, and nothing else of it."""
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "ticket.ready",
        "resource": {"prefect.resource.id": f"ticket.{key}"},
        "payload": {"ticket": key},
    }


async def send_ready_event(client: PrefectClient, key: str) -> None:
    """Tell Prefect's API. Raises Unavailable where it does not take it within SEND_SECONDS."""

    def translate(error: BaseException) -> Unavailable:
        status = error.response.status_code if isinstance(error, PrefectHTTPStatusError) else None
        answer = f"it answered {status}" if status else f"it does not answer ({type(error).__name__})"
        return Unavailable(
            "send the event ticket.ready to Prefect's API", answer, "See that its server runs."
        )

    with replace_vendor_errors((httpx.HTTPError, TimeoutError), translate):
        async with asyncio.timeout(SEND_SECONDS):
            answer = await client.request("POST", "/events", json=[make_ready_event(key)])
            answer.raise_for_status()
