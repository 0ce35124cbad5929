"""The text of wishes: what a request's fields beyond metrics and dimensions may hold, read strictly.

Every function takes a piece of text and returns the value that it stands for, or raises `UnclearError`, whose text
says what can be written and holds nothing of the ticket. `str` of a value reads back as the same value.
"""

from __future__ import annotations

import re
from datetime import date

from blocks.records import GRAINS
from blocks.wishes import WEEKDAYS, Against, Alert, Cadence, Every, Filter, Span, Target
from tasks.dates import end_month, read_days

MOST_UNITS, MOST_VALUES = 1_000, 50
FILTERS = (
    "Write `dimension = value, value`, `dimension != value` for all but that, or `dimension = 10..20` for numbers; "
    "one filter a line."
)
PERIODS = (
    "Write `last 12 months` (or days, weeks, quarters, years), `this year`, `2026-01-01..2026-06-30`, "
    "`since 2026-01-01`, `2025`, `2025-Q1`, `2025-03` or `all`."
)
COMPARISONS = "Write `previous period` or `same period last year`."
TARGETS = (
    "Write `metric = 120000 per month`, `metric = 95%`, `metric = previous period` or "
    "`metric = same period last year`, with `by 2026-12-31` behind it if there is a day; one target a line."
)
ALERTS = (
    "Write `metric < 5000 per day`, `metric > 120000 per month` or `metric < 95%`; words do as well: "
    "`metric below 5000 per day`; one alert a line."
)
SUBSCRIBERS = "Write e-mail addresses, as `dana@example.com`, or names of channels, as `sales`."
CADENCES = "Write `each run`, `daily`, `weekly on Monday`, `monthly on day 1` or `once`."
_ASSIGN = re.compile(
    r"\s*(?:==?|:|\bis (?:one of|in)\b|\bis\b|\bin\b|\bare\b|\s(?=(?:from|between)\s))\s*", re.IGNORECASE
)
_RANGE = re.compile(r"(?P<low>\S*?)\s*\.\.\.?\s*(?P<high>\S*)")
_BETWEEN = re.compile(r"(?:from|between)\s+(?P<low>\S+)\s+(?:to|and)\s+(?P<high>\S+)", re.IGNORECASE)
_EXCLUDED = re.compile(
    r"(?P<name>[^=:\"<>]+?)\s*(?:!==?|<>|≠|\b(?:(?:is|are)\s+)?not\s+in\b|\bisn't\b|"
    r"[=:]?\s*\ball\s+(?:but|except)\b|\b(?:except|excluding|excludes|without)\b|(?P<equal>(?:[=:]|\b(?:is|are)\b)\s*not\b))"
    r"\s*(?P<values>\S.*)",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"(?P<name>[^=:\"]+?)\s*(?P<sign>>=|<=|≥|≤)\s*(?P<number>\S+)")
