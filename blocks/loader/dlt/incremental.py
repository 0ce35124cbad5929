"""Which rows of a table a load reads: from the watermark less a lookback on, and days that are loaded again."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from blocks.errors import Misconfigured
from blocks.loader.dlt.future import is_in_future, parse_time
from blocks.loader.dlt.load_context import LoadContext
from blocks.loader.dlt.table_config import find_cursor_column, get_cursor, get_load_mode
from blocks.loader.dlt.values import get_formats
from blocks.records import SourceTable


class Window(NamedTuple):
    """since: rows from this value of the cursor on, None: all. days: and these, as [first, one after the last)."""

    since: str | None = None
    days: tuple[str, str] | None = None

    @property
    def start(self) -> str | None:
        """The earliest value of the cursor that is wanted, for those who can only ask for `since`."""
        return min(self.since, self.days[0]) if self.since is not None and self.days else self.since


def get_window(context: LoadContext, table: SourceTable) -> Window:
    """Say what to ask the source for. Raises Misconfigured for days of a cursor that is no time."""
    if get_load_mode(table) != "merge" or not get_cursor(table):
        return Window()
    since, days, kind = get_watermark(context, table), None, _get_cursor_type(table)
    if context.load_range.since:
        if kind not in ("date", "timestamp"):
            raise Misconfigured(
                f"load {table.full_name}",
                "its cursor is no date or timestamp, so it has no days to load again",
                "Leave it out by --only-sources, or ask for a full refresh.",
            )
        until = context.load_range.until or date.max - timedelta(1)
        days = (context.load_range.since.isoformat(), (until + timedelta(1)).isoformat())
    return Window(subtract_lookback(table, since), days)


def get_watermark(context: LoadContext, table: SourceTable) -> str | None:
    """Return the cursor's highest value at the end of the last load; None too for one that is in the future."""
    found, column = context.get_watermark(table), find_cursor_column(table)
    if found is not None and column and is_in_future(column, found, context.at):
        return None
    return found


def subtract_lookback(table: SourceTable, watermark: str | None) -> str | None:
    """Subtract the table's `lookback` from the watermark: days of a time, units of a number."""
    back = table.meta.get("lookback")
    if watermark is None or not back:
        return watermark
    try:
        return _subtract(table, watermark, Decimal(str(back)))
    except (ArithmeticError, ValueError):
        pass
    raise Misconfigured(
        f"load {table.full_name}",
        "its lookback can't be taken from its cursor",
        "Declare the cursor as date, timestamp or a number, and the lookback as days or units.",
    )


def _subtract(table: SourceTable, value: str, back: Decimal) -> str:
    kind, column = _get_cursor_type(table), find_cursor_column(table)
    if kind in ("date", "timestamp") and column and "format" in column.meta:
        return (parse_time(column, value) - timedelta(days=float(back))).strftime(get_formats(column)[0])
    if kind == "date":
        return (date.fromisoformat(value[:10]) - timedelta(days=float(back))).isoformat()
    if kind == "timestamp":
        return (datetime.fromisoformat(value) - timedelta(days=float(back))).isoformat(" ")
    return str(Decimal(value) - back)


def _get_cursor_type(table: SourceTable) -> str:
    """Return the cursor's declared type."""
    column = find_cursor_column(table)
    return (column.data_type or "").lower().strip() if column else ""
