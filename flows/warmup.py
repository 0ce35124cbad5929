"""What the command line does ahead of time: settings, slow imports, Prefect's database."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from urllib.parse import quote

DATABASE_URL = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
EMPTY = Path(__file__).resolve().parents[1] / ".local" / "prefect-empty.db"
SETTINGS = {
    "DO_NOT_TRACK": "1",  # what several libraries ask before they report home, and before they say so
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",  # it imports every vendor's package first: 3 of 5 seconds
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # so does working out whether to
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the terminal says it better
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",  # or whole events are printed where its API is gone
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",  # dlt reads it when it is imported, which may be here first
    "RUNTIME__LOG_LEVEL": "CRITICAL",
}


@contextmanager
def run_meanwhile(*warm: Callable[[], None]) -> Iterator[None]:
    """Do these, one after the other, beside what is inside: slow imports that the next stages wait for.

    It ends with both: two threads that import one library in circles can see half of it.
    """

    def run_all() -> None:
        for one in warm:
            with suppress(Exception):  # whoever needs it says better what is wrong
                one()

    thread = Thread(target=run_all, daemon=True)
    thread.start()
    yield
    thread.join()


def prepare_database_url(path: Path) -> str:
    """The address of a SQLite database for Prefect's server, made from the empty one of set-up where it is missing."""
    if not path.exists():
        with suppress(OSError):  # the server says what is wrong
            path.parent.mkdir(parents=True, exist_ok=True)
            if EMPTY.is_file() and path != EMPTY:
                shutil.copyfile(EMPTY, path)
    plain = not set(str(path)) & set("?#%")
    return f"sqlite+aiosqlite:///{path}" if plain else f"sqlite+aiosqlite:///file:{quote(str(path))}?uri=true"


def reach_loopback_directly() -> None:
    """Keep what runs on this machine, Prefect's temporary server for one, out of the hands of a proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        known = os.environ.get(name, "")
        if known != "*":
            hosts = [host for host in known.split(",") if host]
            os.environ[name] = ",".join(dict.fromkeys([*hosts, "127.0.0.1", "localhost"]))


def find_sqlite_url() -> str | None:
    """Where Prefect's own database on this machine is; None if it is kept by another system than SQLite."""
    from prefect.settings import get_current_settings

    secret = get_current_settings().server.database.connection_url
    url = secret.get_secret_value() if secret else ""
    return url if url.startswith("sqlite") else None


def make_database() -> None:
    """Make an empty database for Prefect's temporary servers, or bring it up to date: that takes longer than a start.

    Does nothing where runs are recorded elsewhere.
    """
    import asyncio

    from prefect.server.database import provide_database_interface
    from prefect.settings import get_current_settings

    if get_current_settings().api.url is None and find_sqlite_url():
        asyncio.run(provide_database_interface().create_db())


if __name__ == "__main__":
    os.environ.setdefault(DATABASE_URL, prepare_database_url(EMPTY))
    make_database()
    from blocks.vendor_patches.dbt_schemas import write_schemas  # of no use to a start

    write_schemas()
