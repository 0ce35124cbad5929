"""Tableau's errors as the platform's own: what came back, and what to do, by the tables in codes.py.

Of an answer only its code and summary are shown: the detail may hold names, SQL and rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from blocks.errors import BadAnswer, Misconfigured, PlatformError, Rejected, TimedOut
from blocks.http.errors import build_connection_error, build_status_error
from blocks.site.tableau.client.codes import CODES, PAGES, STATUSES
from blocks.site.text import one_line

T = TypeVar("T")
NO_XML = (BadAnswer, "the answer is not XML", "Check the address: is it Tableau's, and no proxy's?")
GATEWAY = "a proxy or gateway, not Tableau,"
BEFORE_IT = {502, 504}  # what only a gateway answers; the client replaces the text of a 504 by its own


class LastAnswer(NamedTuple):
    """The server's last answer, as the client does not show it. retry_after: seconds that a 429 asked for."""

    status: int = 0
    retry_after: float | None = None


def call_client(asked: str, act: Callable[[], T], last: Callable[[], LastAnswer] = lambda: LastAnswer()) -> T:
    """Act; the client's errors come out as a PlatformError that holds none of the request. last: asked on an error."""
    try:
        return act()
    except PlatformError:
        raise
    except Exception as error:
        fault = _translate(asked, error, last())
        if fault is None:
            raise
    raise fault  # not inside the except: a chained error would carry the request, and its secrets


def is_session_ended(error: Exception) -> bool:
    """True if the session is over: it expired, or the token signed in elsewhere."""
    return getattr(error, "code", None) != "401001" and str(getattr(error, "code", "")).startswith("401")


def _translate(asked: str, error: Exception, last: LastAnswer) -> PlatformError | None:
    from xml.etree.ElementTree import ParseError

    from tableauserverclient.server.endpoint import exceptions as theirs

    if isinstance(error, theirs.XMLError) and error.code:
        return _build_error(asked, str(error.code), str(error.summary or ""), last)
    if isinstance(error, theirs.InternalServerError):
        service = GATEWAY if error.code in BEFORE_IT or _is_page(error.content) else "Tableau"
        return build_status_error(asked, int(error.code), service=service, refusals=PAGES)
    if isinstance(error, (theirs.XMLError, theirs.NonXMLResponseError, ParseError)) and last.status >= 300:
        return build_status_error(
            asked, last.status, "with a page", service=GATEWAY, refusals=PAGES, retry_after=last.retry_after
        )
    if isinstance(error, theirs.XMLError):
        return BadAnswer(asked, *NO_XML[1:])
    if isinstance(error, theirs.JobFailedException):
        notes = one_line(str(error.notes or "it says nothing more"), 300)
        return Rejected(asked, f"the server's job failed: {notes}", "Look at it under Jobs on the site.")
    return _translate_client_error(asked, error)


def _build_error(asked: str, code: str, summary: str, last: LastAnswer) -> PlatformError:
    """The error of a code, which is an HTTP status with three more digits."""
    status = int(code[:3]) if code[:3].isdecimal() else 0
    refusals = {**STATUSES, status: CODES[code]} if code in CODES else STATUSES
    return build_status_error(
        asked,
        status,
        one_line(f"{code} {summary}", 120),
        service="Tableau",
        refusals=refusals,
        retry_after=last.retry_after,
    )


def _is_page(content: object) -> bool:
    """True for HTML, which Tableau's REST API never sends."""
    text = bytes(content) if isinstance(content, bytes) else str(content).encode()
    return text.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html"))


def _translate_client_error(asked: str, error: Exception) -> PlatformError | None:
    """Errors of the client itself and of the way to the server; None for any other."""
    from xml.etree.ElementTree import ParseError

    from tableauserverclient.server.endpoint.exceptions import NonXMLResponseError, RedirectError
    from tableauserverclient.server.exceptions import EndpointUnavailableError

    unknown_job = "the server's job ended in a way that is not known"
    known: dict[type[Exception], tuple[type[PlatformError], str, str]] = {
        TimeoutError: (
            TimedOut,
            "the deadline passed",
            "The site is slow, or a job of it hangs.",
        ),  # of a job
        NonXMLResponseError: NO_XML,
        ParseError: NO_XML,
        RedirectError: (
            Misconfigured,
            "the address leads elsewhere",
            "Give it as https://host, without a path.",
        ),
        EndpointUnavailableError: (
            Misconfigured,
            "the server is too old for it",
            "Use a newer Tableau Server: docs/tableau.md says which calls need which.",
        ),
        AssertionError: (
            Rejected,
            unknown_job,
            "Look under Jobs on the site.",
        ),  # a code that the client does not know
    }
    for kind, (fault, answer, remedy) in known.items():
        if isinstance(error, kind):
            return fault(asked, answer, remedy)
    return build_connection_error(asked, error) if isinstance(error, OSError) else None
