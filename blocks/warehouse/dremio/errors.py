"""Dremio's errors in our tree: its first line, without the statement that Dremio repeats after it."""

from __future__ import annotations

import re

from blocks.errors import (
    Forbidden,
    PlatformError,
    Rejected,
    TimedOut,
    Unauthorized,
    Unavailable,
)

CHECK_LOGIN = "Check user and password or the personal access token; tokens expire."
ASK_FOR_RIGHTS = "Ask Dremio's administrator for the rights in docs/dremio.md."
TRY_AGAIN = "See that Dremio runs: it may be starting or busy. A run repeats the step by itself."


def make_job_error(asked: str, state: str, answer: str) -> PlatformError:
    """A job that ended without success; lost nodes and cancellations may pass, refusals do not."""
    message = clip_first_line(answer) or f"the job is {state.lower()}"
    if state != "FAILED" or re.search(r"SYSTEM ERROR|OUT_OF_MEMORY|RESOURCE ERROR|CONCURRENT", answer, re.I):
        return Unavailable(asked, message, TRY_AGAIN)
    if "PERMISSION" in answer.upper():
        return Forbidden(asked, message, ASK_FOR_RIGHTS)
    return Rejected(asked, message)


def make_flight_error(asked: str, error: Exception) -> PlatformError:
    """An error of pyarrow.flight."""
    from pyarrow import flight

    message = clip_first_line(str(error).removeprefix("Flight error: "))
    if isinstance(error, flight.FlightUnauthenticatedError):
        return Unauthorized(asked, message, CHECK_LOGIN)
    if isinstance(error, flight.FlightUnauthorizedError):
        return Forbidden(asked, message, ASK_FOR_RIGHTS)
    if isinstance(error, flight.FlightTimedOutError):
        return TimedOut(asked, "no answer in time", TRY_AGAIN)
    if isinstance(error, flight.FlightUnavailableError | flight.FlightCancelledError):
        return Unavailable(asked, message, TRY_AGAIN)
    return make_job_error(asked, "FAILED", message)


def clip_first_line(text: str) -> str:
    """The first line of an answer, with text in quotes left out: it may be data."""
    line = re.split(r"SQL Query|\[Error Id|\n|\. Detail:|\. gRPC client debug", text, maxsplit=1)[0]
    return re.sub(r"'(?:[^']|'')*'", "'…'", line).strip()[:300]
