"""Connections on which a silent server is given up: one that was stopped, hangs on its disk, or is cut off.

A server that works on a long statement says nothing either. While one is under way, new connections are tried now and
then: where none of them is answered, the statement is given up. Without this it would be waited for for ever, as
time-outs of statements are the server's to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection

R = TypeVar("R")

LOOK_SECONDS, MOST_SILENT = 30.0, 3
"""Between two looks; looks in a row without an answer, each of which waits for the time-out of a connection."""
KEEPALIVES: dict[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 120_000,
}
"""For the machine's network: who is cut off is lost after a minute and a half, too. The last in milliseconds."""


class WatchedConnection(psycopg.Connection[Any]):
    """psycopg's, with the watch. look: tries a new connection; raises psycopg's errors."""

    look: Callable[[], None] | None = None

    @classmethod
    def connect(cls, conninfo: str = "", **arguments: Any) -> WatchedConnection:
        """As psycopg's."""
        connection = super().connect(conninfo, **KEEPALIVES, **arguments)

        def look() -> None:
            psycopg.Connection.connect(conninfo, **arguments).close()

        connection.look = look
        return connection

    def wait(self, gen: PQGen[R], *arguments: Any, **named: Any) -> R:
        """As psycopg's. Raises OperationalError where the server is silent."""
        return super().wait(self._watch(gen), *arguments, **named)

    def _watch(self, gen: PQGen[R]) -> Generator[Any, Any, R]:
        heard, silent = monotonic(), 0
        try:
            wanted = next(gen)
            while True:
                if ready := (yield wanted):
                    heard, silent = monotonic(), 0
                elif monotonic() - heard >= LOOK_SECONDS:
                    silent = 0 if self._is_answered() else silent + 1
                    if silent == MOST_SILENT:
                        self.close()  # what is asked on it next, such as a rollback, would wait as long
                        raise psycopg.OperationalError("it is silent, and answers no new connection")
                    heard = monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            answer: R = end.value
            return answer

    def _is_answered(self) -> bool:
        """True if a new connection is made, or refused with a word."""
        try:
            if self.look:
                self.look()
        except psycopg.errors.ConnectionTimeout:
            return False
        except psycopg.Error:
            return True
        return True


class WatchedDialect(PGDialect_psycopg):
    """SQLAlchemy's, over these connections."""

    driver = "watched"
    supports_statement_cache = True

    def connect(self, *arguments: Any, **named: Any) -> DBAPIConnection:
        """As SQLAlchemy's own."""
        return WatchedConnection.connect(*arguments, **named)  # type: ignore[return-value]


def make_url() -> str:
    """The SQLAlchemy URL under this dialect; where the server is goes in as arguments."""
    registry.register("postgresql.watched", __name__, WatchedDialect.__name__)
    return URL.create("postgresql+watched").render_as_string()
