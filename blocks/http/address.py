"""Addresses in the fields of blocks. They are shown in clear wherever a block is, so none may hold a login.

Add here what else an address of a field must not be. Where a name leads is looked at when it is asked: see reach.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import BeforeValidator

from blocks.errors import Misconfigured

_AUTHORITY = re.compile(r"^\s*([A-Za-z][A-Za-z0-9+.-]*):/*([^/?#]*)@")
_CONTAINERS = {"abfs", "abfss", "wasb", "wasbs"}  # Azure writes container@account where others have a user


def refuse_login(value: object) -> object:
    """Any value but a URL with a user or a password in it. Raises Misconfigured, which shows nothing of it."""
    found = _AUTHORITY.match(value) if isinstance(value, str) else None
    if found and (found[1].lower() not in _CONTAINERS or ":" in found[2]):
        raise _make_refusal()
    return value


def refuse_login_in_host(value: object) -> object:
    """Any value but a host with something before an @. Raises Misconfigured, which shows nothing of it."""
    if isinstance(value, str) and "@" in value:
        raise _make_refusal()
    return value


def find_served(address: str, folder: Path, file: Path) -> str:
    """Where browsers find a file, of a folder that is served at an address. Raises ValueError for one outside."""
    inside = file.resolve().relative_to(folder.expanduser().resolve())
    return f"{address.rstrip('/')}/{quote(inside.as_posix())}"


def _make_refusal() -> Misconfigured:
    return Misconfigured(
        "use a block's address",
        "it holds a user or a password",
        "Give them in the block's own fields for that, which are kept secret, and the address without them.",
    )


Address = Annotated[str, BeforeValidator(refuse_login)]
Host = Annotated[str, BeforeValidator(refuse_login_in_host)]
