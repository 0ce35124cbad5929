"""Reading from Dremio over Arrow Flight. After docs.dremio.com/current/developer/arrow-flight."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from blocks.errors import PlatformError
from blocks.warehouse.dremio.errors import of_flight

T = TypeVar("T")


class Flight:
    """A connection. location: `grpc+tls://host:port`; seconds: how long one query may take.

    project: Cloud's project, since Flight would answer from the oldest one otherwise.
    """

    def __init__(self, location: str, verify: bool | str, seconds: float, project: str | None = None) -> None:
        from pyarrow import flight

        options: dict[str, Any] = {}
        if isinstance(verify, str):
            with open(verify, "rb") as authority:  # noqa: PTH123
                options["tls_root_certs"] = authority.read()
        elif not verify:
            options["disable_server_verification"] = True
        if location.startswith("grpc+tcp"):
            options = {}
        self.client, self.seconds = flight.FlightClient(location, **options), seconds
        self.headers: list[tuple[bytes, bytes]] = [(b"project_id", project.encode())] if project else []

    def login(self, user: str, password: str) -> None:
        """Get a token for a user and password."""
        options = self._options(60)
        self.headers.append(
            _wrapped("log in", lambda: self.client.authenticate_basic_token(user, password, options))
        )

    def bear(self, token: str) -> None:
        """Use a personal access token."""
        self.headers.append((b"authorization", f"Bearer {token}".encode()))

    def batches(self, sql: str, asked: str) -> Iterator[Any]:
        """The schema of a query's answer, then its record batches; a break in between ends the query."""
        from pyarrow import flight

        deadline = time.monotonic() + self.seconds
        command = flight.FlightDescriptor.for_command(sql)
        info = _wrapped(asked, lambda: self.client.get_flight_info(command, self._options(self.seconds)))
        yield info.schema
        for endpoint in info.endpoints:
            left = self._options(max(deadline - time.monotonic(), 1))
            reader = _wrapped(asked, lambda: self.client.do_get(endpoint.ticket, left))  # noqa: B023
            try:
                while batch := _wrapped(asked, lambda: _next(reader)):  # noqa: B023
                    yield batch.data
            finally:
                reader.cancel()

    def close(self) -> None:
        """End the connection."""
        self.client.close()

    def _options(self, seconds: float) -> Any:
        from pyarrow import flight

        return flight.FlightCallOptions(timeout=seconds, headers=self.headers)


def _next(reader: Any) -> Any:
    try:
        return reader.read_chunk()
    except StopIteration:
        return None


def _wrapped(asked: str, ask: Callable[[], T]) -> T:
    """Ask, and raise what goes wrong as a PlatformError that carries nothing of the vendor's."""
    import pyarrow as pa

    problem: PlatformError
    try:
        return ask()
    except (pa.ArrowException, OSError) as error:  # Flight's errors are Arrow's
        problem = of_flight(asked, error)
    raise problem
