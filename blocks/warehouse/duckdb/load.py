"""How a batch gets into DuckDB: create or widen the table, take out what is replaced, insert.

Called inside a transaction; the ledger's lines are the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blocks.errors import ContractBroken
from blocks.warehouse.base import STAMPS, WASTE, Batch, Session, Warehouse, literal


def load_batch(warehouse: Warehouse, session: Session, batch: Batch) -> tuple[str, ...]:
    """Load rows and quarantined rows; return the columns that are new. Raises ContractBroken."""
    table = batch.table
    schema, name = table.schema_name, table.identifier
    warehouse.make_schema(session, schema)
    declared = [(column.name, warehouse.type_of(column.data_type)) for column in table.columns]
    data = (schema, name, [*declared, *STAMPS.items()], batch.data)
    waste = (schema, f"{name}__quarantine", [*WASTE.items()], batch.quarantine)
    changes: tuple[str, ...] = ()
    for schema, name, columns, files in (data, waste):
        target = warehouse.quote(schema, name)
        body = ", ".join(f"{warehouse.quote(column)} {kind}" for column, kind in columns)
        session.rows(f"create table if not exists {target} ({body})")
        if files:
            changes += _insert(warehouse, session, (schema, name), batch, files)
        else:
            _take_out(session, target, batch)
    if batch.gone:
        _delete(warehouse, session, batch)
    return changes


def _take_out(session: Session, target: str, batch: Batch) -> None:
    """Remove what the batch brings anew: everything, or the rows of its items."""
    if batch.mode == "replace":
        session.rows(f"delete from {target}")
    elif batch.mode == "append":
        items = [entry.item for entry in batch.entries]
        session.rows(f"delete from {target} where _item in (select unnest(?::varchar[]))", (items,))


def _insert(
    warehouse: Warehouse, session: Session, names: tuple[str, str], batch: Batch, files: Sequence[Path]
) -> tuple[str, ...]:
    """Widen the table by columns it lacks and insert; merged rows replace those of the same key."""
    target, known = warehouse.quote(*names), warehouse.columns(session, *names)
    incoming = _reading(files)
    found = {row[0]: row[1] for row in session.rows(f"describe select * from {incoming}")}
    fresh = {name: kind for name, kind in found.items() if name not in known}
    for name, kind in found.items():
        if known.get(name, kind) != kind:
            raise ContractBroken(
                f"load {'.'.join(names)}",
                f"column {name} comes as {kind}, the table has {known[name]}",
                f"Declare {name} as {known[name].lower()}, or drop {'.'.join(names)} to load it anew.",
            )
    for name, kind in fresh.items():
        session.rows(f"alter table {target} add column {warehouse.quote(name)} {kind}")
    _take_out(
        session, target, batch
    )  # after widening: DuckDB can't alter a table this transaction has changed
    if batch.mode == "merge" and set(batch.key) <= set(found):
        session.rows(f"delete from {target} t using {incoming} n where {_same(warehouse, batch)}")
    session.rows(f"insert into {target} by name select * from {incoming}")
    return tuple(f"new column {name} ({kind.lower()})" for name, kind in fresh.items())


def _delete(warehouse: Warehouse, session: Session, batch: Batch) -> None:
    """Take out the rows whose keys are gone at the source."""
    target = warehouse.quote(batch.table.schema_name, batch.table.identifier)
    session.rows(f"delete from {target} t using {_reading(batch.gone)} n where {_same(warehouse, batch)}")


def _same(warehouse: Warehouse, batch: Batch) -> str:
    return " and ".join(f"t.{warehouse.quote(key)} = n.{warehouse.quote(key)}" for key in batch.key)


def _reading(files: Sequence[Path]) -> str:
    return "read_parquet([" + ", ".join(literal(str(file)) for file in files) + "], union_by_name = true)"
