"""The connector's errors of HTTP are those of its own copy of requests, or of requests where it has none."""

from __future__ import annotations

import pytest
import requests

from blocks.vendor_patches import snowflake_connector, versions

pytest.importorskip("snowflake.connector")


def test_errors_of_the_connectors_own_copy_of_requests_are_known() -> None:
    from snowflake.connector.errors import Error
    from snowflake.connector.vendored.requests import ConnectionError as BrokenOff

    assert versions.is_version("snowflake-connector-python", snowflake_connector.SEEN)
    kinds = snowflake_connector.list_error_types()
    assert kinds[0] is Error
    assert issubclass(BrokenOff, kinds)
    assert not issubclass(requests.ConnectionError, kinds)


def test_without_that_copy_those_of_requests_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snowflake_connector, "COPY", "snowflake.connector.no_such_module")
    assert issubclass(requests.ConnectionError, snowflake_connector.list_error_types())
