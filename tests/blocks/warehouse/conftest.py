"""Stand-ins of warehouses, one a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.blocks.warehouse.snowflake_account import Account, serving_account


@pytest.fixture(scope="session")
def snowflake_account() -> Iterator[Account]:
    """A Snowflake account on this machine; see its module for what it is not."""
    pytest.importorskip("fakesnow", reason="the stand-in for Snowflake is not installed")
    pytest.importorskip("prefect_snowflake", reason="extra `snowflake` is not installed")
    with serving_account() as account:
        yield account
