"""Control's list of what subscribers were told last, so that nothing is told twice. No name of a person is in it."""

from __future__ import annotations

from collections.abc import Mapping

from blocks.warehouse import control
from blocks.warehouse.settings import WarehouseConnection

TABLE = "notices"
COLUMNS = {"topic": "varchar", "state": "varchar", "run_id": "varchar", "told_at": "timestamp"}


def read_notices(warehouse: WarehouseConnection) -> dict[str, str]:
    """Topic → the state that was told last; empty before the first."""
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, TABLE):
            return {}
        rows = session.rows(f"select topic, state from {warehouse.quote(warehouse.control, TABLE)}")
    return {str(topic): str(state) for topic, state in rows}


def write_notices(warehouse: WarehouseConnection, run: str, told: Mapping[str, str]) -> None:
    """Write what was told now, by topic, in place of what was before. Raises LeaseLost."""
    if not told:
        return
    lines = [(topic, state, run, control.now()) for topic, state in told.items()]
    control.replace_lines(warehouse, TABLE, COLUMNS, [(topic,) for topic in told], lines)
