"""Dremio's errors in our tree: its first line, without the statement that Dremio repeats after it."""

from __future__ import annotations

import re

from blocks.errors import (
    Forbidden,
    NotFound,
    PlatformError,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from blocks.http.retry_after import retry_after

RENEW = "Check user and password or the personal access token; tokens expire."
GRANT = "Ask Dremio's administrator for the rights in docs/dremio.md."
AGAIN = "Dremio may be starting or busy; the step is repeated."


def of_status(asked: str, status: int, answer: str, pause: str | None = None) -> PlatformError:
    """An HTTP answer that is no success."""
    said = f"{status} {first_line(answer)}".strip()
    if status == 401:
        return Unauthorized(asked, said, RENEW)
    if status == 403:
        return Forbidden(asked, said, GRANT)
    if status == 404:
        return NotFound(asked, said)
    if status == 429:
        return RateLimited(asked, said, AGAIN, retry_after(pause))
    if status in {408, 425} or status >= 500:
        return Unavailable(asked, said, AGAIN)
    return Rejected(asked, said)


def of_job(asked: str, state: str, answer: str) -> PlatformError:
    """A job that ended without success; lost nodes and cancellations may pass, refusals do not."""
    said = first_line(answer) or f"the job is {state.lower()}"
    if state != "FAILED" or re.search(r"SYSTEM ERROR|OUT_OF_MEMORY|RESOURCE ERROR|CONCURRENT", answer, re.I):
        return Unavailable(asked, said, AGAIN)
    if "PERMISSION" in answer.upper():
        return Forbidden(asked, said, GRANT)
    return Rejected(asked, said)


def of_flight(asked: str, error: Exception) -> PlatformError:
    """An error of pyarrow.flight."""
    from pyarrow import flight

    said = first_line(str(error).removeprefix("Flight error: "))
    if isinstance(error, flight.FlightUnauthenticatedError):
        return Unauthorized(asked, said, RENEW)
    if isinstance(error, flight.FlightUnauthorizedError):
        return Forbidden(asked, said, GRANT)
    if isinstance(error, flight.FlightTimedOutError):
        return TimedOut(asked, "no answer in time", AGAIN)
    if isinstance(error, flight.FlightUnavailableError | flight.FlightCancelledError):
        return Unavailable(asked, said, AGAIN)
    return of_job(asked, "FAILED", said)


def first_line(text: str) -> str:
    """The first line of an answer; Dremio repeats the whole statement further down."""
    said = re.split(r"SQL Query|\[Error Id|\n|\. Detail:|\. gRPC client debug", text, maxsplit=1)[0]
    return re.sub(r"'(?:[^']|'')*'", "'…'", said).strip()[:300]  # what stands in quotes may be data
