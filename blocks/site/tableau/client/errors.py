"""Tableau's errors as the platform's own: what came back, and what to do. Decided by HTTP class and by the few
codes that are documented: 401001 (sign-in refused), 401002 (session ended), 409093 (refresh already queued).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

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
from blocks.site.text import line

T = TypeVar("T")
REMEDIES: dict[str, tuple[type[PlatformError], str]] = {
    "400": (BadInput, "The server takes the request or the file to be wrong."),
    "401": (Unauthorized, "Check name, secret, site and expiry of the token or of the connected app."),
    "403": (Forbidden, "Give the user this right on the project; for a connected app, its scope too."),
    "404": (NotFound, "It may have been deleted or moved, or the user may not see it."),
    "409": (Busy, "Something else changed it at the same time."),
}


def called(asked: str, act: Callable[[], T], pause: Callable[[], float | None] = lambda: None) -> T:
    """Act; the client's errors come out as a PlatformError that holds none of the request.

    pause: seconds the server last asked for with a 429.
    """
    try:
        return act()
    except PlatformError:
        raise
    except Exception as error:
        fault = _read(asked, error, pause)
        if fault is None:
            raise
    raise fault  # not inside the except: a chained error would carry the request, and its secrets


def ended(error: Exception) -> bool:
    """True if the session is over: it expired, or the token signed in elsewhere."""
    return getattr(error, "code", None) != "401001" and str(getattr(error, "code", "")).startswith("401")


def _read(asked: str, error: Exception, pause: Callable[[], float | None]) -> PlatformError | None:
    from tableauserverclient.server.endpoint import exceptions as theirs

    if isinstance(error, theirs.XMLError):
        return _coded(asked, error.code or "", f"{error.code} {error.summary}: {error.detail}", pause)
    if isinstance(error, theirs.InternalServerError):
        return Unavailable(asked, f"the server failed with HTTP {error.code}", "It is tried again.")
    if isinstance(error, theirs.JobFailedException):
        notes = line(str(error.notes or "it says nothing more"), 300)
        return Rejected(asked, f"the server's job failed: {notes}", "Look at it under Jobs on the site.")
    if isinstance(error, theirs.NonXMLResponseError):
        return BadAnswer(
            asked, "the answer is not XML", "Check the address: is it Tableau's, and no proxy's?"
        )
    return _broken(asked, error)


def _broken(asked: str, error: Exception) -> PlatformError | None:  # noqa: PLR0911
    """Errors of the way to the server and of the client itself."""
    from xml.etree.ElementTree import ParseError

    import requests
    from tableauserverclient.server.endpoint.exceptions import NonXMLResponseError, RedirectError
    from tableauserverclient.server.exceptions import EndpointUnavailableError

    if isinstance(error, NonXMLResponseError | ParseError):
        return BadAnswer(
            asked, "the answer is not XML", "Check the address: is it Tableau's, and no proxy's?"
        )
    if isinstance(error, requests.exceptions.Timeout | TimeoutError):
        return TimedOut(asked, "the deadline passed", "The site is slow, or a job of it hangs.")
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema | RedirectError):
        return Misconfigured(asked, "the address leads nowhere", "Give it as https://host, without a path.")
    if isinstance(error, requests.exceptions.RequestException | OSError):
        return Unavailable(asked, f"no answer ({type(error).__name__})", "Check the address and the network.")
    if isinstance(error, AssertionError):  # how the client tells of a code it does not know
        return Rejected(
            asked, "the server's job ended in a way that is not known", "Look under Jobs on the site."
        )
    if isinstance(error, EndpointUnavailableError):
        return Misconfigured(asked, "the server is too old for it", "Use Tableau Server 2019.4 or later.")
    return None


def _coded(asked: str, code: str, said: str, pause: Callable[[], float | None]) -> PlatformError:
    answer = line(said, 300)
    if code.startswith("429"):
        return RateLimited(asked, answer, "It is tried again later.", retry_after=pause())
    if code.startswith("5"):
        return Unavailable(asked, answer, "It is tried again.")
    kind, remedy = REMEDIES.get(code[:3], (Rejected, ""))
    return kind(asked, answer, remedy)
