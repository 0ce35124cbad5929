"""How a batch gets into Snowflake: Parquet files to a stage, then COPY INTO, never row by row.

DDL commits by itself there, so tables are made and widened first; what changes rows, the ledger's lines among
it, is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from blocks.errors import ContractBroken, PlatformError
from blocks.warehouse.base import STAMPS, WASTE, Batch, Session, Warehouse, transaction
from blocks.warehouse.control import prepare_control
from blocks.warehouse.snowflake.stage import copy_sql, staged
from blocks.warehouse.snowflake.types import columns_of, fits

ITEMS_AT_ONCE = 1000


def load_batch(
    house: Warehouse, session: Session, batch: Batch, ledger: Callable[[], None]
) -> tuple[str, ...]:
    """Load rows, quarantined rows and the ledger; return the columns that are new. Raises ContractBroken."""
    table = batch.table
    rows, waste = (f"{table.schema_name}.{table.identifier}{end}" for end in ("", "__quarantine"))
    prepare_control(house, session)
    house.make_schema(session, table.schema_name)
    declared = [(column.name, column.data_type) for column in table.columns]
    changes = _shape(house, session, rows, [*declared, *STAMPS.items()], batch.data)
    changes += _shape(house, session, waste, [*WASTE.items()], batch.quarantine)
    files = {"data": batch.data, "quarantine": batch.quarantine, "gone": batch.gone}
    with (
        staged(house, session, files) as folders,
        _beside(house, session, batch, rows, folders) as beside,
        transaction(session),
    ):
        _take_out(house, session, batch, rows, beside)
        _take_out(house, session, batch, waste, {})
        if "data" in beside:
            incoming = house.relation(beside["data"])
            session.rows(f"insert into {house.relation(rows)} select * from {incoming}")
        elif "data" in folders:
            session.rows(copy_sql(house, rows, folders["data"]))
        if "quarantine" in folders:
            session.rows(copy_sql(house, waste, folders["quarantine"]))
        ledger()
    return tuple(changes)


def _shape(
    house: Warehouse,
    session: Session,
    target: str,
    columns: Sequence[tuple[str, str | None]],
    files: Sequence[Path],
) -> list[str]:
    """Make the table, and widen it by the files' new columns; nothing is changed if a type does not fit."""
    body = ", ".join(f"{house.quote(name)} {house.type_of(kind)}" for name, kind in columns)
    session.rows(f"create table if not exists {house.relation(target)} ({body})")
    known = house.columns(session, *target.rsplit(".", 1))
    found = {name: kind for file in files for name, kind in columns_of(file).items()}
    for name, kind in found.items():
        if name in known and not fits(kind, known[name]):
            raise ContractBroken(
                f"load {target}",
                f"column {name} comes as {kind}, the table has {known[name]}",
                f"Declare {name} as {known[name].lower()}, or drop {target} to load it anew.",
            )
    fresh = {name: kind for name, kind in found.items() if name not in known}
    for name, kind in fresh.items():
        session.rows(
            f"alter table {house.relation(target)} add column if not exists {house.quote(name)} {kind}"
        )
    return [f"new column {name} ({kind.lower()})" for name, kind in fresh.items()]


@contextmanager
def _beside(
    house: Warehouse, session: Session, batch: Batch, rows: str, folders: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """Tables beside the target for what is matched by key: rows to merge, keys that are gone."""
    groups = [group for group in ("data", "gone") if group in folders and batch.mode == "merge"]
    tables = {group: f"{rows}__{group}" for group in groups}
    try:
        for group, name in tables.items():
            like = house.relation(rows)
            session.rows(f"create or replace transient table {house.relation(name)} like {like}")
            session.rows(copy_sql(house, name, folders[group]))
        yield tables
    finally:
        with suppress(PlatformError):
            for name in tables.values():
                session.rows(f"drop table if exists {house.relation(name)}")


def _take_out(
    house: Warehouse, session: Session, batch: Batch, target: str, beside: Mapping[str, str]
) -> None:
    """Remove what the batch brings anew: everything, the rows of its items, or those of the same keys."""
    table = house.relation(target)
    if batch.mode == "replace":
        session.rows(f"delete from {table}")
    elif batch.mode == "append":
        items = [entry.item for entry in batch.entries]
        for part in (items[at : at + ITEMS_AT_ONCE] for at in range(0, len(items), ITEMS_AT_ONCE)):
            marks = ", ".join("?" * len(part))
            session.rows(f"delete from {table} where {house.quote('_item')} in ({marks})", part)
    same = " and ".join(f"t.{house.quote(key)} = n.{house.quote(key)}" for key in batch.key)
    for other in beside.values() if same else ():
        session.rows(f"delete from {table} t using {house.relation(other)} n where {same}")
