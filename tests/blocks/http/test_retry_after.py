"""Retry-After comes as seconds or as a date; anything else says nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from blocks.http.errors import read_retry_after


def test_seconds_and_dates() -> None:
    """A date in the past is no pause."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert read_retry_after("7") == 7
    assert read_retry_after(" 0.5 ") == 0.5
    assert read_retry_after("²") is None
    assert read_retry_after(soon) == pytest.approx(100, abs=5)
    assert read_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize("header", [None, "", "soon", "-3", "1.5e400", "Wed, 99 Foo"])
def test_nonsense_says_nothing(header: str | None) -> None:
    """And breaks nothing."""
    assert read_retry_after(header) is None
