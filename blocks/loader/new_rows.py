"""Counts what a vendor wrote into the warehouse since the last load, by the vendor's own columns.

Rows and watermark are exact: rows whose time stamp is later than the ledger's. Bytes are the length of their
values as text, since no vendor tells the size of what it moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from blocks.errors import ContractBroken
from blocks.records import LedgerEntry, LoadReport, SourceTable
from blocks.warehouse.base import Session, Warehouse


class VendorColumns(NamedTuple):
    """The columns that a vendor adds to every table.

    prefix: of all their names. stamp: when a row was written. deleted: SQL that is true for a row that was deleted
    at the source, by deleted_column. rejects: the table of rows that the vendor could not load, and its column of
    table names.
    """

    prefix: str
    stamp: str
    deleted: str
    deleted_column: str
    rejects: tuple[str, str] | None = None


def count_new_rows(
    warehouse: Warehouse, table: SourceTable, vendor: VendorColumns, history: Sequence[LedgerEntry], run: str
) -> tuple[LedgerEntry | None, LoadReport]:
    """Return a ledger entry, None if nothing is new, and the report. Raises ContractBroken for a lost column."""
    last = history[-1] if history else None
    with warehouse.session() as session:
        found = warehouse.columns(session, table.schema_name, table.identifier)
        columns = {name.lower(): kind for name, kind in found.items()}
        _check_columns(table, vendor, columns)
        rows, gone, size, watermark = _count(warehouse, session, table, vendor, columns, last)
        rejected = _count_rejected(warehouse, session, table, vendor) - sum(
            entry.quarantined for entry in history
        )
    schema = "; ".join(f"{name} {kind.lower()}" for name, kind in columns.items())
    changes = _describe_changes(last.fingerprint, schema) if last else ()
    watermark = watermark or (last.watermark if last else None)
    rejected = max(0, rejected)  # someone may have emptied the vendor's table
    fresh = bool(rows or gone or rejected)
    item = watermark or "all"
    if last and watermark == last.watermark:
        item = f"{item} ({run})"  # an entry of its own, or the one before would be replaced
    entry = LedgerEntry(
        source=table.source,
        table=table.name,
        item=item,
        fingerprint=schema,
        rows=rows,
        quarantined=rejected,
        bytes=size,
        watermark=watermark,
        run=run,
    )
    report = LoadReport(
        source=table.source,
        table=table.name,
        loader=table.loader,
        rows=rows,
        deleted=gone,
        bytes=size,
        items=int(fresh),
        watermark=watermark,
        quarantined=rejected,
        schema_changes=changes,
    )
    return (entry if fresh or changes or not last else None), report


def _check_columns(table: SourceTable, vendor: VendorColumns, columns: Mapping[str, str]) -> None:
    wanted = [*(column.name for column in table.columns), vendor.stamp]
    gone = [name for name in wanted if name.lower() not in columns]
    if gone:
        what = f"column {', '.join(gone)} is missing" if columns else "the table is missing"
        raise ContractBroken(
            f"load {table.full_name} from {table.schema_name}.{table.identifier}",
            what,
            "Select it at the vendor, or take it out of the dbt source and of what reads it.",
            table.full_name,
            gone,
        )


def _count(
    warehouse: Warehouse,
    session: Session,
    table: SourceTable,
    vendor: VendorColumns,
    columns: Mapping[str, str],
    last: LedgerEntry | None,
) -> tuple[int, int, int, str | None]:
    """Count rows, deleted rows, bytes and the highest stamp of what is newer than the ledger."""
    stamp = warehouse.quote(vendor.stamp)
    new, parameters = "true", []
    if last and last.watermark:
        new, parameters = f"{stamp} > cast(? as {columns[vendor.stamp]})", [last.watermark]
    gone = vendor.deleted if vendor.deleted_column in columns else "1 = 0"
    own = [name for name in columns if not name.startswith(vendor.prefix)]
    size = " + ".join(f"coalesce(length(cast({warehouse.quote(name)} as varchar)), 0)" for name in own) or "0"
    ((rows, deleted, length, newest),) = session.rows(
        f"select count(*), sum(case when {gone} then 1 else 0 end), sum({size}), cast(max({stamp}) as varchar)"
        f" from {warehouse.quote(table.schema_name, table.identifier)} where {new}",
        parameters,
    )
    deleted = int(deleted or 0)
    return int(rows) - deleted, deleted, int(length or 0), newest


def _count_rejected(warehouse: Warehouse, session: Session, table: SourceTable, vendor: VendorColumns) -> int:
    """Count the rows of the table that the vendor could not load, ever."""
    if not vendor.rejects:
        return 0
    name, about = vendor.rejects
    if about not in {column.lower() for column in warehouse.columns(session, table.schema_name, name)}:
        return 0
    ((count,),) = session.rows(
        f"select count(*) from {warehouse.quote(table.schema_name, name)} where {warehouse.quote(about)} = ?",
        [table.identifier],
    )
    return int(count)


def _describe_changes(before: str, after: str) -> tuple[str, ...]:
    """Describe how two schemas differ, column by column."""
    old, new = (
        dict(part.split(" ", 1) for part in schema.split("; ") if " " in part) for schema in (before, after)
    )
    changes = [f"new column {name} ({kind})" for name, kind in new.items() if name not in old]
    changes += [f"column {name} is gone" for name in old if name not in new]
    changes += [
        f"column {name}: {old[name]} became {new[name]}"
        for name in new
        if old.get(name, new[name]) != new[name]
    ]
    return tuple(changes)
