"""In which state the rows of source tables are, as short texts: the same text means the same rows.

Of what the dlt loader brings, the ledger tells: every load of a row writes a line. Rows that somebody else changed in
such a table show as far as one cheap query sees them (`Warehouse.mark_rows`). Of what others write, only the warehouse
can tell, where it keeps a mark that moves with each change (`Warehouse.read_change_mark`). Else nobody can.
"""

from __future__ import annotations

from collections.abc import Iterable

from blocks.hashing import hash_value
from blocks.records import LedgerEntry, SourceTable
from blocks.warehouse.base import Warehouse
from blocks.warehouse.control import read_ledger


def read_source_states(warehouse: Warehouse, tables: Iterable[SourceTable]) -> dict[str, str]:
    """`source.table` → its state; empty for one of which nobody can tell it."""
    lines: dict[tuple[str, str], list[LedgerEntry]] = {}
    for entry in read_ledger(warehouse):
        lines.setdefault((entry.source, entry.table), []).append(entry)
    found = {}
    with warehouse.session() as session:
        for table in tables:
            place = table.schema_name, table.identifier
            if table.loader.lower() != "dlt":
                found[table.full_name] = warehouse.read_change_mark(session, *place)
                continue
            known = lines.get((table.source, _name_loaded(table)), ())
            mark = warehouse.mark_rows(session, *place) if known else ""
            found[table.full_name] = _describe(table, known, mark) if mark else ""
    return found


def _name_loaded(table: SourceTable) -> str:
    """The table that is loaded: a table of quarantined rows is written with its own."""
    return str(table.meta.get("quarantine_of") or table.name)


def _describe(table: SourceTable, entries: Iterable[LedgerEntry], mark: str) -> str:
    lines = sorted(
        [each.item, each.fingerprint, each.rows, each.quarantined, each.watermark or "", each.run]
        for each in entries
    )
    return hash_value(table.schema_name, table.identifier, lines, mark)
