"""What one load brings to a warehouse: files of rows, their ledger lines, and how they meet the rows that are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blocks.records import LedgerEntry, LoadReport, SourceTable

LOAD_COLUMNS = {"_item": "varchar", "_loaded_at": "timestamp"}
"""Columns that a load adds to the rows it brings."""
QUARANTINE_COLUMNS = {"_row": "varchar", "_reason": "varchar", **LOAD_COLUMNS}
"""Columns of the table of quarantined rows."""


class Batch:
    """What one load brings: Parquet files of typed rows and of quarantined rows, and its ledger lines.

    mode: `append` (rows of a reloaded item replace those it brought before), `merge` (by key), or
    `replace`. Data columns are as declared, plus `_item`, `_loaded_at`; quarantine columns are
    `_item`, `_row` (the row as text), `_reason`, `_loaded_at`. gone: Parquet files of the key columns of
    rows that leave the table, `deleted` in number.
    """

    def __init__(
        self,
        table: SourceTable,
        mode: str,
        data: Sequence[Path],
        quarantine: Sequence[Path],
        entries: Sequence[LedgerEntry],
        key: Sequence[str] = (),
        gone: Sequence[Path] = (),
        deleted: int = 0,
    ) -> None:
        self.table, self.mode, self.key = table, mode, tuple(key)
        self.data, self.quarantine, self.entries = tuple(data), tuple(quarantine), tuple(entries)
        self.gone, self.deleted = tuple(gone), deleted

    def report(self, changes: tuple[str, ...]) -> LoadReport:
        """The batch as a LoadReport; the loader adds seconds."""
        table, entries = self.table, self.entries
        return LoadReport(
            source=table.source,
            table=table.name,
            loader=table.loader,
            items=len(entries),
            rows=sum(entry.rows for entry in entries),
            bytes=sum(entry.bytes for entry in entries),
            quarantined=sum(entry.quarantined for entry in entries),
            schema_changes=changes,
            deleted=self.deleted,
            watermark=max((entry.watermark for entry in entries if entry.watermark), default=None),
        )


class LoadTarget:
    """A table that a batch is loaded into. columns: declared name → portable type; files: what comes in.

    by_key: rows that come replace those of the same key; `incoming`: columns of the files → type, once read.
    """

    def __init__(
        self,
        schema: str,
        name: str,
        columns: dict[str, str],
        files: Sequence[Path],
        by_key: bool = False,
    ) -> None:
        self.schema, self.name, self.columns, self.files = schema, name, columns, tuple(files)
        self.by_key = by_key
        self.incoming: dict[str, str] = {}

    @property
    def relation(self) -> str:
        """`schema.table`, unquoted."""
        return f"{self.schema}.{self.name}"


def targets_of(batch: Batch) -> tuple[LoadTarget, LoadTarget]:
    """The table of rows and the table of quarantined rows."""
    table = batch.table
    declared = {column.name: column.data_type or "varchar" for column in table.columns}
    rows = LoadTarget(
        table.schema_name, table.identifier, {**declared, **LOAD_COLUMNS}, batch.data, batch.mode == "merge"
    )
    waste = f"{table.identifier}__quarantine"
    return rows, LoadTarget(table.schema_name, waste, QUARANTINE_COLUMNS, batch.quarantine)
