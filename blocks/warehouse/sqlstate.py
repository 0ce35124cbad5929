"""From SQLSTATE, the error codes of the SQL standard, to the tree of errors. Vendors name their own beside it."""

from __future__ import annotations

from blocks.errors import (
    Busy,
    ContractBroken,
    Forbidden,
    NotFound,
    PlatformError,
    Rejected,
    TimedOut,
    Unauthorized,
    Unavailable,
    mask_values,
)

RENEW = "Check user and password in the block; a password may have expired."
RIGHT = "Give the block's role the right: `python flows/main.py setup` prints all it needs."
AGAIN = "See that the server runs: it may be starting or busy. A run repeats the step by itself."
NO_RIGHT = "Or the role has no right to it."
STATES: dict[str, tuple[type[PlatformError], str]] = {
    "08": (Unavailable, AGAIN),  # no connection, or one that broke
    "22021": (ContractBroken, "A text holds a character that the server can't store, such as NUL."),
    "25P03": (Unavailable, AGAIN),  # left idle in a transaction, as by a process that was stopped
    "28": (Unauthorized, RENEW),
    "3D": (NotFound, "Create the database, or correct the block."),
    "3F": (NotFound, NO_RIGHT),
    "40": (Busy, AGAIN),  # deadlock, or another transaction was first
    "42501": (Forbidden, RIGHT),
    "42P01": (NotFound, NO_RIGHT),
    "53": (Unavailable, AGAIN),  # out of memory, disk or connections
    "55P03": (Busy, "Another statement holds it."),
    "57014": (TimedOut, "Raise statement_seconds in the block, or see who cancelled it."),
    "57": (Unavailable, AGAIN),  # shutting down or starting
    "58": (Unavailable, AGAIN),
}
NO_STATE = {
    "password": "28P01",
    "does not exist": "3D000",
}  # a refused login often has none; else no connection
NAMED = {"3D", "3F", "42501", "42P01", "28"}  # what stands in quotes in these names an object, not data


def make_sqlstate_error(asked: str, state: str | None, message: str) -> PlatformError:
    """An error by its SQLSTATE, or by the class of it, with the message's first line and none of its values."""
    state = state or next((guess for words, guess in NO_STATE.items() if words in message), "08006")
    known = state if state in STATES else state[:2]
    kind, remedy = STATES.get(known, (Rejected, ""))
    line = (message.strip().splitlines() or ["no message"])[0][:300]
    return kind(asked, f"{line if known in NAMED else mask_values(line)} (SQLSTATE {state})", remedy)
