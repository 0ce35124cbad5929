"""Snowflake's connector lets errors of its own copy of `requests` through where an answer breaks off.

Seen with snowflake-connector-python 4.8. On another version without that copy, those of `requests` itself are taken.
"""

from __future__ import annotations

from importlib import import_module

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
