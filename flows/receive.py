"""A web address of our own that a tracker tells which ticket is ready: `python flows/main.py receive`.

Whoever knows its secret can do one thing: have the event `ticket.ready` sent to Prefect's API, which makes somebody
look at the tracker. Of what is sent only a ticket's key is taken. Prefect's own credential, which may do
everything, stays here.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import cast

import uvicorn
from prefect.client.orchestration import PrefectClient, get_client
from prefect.settings import get_current_settings
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from blocks.errors import Misconfigured, Unavailable
from blocks.prefect.block_documents import read_variable
from blocks.prefect.ticket_events import send_ready_event
from blocks.tracker.base import PROJECT_KEY
from flows.flags import Flags
from flows.reach import check_api

VARIABLE = "RECEIVE_SECRET"
SHORTEST_SECRET = 20
LARGEST_BODY = 2**20  # bytes; a webhook carries the whole issue
BODY_SECONDS = 10.0
CONNECTION_SECONDS = 30.0  # its head, its body, and Prefect's answer
MOST_AT_ONCE = 32  # connections: more are answered with 503
MOST_A_MINUTE = 120  # events: more are answered with 429, which Jira's webhooks send again
QUIET_SECONDS = 60.0  # between two log lines of one kind of refusal
_SIGNED = "sha256="
_log = logging.getLogger(__name__)

Send = Callable[[str], Awaitable[None]]


class RefusedError(Exception):
    """Why a request is not taken; the status says so to who sent it. Nothing of the request is in it."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Receiver:
    """What answers one address. secret: what a sender has to know; projects: whose tickets' keys are taken."""

    def __init__(self, secret: str, projects: Iterable[str], send: Send) -> None:
        self._secret, self._send = secret.encode(), send
        self._key = re.compile(rf"(?:{'|'.join(map(re.escape, projects))})-[1-9][0-9]{{0,8}}")
        self._left, self._counted = float(MOST_A_MINUTE), time.monotonic()
        self._refused: dict[str, tuple[float, int]] = {}

    async def receive(self, request: Request) -> Response:
        """Answer a POST: 202 once Prefect has the event."""
        try:
            key = self._find_key(await self._read_authentic(request))
            self._count_event()
            await self._send(key)
        except RefusedError as error:
            self._note_refusal(error.reason)
            return self._answer(error.status, error.reason)
        except ClientDisconnect:
            return self._answer(HTTPStatus.BAD_REQUEST, "the body is not whole")
        except Unavailable as error:
            _log.warning("%s", error)
            return self._answer(
                HTTPStatus.SERVICE_UNAVAILABLE, "Prefect's API does not take it: send it again"
            )
        _log.info("ticket %s is ready", key)
        return self._answer(HTTPStatus.ACCEPTED, "taken")

    async def tell_health(self, _: Request) -> Response:
        """That it is there; asked for without a secret."""
        return self._answer(HTTPStatus.OK, "ok")

    async def _read_authentic(self, request: Request) -> bytes:
        """The body, from one who knows the secret: it is in the header, or has signed the body."""
        given = request.headers.get("Authorization", "")
        signature = request.headers.get("X-Hub-Signature", "")
        if given:
            _, _, token = given.partition(" ")
            self._check(hmac.compare_digest(token.strip().encode(), self._secret))
            return await self._read_body(request)
        self._check(signature.startswith(_SIGNED))
        body = await self._read_body(request)
        right = hmac.new(self._secret, body, "sha256").hexdigest()
        self._check(hmac.compare_digest(signature.removeprefix(_SIGNED).encode(), right.encode()))
        return body

    def _check(self, is_right: bool) -> None:
        if not is_right:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "the secret or signature is missing or wrong")

    async def _read_body(self, request: Request) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for part in request.stream():
                    body += part
                    if len(body) > LARGEST_BODY:
                        raise RefusedError(
                            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                            f"the body has more than {LARGEST_BODY} bytes",
                        )
        except TimeoutError:
            raise RefusedError(
                HTTPStatus.REQUEST_TIMEOUT, f"the body takes more than {BODY_SECONDS:.0f} s"
            ) from None
        return bytes(body)

    def _find_key(self, body: bytes) -> str:
        """The key in a body of one's own (`ticket`), of Jira's webhooks (`issue.key`) or its automation (`key`)."""
        try:
            read = json.loads(body)
        except (ValueError, RecursionError):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None
        fields = cast(dict[str, object], read) if isinstance(read, dict) else {}
        issue = fields.get("issue")
        inner = cast(dict[str, object], issue) if isinstance(issue, dict) else {}
        key = fields.get("ticket", inner.get("key", fields.get("key")))
        if not isinstance(key, str) or not self._key.fullmatch(key):
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "the body names no ticket of a known project")
        return key

    def _count_event(self) -> None:
        """Refuse what comes too fast. Those that came before have started a look, which sees all there is."""
        now = time.monotonic()
        self._left = min(MOST_A_MINUTE, self._left + (now - self._counted) * MOST_A_MINUTE / 60)
        self._counted = now
        if self._left < 1:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, f"more than {MOST_A_MINUTE} events a minute")
        self._left -= 1

    def _note_refusal(self, reason: str) -> None:
        """Log it, but a flood of one kind in one line a minute."""
        since, count = self._refused.get(reason, (-QUIET_SECONDS, 0))
        if time.monotonic() - since < QUIET_SECONDS:
            self._refused[reason] = since, count + 1
            return
        more = f" ({count} more since the last such line)" if count else ""
        _log.warning("refused: %s%s", reason, more)
        self._refused[reason] = time.monotonic(), 0

    def _answer(self, status: HTTPStatus, text: str) -> Response:
        again = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
        headers = {"Connection": "close", **({"Retry-After": "60"} if status in again else {})}
        return PlainTextResponse(f"{text}\n", status, headers)


