"""A desk with one small source of each kind, for every test its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blocks.loader.dlt import servers
from tests.blocks.loader.origins import Api, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Files and a database."""
    return Desk(tmp_path)


@pytest.fixture
def api() -> Iterator[Api]:
    """An HTTP server."""
    server = Api()
    yield server
    server.close()


@pytest.fixture
def online(tmp_path: Path, api: Api) -> Desk:
    """A desk whose FX rates come from the HTTP server."""
    return Desk(tmp_path, api)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL of the session's own."""
    with servers.postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """The URL of a MariaDB of the session's own."""
    with servers.mariadb() as url:
        yield url
