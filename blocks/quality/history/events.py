"""Events that a dbt seed lists: one row each, with a name, the first day and the last."""

from __future__ import annotations

from blocks.errors import Misconfigured, Rejected, replace_vendor_errors
from blocks.quality.history.rules import Event, read_event
from blocks.quality.history.series import read_day
from blocks.warehouse.base import Session, Warehouse

COLUMNS = ("name", "first_day", "last_day")
MOST_EVENTS = 10_000


def read_seed(warehouse: Warehouse, session: Session, seed: str, relation: str) -> tuple[Event, ...]:
    """The events of a seed's relation (`schema.table`); without a last day one is of its first alone.

    Raises Misconfigured where it has not these columns, or no days in them.
    """
    names = ", ".join(map(warehouse.quote, COLUMNS))

    def translate(_: BaseException) -> Misconfigured:
        return Misconfigured(
            f"read the events of seed {seed}",
            "it has not the columns name, first_day and last_day, or no dates in them",
            "Name its columns so, and declare the days as date in column_types.",
        )

    with replace_vendor_errors((Rejected, ValueError), translate):
        rows = session.rows(f"select {names} from {warehouse.relation(relation)} limit {MOST_EVENTS}")
        days = [(name, read_day(first), read_day(last)) for name, first, last in rows]
    found = (read_event({"name": name, "from": first, "to": last or first}) for name, first, last in days)
    return tuple(event for event in found if event)
