"""An HTTP session to one host: bounded in time, errors as ours, the credential in its headers only.

It pauses when the server asks for it and the deadline allows. It does not try again otherwise: that is the
tasks' policy. Not here: what an answer must hold (see api, and the vendors' loaders).
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from blocks.errors import (
    BadAnswer,
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
from blocks.http.retry_after import retry_after
from blocks.loader.deadline import Deadline

READ_SECONDS = 30.0  # without a byte from the server
REFUSALS: dict[int, tuple[type[PlatformError], str]] = {
    401: (Unauthorized, "Check the loader's credentials: wrong or expired."),
    403: (Forbidden, "Give the credential the right to do this."),
    404: (NotFound, "Correct the name in the dbt source, or the loader's address."),
    409: (Busy, "Wait for what runs to end."),
}


class Http(requests.Session):
    """A session that talks to the location's own host only."""

    def __init__(self, asked: str, location: str, deadline: Deadline) -> None:
        super().__init__()
        self.asked, self.location, self.deadline = asked, location, deadline
        self.auth = lambda request: request  # without one, a .netrc would replace the credential

    def call(self, method: str, path: str, **options: Any) -> Any:
        """One request under the location; its answer as JSON. Raises for any refusal, and for what is no JSON."""
        response = self.request(method, self.location.rstrip("/") + path, **options)
        try:
            return response.json()
        except ValueError:
            pass  # raised below: the error holds the answer
        raise BadAnswer(self.asked, self._oddity(response), "Check the loader's address.")

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """One request, and again after each pause the server asks for; raises for any refusal."""
        if urlsplit(str(request.url))[:2] != urlsplit(self.location)[:2]:
            raise BadAnswer(
                self.asked, "it points to a page on another host", "The credential is not sent there."
            )
        response = self._once(request, options)
        while response.status_code == 429:
            self._pause(response)
            response = self._once(request, options)
        self._judge(response)
        return response

    def _once(self, request: requests.PreparedRequest, options: Mapping[str, Any]) -> requests.Response:
        """Send and read all of the answer, each within the deadline."""
        timeout = min(READ_SECONDS, self.deadline.left())
        bounds = {"stream": True, "timeout": timeout, "allow_redirects": False}
        problem: PlatformError
        try:
            response = super().send(request, **{**options, **bounds})
            response.raw = io.BytesIO(b"".join(self._chunks(response.raw)))
            return response  # noqa: TRY300
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            problem = TimedOut(self.asked, f"no answer for {timeout:.0f} s", "Try again later.")
        except ValueError:  # as requests calls malformed URLs and headers
            problem = Misconfigured(
                self.asked, "the URL or the credential is malformed", "Correct the loader."
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError):
            problem = Unavailable(self.asked, "the connection was refused or dropped", "Try again later.")
        raise problem  # outside of the handler: requests' errors carry the headers

    def _chunks(self, raw: Any) -> Iterator[bytes]:
        while chunk := raw.read1(1 << 16, decode_content=True):
            self.deadline.left()
            yield chunk

    def _pause(self, response: requests.Response) -> None:
        pause = retry_after(response.headers.get("Retry-After"))
        if pause is None or pause >= self.deadline.left():
            raise RateLimited(self.asked, "too many requests (429)", "Try again later.", pause)
        time.sleep(max(1.0, pause))

    def _judge(self, response: requests.Response) -> None:
        """Raise for any answer that is no success; overridden by those who know what else to ask of it."""
        status = response.status_code
        kind, remedy = REFUSALS.get(status, (Rejected, "Check the source's settings in the dbt project."))
        if status >= 500:
            kind, remedy = Unavailable, "Try again later."
        if status >= 400:
            raise kind(self.asked, f"the server answered {status}{self._code(response)}", remedy)
        if status >= 300:
            raise BadAnswer(
                self.asked, f"the server answered {status}: moved", "Correct the loader's address."
            )

    def _code(self, response: requests.Response) -> str:
        """The vendor's own name of an error, if the answer has one that is nothing but a name."""
        try:
            body = response.json()
        except ValueError:
            return ""
        found = (body.get("code") or body.get("type")) if isinstance(body, dict) else None
        return f" ({found})" if isinstance(found, str) and re.fullmatch(r"\w{3,60}", found) else ""

    def _oddity(self, response: requests.Response) -> str:
        html = response.content.lstrip()[:1] == b"<"
        return f"{'HTML' if html else 'something else'} came instead of JSON"
