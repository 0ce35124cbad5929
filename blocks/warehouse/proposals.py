"""The control table of what was proposed to tickets and accepted: dbt's names and values, no ticket text."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import BadInput
from blocks.warehouse.control import LONGEST_DETAIL, now, replace_lines
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
    replace_lines(warehouse, "proposals", PROPOSALS, [(ticket,)], [(ticket, now(), detail)])
