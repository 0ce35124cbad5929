"""Every way an HTTP API fails: the fault, the error it has to become, what is said. For all managed loaders."""

from __future__ import annotations

import logging
import traceback
from base64 import b64encode
from collections.abc import Callable

import pytest

from blocks.errors import (
    BadAnswer,
    Forbidden,
    NotFound,
    PlatformError,
    RateLimited,
    TimedOut,
    Transient,
    Unauthorized,
    Unavailable,
)
from tests.blocks.loader.fivetran.standin import KEY
from tests.blocks.loader.origins import SECRET

SECRETS = (SECRET, b64encode(f"{KEY}:{SECRET}".encode()).decode())
"""As it is, and as Basic authentication sends it."""

FAULTS: list[tuple[str, type[PlatformError], str]] = [
    ("unauthorized", Unauthorized, "401"),
    ("forbidden", Forbidden, "403"),
    ("missing", NotFound, "404"),
    ("crash", Unavailable, "500"),
    ("limit_long", RateLimited, "429"),
    ("slow", TimedOut, ""),
    ("drip", TimedOut, ""),
    ("drop", Unavailable, "dropped"),
    ("half", Unavailable, "dropped"),
    ("broken", BadAnswer, "instead of JSON"),
    ("html", BadAnswer, "HTML"),
    ("moved", BadAnswer, "moved"),
]


def refused(
    load: Callable[[], object],
    kind: type[PlatformError],
    message: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> PlatformError:
    """The error a load ends with; the secret is in nothing that anybody could see."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(kind, match=message or None) as caught:
        load()
    error = caught.value
    told = "".join(traceback.format_exception(error)) + caplog.text + "".join(capfd.readouterr())
    for secret in SECRETS:
        assert secret not in told + repr(error) + repr(error.args)
    assert error.__cause__ is error.__context__ is None
    assert error.remedy
    return error


def is_retried(error: PlatformError) -> bool:
    """What tasks go by."""
    return isinstance(error, Transient)
