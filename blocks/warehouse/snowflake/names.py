"""Names in Snowflake: a plain lower-case one is the unquoted one, kept in upper case there."""

from __future__ import annotations

import re


def to_stored(name: str) -> str:
    """A name as Snowflake keeps it."""
    return name.upper() if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) else name


def to_plain(name: str) -> str:
    """A name as it comes from Snowflake, in lower case if it is a plain one."""
    return name.lower() if to_stored(name.lower()) == name else name
