"""Which part of a table a load takes: from the watermark on, less a lookback; and days that are loaded again."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from blocks.errors import Misconfigured
from blocks.loader.dlt.load_context import Job, cursor, mode
from blocks.records import SourceTable


class Window(NamedTuple):
    """since: rows from this value of the cursor on, None: all. days: and these, as [first, one after the last)."""

    since: str | None = None
    days: tuple[str, str] | None = None

    @property
    def start(self) -> str | None:
        """The earliest value of the cursor that is wanted, for those who can only ask for `since`."""
        return min(self.since, self.days[0]) if self.since is not None and self.days else self.since


def window(job: Job, table: SourceTable) -> Window:
    """What to ask the source for. Raises Misconfigured for days of a cursor that is no time."""
    if mode(table) != "merge" or not cursor(table):
        return Window()
    since, days, kind = job.watermark(table), None, _kind(table)
    if job.reload.since:
        if kind not in ("date", "timestamp"):
            raise Misconfigured(
                f"load {table.full_name}",
                "its cursor is no date or timestamp, so it has no days to load again",
                "Leave it out by --only-sources, or ask for a full refresh.",
            )
        until = job.reload.until or date.max - timedelta(1)
        days = (job.reload.since.isoformat(), (until + timedelta(1)).isoformat())
    return Window(lowered(table, since), days)


def lowered(table: SourceTable, watermark: str | None) -> str | None:
    """The watermark less the table's `lookback`: days of a time, units of a number."""
    back = table.meta.get("lookback")
    if watermark is None or not back:
        return watermark
    try:
        return _less(watermark, _kind(table), Decimal(str(back)))
    except (ArithmeticError, ValueError):
        pass
    raise Misconfigured(
        f"load {table.full_name}",
        "its lookback can't be taken from its cursor",
        "Declare the cursor as date, timestamp or a number, and the lookback as days or units.",
    )


def _less(value: str, kind: str, back: Decimal) -> str:
    if kind == "date":
        return (date.fromisoformat(value[:10]) - timedelta(days=float(back))).isoformat()
    if kind == "timestamp":
        return (datetime.fromisoformat(value) - timedelta(days=float(back))).isoformat(" ")
    return str(Decimal(value) - back)


def _kind(table: SourceTable) -> str:
    """The cursor's declared type."""
    (kind,) = [column.data_type or "" for column in table.columns if [column.name] == cursor(table)]
    return kind.lower().strip()
