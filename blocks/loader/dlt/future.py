"""Which values of a cursor are in the future, and so no watermark: times, and numbers that are times."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from blocks.errors import Misconfigured
from blocks.loader.dlt.values import build_literal, describe_type, get_formats, is_time
from blocks.records import Column
from blocks.sql import quote_identifier

AHEAD = timedelta(days=1)  # of UTC, which the local times of some source may be by up to 14 hours
EPOCHS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_TIMES = re.compile(
    r"(?:^|_)(?:at|on|ts|ms|us|ns|unix|utc)(?:_|$)|time|date|epoch|stamp|modif|chang|creat|millis|micros"
)
_NUMBERS = re.compile(
    r"(?:^|_)(?:id|key|no|nr|num|number|seq|sequence|version|rev|revision|count|offset|lsn|scn)$"
)


def build_future_condition(column: Column, now: datetime) -> str:
    """Build the SQL that is true for a staged row whose cursor is a time in the future. now: in UTC."""
    name = quote_identifier(column.name)
    if is_time(column):
        return f"coalesce({name} > {build_literal(column, (now + AHEAD).isoformat(' '))}, false)"
    ranges = [f"({name} > {low} and {name} < {high})" for low, high in _list_ranges(column, now)]
    return f"coalesce({' or '.join(ranges)}, false)" if ranges else "false"


def is_in_future(column: Column, value: str, now: datetime) -> bool:
    """Return whether a value as its source writes it is a time in the future; False for one that can't be read."""
    try:
        if is_time(column):
            return parse_time(column, value).replace(tzinfo=None) > now + AHEAD
        number = Decimal(value)
        return any(low < number < high for low, high in _list_ranges(column, now))
    except (ValueError, InvalidOperation):  # written in another way than ours: the source's own
        return False


def parse_time(column: Column, value: str) -> datetime:
    """Read a watermark, as its source writes times. Raises ValueError for another."""
    if "format" in column.meta:
        return datetime.strptime(value.strip(), get_formats(column)[0])  # the watermark has none
    return datetime.fromisoformat(value)


def _list_ranges(column: Column, now: datetime) -> list[tuple[int, int]]:
    """List between which numbers a cursor is a time in the future.

    With `epoch` in its meta, above now in that unit. Without, a column that is called like a time may be seconds to
    nanoseconds since 1970, which their size tells, or digits of a date, as 20260131 and 20260131100507.
    """
    bound = now.replace(tzinfo=UTC) + AHEAD
    epoch, seconds = column.meta.get("epoch"), int(bound.timestamp())
    if epoch is not None and epoch is not False and epoch not in EPOCHS:
        raise Misconfigured(
            f"load column {column.name}", "its `epoch` is no unit", f"Use {', '.join(EPOCHS)}, or false."
        )
    if describe_type(column) not in ("an integer", "a number") or epoch is False:
        return []
    if epoch is not None:
        return [(seconds * EPOCHS[str(epoch)], 10**37)]
    if not any(_is_called_as_time(name) for name in (column.name, column.origin)):
        return []
    digits = (int(f"{bound:%Y%m%d}"), int(f"{bound:%Y%m%d%H%M%S}"), int(f"{bound:%Y%m%d%H%M%S}999"))
    return [
        (digits[0], 10**8),
        (seconds, 10**11),
        (seconds * 10**3, 19 * 10**12),  # from there on it may be digits of a date
        (digits[1], 10**14),
        (seconds * 10**6, 19 * 10**15),
        (digits[2], 10**17),
        (seconds * 10**9, 10**20),
    ]


def _is_called_as_time(name: str) -> bool:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|\W+", "_", name).lower()
    return bool(_TIMES.search(words)) and not _NUMBERS.search(words)
