"""Until when the data of a mart reach, from its source tables: the mart's own dates may be cut to months.

A source table that declares dbt's `event_time` is asked for its newest; of tables that declare none, the ledger's
newest watermark counts. What was loaded after the mart was built is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta

from blocks.errors import PlatformError
from blocks.records import SourceTable
from blocks.warehouse.base import Session, Warehouse

LONGEST_SILENCE = timedelta(days=31)
"""A source that claims to reach further than this past the newest row of the mart says nothing of the mart's end."""


def find_data_end(
    warehouse: Warehouse,
    session: Session,
    tables: Sequence[SourceTable],
    built: datetime | None,
    newest: date | None,
) -> date | None:
    """The last day that the data of these tables reach over with all its hours; None if nothing says so.

    built: when the mart was, in UTC; newest: day in the mart. The day of the load itself is not over yet.
    """
    events = [day for table in tables if (day := _read_newest_event(warehouse, session, table, built))]
    marks = _read_newest_watermarks(warehouse, session, tables, built)
    end = min(events, default=None) or max(marks, default=None)
    if end and built:
        end = min(end, built.date() - timedelta(days=1))
    if end and newest and end > newest + LONGEST_SILENCE:
        return None
    return end


def _read_newest_event(
    warehouse: Warehouse, session: Session, table: SourceTable, built: datetime | None
) -> date | None:
    if not table.event_time:
        return None
    relation = warehouse.quote(table.schema_name, table.identifier)
    loaded = warehouse.quote(table.loaded_at) if table.loaded_at and built else ""
    where = f" where {loaded} <= ?" if loaded else ""
    query = f"select max({warehouse.quote(table.event_time)}) from {relation}{where}"
    with suppress(PlatformError):  # a table that can't be read leaves the ledger's word
        return _read_day(session.rows(query, [built] if loaded else [])[0][0])
    return None


def _read_newest_watermarks(
    warehouse: Warehouse, session: Session, tables: Sequence[SourceTable], built: datetime | None
) -> list[date]:
    ledger = warehouse.quote(warehouse.control, "loads")
    if not warehouse.columns(session, warehouse.control, "loads"):
        return []
    until, parameters = (" and loaded_at <= ?", [built]) if built else ("", [])
    rows = session.rows(
        f"select source_name, table_name, max(watermark) from {ledger} where watermark is not null{until}"
        " group by source_name, table_name",
        parameters,
    )
    wanted = {(table.source, table.name) for table in tables}
    days = [_read_day(mark) for source, table, mark in rows if (source, table) in wanted]
    return [day for day in days if day]


def _read_day(value: object) -> date | None:
    """The day of a date, a point in time, or a text that begins with one."""
    if value is None:
        return None
    with suppress(ValueError):
        return date.fromisoformat(str(value)[:10])
    return None
