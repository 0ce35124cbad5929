"""One table says what an HTTP status means; a vendor changes it by data."""

from __future__ import annotations

import pytest
import requests
import urllib3

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
from blocks.http.errors import Refusal, build_connection_error, build_status_error


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, BadAnswer),
        (400, Rejected),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (408, Unavailable),
        (409, Busy),
        (410, BadAnswer),
        (413, BadInput),
        (418, Rejected),
        (425, Unavailable),
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
        (599, Unavailable),
        (999, Rejected),
    ],
)
def test_each_status_has_one_error(status: int, kind: type[PlatformError]) -> None:
    """With what was asked, the status, and what to do."""
    error = build_status_error("ask", status)
    assert type(error) is kind
    assert (error.asked, error.answer) == ("ask", f"the server answered {status}")
    assert error.remedy


def test_a_vendor_changes_remedies_and_errors() -> None:
    """As data; what it does not name stays."""
    refusals = {401: Refusal("Renew it."), 409: Refusal("Look.", Rejected)}
    error = build_status_error("ask", 401, "(expired)", service="Acme", refusals=refusals)
    assert str(error) == "ask: Acme answered 401 (expired). Renew it."
    assert type(build_status_error("ask", 409, refusals=refusals)) is Rejected
    assert type(build_status_error("ask", 404, refusals=refusals)) is NotFound


def test_a_rate_limit_keeps_its_pause() -> None:
    """Tasks wait that long."""
    error = build_status_error("ask", 429, refusals={429: Refusal("Wait.")}, retry_after=7)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.remedy) == (7, "Wait.")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (requests.ConnectTimeout("secret"), TimedOut),
        (requests.ReadTimeout("secret"), TimedOut),
        (urllib3.exceptions.TimeoutError("secret"), TimedOut),
        (requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] secret"), Misconfigured),
        (requests.exceptions.SSLError("EOF secret"), Unavailable),
        (requests.exceptions.InvalidURL("secret"), Misconfigured),
        (requests.exceptions.MissingSchema("secret"), Misconfigured),
        (requests.exceptions.JSONDecodeError("secret", "secret", 0), BadAnswer),
        (requests.ConnectionError("secret"), Unavailable),
        (requests.exceptions.ProxyError("secret"), Unavailable),
        (urllib3.exceptions.ProtocolError("secret"), Unavailable),
        (ConnectionResetError("secret"), Unavailable),
    ],
)
def test_exceptions_of_the_connection_become_ours_without_their_text(
    error: Exception, kind: type[PlatformError]
) -> None:
    """It may hold URLs and headers."""
    found = build_connection_error("ask", error)
    assert type(found) is kind
    assert found.remedy
    assert "secret" not in str(found)
