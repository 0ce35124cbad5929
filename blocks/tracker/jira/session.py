"""One connection to Jira: asking over HTTP with time-outs, pauses that Jira asks for, errors in our own words.

Of the client it uses authentication and the session. The client's own retries are off: they repeat what may have
been done, and choke on a Retry-After that is a date. What can be repeated is repeated by the task.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from blocks.errors import (
    BadAnswer,
    BadInput,
    Forbidden,
    NotFound,
    PlatformError,
    RateLimited,
    Rejected,
    TimedOut,
    Transient,
    Unauthorized,
    Unavailable,
)
from blocks.http.retry_after import retry_after

Answer = TypeVar("Answer")
CONNECT_SECONDS, FIRST_PAUSE = 10, 5.0
_REFUSALS: dict[int, tuple[type[PlatformError], str]] = {
    400: (BadInput, ""),
    401: (Unauthorized, "Renew the token; for Jira Cloud give its account's e-mail as well."),
    403: (Forbidden, "Grant the account this right, or log in once in a browser if Jira asks for a captcha."),
    404: (NotFound, "See that the account may see it."),
    410: (BadAnswer, "This Jira no longer has that address; update the product."),
    413: (BadInput, "It is larger than Jira takes."),
}


class Session:
    """Asks one Jira. timeout: seconds for an answer; patience: seconds to wait while Jira says 429."""

    def __init__(
        self, url: str, auth: dict[str, Any], version: str, timeout: float = 30, patience: float = 120
    ) -> None:
        from jira import JIRA

        self.url, self._patience = url, patience
        self.client = self.call(
            f"connect to {url}",
            lambda: JIRA(
                server=url,
                options={"rest_api_version": version, "check_update": False},
                max_retries=0,
                timeout=(CONNECT_SECONDS, timeout),
                get_server_info=True,
                **auth,
            ),
        )

    def ask(self, asked: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON of an answer; None where there is none."""
        return self._sent(asked, method, path, json=body, params=query or None)

    def upload(self, asked: str, path: str, name: str, content: bytes, kind: str) -> Any:
        """Send a file as a form does."""
        headers = {"Content-Type": None, "X-Atlassian-Token": "no-check"}  # None: with the form's boundary
        return self._sent(asked, "POST", path, files={"file": (name, content, kind)}, headers=headers)

    def _sent(self, asked: str, method: str, path: str, **how: Any) -> Any:
        def send() -> Any:
            answer = self.client._session.request(method, self.client._get_url(path), **how)
            return answer.json() if answer.content and answer.status_code != 204 else None

        return self.call(asked, send)

    def call(self, asked: str, act: Callable[[], Answer]) -> Answer:
        """Act, waiting as long as Jira asks for it; the client's errors become ours."""
        from jira.exceptions import JIRAError
        from requests import RequestException

        deadline, pause = time.monotonic() + self._patience, FIRST_PAUSE
        while True:
            try:
                return act()
            except (JIRAError, RequestException, ValueError) as problem:
                error = _translated(asked, problem)
            # outside of the except block: the client's error carries headers and texts, and is no context of ours
            wait = pause if getattr(error, "retry_after", None) is None else error.retry_after  # type: ignore[attr-defined]
            if not isinstance(error, RateLimited) or time.monotonic() + wait > deadline:
                raise error
            time.sleep(max(wait, 0.05))
            pause *= 2


def _translated(asked: str, problem: Exception) -> PlatformError:
    """Our error for the client's; what Jira said only where it speaks of our own request."""
    from requests import RequestException, Timeout

    if isinstance(problem, Timeout):
        return TimedOut(asked, "Jira did not answer in time", "Try again, or raise timeout_seconds.")
    if isinstance(problem, ValueError):  # JSON that is none, also as requests' own kind
        return BadAnswer(
            asked,
            "the answer is not JSON, as from a login page or a proxy",
            "Open the address in a browser; it must be Jira's own, with its context path if it has one.",
        )
    if isinstance(problem, RequestException):
        return Unavailable(
            asked, f"no connection ({type(problem).__name__})", "See that the address is right and reachable."
        )
    return _refused(asked, problem)


def _refused(asked: str, problem: Any) -> PlatformError:
    """The error for an answer that is none of the good ones."""
    status = problem.status_code
    headers = getattr(problem.response, "headers", None) or {}
    if status == 429:
        return RateLimited(
            asked, "429, too many requests", "Try again later.", retry_after(headers.get("Retry-After"))
        )
    if status in _REFUSALS:
        kind, remedy = _REFUSALS[status]
        said = " ".join(str(problem.text or "").split())[:300] if status == 400 else ""
        return kind(asked, f"{status} {said}".rstrip(), remedy)
    if status is not None and status < 500 and status != 408:
        return Rejected(asked, f"Jira answered {status}")
    kind = Transient if status is None else Unavailable
    return kind(asked, f"Jira answered {status or 'nothing it could read'}", "Try again later.")
