"""What dbt hands on of a warehouse's errors, without values of rows."""

from __future__ import annotations

import re

from blocks.duckdb_errors import hide_values

_DETAIL = re.compile(r"\n\s*DETAIL:[^\n]*")
_VALUE = re.compile(
    r"((?:\binvalid input (?:syntax|value) for [^:\n]*|\bfield value out of range|\bFor input string|\bRow Values): ?"
    r"|\b(?:(?:Numeric|Boolean|variant) value|Timestamp|Date|Time|String) )(?:\".*\"|'.*'|\[.*\])"
)
"""Where PostgreSQL, Snowflake and Dremio quote a value, after the words that say what it is."""


def leave_out_rows(message: str) -> str:
    """A warehouse's message without the values, rows and lines of files that it quotes."""
    return hide_values(_VALUE.sub(r"\1'…'", _DETAIL.sub("", message)))
