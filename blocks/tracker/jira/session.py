"""One connection to Jira: the `jira` client signs in and sends, `blocks/http` says what errors mean and how to wait.

The client's own retries and redirects are off: retries repeat requests that may have been done, and fail on a
Retry-After that is a date; a redirect may lead to another host. Tasks repeat what is safe to repeat.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from pydantic import TypeAdapter, ValidationError

from blocks.deadline import Deadline
from blocks.errors import BadAnswer, BadInput, PlatformError, RateLimited, Unavailable
from blocks.http.adapter import BoundedAdapter
from blocks.http.errors import Refusal, build_connection_error, build_status_error, read_retry_after
from blocks.http.polling import Pauses, poll_until
from blocks.http.session import HttpLimits
from blocks.tracker.jira.responses import ServerInfo
from blocks.vendor_patches.jira import bound_answers, send_request

if TYPE_CHECKING:
    from jira.exceptions import JIRAError

Result = TypeVar("Result")
CONNECT_SECONDS, FIRST_PAUSE = 10, 5.0
TOTAL_SECONDS, MAX_BYTES = 300, 1 << 26  # of one answer
REFUSALS: Mapping[int, Refusal] = {
    400: Refusal("", BadInput),  # Jira says itself what is wrong with it
    401: Refusal("Renew the token; for Jira Cloud give its account's e-mail as well."),
    403: Refusal("Grant the account this right, or log in once in a browser if Jira asks for a captcha."),
    404: Refusal("Check that it exists and that the account may see it."),
    410: Refusal("This Jira no longer has that address; update the product."),
}


class JiraLogin(TypedDict, total=False):
    """The client's arguments that log in: to Jira Cloud by an e-mail and its token, to Data Center by a token alone."""

    basic_auth: tuple[str, str]
    token_auth: str


class JiraSession:
    """Sends requests to one Jira.

    timeout: seconds to wait for an answer. rate_limit_timeout: seconds to wait in all while Jira answers 429.
    """

    def __init__(
        self,
        url: str,
        login: JiraLogin,
        version: str,
        timeout: float = 30,
        rate_limit_timeout: float = 120,
    ) -> None:
        from jira import JIRA

        self._timeout, self._rate_limit_timeout = timeout, rate_limit_timeout
        self._client = JIRA(
            server=url,
            options={"rest_api_version": version, "check_update": False},
            max_retries=0,
            timeout=(CONNECT_SECONDS, timeout),
            get_server_info=False,
            **login,
        )
        limits = HttpLimits(CONNECT_SECONDS, timeout, TOTAL_SECONDS, max_bytes=MAX_BYTES)
        bound_answers(self._client, BoundedAdapter("read Jira's answer", limits))
        self.server = self.read(ServerInfo, f"connect to {url}", "GET", "serverInfo")

    def send(self, asked: str, method: str, path: str, body: object = None, **query: object) -> Any:
        """Send a request below the API's address; return the answer's JSON, None if it is empty."""
        return self._send(asked, method, path, json=body, params=query or None)

    def read(
        self, model: type[Result], asked: str, method: str, path: str, body: object = None, **query: object
    ) -> Result:
        """Send a request and read the answer's JSON as a model. Raises BadAnswer if it has another shape."""
        return parse(model, asked, self.send(asked, method, path, body, **query))

    def upload_file(
        self, model: type[Result], asked: str, path: str, name: str, content: bytes, mime_type: str
    ) -> Result:
        """Send a file as a form does, and read the answer as a model."""
        headers = {"Content-Type": None, "X-Atlassian-Token": "no-check"}  # None: requests adds the boundary
        files = {"file": (name, content, mime_type)}
        return parse(model, asked, self._send(asked, "POST", path, files=files, headers=headers))

    def _send(self, asked: str, method: str, path: str, **options: object) -> Any:
        """Send, and again after each pause that Jira asks for; raise errors of our own."""

        def send_once() -> Any:
            response = send_request(self._client, method, path, allow_redirects=False, **options)
            if response.status_code >= 300:
                raise build_status_error(asked, response.status_code, service="Jira", refusals=REFUSALS)
            return response.json() if response.content and response.status_code != 204 else None

        waiting = Deadline(asked, self._rate_limit_timeout)
        return poll_until(
            lambda: self._translate_errors(asked, send_once),
            waiting,
            Pauses(FIRST_PAUSE, math.inf, 2),
            retry_on=(RateLimited,),
        )

    def _translate_errors(self, asked: str, act: Callable[[], Result]) -> Result:
        from jira.exceptions import JIRAError
        from requests import RequestException
        from urllib3.exceptions import HTTPError

        error: PlatformError
        try:
            return act()
        except JIRAError as problem:
            error = _build_jira_error(asked, problem)
        except (RequestException, HTTPError, ValueError, OSError) as problem:
            error = build_connection_error(asked, problem, self._timeout)
        raise error  # outside the handler: the client's error carries headers and texts, and must not be our context


def parse(model: type[Result], asked: str, answer: object) -> Result:
    """JSON as a model. Raises BadAnswer that names the members which are not as documented, not their values."""
    try:
        return TypeAdapter(model).validate_python(answer)
    except ValidationError as problem:
        wrong = {".".join(str(part) for part in each["loc"]) or "all of it" for each in problem.errors()[:5]}
    members = ", ".join(sorted(wrong))
    raise BadAnswer(asked, f"the answer is not as Jira documents it: {members}", "Check the block's server.")


def _build_jira_error(asked: str, problem: JIRAError) -> PlatformError:
    """Our error for the client's. Jira's own words are kept only where they are about our request."""
    status: int | None = problem.status_code
    if status is None:
        return Unavailable(asked, "Jira answered nothing that can be read", "Try again later.")
    headers = getattr(problem.response, "headers", None) or {}
    message = " ".join(str(problem.text or "").split())[:300] if status == 400 else ""
    retry_after = read_retry_after(headers.get("Retry-After"))
    return build_status_error(
        asked, status, message, service="Jira", refusals=REFUSALS, retry_after=retry_after
    )
