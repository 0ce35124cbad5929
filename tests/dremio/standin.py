"""A Dremio that answers as its documentation says, over DuckDB; both faces in this process on free ports."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blocks.warehouse.dremio.warehouse import DremioWarehouse
from tests.dremio.engine import Engine, Fault
from tests.dremio.flight import Face
from tests.dremio.rest import Server


class StandIn:
    """The server: its engine, its ports, and what is to go wrong."""

    def __init__(self, lake: Path, certificate: tuple[Path, Path] | None = None) -> None:
        lake.mkdir(parents=True, exist_ok=True)
        self.lake = lake
        self.engine = Engine({"lake": lake}, nessie=("nessie",))
        pem = (certificate[0].read_bytes(), certificate[1].read_bytes()) if certificate else None
        self.rest, self.flight = Server(self.engine), Face(self.engine, pem)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.rest.socket = context.wrap_socket(self.rest.socket, server_side=True)

    @property
    def rest_port(self) -> int:
        return self.rest.server_address[1]

    @property
    def flight_port(self) -> int:
        return int(self.flight.port)

    def warehouse(self, **settings: Any) -> DremioWarehouse:
        """A block that works on it: tables in `lake.analytics`, views in the space `analytics`."""
        (self.lake / "landing").mkdir(exist_ok=True)
        usual = {
            "host": "127.0.0.1",
            "port": self.rest_port,
            "flight_port": self.flight_port,
            "tls": False,
            "user": "dremio",
            "password": "dremio123",
            "source": "lake",
            "database": "analytics",
            "landing": "lake.landing",
            "landing_url": str(self.lake / "landing"),
            "deadline_seconds": 60,
        }
        return DremioWarehouse(**{**usual, **settings})

    def fail(self, on: str, what: int | str, times: int = 1) -> None:
        """Let something go wrong; see Fault."""
        self.engine.faults.append(Fault(on, what, times))


@contextmanager
def stand_in(lake: Path, certificate: tuple[Path, Path] | None = None) -> Iterator[StandIn]:
    """A running stand-in. lake: the folder of its NAS source `lake`; certificate and key: it speaks TLS."""
    server = StandIn(lake, certificate)
    thread = threading.Thread(target=server.rest.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.rest.shutdown()
        server.rest.server_close()
        server.flight.shutdown()
        thread.join(5)
        server.engine.connection.close()
