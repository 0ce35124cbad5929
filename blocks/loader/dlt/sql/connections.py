"""Connections to source databases: by URL and credential, bounded in time, errors without secrets."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from blocks.deadline import Deadline
from blocks.errors import (
    Busy,
    ContractBroken,
    Misconfigured,
    NotFound,
    PlatformError,
    Unauthorized,
    Unavailable,
    replace_vendor_errors,
)
from blocks.vendor_patches.pymysql import find_socket

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.engine.interfaces import DBAPIConnection

CONNECT_SECONDS = 15
# driver → its options that bound waits for the network, where interrupting it does not
DRIVER_TIMEOUTS: dict[str, dict[str, int]] = {
    "psycopg2": {"connect_timeout": CONNECT_SECONDS},
    "psycopg": {"connect_timeout": CONNECT_SECONDS},
    "pymysql": {"connect_timeout": CONNECT_SECONDS, "read_timeout": 600},
    "mysqldb": {"connect_timeout": CONNECT_SECONDS, "read_timeout": 600},
}


def is_database(location: str) -> bool:
    """True if a location is an SQLAlchemy URL of a dialect that is installed."""
    try:
        read_url(location).get_dialect()
    except Exception:
        return False
    return True


def read_url(location: str) -> sa.URL:
    """A database's URL; `postgres://`, as other tools write it, is PostgreSQL's, too."""
    import sqlalchemy as sa

    url = sa.make_url(location)
    return url.set(drivername="postgresql") if url.drivername == "postgres" else url


def check_database(location: str, credential: Mapping[str, object]) -> str:
    """Connect and return a one-line status, without the password."""
    import sqlalchemy as sa

    with connect(location, credential, Deadline("connect", CONNECT_SECONDS)) as engine:
        problem: PlatformError | None = None
        try:
            count = len(sa.inspect(engine).get_table_names())
        except sa.exc.SQLAlchemyError as error:
            problem = translate_error("connect", error)
            if problem is None:
                raise
        if problem:
            raise problem
        return f"{count} tables in {engine.url.render_as_string(hide_password=True)}"


@contextmanager
def connect(location: str, credential: Mapping[str, object], deadline: Deadline) -> Iterator[sa.Engine]:
    """Connect an engine, read-only where the driver can; its connections are broken at the deadline."""
    import sqlalchemy as sa

    engine = _create_engine(location, credential)
    connections: list[Any] = []
    sa.event.listen(engine, "connect", lambda connection, _: connections.append(connection))
    if engine.dialect.name in ("mysql", "mariadb"):
        sa.event.listen(engine, "connect", _use_utc)

    def cut() -> None:
        for connection in connections:
            with suppress(Exception):  # it may be closed already
                _interrupt(connection)

    try:
        with deadline.interrupt_with(cut):
            yield engine
    finally:
        engine.dispose()


def _use_utc(connection: DBAPIConnection, record: object) -> None:
    """Have MySQL show TIMESTAMPs in UTC: it keeps moments, and shows them in the session's time zone."""
    with closing(connection.cursor()) as cursor:
        cursor.execute("set time_zone = '+00:00'")


def _create_engine(location: str, credential: Mapping[str, object]) -> sa.Engine:
    import sqlalchemy as sa

    def translate(error: BaseException) -> Misconfigured:
        lacks_driver = isinstance(error, ImportError)
        answer = "the driver is not installed" if lacks_driver else "the location is no database URL"
        return Misconfigured("connect", answer, "Write it as driver://host/database in `locations`.")

    with replace_vendor_errors((sa.exc.ArgumentError, ImportError), translate):
        url = read_url(location)
        if credential.get("username") is not None:
            url = url.set(username=str(credential["username"]))
        if credential.get("password") is not None:
            url = url.set(password=str(credential["password"]))
        driver = url.get_dialect().driver
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, connect_args=DRIVER_TIMEOUTS.get(driver, {}))
    import sqlite3

    file = f"file:{quote(url.database or '')}?mode=ro"  # SQLite would create a missing file
    return sa.create_engine(url, creator=lambda: sqlite3.connect(file, uri=True, timeout=CONNECT_SECONDS))


def _interrupt(connection: object) -> None:
    """Break what a connection is doing, from another thread."""
    if hasattr(connection, "interrupt"):
        connection.interrupt()
    elif pymysqls := find_socket(connection):
        pymysqls.shutdown(socket.SHUT_RDWR)
    elif hasattr(connection, "fileno"):
        with socket.socket(fileno=connection.fileno()) as wire:
            try:
                wire.shutdown(socket.SHUT_RDWR)
            finally:
                wire.detach()
    elif hasattr(connection, "close"):
        connection.close()


def translate_error(asked: str, error: BaseException) -> PlatformError | None:
    """Translate a database's error; None for any other. Its text may hold data: it is matched, never repeated."""
    import sqlalchemy as sa

    if isinstance(error, sa.exc.NoSuchTableError):
        return ContractBroken(
            asked, "there is no such table", "Have the source bring it back, or correct its meta."
        )
    if not isinstance(error, sa.exc.SQLAlchemyError):
        return None
    message = str(getattr(error, "orig", "")).lower()
    for phrases, kind, answer, remedy in DRIVER_MESSAGES:
        if any(phrase in message for phrase in phrases):
            return kind(asked, answer, remedy)
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return Unavailable(asked, "the database does not answer", "Is it up and reachable? Then try again.")
    return ContractBroken(
        asked, f"the database refused the query ({type(error).__name__})", "Check the table."
    )


DRIVER_MESSAGES: list[tuple[tuple[str, ...], type[PlatformError], str, str]] = [
    (
        ("password authentication", "access denied", "no password"),
        Unauthorized,
        "the login was refused",
        "Check the loader's credentials.",
    ),
    (("permission denied", "command denied"), Unauthorized, "the user may not read it", "Grant it SELECT."),
    (
        ("has not been populated",),
        ContractBroken,
        "the materialized view holds no data yet",
        "Have the source refresh it.",
    ),
    (("unable to open database file",), NotFound, "there is no such file", "Correct the loader's locations."),
    (
        ("file is not a database", "malformed"),
        ContractBroken,
        "the file is damaged, or no database",
        "Have the source write it again.",
    ),
    (("decode to utf-8",), ContractBroken, "a text is not UTF-8", "Have the source correct it."),
    (("database is locked", "lock wait"), Busy, "another program holds the database", "Try again."),
]
