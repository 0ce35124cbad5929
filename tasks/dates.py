"""Days as people write them, in English or German. A form that two countries read differently has two readings."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

_MONTHS = (
    "january januar jänner",
    "february februar",
    "march märz maerz",
    "april",
    "may mai",
    "june juni",
    "july juli",
    "august",
    "september",
    "october oktober",
    "november",
    "december dezember",
)
_WEEKDAYS = (
    "monday montag",
    "tuesday dienstag",
    "wednesday mittwoch",
    "thursday donnerstag",
    "friday freitag",
    "saturday samstag sonnabend",
    "sunday sonntag",
)
_DAY, _MONTH, _YEAR = r"(?P<day>\d{1,2})", r"(?P<month>[^\W\d_]{3,9})\.?", r"(?P<year>\d{4})"
_TIME = r"(?:(?:t|\s+)\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s?(?:z|utc|[+-]\d{2}:?\d{2})?)?"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"{_YEAR}([-/.])(?P<month>\d{{1,2}})\2{_DAY}{_TIME}",
        rf"{_DAY}\.\s?(?P<month>\d{{1,2}})\.\s?{_YEAR}",
        rf"{_DAY}(?:st|nd|rd|th|\.)?[\s/-]*(?:of\s+)?{_MONTH}[\s,/-]*{_YEAR}",
        rf"{_MONTH}[\s/-]*{_DAY}(?:st|nd|rd|th)?(?:\s*,\s*|[\s/-]+){_YEAR}",
        rf"{_YEAR}[\s,/-]+{_MONTH}[\s/-]+{_DAY}(?:st|nd|rd|th)?",
    )
)
_SLASHES = re.compile(r"(\d{1,2})\s?([/-])\s?(\d{1,2})\s?\2\s?(\d{4})")
_BEFORE = re.compile(r"^(?:(?:by|on|until|till|the|am|bis|zum|no later than|at the latest|spätestens)\s+)+")
_WEEKDAY = re.compile(r"^([^\W\d_]{2,10})\.?\s*,?\s+(?=\S)")


def read_days(text: str, any_weekday: bool = False) -> tuple[date, ...]:
    """The days that a text may mean: none, one, or two where day and month can be read either way.

    A weekday before it has to be that of the day, unless any will do. A year needs four digits.
    """
    plain = re.sub("[\u2010\u2011]", "-", text.casefold())  # hyphens, one of them without a break
    words = _BEFORE.sub("", " ".join(plain.split()).rstrip(". ").strip("\"'“”‘’`"))
    weekday = None
    if (found := _WEEKDAY.match(words)) and (weekday := _find_word(found[1], _WEEKDAYS)) is not None:
        words = _BEFORE.sub("", words[found.end() :])
    days = dict.fromkeys(day for each in _list_readings(words) if (day := _make_day(*each)))
    return tuple(sorted(day for day in days if any_weekday or weekday in (None, day.weekday())))


def _list_readings(words: str) -> list[tuple[int, int | None, int]]:
    """Year, month and day, in each way that they can be read."""
    if found := _SLASHES.fullmatch(words):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        return [(year, second, first), (year, first, second)]
    for form in _FORMS:
        if found := form.fullmatch(words):
            month = found["month"]
            number = int(month) if month.isdigit() else _find_month(month)
            return [(int(found["year"]), number, int(found["day"]))]
    return []


def _make_day(year: int, month: int | None, day: int) -> date | None:
    try:
        return date(year, month, day) if month else None
    except ValueError:
        return None


def _find_month(word: str) -> int | None:
    place = _find_word(word, _MONTHS)
    return None if place is None else place + 1


def _find_word(word: str, rows: tuple[str, ...]) -> int | None:
    """The row with a name that starts with the word, of two letters at least, if there is one such row."""
    rows_found = {n for n, row in enumerate(rows) if any(name.startswith(word) for name in row.split())}
    return rows_found.pop() if len(rows_found) == 1 and len(word) > 1 else None


def end_month(year: int, month: int) -> date:
    """The last day of a month."""
    return date(year, month, monthrange(year, month)[1])
