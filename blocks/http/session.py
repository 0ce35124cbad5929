"""The one HTTP session: bounded in time and size, tied to one host, with errors of our own.

- It never follows a redirect and never calls another host, so that the credential goes nowhere else.
- The credential is in its headers or in `auth`; a .netrc file can't replace it.
- Errors hold the status and, if the answer has one, the plain name of the error; never its text.
- It calls no link-local address and no cloud's metadata service, by whatever name (reach.py).
- It waits for a 429 if the limits allow it. It does not try again otherwise: that is the tasks' policy.

Use `call` for a JSON API. Give the session itself to a client library (dlt, tableauserverclient): its requests
go through `send`. A vendor subclasses it to say more about an answer (`describe_refusal`), or to judge an answer
otherwise (`check_response`).
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
import urllib3

from blocks.deadline import Deadline
from blocks.errors import BadAnswer, PlatformError, RateLimited
from blocks.http.errors import Refusals, build_connection_error, build_status_error, read_retry_after
from blocks.http.polling import Pauses, poll_until
from blocks.http.reach import CheckedAdapter, check_host

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class HttpLimits:
    """Bounds of one request.

    Seconds: to connect; to read without a byte coming; in all; to wait in all for 429s (0: not at all).
    first_pause: seconds, doubling, for a 429 that names no pause; None: it is raised. max_bytes: of an answer.
    """

    connect_seconds: float = 10
    read_seconds: float = 30
    total_seconds: float = 600
    rate_limit_seconds: float = 0
    first_pause: float | None = None
    max_bytes: int = 1 << 28


class HttpSession(requests.Session):
    """A session with the server at base_url.

    asked: what is being done, for errors, where a call does not say. deadline: of all that the session does.
    verify: True, or the path of an authority's certificates, or False.
    """

    service: ClassVar[str] = "the server"
    refusals: ClassVar[Refusals] = {}
    limits: ClassVar[HttpLimits] = HttpLimits()

    def __init__(
        self,
        base_url: str,
        asked: str = "",
        *,
        deadline: Deadline | None = None,
        limits: HttpLimits | None = None,
        verify: bool | str = True,
    ) -> None:
        super().__init__()
        self.base_url, self.deadline, self.verify = base_url.rstrip("/"), deadline, verify
        self.asked = asked or f"call {self.host}"
        self._limits = limits or self.limits
        for scheme in PORTS:
            self.mount(f"{scheme}://", CheckedAdapter())
        self.auth = _keep_headers

    @property
    def host(self) -> str:
        """The server's name and port, without credentials."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    def call(self, method: str, path: str, *, asked: str = "", **options: object) -> Any:
        """Send one request below the base URL and return its answer's JSON; None for an empty answer.

        options: as for requests.Request (json, params, files, headers). Raises for any refusal, BadAnswer for
        what is not JSON.
        """
        asked = asked or self.asked
        request = self.prepare_request(requests.Request(method, self.base_url + path, **options))
        settings = self.merge_environment_settings(request.url, {}, True, self.verify, None)
        response = self._exchange(request, settings, asked)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            pass  # raised below: the error holds the answer
        raise BadAnswer(asked, describe_content(response), "Check the address.")

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request; Misconfigured for a malformed URL or credential, which is not in the error."""
        try:
            return super().prepare_request(request)
        except (requests.RequestException, ValueError) as error:
            problem = build_connection_error(self.asked, error)
        raise problem

    def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:
        """Send one request of a client library. Raises as `call` does."""
        return self._exchange(request, options, self.asked)

    def check_response(self, response: requests.Response, asked: str) -> None:
        """Raise for an answer that is no success. Override it to judge an answer otherwise."""
        if response.status_code >= 300:
            raise build_status_error(
                asked,
                response.status_code,
                self.describe_refusal(response),
                service=self.service,
                refusals=self.refusals,
                retry_after=read_retry_after(response.headers.get("Retry-After")),
            )

    def describe_refusal(self, response: requests.Response) -> str:
        """Say what the server says about a refusal: nothing but the plain name of the error."""
        if response.status_code < 400:
            return "(moved)"
        try:
            body = response.json()
        except ValueError:
            return ""
        found = (body.get("code") or body.get("type")) if isinstance(body, dict) else None
        return f"({found})" if isinstance(found, str) and re.fullmatch(r"\w{3,60}", found) else ""

    def _exchange(
        self, request: requests.PreparedRequest, options: Mapping[str, Any], asked: str
    ) -> requests.Response:
        """Send, and again after each pause that the server asks for."""
        if get_origin(str(request.url)) != get_origin(self.base_url):
            raise BadAnswer(asked, "it points to a page on another host", "The credential is not sent there.")
        check_host(urlsplit(self.base_url).hostname or "", asked)

        def send() -> requests.Response:
            response = self._send_once(request, options, asked)
            self.check_response(response, asked)
            return response

        limits, left = self._limits, self.deadline.check() if self.deadline else math.inf
        if not limits.rate_limit_seconds:
            return send()
        pauses = Pauses(limits.first_pause, math.inf, 2) if limits.first_pause is not None else None
        waiting = Deadline(asked, min(limits.rate_limit_seconds, left))
        return poll_until(send, waiting, pauses, retry_on=(RateLimited,))

    def _send_once(
        self, request: requests.PreparedRequest, options: Mapping[str, Any], asked: str
    ) -> requests.Response:
        """Send and read all of the answer, within the limits."""
        limits, left = self._limits, self.deadline.check() if self.deadline else math.inf
        total = Deadline(asked, min(limits.total_seconds, left))
        read = min(limits.read_seconds, total.seconds)
        bounds = {
            "stream": True,
            "timeout": (min(limits.connect_seconds, total.seconds), read),
            "allow_redirects": False,
        }
        problem: PlatformError
        try:
            response = super().send(request, **{**options, **bounds})
            body = read_body(response, limits.max_bytes, total, *([self.deadline] if self.deadline else []))
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError, OSError) as error:
            problem = build_connection_error(asked, error, read)
        else:
            response.raw = io.BytesIO(body)
            return response
        raise problem  # outside of the handler: exceptions of requests carry the headers


def read_body(response: requests.Response, max_bytes: int, total: Deadline, *deadlines: Deadline) -> bytes:
    """Read the whole answer, decoded. Raises TimedOut or BadAnswer for one that is too slow or too large."""
    body = bytearray()
    try:
        while chunk := response.raw.read1(1 << 16, decode_content=True):
            for deadline in (*deadlines, total):
                deadline.check()
            body += chunk
            if len(body) > max_bytes:
                limit = f"{max_bytes / (1 << 20):g} MB"
                raise BadAnswer(  # noqa: TRY301  # the connection is closed as for every other error
                    total.asked, f"the answer is larger than {limit}", "Ask for less at a time."
                )
    except BaseException:
        response.close()  # or the connection would go back to the pool with half of an answer in it
        raise
    return bytes(body)


def describe_content(response: requests.Response) -> str:
    """Say what came instead of JSON."""
    html = response.content.lstrip()[:1] == b"<"
    return f"{'HTML' if html else 'something else'} came instead of JSON"


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Authenticate by what the headers hold; without it a .netrc file would replace the credential."""
    return request


def get_origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)
