"""Snowflake's connector lets errors of its own copy of `requests` through where an answer breaks off, and takes the
time in which it tries to reach the server for the longest that a statement may take.

Seen with snowflake-connector-python 4.8. On another version without that copy, those of `requests` itself are taken.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from blocks.vendor_patches.versions import is_version

SEEN = "4.8"
COPY = "snowflake.connector.vendored.requests"


def list_error_types() -> tuple[type[Exception], ...]:
    """Every kind of error that the connector raises: of the database API, and of HTTP."""
    from snowflake.connector.errors import Error

    try:
        http = import_module(COPY)
    except ImportError:
        http = import_module("requests")
    return Error, http.RequestException


def leave_limits_to_server() -> None:
    """Have the connector cancel no statement of this process that takes longer than `network_timeout`.

    That is how long it tries to reach the server; a statement has a limit of its own there. Where the server is silent,
    the cancelling would double the wait. On another version nothing is changed.
    """
    if is_version("snowflake-connector-python", SEEN):
        cursor: Any = import_module("snowflake.connector.cursor")
        cursor._TrackedQueryCancellationTimer = _NoTimer


class _NoTimer:
    """In place of the connector's timer of one statement. executed: whether it has cancelled that."""

    executed = False

    def __init__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        """Nothing: it never runs out."""

    def cancel(self) -> None:
        """Nothing."""
