"""What a vendor wrote into the warehouse since the last load, counted there by the vendor's own columns.

rows and watermark are exact: rows whose stamp is later than the ledger's. bytes is the length of their
values as text, since no vendor tells the size of what it moved. Not here: who wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from blocks.errors import ContractBroken
from blocks.records import LedgerEntry, LoadReport, SourceTable
from blocks.warehouse.base import Session, Warehouse


class Arrival(NamedTuple):
    """A vendor's columns. prefix: of all of them; stamp: when a row was written; deleted: SQL of rows that are gone.

    rejects: the table that holds rows the vendor could not load, and its column of table names.
    """

    prefix: str
    stamp: str
    deleted: str
    deleted_column: str
    rejects: tuple[str, str] | None = None


def arrivals(
    warehouse: Warehouse, table: SourceTable, marks: Arrival, history: Sequence[LedgerEntry], run: str
) -> tuple[LedgerEntry | None, LoadReport]:
    """The ledger line, None if nothing is new, and the report. Raises ContractBroken for a lost column."""
    last = history[-1] if history else None
    with warehouse.session() as session:
        found = warehouse.columns(session, table.schema_name, table.identifier)
        columns = {name.lower(): kind for name, kind in found.items()}
        _check(table, marks, columns)
        rows, gone, size, watermark = _count(warehouse, session, table, marks, columns, last)
        rejected = _rejected(warehouse, session, table, marks) - sum(entry.quarantined for entry in history)
    shape = "; ".join(f"{name} {kind.lower()}" for name, kind in columns.items())
    changes = _changes(last.fingerprint, shape) if last else ()
    watermark = watermark or (last.watermark if last else None)
    rejected = max(0, rejected)  # someone may have emptied the vendor's table
    fresh = bool(rows or gone or rejected)
    item = watermark or "all"
    if last and watermark == last.watermark:
        item = f"{item} ({run})"  # a line of its own, or the one before would be replaced
    entry = LedgerEntry(
        source=table.source,
        table=table.name,
        item=item,
        fingerprint=shape,
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


def _check(table: SourceTable, marks: Arrival, columns: Mapping[str, str]) -> None:
    wanted = [*(column.name for column in table.columns), marks.stamp]
    gone = [name for name in wanted if name.lower() not in columns]
    if gone:
        what = f"column {', '.join(gone)} is missing" if columns else "the table is missing"
        raise ContractBroken(
            f"load {table.full_name} from {table.schema_name}.{table.identifier}",
            what,
            "Select it at the vendor, or take it out of the dbt source and of what reads it.",
        )


def _count(
    warehouse: Warehouse,
    session: Session,
    table: SourceTable,
    marks: Arrival,
    columns: Mapping[str, str],
    last: LedgerEntry | None,
) -> tuple[int, int, int, str | None]:
    """Rows, deleted rows, size and highest stamp of what is newer than the ledger."""
    stamp = warehouse.quote(marks.stamp)
    new, parameters = "true", []
    if last and last.watermark:
        new, parameters = f"{stamp} > cast(? as {columns[marks.stamp]})", [last.watermark]
    gone = marks.deleted if marks.deleted_column in columns else "1 = 0"
    own = [name for name in columns if not name.startswith(marks.prefix)]
    size = " + ".join(f"coalesce(length(cast({warehouse.quote(name)} as varchar)), 0)" for name in own) or "0"
    ((rows, deleted, length, newest),) = session.rows(
        f"select count(*), sum(case when {gone} then 1 else 0 end), sum({size}), cast(max({stamp}) as varchar)"
        f" from {warehouse.quote(table.schema_name, table.identifier)} where {new}",
        parameters,
    )
    deleted = int(deleted or 0)
    return int(rows) - deleted, deleted, int(length or 0), newest


def _rejected(warehouse: Warehouse, session: Session, table: SourceTable, marks: Arrival) -> int:
    """Rows of the table that the vendor could not load, ever."""
    if not marks.rejects:
        return 0
    name, about = marks.rejects
    if about not in {column.lower() for column in warehouse.columns(session, table.schema_name, name)}:
        return 0
    ((count,),) = session.rows(
        f"select count(*) from {warehouse.quote(table.schema_name, name)} where {warehouse.quote(about)} = ?",
        [table.identifier],
    )
    return int(count)


def _changes(before: str, after: str) -> tuple[str, ...]:
    """What differs between two shapes, column by column."""
    old, new = (
        dict(part.split(" ", 1) for part in shape.split("; ") if " " in part) for shape in (before, after)
    )
    said = [f"new column {name} ({kind})" for name, kind in new.items() if name not in old]
    said += [f"column {name} is gone" for name in old if name not in new]
    said += [
        f"column {name}: {old[name]} became {new[name]}"
        for name in new
        if old.get(name, new[name]) != new[name]
    ]
    return tuple(said)
