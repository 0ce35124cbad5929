"""The Arrow Flight face, after docs.dremio.com/current/developer/arrow-flight: Basic or Bearer, SQL commands."""

from __future__ import annotations

import base64
import time
import uuid
from typing import Any

import pyarrow as pa
import pyarrow.flight as flight

from tests.dremio.engine import Engine
from tests.dremio.rest import PATS, USERS
from tests.dremio.sql import Refused

SLOW_SECONDS = 3


class _Token(flight.ServerMiddleware):  # type: ignore[misc]
    def __init__(self, token: str | None = None) -> None:
        self.token = token

    def sending_headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}


class _Login(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    def __init__(self) -> None:
        self.tokens: set[str] = set()

    def start_call(self, info: Any, headers: dict[str, list[str]]) -> _Token:
        message = next((values[0] for name, values in headers.items() if name.lower() == "authorization"), "")
        scheme, _, value = message.partition(" ")
        if scheme.lower() == "basic":
            user, _, password = base64.b64decode(value + "=" * (-len(value) % 4)).decode().partition(":")
            if USERS.get(user) == password or password in PATS:
                token = uuid.uuid4().hex
                self.tokens.add(token)
                return _Token(token)
        elif scheme.lower() == "bearer" and (value in self.tokens or value in PATS):
            return _Token()
        raise flight.FlightUnauthenticatedError("Login failed: Invalid username or password")


class _NoHandshake(flight.ServerAuthHandler):  # type: ignore[misc]
    def authenticate(self, outgoing: Any, incoming: Any) -> None:
        """Nothing: the middleware reads the header."""

    def is_valid(self, token: bytes) -> bytes:
        return b""


class Face(flight.FlightServerBase):  # type: ignore[misc]
    """A statement runs when its information is asked for; its rows wait under a ticket."""

    def __init__(self, engine: Engine, certificate: tuple[bytes, bytes] | None = None) -> None:
        scheme, pairs = ("grpc+tls", [certificate]) if certificate else ("grpc", None)
        super().__init__(
            f"{scheme}://127.0.0.1:0",
            auth_handler=_NoHandshake(),
            tls_certificates=pairs,
            middleware={"login": _Login()},
        )
        self.engine, self.results = engine, dict[bytes, pa.Table]()

    def get_flight_info(self, context: Any, descriptor: flight.FlightDescriptor) -> flight.FlightInfo:
        sql = descriptor.command.decode()
        if self.engine.fault(sql, {"slow"}):
            time.sleep(SLOW_SECONDS)
        if self.engine.fault(sql, {"down"}):
            raise flight.FlightUnavailableError("the coordinator is starting")
        try:
            table = self.engine.run(sql)
        except Refused as error:
            raise flight.FlightServerError(str(error)) from None
        ticket = uuid.uuid4().hex.encode()
        self.results[ticket] = table
        return flight.FlightInfo(
            table.schema, descriptor, [flight.FlightEndpoint(ticket, [])], table.num_rows, table.nbytes
        )

    def do_get(self, context: Any, ticket: flight.Ticket) -> flight.RecordBatchStream:
        return flight.RecordBatchStream(self.results.pop(ticket.ticket))
