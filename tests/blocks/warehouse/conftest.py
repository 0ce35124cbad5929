"""Stand-ins of warehouses, one a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.blocks.loader.dlt.servers import postgresql
from tests.blocks.warehouse.snowflake_account import Account, serving_account
from tests.dremio.standin import StandIn, stand_in

if TYPE_CHECKING:
    from tests.blocks.warehouse.postgres_server import Server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A real PostgreSQL, one a session."""
    pytest.importorskip("psycopg", reason="extra `postgres` is not installed")
    from tests.blocks.warehouse.postgres_server import Server

    with postgresql() as url:
        yield Server(url)


@pytest.fixture(scope="session")
def snowflake_account() -> Iterator[Account]:
    """A Snowflake account on this machine; see its module for what it is not."""
    pytest.importorskip("fakesnow", reason="the stand-in for Snowflake is not installed")
    pytest.importorskip("prefect_snowflake", reason="extra `snowflake` is not installed")
    with serving_account() as account:
        yield account


@pytest.fixture
def dremio_server(tmp_path: Path) -> Iterator[StandIn]:
    """A Dremio of its own for every test: it takes a tenth of a second."""
    with stand_in(tmp_path / "lake") as server:
        yield server