_ALERT = re.compile(
    r"(?P<name>.+?)\s*(?:(?P<sign>[<>])|\b(?:is |are |falls |drops |goes |gets |rises )?"
    r"(?:(?P<below>below|under|less than|lower than|fewer than)|above|over|more than|higher than|exceeds)\b)"
    r"(?P<number>.+)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+", re.IGNORECASE | re.ASCII
)
_CHANNEL = re.compile(r"#?[a-z0-9][a-z0-9_-]{0,79}", re.IGNORECASE | re.ASCII)
_UNIT = "|".join(GRAINS)
_LAST = re.compile(
    r"(?:the )?(?:last|past|previous)\s+(?:(?P<count>\d{1,5}|\w+)\s+)?(?:full |finished |whole |complete )?"
    rf"(?P<unit>{_UNIT})s?"
)
_THIS = re.compile(
    rf"(?:this|current)\s+(?P<unit>{_UNIT})(?:\s+(?:so far|to date))?|(?P<to_date>{_UNIT})[ -]to[ -]date"
)
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_COUNTS = {word: count for count, word in enumerate(_WORDS, 1)}
_VERSUS = re.compile(r"\s*,?\s*\b(?:vs\.?|versus|compared? (?:with|to))\s+", re.IGNORECASE)
_YEAR_BEFORE = re.compile(
    r"(?:the )?(?:same (?:period|time) )?(?:of |in )?(?:the )?(?:last|previous|prior|past) year|(?:the )?year before"
    r"|(?:the )?same (?:period|time) (?:a|one) year (?:ago|before|earlier)|year[ -](?:over|on)[ -]year|yoy|a year ago"
)
_PREVIOUS = re.compile(
    r"(?:the )?(?:previous|prior|last|preceding)(?: (?:period|time))?|(?:the )?(?:period|time) before"
    r"|period[ -](?:over|on)[ -]period"
)
_PER = re.compile(
    rf"\s+(?:per|a|each|every)\s+(?P<per>{_UNIT})\b|\s+(?P<ly>daily|weekly|monthly|quarterly|yearly)\b"
)
_LY = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}
_BY = re.compile(r"\s+(?:by|until|till)\s+(?P<day>[^;]+)$", re.IGNORECASE)
_SCALE = {
    "k": 1e3,
    "m": 1e6,
    "mn": 1e6,
    "mio": 1e6,
    "million": 1e6,
    "bn": 1e9,
    "billion": 1e9,
    "thousand": 1e3,
}
_NUMBER = re.compile(
    r"(?:[€$£¥]|eur|usd|gbp|chf)?\s*(?P<sign>[-−]?)(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)\s*"
    rf"(?P<scale>{'|'.join(sorted(_SCALE, key=len, reverse=True))})?\s*(?P<percent>%|percent|per cent)?\s*"
    r"(?:[€$£¥]|eur|usd|gbp|chf)?"
)
_TWO_WAYS = re.compile(
    r"[-−]?(?:[1-9]\d{0,2}\.\d{3}|\d+,\d{1,2})"
)  # thousands in one country, decimals in another
_DAY = re.compile(
    r"(?:on )?(?:the )?(?:day )?(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?(?: day)?(?: of (?:each|every|the) month)?"
)
_CADENCES: dict[Every, tuple[str, ...]] = {
    "run": ("each run", "every run", "with each run", "with every run"),
    "day": ("daily", "each day", "every day", "each morning", "every morning"),
    "week": ("weekly", "each week", "every week", "once a week"),
    "month": ("monthly", "each month", "every month", "once a month"),
    "once": ("once", "one time", "one-off", "only once", "just once"),
}
_WEEKLY = re.compile(
    r"(?:weekly|each week|every week|once a week)?,?\s*(?:on\s+)?(?:each\s+|every\s+)?(\w+?)s?"
)
_MONTHLY = re.compile(r"(?:monthly|each month|every month|once a month),?\s*(.*)")
_ENDS = {"first": 1, "first day": 1, "last": 31, "last day": 31}


class UnclearError(ValueError):
    """A text that stands for no such wish; its message says what can be written, in Markdown."""


_SECOND = re.compile(r"\w\s*(?:!=|<>|=)\s*\S")  # as in `North and region = South`


def read_filter(text: str, excluding: bool = True) -> Filter:
    """A filter; its dimension is as it was written.

    excluding: False to read `state = not started` as the value `not started`, which a dimension may have.
    """
    if found := _LIMIT.fullmatch(text):
        number = read_number(found["number"])
        return Filter(
            dimension=found["name"].strip(), **{"low" if found["sign"] in (">=", "≥") else "high": number}
        )
    if (found := _EXCLUDED.fullmatch(text)) and (excluding or not found["equal"]):
        return Filter(dimension=found["name"].strip(), values=_read_values(found["values"]), excluded=True)
    name, remainder = _split_name(text, FILTERS)
    if range_ := _RANGE.fullmatch(remainder) or _BETWEEN.fullmatch(remainder):
        if not (range_["low"] or range_["high"]):
            raise UnclearError(FILTERS)
        low, high = (read_number(each) if each else None for each in (range_["low"], range_["high"]))
        if low is not None and high is not None and low > high:
            raise UnclearError(f"A range begins with its smaller number. {FILTERS}")
        return Filter(dimension=name, low=low, high=high)
    if name.endswith(("<", ">")):
        raise UnclearError(f"Limits are included: write `>=` or `<=`. {FILTERS}")
    values = _read_values(remainder)
    if more := next((each for each in values if _SECOND.search(each) and f'"{each}"' not in remainder), ""):
        raise UnclearError(
            f"`{more[:60]}` has a second condition in it: write each in an entry of its own, or one value in quotes. "
            f"{FILTERS}"
        )
    return Filter(dimension=name, values=values)


def _read_values(text: str) -> tuple[str, ...]:
    """The values that a filter names, once each."""
    inner = text[1:-1] if text[:1] + text[-1:] in ("()", "[]") else text
    values = tuple(dict.fromkeys(split_values(inner)))
    if not values:
        raise UnclearError(FILTERS)
    if len(values) > MOST_VALUES:
        raise UnclearError(f"At most {MOST_VALUES} values can be preset.")
    return values


