"""Control's list of dashboards that their tickets asked to be refreshed at certain times: when each was, last.

It says which of them are due. What is asked for stays on the tickets; this keeps keys, times and a fingerprint.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from blocks.records import Record
from blocks.warehouse import control
from blocks.warehouse.settings import WarehouseConnection

TABLE = "standing"
COLUMNS = {
    "dashboard": "varchar",
    "ticket": "varchar",
    "cadence": "varchar",
    "fingerprint": "varchar",
    "run_id": "varchar",
    "refreshed_at": "timestamp",
}


class Standing(Record):
    """A dashboard that went out. ticket: whose wishes it has, if any; cadence: as it is written, "" for none.

    fingerprint: of what was asked for; at: UTC, naive.
    """

    dashboard: str
    ticket: str = ""
    cadence: str = ""
    fingerprint: str = ""
    run: str = ""
    at: datetime | None = None

    @property
    def day(self) -> date | None:
        """When it was refreshed."""
        return self.at.date() if self.at else None


def read_standing(warehouse: WarehouseConnection) -> dict[str, Standing]:
    """Dashboard → what is known of it; empty before the first."""
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, TABLE):
            return {}
        names = ", ".join(COLUMNS)
        rows = session.rows(f"select {names} from {warehouse.quote(warehouse.control, TABLE)}")
    fields = ("dashboard", "ticket", "cadence", "fingerprint", "run", "at")
    found = [Standing(**dict(zip(fields, row, strict=True))) for row in rows]
    return {each.dashboard: each for each in found}


def write_standing(
    warehouse: WarehouseConnection, forgotten: Collection[str], entries: Sequence[Standing]
) -> None:
    """Write what went out now, in place of what was known of these dashboards and of those forgotten.

    Nothing is written, or made, where there is neither. Raises LeaseLost.
    """
    names = sorted({*forgotten, *(each.dashboard for each in entries)})
    if not names:
        return
    now = control.now()
    lines = [(e.dashboard, e.ticket, e.cadence, e.fingerprint, e.run, now) for e in entries]
    control.replace_lines(warehouse, TABLE, COLUMNS, [(name,) for name in names], lines)