class BoundedProtocol(H11Protocol):
    """A connection that is closed after CONNECTION_SECONDS, whatever it did until then."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection up, and say when it ends."""
        super().connection_made(transport)
        self._end = asyncio.get_running_loop().call_later(CONNECTION_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._end.cancel()
        super().connection_lost(exc)


def read_secret() -> str:
    """The secret that senders have to know. Raises Misconfigured where there is none, or one that can be guessed."""
    asked = "read the secret of the receiver"
    remedy = f"Set {VARIABLE}, or {VARIABLE}_FILE to a file that holds it: `openssl rand -hex 24` makes one."
    secret = read_variable(VARIABLE)
    if not secret:
        raise Misconfigured(asked, f"{VARIABLE} is not set", remedy)
    if len(secret) < SHORTEST_SECRET:
        raise Misconfigured(asked, f"it has fewer than {SHORTEST_SECRET} characters", remedy)
    return secret


def read_projects(names: Iterable[str]) -> list[str]:
    """Keys of projects, as in AN. Raises Misconfigured for what is none."""
    found = list(names)
    for name in found:
        if not re.fullmatch(PROJECT_KEY, name):
            raise Misconfigured(
                "read --ticket-projects",
                f"{name} is no project's key",
                "As in AN: the part of AN-7 before the hyphen.",
            )
    return found


def make_app(secret: str, projects: Iterable[str], send: Send | None = None) -> Starlette:
    """The application that uvicorn serves. send: tells Prefect's API, by one client, where it is not given."""
    clients: list[PrefectClient] = []

    @asynccontextmanager
    async def keep_client(_: Starlette) -> AsyncIterator[None]:
        async with get_client() as client:
            clients.append(client)
            yield

    async def send_event(key: str) -> None:
        await send_ready_event(clients[0], key)

    receiver = Receiver(secret, projects, send or send_event)
    routes = [
        Route("/ticket", receiver.receive, methods=["POST"]),
        Route("/health", receiver.tell_health, methods=["GET"]),
    ]
    app = Starlette(routes=routes, lifespan=None if send else keep_client)
    app.router.redirect_slashes = False  # it would answer with the Host that it was asked by
    return app


def receive(flags: Flags) -> int:
    """Serve until it is ended. Raises Misconfigured, or Unavailable where Prefect's API does not answer."""
    secret, projects = read_secret(), read_projects(flags.ticket_projects)
    if get_current_settings().api.url is None:
        raise Misconfigured(
            "send events to Prefect's API",
            "no server is named",
            "Set PREFECT_API_URL, and PREFECT_API_AUTH_STRING or PREFECT_API_KEY where it asks for one.",
        )
    check_api()
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    _log.setLevel(logging.INFO)
    _log.info("tickets of %s are taken at http://%s:%d/ticket", ", ".join(projects), flags.host, flags.port)
    uvicorn.Server(make_config(make_app(secret, projects), flags.host, flags.port)).run()
    return 0


def make_config(app: Starlette, host: str, port: int) -> uvicorn.Config:
    """How it is served: so many connections, each for so long, and no line of a log that a sender has written."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=BoundedProtocol,
        ws="none",
        log_config=None,
        log_level="critical",
        access_log=False,
        limit_concurrency=MOST_AT_ONCE,
        server_header=False,
        timeout_graceful_shutdown=int(BODY_SECONDS),
    )