def split_values(text: str) -> list[str]:
    """The values of a list with commas, or with `and` or `or` before the last; one in quotes is kept as it is."""
    found, rest = list[str](), text.strip()
    while rest:
        quoted = re.match(r'\s*"((?:[^"]|"")*)"\s*(?:,|$|(?=(?:and|or)\b))', rest)
        if quoted:
            found.append(quoted[1].replace('""', '"'))
            rest = rest[quoted.end() :].lstrip()
            rest = re.sub(r"^(?:and|or)\s+", "", rest)
            continue
        part, _, rest = rest.partition(",")
        found += [part] if rest.strip() or "," in text else re.split(r"\s+or\s+", part)
        rest = rest.strip()
    words = (re.sub(r"^(?:and|or)\s+", "", each.strip()) if found[1:] else each.strip() for each in found)
    return [word for word in words if word]


def read_period(text: str) -> tuple[Span, Against | None]:
    """A span of time, and what it is compared with where that stands behind it."""
    remainder, *more = _VERSUS.split(text.strip(), maxsplit=1)
    return read_span(remainder), read_comparison(more[0]) if more else None


def read_span(text: str) -> Span:
    """A span of time."""
    words = _plain(text)
    if words in ("all", "all time", "all data", "everything", "ever"):
        return Span()
    if found := _LAST.fullmatch(words):
        count = _read_count(found["count"])
        return Span(unit=found["unit"], count=count)
    if words in ("yesterday", "ytd"):
        return Span(unit="day", count=1) if words == "yesterday" else Span(unit="year")
    if found := _THIS.fullmatch(words):
        return Span(unit=found["unit"] or found["to_date"])
    return _read_fixed_span(words)


def read_comparison(text: str) -> Against:
    """What a period is compared with."""
    words = _plain(text)
    if _YEAR_BEFORE.fullmatch(words):
        return Against.year
    if _PREVIOUS.fullmatch(words):
        return Against.previous
    raise UnclearError(COMPARISONS)


def read_target(text: str) -> Target:
    """A target; its metric is as it was written."""
    name, remainder = _split_name(text, TARGETS)
    by = None
    if found := _BY.search(remainder):
        days = read_days(found["day"])
        if len(days) != 1:
            raise UnclearError("The day of a target is written as `by 2026-12-31`.")
        by, remainder = days[0], remainder[: found.start()]
    remainder, per = _split_unit(remainder)
    try:
        return Target(metric=name, against=read_comparison(remainder), by=by)
    except UnclearError:
        return Target(metric=name, value=read_number(remainder), per=per, by=by)


def read_alert(text: str) -> Alert:
    """An alert; its metric is as it was written."""
    found = _ALERT.fullmatch(text.strip())
    if not found:
        raise UnclearError(ALERTS)
    number, per = _split_unit(found["number"])
    above = not found["below"] and found["sign"] != "<"
    return Alert(metric=found["name"].strip(" `\"'=:"), above=above, value=read_number(number), per=per)


def read_subscriber(text: str) -> str:
    """An e-mail address, or the name of a channel, whose `#` may be left out."""
    words = text.strip().removeprefix("mailto:")
    if _ADDRESS.fullmatch(words):
        return words
    if _CHANNEL.fullmatch(words):
        return words.removeprefix("#").casefold()
    raise UnclearError(SUBSCRIBERS)


def read_cadence(text: str) -> Cadence:
    """When a dashboard is refreshed."""
    words = re.sub(r"[()]", "", _plain(text))
    for every, spellings in _CADENCES.items():
        if words in spellings:
            return Cadence(every=every)
    if (found := _WEEKLY.fullmatch(words)) and (day := _find_weekday(found[1])):
        return Cadence(every="week", day=day)
    if found := _MONTHLY.fullmatch(words):
        named = _ENDS.get(re.sub(r"^(?:on )?(?:the )?|(?: of (?:each|every|the) month)$", "", found[1]))
        dated = _DAY.fullmatch(found[1])
        day = named or (int(dated["day"]) if dated else 0)
        if 1 <= day <= 31:  # days of a month
            return Cadence(every="month", day=day)
    raise UnclearError(CADENCES)


