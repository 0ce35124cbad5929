"""From staged rows to a warehouse's Batch: what is new, under which ledger line, as Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from blocks.loader.contract import literal, quoted, typed
from blocks.loader.job import cursor, key, mode
from blocks.loader.staging import Staging
from blocks.records import LedgerEntry
from blocks.warehouse.base import Batch


class Staged(NamedTuple):
    """A batch that is ready for the warehouse, and how it changes the table's schema."""

    batch: Batch
    changes: tuple[str, ...]


def settle(staging: Staging, label: str, size: int) -> Staged | None:
    """The batch of a table that is loaded as a whole or by cursor; None if nothing is new.

    Rows at the old watermark come again with every load, and so do rows without a readable cursor: the last
    ledger line's fingerprint tells whether they are the same as before.
    """
    table, last, old = staging.table, staging.job.last(staging.table), staging.job.watermark(staging.table)
    watermark, again, stays = old, "true", "true"
    for column in [column for column in table.columns if [column.name] == cursor(table)]:
        name = quoted(column.name)
        again = f"({name} is null or {name} <= {typed(column, literal(old))})" if old is not None else "true"
        stays = f"({name} is null or {name} = (select max({name}) from staged))"
        newest = staging.rows(
            f"select arg_max(_cursor, {name}) from staged where {again} is not true or {old is None}"
        )
        watermark = newest[0][0] if newest[0][0] is not None else old
    fingerprint = _fingerprint(staging, stays)
    unchanged = last is not None and _fingerprint(staging, again) == last.fingerprint
    if unchanged:
        staging.rows(f"delete from staged where {again}")
    if last and (unchanged or mode(table) == "merge") and not staging.rows("select 1 from staged limit 1"):
        return None
    staging.check_types(label)
    item = watermark if watermark is not None else "all"
    if mode(table) == "merge" and item in staging.job.entries(table):
        item = f"{item} ({staging.job.run})"  # the same bound again, with other rows: a line of its own
    entry = entry_of(staging, item, fingerprint, size, watermark)
    return write(staging, [entry], dict.fromkeys(staging.extras.values(), label))


def entry_of(
    staging: Staging, item: str, fingerprint: str, size: int, watermark: str | None = None
) -> LedgerEntry:
    """A ledger line; rows are counted when the batch is written."""
    return LedgerEntry(
        source=staging.table.source, table=staging.table.name, item=item, fingerprint=fingerprint, rows=0,
        bytes=size, watermark=watermark, run=staging.job.run,
    )  # fmt: skip


def write(staging: Staging, entries: Sequence[LedgerEntry], since: Mapping[str, str]) -> Staged:
    """Good and bad rows as Parquet. One entry takes all rows, several those of their items.

    Of rows with the same key the one with the highest cursor stays. since: extra column → where it is new.
    """
    table, unique = staging.table, ""
    item = literal(entries[0].item) if len(entries) == 1 else "_item"
    stamps = f"{item} as _item, cast({literal(str(staging.job.at))} as timestamp) as _loaded_at"
    if mode(table) == "merge":
        order = [*(f"{quoted(name)} desc" for name in cursor(table)), "_item desc", "rowid desc"]
        keys = ", ".join(quoted(name) for name in key(table))
        unique = f" qualify row_number() over (partition by {keys} order by {', '.join(order)}) = 1"
    good, rows = _parquet(staging, "data", ", ".join([*staging.columns, stamps]), f"_reason is null{unique}")
    bad, wasted = _parquet(staging, "quarantine", f"_row, _reason, {stamps}", "_reason is not null")
    counted = [
        entry.model_copy(update={"rows": rows.get(entry.item, 0), "quarantined": wasted.get(entry.item, 0)})
        for entry in entries
    ]
    known = staging.job.raw[table.name]
    fresh = [name for name in staging.extras.values() if name not in known]
    return Staged(
        Batch(table, mode(table), good, bad, counted, key(table)),
        tuple(f"new column {name} (varchar) since {since[name]}" for name in fresh),
    )


def _parquet(staging: Staging, name: str, columns: str, where: str) -> tuple[list[Path], dict[str, int]]:
    """Write rows to a file; the file, if there are any, and their number by item."""
    path = staging.job.folder / f"{staging.table.name}.{name}.parquet"
    staging.rows(
        f"copy (select {columns} from staged where {where}) to {literal(str(path))} (format parquet)"
    )
    counts = staging.rows("select _item, count(*) from read_parquet(?) group by 1", ([str(path)],))
    return ([path] if counts else []), {str(item): int(rows) for item, rows in counts}


def _fingerprint(staging: Staging, where: str) -> str:
    """Number and content of rows, whatever their order."""
    total = f"coalesce(sum(hash({', '.join([*staging.columns, '_row'])})::hugeint), 0)"
    count, content = staging.rows(f"select count(*), {total} from staged where {where}")[0]
    return f"{count}-{content}"
