"""Rows that a load brought twice: a day delivered under two names, or with each line there twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from blocks.quality.history.findings import KIND, MOST_SHOWN, write_share
from blocks.quality.history.rules import MIN_HISTORY
from blocks.records import Check, SourceTable
from blocks.warehouse.base import Session, Warehouse
from blocks.warehouse.batch import LOAD_COLUMNS

MOST_ITEMS, LEAST_ROWS, BOUND = 60, 10, 0.05
"""So many of the newest items are compared; rows of an item; how much more than ever is too much."""


def count_repeats(
    warehouse: Warehouse, session: Session, table: SourceTable, old: Sequence[str], new: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """How many rows each item (file) of a source's table has, and how many of them are there again.

    old, new: names, `MOST_ITEMS` at most; rows of old ones are looked for in old ones, those of new ones in all. Empty
    for a table whose rows do not name their item. Raises Rejected where the warehouse can't compare the rows.
    """
    columns = warehouse.columns(session, table.schema_name, table.identifier)
    own = [name for name in columns if name.lower() not in LOAD_COLUMNS]
    item = next((name for name in columns if name.lower() == "_item"), None)
    if item is None or not own or not new:
        return {}
    names, item = ", ".join(map(warehouse.quote, own)), warehouse.quote(item)
    listed, fresh = (", ".join(map(warehouse.literal, items)) for items in ((*old, *new), new))
    counted = (
        f"select {names}, {item} as item_, count(*) as rows_"
        f" from {warehouse.relation(f'{table.schema_name}.{table.identifier}')}"
        f" where {item} in ({listed}) group by {names}, {item}"
    )
    is_new = f"item_ in ({fresh})"
    summed = (
        f"select item_, rows_, sum(rows_) over (partition by {names}) as all_,"
        f" sum(case when {is_new} then 0 else rows_ end) over (partition by {names}) as old_"
        f" from ({counted}) as counted_"
    )
    repeated = f"sum(case when case when {is_new} then all_ else old_ end > 1 then rows_ else 0 end)"
    found = session.rows(f"select item_, sum(rows_), {repeated} from ({summed}) as summed_ group by item_")
    return {str(name): (int(rows), int(again)) for name, rows, again in found}


def judge_repeats(table: str, counts: Mapping[str, tuple[int, int]], new: Sequence[str]) -> Check | None:
    """New items with more rows that are there twice than any before; a warning. None while too little is known.

    new: the items that this run loaded; the others of counts are what is usual.
    """
    shares = {item: again / rows for item, (rows, again) in counts.items() if rows >= LEAST_ROWS}
    old = [share for item, share in shares.items() if item not in new]
    judged = {item: shares[item] for item in new if item in shares}
    if len(old) < MIN_HISTORY or not judged:
        return None
    most = 1.5 * max(old) + BOUND
    lines = [
        f"{item}: {write_share(share)} of {counts[item][0]:,} rows are there twice;"
        f" up to {write_share(max(old))} is usual"
        for item, share in sorted(judged.items(), key=lambda each: -each[1])
        if share > most
    ]
    return Check(
        scope=table,
        name="rows are there once as usual",
        kind=KIND,
        passed=True,
        warned=bool(lines),
        observed=lines[0] if lines else f"{len(judged)} loads",
        evidence=tuple(lines[1:MOST_SHOWN]),
        figures=(("observed", max(judged.values())), ("expected", median(old)), ("high", most)),
    )