def read_number(text: str) -> float:
    """A number: `120000`, `120,000`, `1.5m`, `95%`."""
    words = text.strip().casefold()
    if _TWO_WAYS.fullmatch(words.strip("€$£ ")):
        raise UnclearError(
            "That number can be read in two ways: write `120000` without signs between, `1.5` with a point."
        )
    found = _NUMBER.fullmatch(words)
    if not found:
        raise UnclearError("Write a number as `120000`, `1.5m` or `95%`.")
    value = float(found["number"].replace(",", "")) * _SCALE.get(found["scale"] or "", 1)
    value = value / 100 if found["percent"] else value
    return -value if found["sign"] else value


def _split_name(text: str, remedy: str) -> tuple[str, str]:
    found = _ASSIGN.search(text)
    name, remainder = (text[: found.start()], text[found.end() :]) if found else ("", "")
    if not name.strip() or not remainder.strip():
        raise UnclearError(remedy)
    return name.strip(), remainder.strip()


def _split_unit(text: str) -> tuple[str, str]:
    """A figure's text without the unit of time that it is of, and that unit; empty without one."""
    found = _PER.search(text.casefold())
    if not found:
        return text, ""
    return text[: found.start()] + text[found.end() :], found["per"] or _LY[found["ly"]]


def _plain(text: str) -> str:
    words = " ".join(text.casefold().replace("_", " ").split()).strip(" ,\"'`")
    return words if words.endswith("..") else words.rstrip(".")


def _read_count(text: str | None) -> int:
    if text is None:
        return 1
    count = int(text) if text.isdigit() else _COUNTS.get(text, 0)
    if not 1 <= count <= MOST_UNITS:
        raise UnclearError(PERIODS)
    return count


def _read_fixed_span(words: str) -> Span:
    if found := re.fullmatch(r"(?:since|from|starting)\s+(.+)", words):
        inner = re.split(r"\s+(?:to|until|till)\s+", found[1])
        if len(inner) == 1:
            return Span(first=_read_unit(inner[0])[0])
    if found := re.fullmatch(r"(?:until|till|up to)\s+(.+)", words):
        return Span(last=_read_unit(found[1])[1])
    parts = re.split(
        r"\s*(?:\.\.\.?|–|\s-\s|\bto\b|\buntil\b|\bthrough\b)\s*", re.sub(r"^(?:from|between) ", "", words)
    )
    if words.startswith("between "):
        parts = re.split(r"\s+and\s+", words.removeprefix("between "))
    if len(parts) == 1:
        first, last = _read_unit(parts[0])
        return Span(first=first, last=last)
    if len(parts) != 2 or not any(parts):  # from and to
        raise UnclearError(PERIODS)
    begin = _read_unit(parts[0])[0] if parts[0] else None
    end = _read_unit(parts[1])[1] if parts[1] else None
    if begin and end and begin > end:
        raise UnclearError(f"A period begins before it ends. {PERIODS}")
    return Span(first=begin, last=end)


def _read_unit(text: str) -> tuple[date, date]:
    """The first and last day of a year, quarter, month or day."""
    words = text.strip()
    if found := re.fullmatch(r"((?:19|20)\d{2})", words):
        return date(int(found[1]), 1, 1), date(int(found[1]), 12, 31)
    quarter = re.fullmatch(
        r"(?P<year>(?:19|20)\d{2})[- ]?q(?P<q>[1-4])|q(?P<q2>[1-4])[- /]?(?P<year2>(?:19|20)\d{2})", words
    )
    if quarter:
        year, number = int(quarter["year"] or quarter["year2"]), int(quarter["q"] or quarter["q2"])
        return date(year, number * 3 - 2, 1), end_month(year, number * 3)
    if found := re.fullmatch(r"((?:19|20)\d{2})-(0[1-9]|1[0-2])", words):
        return date(int(found[1]), int(found[2]), 1), end_month(int(found[1]), int(found[2]))
    if re.fullmatch(r"[^\W\d]+\.? (?:19|20)\d{2}", words) and len(days := read_days(f"1 {words}")) == 1:
        return days[0], end_month(days[0].year, days[0].month)
    days = read_days(words)
    if len(days) != 1:
        raise UnclearError(PERIODS)
    return days[0], days[0]


def _find_weekday(word: str) -> int:
    """1 for Monday, ... of a name or its first three letters; 0 for none."""
    names = [name.casefold() for name in WEEKDAYS]
    return next((n for n, name in enumerate(names, 1) if len(word) > 2 and name.startswith(word)), 0)
