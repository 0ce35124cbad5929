"""How a batch gets into Dremio: files to the landing folder, then COPY INTO, with our own ledger.

There is no transaction over statements, so the order carries it. The ledger forgets the batch's items first and
learns them last; a load first takes out their rows, and rows of items that the ledger does not know: those a
killed load left. Counted before the ledger learns: a statement whose answer was lost may have run twice.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from blocks.warehouse.base import STAMPS, WASTE, Batch
from blocks.warehouse.control import forget, forget_items, prepare_control, write_ledger
from blocks.warehouse.dremio.load_target import Target

if TYPE_CHECKING:
    from blocks.warehouse.dremio.warehouse import DremioWarehouse

_LOADING = Lock()  # two commits to one table at once: one of them would fail


def load_batch(warehouse: DremioWarehouse, batch: Batch) -> tuple[str, ...]:
    """Load rows and quarantined rows, then the ledger; return the columns that are new. Raises ContractBroken."""
    table = batch.table
    columns = {column.name: warehouse.type_of(column.data_type) for column in table.columns} | STAMPS
    good = Target(warehouse, batch, table.identifier, columns, batch.data)
    bad = Target(warehouse, batch, f"{table.identifier}__quarantine", WASTE, batch.quarantine)
    with _LOADING, warehouse.session() as session:
        prepare_control(warehouse, session)
        fresh = {**good.check(session), **bad.check(session)}
        if batch.mode == "replace":
            forget(warehouse, session, table.source, table.name)
        else:
            forget_items(warehouse, session, batch.entries)
        for target in (good, bad):
            target.widen(session)
            target.take_out(session)
            target.bring(session)
        good.let_go(session)
        write_ledger(warehouse, session, batch.entries)
    return tuple(f"new column {name} ({kind.lower()})" for name, kind in fresh.items())
