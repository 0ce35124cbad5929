"""The limits of `HttpSession` for a client library that insists on a session of its own, as jira's does.

Mount it on that session for its scheme. Not here: what a status means, and waiting for a 429.
"""

from __future__ import annotations

import io
from typing import Any

import requests

from blocks.deadline import Deadline
from blocks.http.reach import CheckedAdapter
from blocks.http.session import HttpLimits, read_body


class BoundedAdapter(CheckedAdapter):
    """Sends requests and reads each answer whole, within the limits. Cookies of an answer are not kept.

    asked: what is being done, for errors.
    """

    def __init__(self, asked: str, limits: HttpLimits) -> None:
        super().__init__()
        self._asked, self._limits = asked, limits

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        """Send one request. Raises TimedOut or BadAnswer for an answer that is too slow or too large."""
        total = Deadline(self._asked, self._limits.total_seconds, "Try again later.")
        bounds = {"stream": True, "timeout": (self._limits.connect_seconds, self._limits.read_seconds)}
        response = super().send(request, **{**options, **bounds})
        response.raw = io.BytesIO(read_body(response, self._limits.max_bytes, total))
        return response
