"""Tableau's errors as the platform's own: what came back, and what to do. Decided by HTTP class and by the few
codes that are documented: 401001 (sign-in refused), 401002 (session ended), 409093 (refresh already queued).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from blocks.errors import BadAnswer, BadInput, Misconfigured, PlatformError, Rejected, TimedOut
from blocks.http.errors import Refusal, Refusals, build_connection_error, build_status_error
from blocks.site.text import one_line

T = TypeVar("T")
REFUSALS: Refusals = {
    400: Refusal("The server takes the request or the file to be wrong.", BadInput),
    401: Refusal("Check name, secret, site and expiry of the token or of the connected app."),
    403: Refusal("Give the user this right on the project; for a connected app, its scope too."),
    404: Refusal("It may have been deleted or moved, or the user may not see it."),
    409: Refusal("Something else changed it at the same time."),
}
NO_XML = (BadAnswer, "the answer is not XML", "Check the address: is it Tableau's, and no proxy's?")


def call_client(asked: str, act: Callable[[], T], pause: Callable[[], float | None] = lambda: None) -> T:
    """Act; the client's errors come out as a PlatformError that holds none of the request.

    pause: seconds the server last asked for with a 429.
    """
    try:
        return act()
    except PlatformError:
        raise
    except Exception as error:
        fault = _translate(asked, error, pause)
        if fault is None:
            raise
    raise fault  # not inside the except: a chained error would carry the request, and its secrets


def is_session_ended(error: Exception) -> bool:
    """True if the session is over: it expired, or the token signed in elsewhere."""
    return getattr(error, "code", None) != "401001" and str(getattr(error, "code", "")).startswith("401")


def _translate(asked: str, error: Exception, pause: Callable[[], float | None]) -> PlatformError | None:
    from tableauserverclient.server.endpoint import exceptions as theirs

    if isinstance(error, theirs.XMLError):
        detail = one_line(f"{error.code} {error.summary}: {error.detail}", 300)
        return _build_error(asked, str(error.code), detail, pause)
    if isinstance(error, theirs.InternalServerError):
        return _build_error(asked, str(error.code), "", pause)
    if isinstance(error, theirs.JobFailedException):
        notes = one_line(str(error.notes or "it says nothing more"), 300)
        return Rejected(asked, f"the server's job failed: {notes}", "Look at it under Jobs on the site.")
    return _translate_client_error(asked, error)


def _build_error(asked: str, code: str, detail: str, pause: Callable[[], float | None]) -> PlatformError:
    """The error of a code, which is an HTTP status with three more digits."""
    status = int(code[:3]) if code[:3].isdecimal() else 0
    return build_status_error(
        asked, status, detail, service="Tableau", refusals=REFUSALS, retry_after=pause()
    )


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
            "Use Tableau Server 2019.4 or later.",
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
