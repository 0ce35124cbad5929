"""Snowflake's errors in our tree. Numbers as its connector and its documentation give them.

Data never goes along: what stands between quotes in a message is kept only where it names an object.
"""

from __future__ import annotations

import re

from blocks.errors import (
    Busy,
    Forbidden,
    Misconfigured,
    NotFound,
    PlatformError,
    Rejected,
    TimedOut,
    Unauthorized,
    Unavailable,
    mask_values,
)
from blocks.warehouse.sqlstate import RIGHT

ROLE = "Grant it to the user, or name another role in the block."
WAREHOUSE = "Resume it or let it resume by itself, give the role USAGE on it, and name it in the block."
CREDENTIAL = "Renew the credential in the Snowflake Credentials block."
NAMED = {2003, 2043, 3001, 606, 904, 2002, 390201, 390189, 390186}
KINDS: dict[int, tuple[type[PlatformError], str]] = {
    606: (Misconfigured, WAREHOUSE),  # no active warehouse selected: none named, or suspended for good
    90073: (Misconfigured, "Its resource monitor has stopped it: ask the administrator."),
    390201: (Misconfigured, WAREHOUSE),
    604: (Rejected, "Somebody cancelled the query in Snowflake."),
    630: (TimedOut, "Raise statement_seconds in the block, or give it a larger warehouse."),
    625: (Busy, "Another statement holds the table."),
    2003: (NotFound, "Or the role has no right to it."),
    2043: (NotFound, "Or the role has no right to it."),
    3001: (Forbidden, RIGHT),
    3041: (Forbidden, RIGHT),
    390186: (Forbidden, ROLE),  # role not granted to this user
    390189: (Forbidden, ROLE),  # role does not exist or not authorized
    390100: (Unauthorized, CREDENTIAL),
    390101: (Unauthorized, "The user is locked: ask the administrator."),
    390112: (Unauthorized, CREDENTIAL),
    390114: (Unauthorized, CREDENTIAL),
    390115: (Unauthorized, CREDENTIAL),
    390144: (Unauthorized, "The key pair does not fit the user: check its RSA_PUBLIC_KEY."),
    390195: (Unauthorized, CREDENTIAL),
    390303: (Unauthorized, CREDENTIAL),
    390318: (Unauthorized, CREDENTIAL),
    290403: (Misconfigured, "Check the account's name in the Snowflake Credentials block."),
    290404: (Misconfigured, "Check the account's name in the Snowflake Credentials block."),
    390422: (Forbidden, "The network policy keeps this machine out: ask the administrator."),
}
LOGIN = 250001  # the connector's own number for any failed login; the server's is in the text


def translate_error(asked: str, error: BaseException) -> PlatformError:
    """A connector's error as ours."""
    number = int(getattr(error, "errno", None) or 0)
    text = str(getattr(error, "msg", "") or error)
    codes = [number, *(int(found) for found in re.findall(r"\b(39\d{4})\b", text))]
    kind = next((KINDS[code] for code in codes if code in KINDS), None)
    answer = _write_answer(text, any(code in NAMED for code in codes), number)
    if kind is None and "password" in text.lower() and number == LOGIN:
        kind = (Unauthorized, CREDENTIAL)
    if kind is None and _is_connection(error, number):
        kind = (Unavailable, "Check the account's name and the network. A run repeats the step by itself.")
    cls, remedy = kind or (Rejected, "")
    return cls(asked, answer, remedy)


def _is_connection(error: BaseException, number: int) -> bool:
    """No answer, or one that is Snowflake's own trouble (5xx, and the connector's own numbers for them)."""
    own = {250001, 250002, 250003, 250005, 251011, 251012, 252010, 252013, 253002, 253003}
    known = number in own or number // 10000 == 29
    return known or not number or type(error).__name__ in {"OperationalError", "HttpError"}


def _write_answer(text: str, names: bool, number: int) -> str:
    """The message in one line, without its SQL and without values."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = " ".join(lines[:2] if lines and lines[0].endswith(":") else lines[:1])
    line = re.sub(r"^\d{6} \(\w+\): (None: |[0-9a-f-]{36}: )?", "", line)
    if not names:
        line = mask_values(line)
    return f"{line[:300] or 'no message'} (error {number})"
