"""The days that a wished time is, as people count them."""

from __future__ import annotations

from datetime import date

import pytest

from blocks.site.opening import find_days
from blocks.wishes import Span

TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("span", "finished", "first", "last"),
    [
        (Span(unit="day", count=30), date(2011, 12, 8), date(2011, 11, 9), date(2011, 12, 8)),
        (Span(unit="week", count=2), date(2011, 12, 8), date(2011, 11, 21), date(2011, 12, 4)),
        (Span(unit="month", count=12), date(2011, 12, 8), date(2010, 12, 1), date(2011, 11, 30)),
        (Span(unit="month", count=1), date(2011, 11, 30), date(2011, 11, 1), date(2011, 11, 30)),
        (Span(unit="quarter", count=4), date(2011, 12, 8), date(2010, 10, 1), date(2011, 9, 30)),
        # not 2009 and 2010: in December nobody means those
        (Span(unit="year", count=2), date(2011, 12, 8), date(2009, 12, 1), date(2011, 11, 30)),
        (Span(unit="year", count=1), date(2011, 12, 31), date(2011, 1, 1), date(2011, 12, 31)),
        (Span(unit="year"), date(2011, 12, 8), date(2026, 1, 1), date(2026, 12, 31)),
        (Span(first=date(2011, 3, 1)), date(2011, 12, 8), date(2011, 3, 1), None),
        (Span(), date(2011, 12, 8), None, None),
    ],
    ids=str,
)
def test_a_wished_time_is_finished_days(
    span: Span, finished: date, first: date | None, last: date | None
) -> None:
    assert find_days(span, finished, TODAY) == (first, last)
