"""The one table from an HTTP status to an error, and from an exception of `requests` to an error.

A vendor adds its remedies, and where it means something else by a status the error, as data: `Refusals`.
Texts of an answer are passed in by the vendor, who knows which of them hold no data and no secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from blocks.errors import (
    BadAnswer,
    BadInput,
    Busy,
    Forbidden,
    Misconfigured,
    NotFound,
    PlatformError,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorized,
    Unavailable,
)


class Refusal(NamedTuple):
    """What to do about a status; error: the class to raise, None for the table's."""

    remedy: str
    error: type[PlatformError] | None = None


Refusals = Mapping[int, Refusal]
TRY_LATER = "Try again later."
_TABLE: dict[int, tuple[type[PlatformError], str]] = {
    400: (Rejected, "Check what was asked for: the server takes the request to be wrong."),
    401: (Unauthorized, "Check the credential: it is wrong or expired."),
    403: (Forbidden, "Give the credential the right to do this."),
    404: (NotFound, "Check the name and the address; the credential may not see it."),
    408: (Unavailable, TRY_LATER),
    409: (Busy, "Something else is changing it: wait for that to end."),
    410: (BadAnswer, "The server no longer has this address: check the product's version."),
    413: (BadInput, "It is larger than the server accepts."),
    425: (Unavailable, TRY_LATER),
    429: (RateLimited, TRY_LATER),
}
_OTHER: dict[int, tuple[type[PlatformError], str]] = {  # by the first digit
    1: (BadAnswer, "Check the address."),
    2: (BadAnswer, "Check the address."),
    3: (BadAnswer, "The address has moved: correct it. Redirects are not followed."),
    4: (Rejected, "Check the settings of what was asked for."),
    5: (Unavailable, TRY_LATER),
}


def build_status_error(
    asked: str,
    status: int,
    detail: str = "",
    *,
    service: str = "the server",
    refusals: Refusals | None = None,
    retry_after: float | None = None,
) -> PlatformError:
    """Build the error for a status that is no success.

    detail: what the server says about it, without data and secrets. service: who answered. refusals: the
    vendor's own. retry_after: seconds the server asks to wait, for a 429.
    """
    error, remedy = _TABLE.get(status) or _OTHER.get(status // 100, _OTHER[4])
    if own := (refusals or {}).get(status):
        error, remedy = own.error or error, own.remedy
    answer = f"{service} answered {status}{f' {detail}' if detail else ''}"
    if issubclass(error, RateLimited):
        return error(asked, answer, remedy, retry_after=retry_after)
    return error(asked, answer, remedy)


def build_connection_error(asked: str, error: Exception, seconds: float = 0) -> PlatformError:
    """Build the error for an exception of requests, urllib3 or the network: any OSError, ValueError, HTTPError.

    Nothing of its text is used: it may hold the URL, headers and a proxy's password. Raise the result outside
    of the except block, or the exception stays attached to it. seconds: the time-out, for the message.
    """
    import requests
    import urllib3

    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        answer = f"no answer for {seconds:.0f} s" if seconds else "no answer in time"
        return TimedOut(asked, answer, TRY_LATER)
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Misconfigured(
            asked, "the server's certificate is not trusted", "Correct the address, or name its authority."
        )
    if isinstance(error, requests.exceptions.JSONDecodeError):
        return BadAnswer(asked, "the answer is not JSON", "Check the address.")
    if isinstance(error, ValueError):  # as requests calls malformed URLs and headers
        return Misconfigured(asked, "the URL or the credential is malformed", "Correct the block's settings.")
    return Unavailable(asked, "the connection was refused or dropped", TRY_LATER)


def read_retry_after(header: str | None) -> float | None:
    """Read a Retry-After header: seconds, given as a number or a date; None if it says nothing."""
    if not header:
        return None
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", header.strip()):
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
