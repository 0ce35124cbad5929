"""Numbers and dates as people read them, for the picture and chart axes; the page has number_format.js.

Forms: `number`, `percent`, `currency:GBP`. Halves are rounded away from zero, on the digits that a number is
written with. Nothing here computes. tests/cases/number_format.json holds this file and the page's to the same
texts.
"""

from __future__ import annotations

import math
import re
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal

from blocks.site.periods import MONTH_NAMES

NONE = "–"
_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥", "INR": "₹", "CNY": "¥"}
_EXACT = Context(prec=400, rounding=ROUND_HALF_UP)  # holds every double
STEPS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))
_SHORTENED = 9999.5  # from here on a figure has a letter


def find_unit(form: str) -> str:
    """What stands before a figure: a currency's sign, else its code; nothing for other forms."""
    found = re.fullmatch(r"currency:([A-Z]{3})", form)
    return _SYMBOLS.get(found.group(1), f"{found.group(1)}\u00a0") if found else ""


def write_compact(value: float | None, form: str) -> str:
    """A short figure: 1,234 · 48.1K · £1.24M · 12.3%."""
    if value is None or not math.isfinite(value):
        return NONE
    sign = "-" if value < 0 else ""
    if form == "percent":
        return f"{_round(value * 100, 1)}%"
    return sign + find_unit(form) + _shorten(abs(value), bool(find_unit(form)))


def write_exact(value: float | None, form: str) -> str | None:
    """A figure in full, for tables: 1,234.50 · £1,234.50 · 12.34%; None for none."""
    if value is None:
        return None
    if form == "percent":
        return f"{value:.2%}"
    return f"{'-' if value < 0 else ''}{find_unit(form)}{abs(value):,.2f}"


def write_change(value: float | None, before: float | None, form: str) -> str | None:
    """The signed change: percentage points for a percentage, otherwise relative; None where undefined."""
    if value is None or before is None or (form != "percent" and before == 0):
        return None
    points = (value - before) * 100 if form == "percent" else (value - before) / abs(before) * 100
    if not math.isfinite(points):
        return None
    sign = "" if abs(points) < 0.05 else "+" if points > 0 else "-"
    return f"{sign}{_round(abs(points), 1)}{' pp' if form == 'percent' else '%'}"


def judge_change(moved: str | None, goal: str) -> str:
    """Whether a change is `good`, `bad` or `even`."""
    if not moved or goal == "none" or moved[0] not in "+-":
        return "even"
    return "good" if (moved[0] == "+") == (goal == "up") else "bad"


def write_axis_expression(form: str) -> str:
    """The Vega expression that writes an axis label."""
    if form == "percent":
        return "format(datum.value, '.1~%')"
    short = "replace(replace(format(abs(datum.value), '.3~s'), 'G', 'B'), 'k', 'K')"
    size = f"(abs(datum.value) < 1 ? format(abs(datum.value), '.2~f') : {short})"
    return f"(datum.value < 0 ? '-' : '') + '{find_unit(form)}' + {size}"


def write_short_day(value: date) -> str:
    """3 Mar 2025."""
    return f"{value.day} {MONTH_NAMES[value.month - 1]} {value.year}"


def write_day(text: str | None) -> str:
    """3 Mar 2025 of 2025-03-03; any other text as it is."""
    try:
        return write_short_day(date.fromisoformat((text or "")[:10]))
    except ValueError:
        return text or ""


def write_span(begin: date, end: date) -> str:
    """3 Mar 2025 - 5 Apr 2025, as short as it can be."""
    return write_short_day(begin) if begin == end else f"{write_short_day(begin)} – {write_short_day(end)}"


def find_least(step: int) -> float:
    """From which number on figures have the letter of a step: the one that is rounded up to it."""
    return max(step * 0.99995, _SHORTENED)


def _shorten(size: float, money: bool) -> str:
    for step, letter in STEPS:
        if size >= find_least(step):
            scaled = size / step
            places = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return _round(scaled, places).replace(",", "") + letter
    if size == int(size) or size >= 1000:
        return _round(size, 0)
    return _round(size, 2 if money or size < 10 else 1)


def _round(value: float, places: int) -> str:
    """A number with so many decimal places, its thousands grouped."""
    step = Decimal(1).scaleb(-places)
    return f"{Decimal(repr(float(value))).quantize(step, context=_EXACT):,f}"
