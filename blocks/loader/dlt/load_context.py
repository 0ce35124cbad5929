"""What one load of one source works with: its settings, its folder, its ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from blocks.deadline import Deadline
from blocks.load_range import NEW_ROWS, LoadRange
from blocks.records import LedgerEntry, SourceTable


@dataclass(frozen=True)
class LoadContext:
    """One load of one source.

    folder: its private working folder. ledger: the source's entries, oldest first. raw: table → its columns in
    RAW now, none if it is not there. at: UTC without a zone, the rows' `_loaded_at`. load_range: what to load again.
    """

    source: str
    location: str
    credential: Mapping[str, object]
    folder: Path
    run: str
    at: datetime
    deadline: Deadline
    ledger: tuple[LedgerEntry, ...]
    raw: Mapping[str, Mapping[str, str]]
    load_range: LoadRange = NEW_ROWS

    def get_entries(self, table: SourceTable) -> dict[str, LedgerEntry]:
        """Return item → its ledger entry; nothing for a full refresh, or if RAW has lost the table."""
        if self.load_range.full or not self.raw[table.name]:
            return {}
        return {entry.item: entry for entry in self.ledger if entry.table == table.name}

    def get_last_entry(self, table: SourceTable) -> LedgerEntry | None:
        """Return the youngest ledger entry of a table."""
        return next(reversed(self.get_entries(table).values()), None)

    def get_watermark(self, table: SourceTable) -> str | None:
        """Return the cursor's highest value at the end of the last load."""
        last = self.get_last_entry(table)
        return last.watermark if last else None
