"""An HTTP session to one JSON API: bounded in time, errors as ours, the credential in its headers only.

It pauses when the server asks for it and the deadline allows. It does not try again otherwise: that is the
tasks' policy.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from blocks.errors import (
    BadAnswer,
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
from blocks.loader.deadline import Deadline
from blocks.pauses import retry_after

READ_SECONDS = 30.0  # without a byte from the server
REFUSALS: dict[int, tuple[type[PlatformError], str]] = {
    401: (Unauthorized, "Check the loader's credentials: wrong or expired."),
    403: (Forbidden, "Give the credential the right to read this endpoint."),
    404: (NotFound, "Correct the endpoint in the dbt source, or the loader's location."),
}


class Api(requests.Session):
    """A session that talks to the location's own host only. records: JSONPath of what an answer must hold."""

    def __init__(
        self, asked: str, location: str, credential: Mapping[str, Any], deadline: Deadline, records: str = "$"
    ) -> None:
        super().__init__()
        self.asked, self.location, self.deadline, self.records = asked, location, deadline, records
        self.seen: set[str] = set()
        if credential.get("token"):
            self.headers["Authorization"] = f"Bearer {credential['token']}"
        if credential.get("key"):
            self.headers[str(credential.get("header", "X-API-Key"))] = str(credential["key"])

    def pages(self, endpoint: str, params: Mapping[str, str], paginator: Any) -> Iterator[list[Any]]:
        """The records of each page, by dlt's REST client."""
        from dlt.sources.helpers.rest_client import RESTClient

        client = RESTClient(self.location, session=self, paginator=paginator)
        own = {"response": list[Any]()}  # send raises; dlt's own handler would show the URL and the answer
        yield from client.paginate(endpoint, params=dict(params), data_selector=self.records, hooks=own)

    def look(self) -> str:
        """Ask for the location itself; any answer but a refused credential is a sign of life."""
        with suppress(NotFound, BadAnswer):
            self.get(self.location)
        return f"{urlsplit(self.location).netloc.rpartition('@')[2]} answers"

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """One request, and again after each pause the server asks for; raises for any refusal."""
        url = str(request.url)
        if urlsplit(url)[:2] != urlsplit(self.location)[:2]:
            raise BadAnswer(
                self.asked, "it points to a page on another host", "The credential is not sent there."
            )
        if url in self.seen:
            raise BadAnswer(self.asked, "it points to a page that was read already", "Its paging is broken.")
        self.seen.add(url)
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
            return response
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
        """Raise for any answer that is not JSON with records."""
        from dlt.common import jsonpath

        status = response.status_code
        kind, remedy = REFUSALS.get(status, (Rejected, "Check the endpoint's settings in the dbt source."))
        if status >= 500:
            kind, remedy = Unavailable, "Try again later."
        if status >= 400:
            raise kind(self.asked, f"the server answered {status}", remedy)
        if status >= 300:
            raise BadAnswer(
                self.asked, f"the server answered {status}: moved", "Correct the loader's location."
            )
        problem = f"the answer has no `{self.records}`"
        try:
            if jsonpath.find_values(self.records, response.json()):
                return
        except ValueError:
            html = response.content.lstrip()[:1] == b"<"
            problem = f"{'HTML' if html else 'something else'} came instead of JSON"
        raise BadAnswer(self.asked, problem, "Check the loader's location, and `records` in the dbt source.")
