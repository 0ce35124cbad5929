"""Buckets of time as the gate counts them: which are over, which are alike, and which no rule of the week holds for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import TypeAlias

from blocks.errors import Misconfigured
from blocks.site.periods import find_bucket, finish

Season: TypeAlias = Callable[[date], int]
REACH = {"day": 0, "week": 2, "month": 3, "quarter": 7, "year": 14}
"""Days before a bucket's end from which data count as all of it: its last days may be days without trade."""
_DATE = re.compile(r"(?<!\d)(\d{4})-?([01]\d)-?([0-3]\d)(?!\d)")
_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


def list_seasons(grain: str, buckets: int) -> list[Season]:
    """What buckets of a grain may repeat by (weekday, day of the month, month), as far as so many can show it."""
    if grain == "day":
        by_month: list[Season] = [lambda day: day.day] if buckets >= 200 else []
        return [lambda day: day.weekday(), *by_month]
    whole: list[Season] = [lambda day: 0]
    return [*whole, lambda day: day.month] if grain == "month" and buckets >= 36 else whole


def find_date(text: str) -> date | None:
    """The last day that a text names, as a watermark or a file's name does; None if it names none."""
    for found in reversed(_DATE.findall(text)):
        try:
            return date(*map(int, found))
        except ValueError:
            continue
    return None


def is_complete(day: date, grain: str, today: date, marks: Collection[date]) -> bool:
    """Whether a bucket is over and the data reach its end.

    today: the day in the project's time zone on which the data were loaded; marks: the newest day that each source
    in the lineage holds, and the mart itself. One that has nothing of the bucket yet says nothing of it, unless
    none has.
    """
    end = finish(find_bucket(day, grain), grain)
    begun = [mark for mark in marks if mark >= day]
    if end >= today or not begun:
        return False
    return grain == "day" or min(begun) >= end - timedelta(days=REACH[grain])


def read_holidays(countries: Collection[str], years: Iterable[int]) -> dict[date, str]:
    """The public holidays of countries (`GB`, or a part of one as `DE-BY`) by day.

    Raises Misconfigured for a country that is not known.
    """
    found: dict[date, str] = {}
    wanted = sorted(set(years))
    for country in sorted(countries):
        found |= _read_country(country, wanted)
    return found


def _read_country(country: str, years: list[int]) -> dict[date, str]:
    import holidays

    name, _, part = country.partition("-")
    known = bool(_COUNTRY.fullmatch(country))
    if known:
        try:
            days = holidays.country_holidays(name, subdiv=part or None, years=years)
            return {day: str(label) for day, label in days.items()}
        except NotImplementedError:
            pass
    raise Misconfigured(
        "read dbt_project.yml",
        f"holidays of vars.ticket_to_dashboard names {country[:20]!r}, no country that is known",
        "Write ISO codes, as [GB] or [DE-BY].",
    )


def read_countries(settings: Mapping[str, object]) -> tuple[str, ...]:
    """The countries of a dbt_project.yml, `vars: {ticket_to_dashboard: {holidays: [GB]}}`; none by default.

    Raises Misconfigured for what is no list of countries that are known.
    """
    variables = settings.get("vars")
    ours = variables.get("ticket_to_dashboard") if isinstance(variables, Mapping) else None
    given = ours.get("holidays") if isinstance(ours, Mapping) else None
    names = [given] if isinstance(given, str) else given or []
    if not isinstance(names, list):
        names = [str(names)]
    for name in map(str, names):
        _read_country(name, [])
    return tuple(map(str, names))
