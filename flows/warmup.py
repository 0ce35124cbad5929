"""What the command line does ahead of time: settings, slow imports, Prefect's database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",  # it imports every vendor's package first: 3 of 5 seconds
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # so does working out whether to
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the terminal says it better
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",  # dlt reads it when it is imported, which may be here first
    "RUNTIME__LOG_LEVEL": "CRITICAL",
}


@contextmanager
def meanwhile(*warm: Callable[[], None]) -> Iterator[None]:
    """Do these, one after the other, beside what is inside: slow imports that the next stages wait for.

    It ends with both: two threads that import one library in circles can see half of it.
    """

    def each() -> None:
        for one in warm:
            with suppress(Exception):  # whoever needs it says better what is wrong
                one()

    thread = Thread(target=each, daemon=True)
    thread.start()
    yield
    thread.join()


def sqlite_url() -> str | None:
    """Where Prefect's own database on this machine is; None if it is kept by another system than SQLite."""
    from prefect.settings import get_current_settings

    secret = get_current_settings().server.database.connection_url
    url = secret.get_secret_value() if secret else ""
    return url if url.startswith("sqlite") else None


def make_database() -> None:
    """Make Prefect's own database on this machine, or bring it up to date: slower than a run's start, so at set-up.

    Does nothing where runs are recorded elsewhere.
    """
    import asyncio

    from prefect.server.database import provide_database_interface
    from prefect.settings import get_current_settings

    if get_current_settings().api.url is None and sqlite_url():
        asyncio.run(provide_database_interface().create_db())


if __name__ == "__main__":
    make_database()
