"""From staged rows to a warehouse's Batch: what is new, under which ledger entry, as Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from blocks.errors import Misconfigured
from blocks.loader.dlt.deletions import build_deleted_condition, keeps_deleted, write_deleted_keys
from blocks.loader.dlt.future import build_future_condition
from blocks.loader.dlt.incremental import (
    get_watermark,
    get_window,
    subtract_lookback,
)
from blocks.loader.dlt.staging import Staging
from blocks.loader.dlt.table_config import find_cursor_column, get_cursor, get_key, get_load_mode
from blocks.loader.dlt.values import DUCKDB, build_cast, build_literal, describe_type
from blocks.records import Column, LedgerEntry, SourceTable
from blocks.sql import quote_identifier, write_literal
from blocks.warehouse.batch import Batch, MergeKey

SHORTEST_DAY = 8  # digits of 20260131, which as a text is in order


class PreparedBatch(NamedTuple):
    """A batch that is ready for the warehouse; changes: of the table's schema, in words. notes: what else to know."""

    batch: Batch
    changes: tuple[str, ...]
    notes: tuple[str, ...] = ()


def build_batch(staging: Staging, label: str, size: int, present: str | None = None) -> PreparedBatch | None:
    """Build the batch of a table that is loaded as a whole or by cursor; None if nothing is new.

    Rows between the watermark less the lookback and the watermark come again with every load, and so do rows
    without a readable cursor or with one in the future, which is no watermark: the last ledger entry's fingerprint
    tells whether they are the same as before.
    present: the FROM clause of the source's keys, if all of them were read.
    """
    table, context, merges = staging.table, staging.context, get_load_mode(staging.table) == "merge"
    last, old = context.get_last_entry(table), get_watermark(context, table)
    watermark, repeated, next_repeated, reloaded = old, "true", "true", "false"
    if column := find_cursor_column(table):
        name, window = quote_identifier(column.name), get_window(context, table)
        future = build_future_condition(column, context.at)
        repeated = _build_range_condition(column, window.since, old, future)
        newer = _build_newer_condition(column, old)
        ((newest,),) = staging.execute(
            f"select arg_max(_cursor, {name}) from staged where {newer} and not {future}"
        )
        watermark = old if newest is None else newest
        next_repeated = _build_range_condition(column, subtract_lookback(table, watermark), watermark, future)
        if window.days:
            first, end = (build_literal(column, day) for day in window.days)
            reloaded = f"({name} >= {first} and {name} < {end})"
    fingerprint = _compute_fingerprint(staging, next_repeated)
    unchanged = last is not None and _compute_fingerprint(staging, repeated) == last.fingerprint
    if unchanged:
        staging.execute(f"delete from staged where {repeated} and {reloaded} is not true")
    deleted = write_deleted_keys(staging, _build_deduplication(table), present) if merges else ([], 0)
    empty = not deleted[1] and not staging.execute("select 1 from staged limit 1")
    if last and (unchanged or merges) and empty:
        return None
    staging.check_types(label)
    item = watermark if watermark is not None else "all"
    if merges and item in context.get_entries(table):
        item = f"{item} ({context.run})"  # the same watermark again, with other rows: an entry of its own
    entry = build_entry(staging, item, fingerprint, size, watermark)
    return write_batch(staging, [entry], dict.fromkeys(staging.added, label), deleted)


def drop_old_rows(staging: Staging) -> None:
    """Drop staged rows from before the window, for a source that could not leave them out."""
    column, window = find_cursor_column(staging.table), get_window(staging.context, staging.table)
    if column is None or window.since is None:
        return
    name, kept = quote_identifier(column.name), "false"
    if window.days:
        first, end = (build_literal(column, day) for day in window.days)
        kept = f"({name} >= {first} and {name} < {end})"
    since = build_cast(column, write_literal(window.since, DUCKDB))
    staging.execute(f"delete from staged where {name} < {since} and not {kept}")


def _check_text_cursor(staging: Staging) -> None:
    """Raise Misconfigured for a cursor of numbers that is declared as text, by which 10 comes before 9."""
    column = find_cursor_column(staging.table)
    if column is None or describe_type(column):
        return
    name = quote_identifier(column.name)
    ((numbers, shortest, longest, zeros),) = staging.execute(
        f"select bool_and(regexp_full_match({name}, '[0-9]+')), min(length({name})), max(length({name})),"
        f" bool_or({name} like '0%') from staged where {name} is not null"
    )
    if numbers and (shortest < longest or (longest < SHORTEST_DAY and not zeros)):
        raise Misconfigured(
            f"load {staging.table.full_name}",
            f"its cursor {column.name} is declared as text but holds numbers, of which 10 would come before 9",
            "Declare its data_type, such as bigint.",
        )


