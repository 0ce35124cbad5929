"""From staged rows to a warehouse's Batch: what is new, under which ledger line, as Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from blocks.loader.dlt.contract import literal, quoted, typed
from blocks.loader.dlt.deletions import flagged, gone_keys
from blocks.loader.dlt.incremental import lowered, window
from blocks.loader.dlt.load_context import cursor, key, mode
from blocks.loader.dlt.staging import Staging
from blocks.records import Column, LedgerEntry, SourceTable
from blocks.warehouse.base import Batch


class Staged(NamedTuple):
    """A batch that is ready for the warehouse, and how it changes the table's schema."""

    batch: Batch
    changes: tuple[str, ...]


def settle(staging: Staging, label: str, size: int, present: str | None = None) -> Staged | None:
    """The batch of a table that is loaded as a whole or by cursor; None if nothing is new.

    Rows between the lowered watermark and the old one come again with every load, and so do rows without a
    readable cursor: the last ledger line's fingerprint tells whether they are the same as before. present:
    the FROM clause of the source's keys, if it is asked for all of them.
    """
    table, last, old = staging.table, staging.job.last(staging.table), staging.job.watermark(staging.table)
    watermark, again, stays, wanted = old, "true", "true", "false"
    for column in [column for column in table.columns if [column.name] == cursor(table)]:
        name, asked = quoted(column.name), window(staging.job, table)
        again = _between(column, asked.since, old)
        newest = staging.rows(f"select arg_max(_cursor, {name}) from staged where {_newer(column, old)}")
        watermark = newest[0][0] if newest[0][0] is not None else old
        stays = _between(column, lowered(table, watermark), watermark)
        if asked.days:
            first, end = (typed(column, literal(day)) for day in asked.days)
            wanted = f"({name} >= {first} and {name} < {end})"
    fingerprint = _fingerprint(staging, stays)
    unchanged = last is not None and _fingerprint(staging, again) == last.fingerprint
    if unchanged:
        staging.rows(f"delete from staged where {again} and {wanted} is not true")
    gone = gone_keys(staging, _unique(table), present) if mode(table) == "merge" else ([], 0)
    empty = not gone[1] and not staging.rows("select 1 from staged limit 1")
    if last and (unchanged or mode(table) == "merge") and empty:
        return None
    staging.check_types(label)
    item = watermark if watermark is not None else "all"
    if mode(table) == "merge" and item in staging.job.entries(table):
        item = f"{item} ({staging.job.run})"  # the same bound again, with other rows: a line of its own
    entry = entry_of(staging, item, fingerprint, size, watermark)
    return write(staging, [entry], dict.fromkeys(staging.extras.values(), label), gone)


def _between(column: Column, since: str | None, until: str | None) -> str:
    """SQL of the rows from one value of the cursor to another, and of those that have none."""
    name = quoted(column.name)
    if since is None or until is None:
        return "true"
    first, last = typed(column, literal(since)), typed(column, literal(until))
    return f"({name} is null or ({name} >= {first} and {name} <= {last}))"


def _newer(column: Column, old: str | None) -> str:
    return "true" if old is None else f"{quoted(column.name)} > {typed(column, literal(old))}"


def entry_of(
    staging: Staging, item: str, fingerprint: str, size: int, watermark: str | None = None
) -> LedgerEntry:
    """A ledger line; rows are counted when the batch is written."""
    return LedgerEntry(
        source=staging.table.source,
        table=staging.table.name,
        item=item,
        fingerprint=fingerprint,
        rows=0,
        bytes=size,
        watermark=watermark,
        run=staging.job.run,
    )


def write(
    staging: Staging,
    entries: Sequence[LedgerEntry],
    since: Mapping[str, str],
    gone: tuple[list[Path], int] | None = None,
) -> Staged:
    """Good and bad rows as Parquet. One entry takes all rows, several those of their items.

    Of rows with the same key the one with the highest cursor stays. since: extra column → where it is new.
    gone: the keys that leave, and their number; None: those of rows that say so themselves.
    """
    table, unique = staging.table, _unique(staging.table)
    item = literal(entries[0].item) if len(entries) == 1 else "_item"
    stamps = f"{item} as _item, cast({literal(str(staging.job.at))} as timestamp) as _loaded_at"
    if unique:
        gone = gone or gone_keys(staging, unique, None)
        unique = f"{unique} and not {flagged(table)}"
    good, rows = _parquet(staging, "data", ", ".join([*staging.columns, stamps]), f"_reason is null{unique}")
    bad, wasted = _parquet(staging, "quarantine", f"_row, _reason, {stamps}", "_reason is not null")
    counted = [
        entry.model_copy(update={"rows": rows.get(entry.item, 0), "quarantined": wasted.get(entry.item, 0)})
        for entry in entries
    ]
    known = staging.job.raw[table.name]
    fresh = [name for name in staging.extras.values() if name not in known]
    how = "replace" if staging.job.reload.full else mode(table)
    files, deleted = gone or ([], 0)
    return Staged(
        Batch(table, how, good, bad, counted, key(table), files, deleted),
        tuple(f"new column {name} (varchar) since {since[name]}" for name in fresh),
    )


def _unique(table: SourceTable) -> str:
    """SQL that keeps one row a key of those that are merged."""
    if mode(table) != "merge":
        return ""
    order = [*(f"{quoted(name)} desc" for name in cursor(table)), "_item desc", "rowid desc"]
    keys = ", ".join(quoted(name) for name in key(table))
    return f" qualify row_number() over (partition by {keys} order by {', '.join(order)}) = 1"


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
