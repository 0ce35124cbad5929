"""What one load of one source has at hand. No vendor, no reading, no writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from blocks.deadline import Deadline
from blocks.errors import Misconfigured
from blocks.load_range import NEWS, Reload
from blocks.records import LedgerEntry, SourceTable

MODES = ("append", "merge", "replace")


@dataclass(frozen=True)
class Job:
    """One load of one source.

    folder: the private working folder. ledger: the source's lines, oldest first. raw: table → its columns
    in RAW now, none if it is not there. at: UTC, naive, the rows' `_loaded_at`. reload: what to take again.
    """

    source: str
    location: str
    credential: Mapping[str, Any]
    folder: Path
    run: str
    at: datetime
    deadline: Deadline
    ledger: tuple[LedgerEntry, ...]
    raw: Mapping[str, Mapping[str, str]]
    reload: Reload = NEWS

    def entries(self, table: SourceTable) -> dict[str, LedgerEntry]:
        """item → its ledger line; none if all is loaded anew, as it is if RAW lost the table."""
        if self.reload.full or not self.raw[table.name]:
            return {}
        return {entry.item: entry for entry in self.ledger if entry.table == table.name}

    def last(self, table: SourceTable) -> LedgerEntry | None:
        """The youngest ledger line of a table."""
        return next(reversed(self.entries(table).values()), None)

    def watermark(self, table: SourceTable) -> str | None:
        """The cursor's highest value at the end of the last load."""
        last = self.last(table)
        return last.watermark if last else None


def setting(table: SourceTable, name: str) -> str:
    """A required text of the table's meta."""
    value = table.meta.get(name)
    if not isinstance(value, str) or not value:
        raise Misconfigured(
            f"load {table.full_name}",
            f"its dbt source has no meta `{name}`",
            f"Add `{name}` to the table's meta.",
        )
    return value


def mode(table: SourceTable) -> str:
    """How the table is loaded; checked against what the other settings allow."""
    chosen = table.meta.get("load", "append" if table.meta.get("kind") == "files" else "replace")
    names = {column.name for column in table.columns}
    flag = [str(table.meta["soft_delete"])] if table.meta.get("soft_delete") else []
    unknown = [name for name in [*key(table), *cursor(table), *flag] if name not in names]
    problem = ""
    if chosen not in MODES:
        problem = f"load `{chosen}` is none of {', '.join(MODES)}"
    elif chosen == "merge" and not key(table):
        problem = "load `merge` needs a `key`"
    elif chosen == "append" and table.meta.get("kind") != "files":
        problem = "load `append` is for files; rows read again would be there twice"
    elif unknown:
        problem = f"key, cursor and soft_delete must be declared columns: {', '.join(unknown)}"
    elif chosen != "merge" and (flag or table.meta.get("compare_keys")):
        problem = "soft_delete and compare_keys are for load `merge`"
    elif table.meta.get("compare_keys") and table.meta.get("kind") != "sql":
        problem = "compare_keys is for databases; nothing else lists its keys cheaply"
    if problem:
        raise Misconfigured(f"load {table.full_name}", problem, "Correct the meta of the dbt source.")
    return str(chosen)


def key(table: SourceTable) -> list[str]:
    """The columns rows are merged by."""
    names = table.meta.get("key", [])
    return [names] if isinstance(names, str) else [str(name) for name in names]


def cursor(table: SourceTable) -> list[str]:
    """The column that grows with every change, as a list of one or none."""
    return [str(table.meta["cursor"])] if table.meta.get("cursor") else []
