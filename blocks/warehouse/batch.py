"""What one load brings to a warehouse: files of rows, their ledger lines, and how they meet the rows that are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from blocks.records import LedgerEntry, LoadReport, SourceTable

LOAD_COLUMNS = {"_item": "varchar", "_loaded_at": "timestamp"}
"""Columns that a load adds to the rows it brings."""
QUARANTINE_COLUMNS = {"_row": "varchar", "_reason": "varchar", **LOAD_COLUMNS}
"""Columns of the table of quarantined rows."""


class MergeKey(NamedTuple):
    """How rows of a `merge` meet those that are there.

    columns: of the key. cursor: the column by which the youngest row of a key stays, whether it is there or comes; a
    row without a value is the oldest, and of two alike the one that comes stays. keeps_deleted: remember what is gone
    in `<table>__deleted`, so that an older row that comes later stays out; it needs a cursor.
    """

    columns: tuple[str, ...] = ()
    cursor: str | None = None
    keeps_deleted: bool = False


class Batch:
    """What one load brings: Parquet files of typed rows and of quarantined rows, and its ledger lines.

    mode: `append` (rows of a reloaded item replace those it brought before), `merge` (by key), or
    `replace`. Data columns are as declared, plus `_item`, `_loaded_at`; quarantine columns are
    `_item`, `_row` (the row as text), `_reason`, `_loaded_at`. gone: Parquet files of the key columns of
    rows that leave the table and of the cursor, if there is one; `deleted` in number.
    """

    def __init__(
        self,
        table: SourceTable,
        mode: str,
        data: Sequence[Path],
        quarantine: Sequence[Path],
        entries: Sequence[LedgerEntry],
        key: Sequence[str] | MergeKey = (),
        gone: Sequence[Path] = (),
        deleted: int = 0,
    ) -> None:
        self.table, self.mode = table, mode
        self.merge_key = key if isinstance(key, MergeKey) else MergeKey(tuple(key))
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

    key: rows that come replace those of the same key, unless those are younger by the cursor; none: they don't.
    deleted: the table of keys that are gone. `incoming`: columns of the files → type, once read.
    """

    def __init__(
        self,
        schema: str,
        name: str,
        columns: dict[str, str],
        files: Sequence[Path],
        key: Sequence[str] = (),
        cursor: str | None = None,
        deleted: LoadTarget | None = None,
    ) -> None:
        self.schema, self.name, self.columns, self.files = schema, name, columns, tuple(files)
        self.key, self.cursor, self.deleted = tuple(key), cursor, deleted
        self.incoming: dict[str, str] = {}

    @property
    def relation(self) -> str:
        """`schema.table`, unquoted."""
        return f"{self.schema}.{self.name}"


def make_targets(batch: Batch) -> tuple[LoadTarget, LoadTarget]:
    """The table of rows and the table of quarantined rows."""
    table, schema = batch.table, batch.table.schema_name
    declared = {column.name: column.data_type or "varchar" for column in table.columns}
    given = batch.merge_key
    key, cursor = (given.columns, given.cursor) if batch.mode == "merge" else ((), None)
    deleted = None
    if given.keeps_deleted and given.cursor:
        columns = {name: declared[name] for name in (*given.columns, given.cursor)}
        deleted = LoadTarget(schema, f"{table.identifier}__deleted", columns, batch.gone, key, cursor)
    rows = LoadTarget(
        schema, table.identifier, {**declared, **LOAD_COLUMNS}, batch.data, key, cursor, deleted
    )
    waste = f"{table.identifier}__quarantine"
    return rows, LoadTarget(schema, waste, QUARANTINE_COLUMNS, batch.quarantine)
