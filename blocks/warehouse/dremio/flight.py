"""Reading from Dremio over Arrow Flight. After docs.dremio.com/current/developer/arrow-flight."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from blocks.errors import PlatformError
from blocks.warehouse.dremio.errors import make_flight_error

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import flight

T = TypeVar("T")
LOGIN_SECONDS = 60


class DremioFlight:
    """A connection. location: `grpc+tls://host:port`; seconds: how long one query may take.

    verify: whether the server's certificate is checked, or the path of an authority's certificate.
    project: Cloud's project, since Flight would answer from the oldest one otherwise.
    """

    def __init__(self, location: str, verify: bool | str, seconds: float, project: str | None = None) -> None:
        from pyarrow import flight

        options: dict[str, object] = {}
        if location.startswith("grpc+tls"):
            if isinstance(verify, str):
                options["tls_root_certs"] = Path(verify).read_bytes()
            elif not verify:
                options["disable_server_verification"] = True
        self.client, self.seconds = flight.FlightClient(location, **options), seconds
        self.headers: list[tuple[bytes, bytes]] = [(b"project_id", project.encode())] if project else []

    def log_in(self, user: str, password: str) -> None:
        """Get a token for a user and password."""
        options = self._make_options(LOGIN_SECONDS)
        self.headers.append(
            _ask("log in to Dremio", partial(self.client.authenticate_basic_token, user, password, options))
        )

    def use_token(self, token: str) -> None:
        """Log in by a personal access token."""
        self.headers.append((b"authorization", f"Bearer {token}".encode()))

    def read(self, sql: str, asked: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The schema of a query's answer, and its record batches; a break in between ends the query."""
        from pyarrow import flight

        deadline = time.monotonic() + self.seconds
        command = flight.FlightDescriptor.for_command(sql)
        info = _ask(asked, partial(self.client.get_flight_info, command, self._make_options(self.seconds)))
        return info.schema, self._read_batches(info.endpoints, asked, deadline)

    def close(self) -> None:
        """End the connection."""
        self.client.close()

    def _read_batches(
        self, endpoints: list[flight.FlightEndpoint], asked: str, deadline: float
    ) -> Iterator[pa.RecordBatch]:
        for endpoint in endpoints:
            options = self._make_options(max(deadline - time.monotonic(), 1))
            reader = _ask(asked, partial(self.client.do_get, endpoint.ticket, options))
            try:
                while chunk := _ask(asked, partial(_read_chunk, reader)):
                    yield chunk.data
            finally:
                reader.cancel()

    def _make_options(self, seconds: float) -> flight.FlightCallOptions:
        from pyarrow import flight

        return flight.FlightCallOptions(timeout=seconds, headers=self.headers)


def _read_chunk(reader: flight.FlightStreamReader) -> flight.FlightStreamChunk | None:
    try:
        return reader.read_chunk()
    except StopIteration:
        return None


def _ask(asked: str, call: Callable[[], T]) -> T:
    """Call, and raise what goes wrong as a PlatformError that carries nothing of the vendor's."""
    import pyarrow as pa

    problem: PlatformError
    try:
        return call()
    except (pa.ArrowException, OSError) as error:  # Flight's errors are Arrow's
        problem = make_flight_error(asked, error)
    raise problem  # outside of the handler: the vendor's error holds the statement
