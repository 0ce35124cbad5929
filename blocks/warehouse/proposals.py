"""The control table of what was proposed to tickets and accepted: dbt's names and values, no ticket text."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import BadInput
from blocks.warehouse.control import LONGEST_DETAIL, insert_lines, now
from blocks.warehouse.lease import fence_writes
from blocks.warehouse.settings import WarehouseConnection

PROPOSALS = {"ticket": "varchar", "recorded_at": "timestamp", "detail": "varchar"}


def read_proposals(warehouse: WarehouseConnection, tickets: Sequence[str]) -> dict[str, str]:
    """Ticket → what was recorded of it last, as JSON; empty before the first."""
    if not tickets:
        return {}
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, "proposals"):
            return {}
        table = warehouse.quote(warehouse.control, "proposals")
        places = ", ".join("?" * len(tickets))
        rows = session.rows(f"select ticket, detail from {table} where ticket in ({places})", list(tickets))
    return {str(ticket): str(detail) for ticket, detail in rows}


def write_proposal(warehouse: WarehouseConnection, ticket: str, detail: str) -> None:
    """Record what is proposed to a ticket, in place of what was before. Raises LeaseLost."""
    if len(detail.encode()) > LONGEST_DETAIL:
        raise BadInput(
            f"record the proposal of {ticket}", "it is too long", "Name fewer things in one ticket."
        )
    table = warehouse.quote(warehouse.control, "proposals")
    with warehouse.session() as session:
        warehouse.make_schema(session, warehouse.control)
        warehouse.make_table(session, warehouse.control, "proposals", PROPOSALS)
        with fence_writes(warehouse, session):
            session.rows(f"delete from {table} where ticket = ?", (ticket,))
            insert_lines(session, table, [(ticket, now(), detail)])
