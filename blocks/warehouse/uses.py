"""Control's list of how dashboards are used, where the site counts that: opened last, asked about, archived.

Names, numbers and days; of comments only fingerprints.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from blocks.records import Record
from blocks.warehouse import control
from blocks.warehouse.settings import WarehouseConnection

TABLE = "uses"
COLUMNS = {"dashboard": "varchar", "recorded_at": "timestamp", "detail": "varchar"}


class Use(Record):
    """How a dashboard is used. ticket: whose it is; opened: how often the site counted when we last looked.

    used_on: the last day on which it was opened, brought back or first seen; checked_on: when we last looked.
    asked_on, archived_on: since when its ticket is asked, and it is archived; None: not. seen: fingerprints of the
    comments that were there before we asked.
    """

    dashboard: str
    ticket: str
    opened: int
    used_on: date
    checked_on: date
    asked_on: date | None = None
    archived_on: date | None = None
    seen: tuple[str, ...] = ()


def read_uses(warehouse: WarehouseConnection) -> dict[str, Use]:
    """Dashboard → what is known of its use; empty where no site counts."""
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, TABLE):
            return {}
        rows = session.rows(f"select detail from {warehouse.quote(warehouse.control, TABLE)}")
    found = [Use.model_validate_json(str(detail)) for (detail,) in rows]
    return {each.dashboard: each for each in found}


def write_uses(warehouse: WarehouseConnection, uses: Sequence[Use]) -> None:
    """Write what is known of these dashboards, in place of what was before. Raises LeaseLost."""
    if not uses:
        return
    lines = [(each.dashboard, control.now(), each.model_dump_json()) for each in uses]
    control.replace_lines(warehouse, TABLE, COLUMNS, [(each.dashboard,) for each in uses], lines)
