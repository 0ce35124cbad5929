"""The clients of Prefect's API: one that is silent in the midst of a run is given up after two minutes, not after seven
for each request. Seen with prefect 3.8; on another version they try as Prefect has them try.

A server that is being started again refuses connections: that is tried again for a minute, as before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.settings import get_current_settings

from blocks.vendor_patches.versions import is_version

SEEN = "3.8"
SILENT_SECONDS = 100.0
"""More than one attempt's 60, for which a server may wait for its database, and less than two."""
_given_up = threading.Event()


class SilentError(httpx.TransportError):
    """Prefect's API gave no answer for too long. Prefect's clients don't try again after it."""


def bound_silence() -> None:
    """Have this process give an API up that leaves a request unanswered for SILENT_SECONDS: it asks it no more.

    Nothing is changed where the user's settings say how long or how often clients try, or if it was called before.
    """
    settings = get_current_settings()
    own = {"request_timeout"} & settings.api.model_fields_set | {
        "max_retries"
    } & settings.client.model_fields_set
    if own or is_bounded() or not is_version("prefect", SEEN):
        return
    PrefectHttpxSyncClient._send_with_retry = _send_with_retry  # type: ignore[method-assign, assignment]
    PrefectHttpxAsyncClient._send_with_retry = _send_with_retry_async  # type: ignore[method-assign, assignment]


def is_bounded() -> bool:
    """True if `bound_silence` changed something: a process of this one's is to do likewise."""
    return PrefectHttpxSyncClient._send_with_retry is not _plain


_plain: Callable[..., Any] = PrefectHttpxSyncClient._send_with_retry
_plain_async: Callable[..., Any] = PrefectHttpxAsyncClient._send_with_retry


class _Attempts:
    """Those of one request."""

    def __init__(self, request: httpx.Request) -> None:
        self._request, self._begun = request, time.monotonic()

    def check(self) -> None:
        """Before each. Raises SilentError where the API was given up."""
        if _given_up.is_set():
            raise SilentError("it was silent before", request=self._request)

    def note_silence(self) -> None:
        """After one that got no answer. Raises SilentError where that was the last."""
        if time.monotonic() - self._begun >= SILENT_SECONDS:
            _given_up.set()
        self.check()


def _send_with_retry(
    client: PrefectHttpxSyncClient,
    request: httpx.Request,
    send: Callable[..., httpx.Response],
    *arguments: Any,
    **named: Any,
) -> httpx.Response:
    attempts = _Attempts(request)

    def attempt(*sent: Any, **how: Any) -> httpx.Response:
        attempts.check()
        try:
            return send(*sent, **how)
        except httpx.TimeoutException:
            attempts.note_silence()
            raise

    return cast(httpx.Response, _plain(client, request, attempt, *arguments, **named))


async def _send_with_retry_async(
    client: PrefectHttpxAsyncClient,
    request: httpx.Request,
    send: Callable[..., Awaitable[httpx.Response]],
    *arguments: Any,
    **named: Any,
) -> httpx.Response:
    attempts = _Attempts(request)

    async def attempt(*sent: Any, **how: Any) -> httpx.Response:
        attempts.check()
        try:
            return await send(*sent, **how)
        except httpx.TimeoutException:
            attempts.note_silence()
            raise

    return cast(httpx.Response, await _plain_async(client, request, attempt, *arguments, **named))