def _build_range_condition(column: Column, since: str | None, until: str | None, future: str) -> str:
    """Build the SQL of rows from one value of the cursor to another, and of those that come with every load."""
    name = quote_identifier(column.name)
    if since is None or until is None:
        return "true"
    first, last = (
        build_cast(column, write_literal(since, DUCKDB)),
        build_cast(column, write_literal(until, DUCKDB)),
    )
    return f"({name} is null or ({name} >= {first} and {name} <= {last}) or {future})"


def _build_newer_condition(column: Column, old: str | None) -> str:
    return (
        "true"
        if old is None
        else f"{quote_identifier(column.name)} > {build_cast(column, write_literal(old, DUCKDB))}"
    )


def build_entry(
    staging: Staging, item: str, fingerprint: str, size: int, watermark: str | None = None
) -> LedgerEntry:
    """Build a ledger entry; its rows are counted when the batch is written."""
    return LedgerEntry(
        source=staging.table.source,
        table=staging.table.name,
        item=item,
        fingerprint=fingerprint,
        rows=0,
        bytes=size,
        watermark=watermark,
        run=staging.context.run,
    )


def write_batch(
    staging: Staging,
    entries: Sequence[LedgerEntry],
    since: Mapping[str, str],
    deleted: tuple[list[Path], int] | None = None,
) -> PreparedBatch:
    """Write good and bad rows as Parquet. One entry takes all rows, several take those of their items.

    Of rows with the same key the one with the highest cursor is kept, the last of those that are alike.
    since: extra column → where it was first seen.
    deleted: files of the keys to delete, and their number; None: those of rows that are marked as deleted.
    """
    table, unique = staging.table, _build_deduplication(staging.table)
    if unique:
        _check_text_cursor(staging)
    item = write_literal(entries[0].item, DUCKDB) if len(entries) == 1 else "_item"
    stamps = (
        f"{item} as _item, cast({write_literal(str(staging.context.at), DUCKDB)} as timestamp) as _loaded_at"
    )
    if unique:
        deleted = deleted or write_deleted_keys(staging, unique, None)
        unique = f"{unique} and not {build_deleted_condition(table)}"
    good, rows = _write_parquet(
        staging, "data", ", ".join([*staging.columns, stamps]), f"_reason is null{unique}"
    )
    bad, rejected = _write_parquet(staging, "quarantine", f"_row, _reason, {stamps}", "_reason is not null")
    counted = [
        entry.model_copy(update={"rows": rows.get(entry.item, 0), "quarantined": rejected.get(entry.item, 0)})
        for entry in entries
    ]
    known = staging.context.raw[table.name]
    fresh = [name for name in staging.added if name not in known]
    how = "replace" if staging.context.load_range.full else get_load_mode(table)
    files, count = deleted or ([], 0)
    cursor = get_cursor(table) if unique else None
    key = MergeKey(tuple(get_key(table)), cursor, keeps_deleted(table))
    return PreparedBatch(
        Batch(table, how, good, bad, counted, key, files, count),
        tuple(f"new column {name} (varchar) since {since[name]}" for name in fresh),
        _note_future(staging) if cursor else (),
    )


def _note_future(staging: Staging) -> tuple[str, ...]:
    """Note the rows whose cursor is in the future."""
    column = find_cursor_column(staging.table)
    if column is None:
        return ()
    future = build_future_condition(column, staging.context.at)
    ((count,),) = staging.execute(f"select count(*) from staged where {future}")
    return (f"{column.name} is in the future in {count} rows; it is no watermark",) if count else ()


def _build_deduplication(table: SourceTable) -> str:
    """Build the SQL that keeps one row a key of those that are merged."""
    if get_load_mode(table) != "merge":
        return ""
    cursor = get_cursor(table)
    order = [
        *([f"{quote_identifier(cursor)} desc nulls last"] if cursor else []),
        "_order desc",
        "rowid desc",
    ]
    keys = ", ".join(quote_identifier(name) for name in get_key(table))
    return f" qualify row_number() over (partition by {keys} order by {', '.join(order)}) = 1"


def _write_parquet(
    staging: Staging, name: str, columns: str, where: str
) -> tuple[list[Path], dict[str, int]]:
    """Write rows to a file; return the file, if there are any, and their number by item."""
    path = staging.context.folder / f"{staging.table.name}.{name}.parquet"
    staging.execute(
        f"copy (select {columns} from staged where {where}) to {write_literal(str(path), DUCKDB)} (format parquet)"
    )
    counts = staging.execute("select _item, count(*) from read_parquet(?) group by 1", ([str(path)],))
    return ([path] if counts else []), {str(item): int(rows) for item, rows in counts}


def _compute_fingerprint(staging: Staging, where: str) -> str:
    """Sum up number and content of rows, whatever their order."""
    total = f"coalesce(sum(hash({', '.join([*staging.columns, '_row'])})::hugeint), 0)"
    count, content = staging.execute(f"select count(*), {total} from staged where {where}")[0]
    return f"{count}-{content}"
