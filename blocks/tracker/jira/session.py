"""One connection to Jira: requests with time-outs, pauses that Jira asks for, and errors in our own words.

Only authentication and the HTTP session of the `jira` client are used. Its own retries are off: they repeat requests
that may have been done, and fail on a Retry-After that is a date. Tasks repeat what is safe to repeat.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

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
from blocks.vendor_patches.jira import send_request

Result = TypeVar("Result")
CONNECT_SECONDS, FIRST_PAUSE = 10, 5.0
_ERRORS: dict[int, tuple[type[PlatformError], str]] = {
    400: (BadInput, ""),
    401: (Unauthorized, "Renew the token; for Jira Cloud give its account's e-mail as well."),
    403: (Forbidden, "Grant the account this right, or log in once in a browser if Jira asks for a captcha."),
    404: (NotFound, "Check that it exists and that the account may see it."),
    410: (BadAnswer, "This Jira no longer has that address; update the product."),
    413: (BadInput, "It is larger than Jira takes."),
}


class JiraSession:
    """Sends requests to one Jira.

    timeout: seconds to wait for an answer. rate_limit_timeout: seconds to wait in all while Jira answers 429.
    """

    def __init__(
        self,
        url: str,
        auth: dict[str, Any],
        version: str,
        timeout: float = 30,
        rate_limit_timeout: float = 120,
    ) -> None:
        from jira import JIRA

        self.url, self._rate_limit_timeout = url, rate_limit_timeout
        self._client = self._retry_when_limited(
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

    @property
    def deployment_type(self) -> str | None:
        """`Cloud`, `Server` or `Data Center`, as the server says."""
        return self._client.deploymentType

    def send(self, asked: str, method: str, path: str, body: object = None, **query: object) -> Any:
        """Send a request below the API's address; return the answer's JSON, None if it is empty."""
        return self._send(asked, method, path, json=body, params=query or None)

    def read(
        self, model: type[Result], asked: str, method: str, path: str, body: object = None, **query: object
    ) -> Result:
        """Send a request and read the answer's JSON as a model. Raises BadAnswer if it has another shape."""
        return parse(model, asked, self.send(asked, method, path, body, **query))

    def upload(
        self, model: type[Result], asked: str, path: str, name: str, content: bytes, mime_type: str
    ) -> Result:
        """Send a file as a form does, and read the answer as a model."""
        headers = {"Content-Type": None, "X-Atlassian-Token": "no-check"}  # None: requests adds the boundary
        files = {"file": (name, content, mime_type)}
        return parse(model, asked, self._send(asked, "POST", path, files=files, headers=headers))

    def _send(self, asked: str, method: str, path: str, **options: Any) -> Any:
        def send_once() -> Any:
            response = send_request(self._client, method, path, **options)
            return response.json() if response.content and response.status_code != 204 else None

        return self._retry_when_limited(asked, send_once)

    def _retry_when_limited(self, asked: str, act: Callable[[], Result]) -> Result:
        """Act, and again after each pause Jira asks for; raise the client's errors as ours."""
        from jira.exceptions import JIRAError
        from requests import RequestException

        deadline, pause = time.monotonic() + self._rate_limit_timeout, FIRST_PAUSE
        while True:
            try:
                return act()
            except (JIRAError, RequestException, ValueError) as problem:
                error = _translate_error(asked, problem)
            # raised outside the handler: the client's error carries headers and texts, and must not be our context
            if not isinstance(error, RateLimited):
                raise error
            wait = pause if error.retry_after is None else error.retry_after
            if time.monotonic() + wait > deadline:
                raise error
            time.sleep(max(wait, 0.05))
            pause *= 2


def parse(model: type[Result], asked: str, answer: object) -> Result:
    """JSON as a model. Raises BadAnswer that names the members which are not as documented, not their values."""
    try:
        return TypeAdapter(model).validate_python(answer)
    except ValidationError as problem:
        wrong = {".".join(str(part) for part in each["loc"]) or "all of it" for each in problem.errors()[:5]}
    members = ", ".join(sorted(wrong))
    raise BadAnswer(asked, f"the answer is not as Jira documents it: {members}", "Check the block's server.")


def _translate_error(asked: str, problem: Exception) -> PlatformError:
    """Our error for the client's. Jira's own words are kept only where they are about our request."""
    from requests import RequestException, Timeout

    if isinstance(problem, Timeout):
        return TimedOut(asked, "Jira did not answer in time", "Try again, or raise timeout_seconds.")
    if isinstance(problem, ValueError):  # not JSON; requests' own error for it is a ValueError, too
        return BadAnswer(
            asked,
            "the answer is not JSON, as from a login page or a proxy",
            "Open the address in a browser; it must be Jira's own, with its context path if it has one.",
        )
    if isinstance(problem, RequestException):
        return Unavailable(
            asked,
            f"no connection ({type(problem).__name__})",
            "Check that the address is right and reachable.",
        )
    return _translate_status(asked, problem)


def _translate_status(asked: str, problem: Any) -> PlatformError:
    """Our error for an answer with a status of 400 or more."""
    status = problem.status_code
    headers = getattr(problem.response, "headers", None) or {}
    if status == 429:
        return RateLimited(
            asked, "429, too many requests", "Try again later.", retry_after(headers.get("Retry-After"))
        )
    if status in _ERRORS:
        kind, remedy = _ERRORS[status]
        message = " ".join(str(problem.text or "").split())[:300] if status == 400 else ""
        return kind(asked, f"{status} {message}".rstrip(), remedy)
    if status is not None and status < 500 and status != 408:
        return Rejected(asked, f"Jira answered {status}")
    kind = Transient if status is None else Unavailable
    return kind(asked, f"Jira answered {status or 'nothing it could read'}", "Try again later.")
