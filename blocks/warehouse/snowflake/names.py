"""Names in Snowflake: a plain lower-case one is the unquoted one, kept in upper case there. And its type names."""

from __future__ import annotations

import re

TYPES = {"double": "float", "timestamp": "timestamp_ntz", "timestamptz": "timestamp_ltz", "json": "variant"}


def kept(name: str) -> str:
    """A name as Snowflake keeps it."""
    return name.upper() if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) else name


def plain(name: str) -> str:
    """A name as it comes from Snowflake, in lower case if it is a plain one."""
    return name.lower() if kept(name.lower()) == name else name


def type_name(data_type: str | None) -> str:
    """Snowflake's name of a portable type; text if there is none."""
    kind = (data_type or "varchar").lower()
    return TYPES.get(kind, kind)
