"""Questions that every warehouse is asked the same way, in portable SQL. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blocks.warehouse.base import Session, Warehouse

ROWS = "rows_of_value"
"""How many rows a value has, in a file of `export_largest_values`."""


def count_rows(warehouse: Warehouse, session: Session, relation: str) -> int:
    """Rows of a `schema.table`."""
    return int(session.rows(f"select count(*) from {warehouse.relation(relation)}")[0][0])


def read_first_rows(session: Session, query: str, limit: int) -> list[tuple[Any, ...]]:
    """The first rows of a query that dbt compiled, in whatever order they come."""
    return session.rows(f"select * from ({query.rstrip().rstrip(';')}) as q limit {limit}")


def read_test_status(session: Session, query: str, config: Mapping[str, object]) -> tuple[str, int]:
    """What dbt would say of a test that it compiled, `pass`, `warn` or `fail`, if it asked now; and of how many rows.

    config: the test's, as the manifest has it: how failures are counted, and from how many on they count.
    """
    count = config.get("fail_calc") or "count(*)"
    warn, error = (f"{count} {config.get(name) or '!= 0'}" for name in ("warn_if", "error_if"))
    limit = f" limit {config['limit']}" if config.get("limit") is not None else ""
    rows = f"(select * from ({query.rstrip().rstrip(';')}) as q{limit}) as found"
    # numbers: not every warehouse selects a condition
    judged = ", ".join(f"case when {condition} then 1 else 0 end" for condition in (warn, error))
    ((failures, warns, fails),) = session.rows(f"select {count}, {judged} from {rows}")
    if fails and str(config.get("severity") or "error").lower() == "error":
        return "fail", int(failures)
    return ("warn", int(failures)) if warns else ("pass", 0)


def export_rows(session: Session, query: str, path: Path) -> int:
    """Write a query's rows to a Parquet file; return how many."""
    return session.export(query, path)


def export_columns(session: Session, query: str, path: Path) -> int:
    """Write a query's columns, without rows, to a Parquet file; return how many rows it would give."""
    session.export(f"select * from ({query}) as q where 1 = 0", path)
    return int(session.rows(f"select count(*) from ({query}) as q")[0][0])


def export_values(warehouse: Warehouse, session: Session, query: str, column: str, path: Path) -> int:
    """Write the values of one of a query's columns, each once, to a Parquet file; return how many."""
    return session.export(f"select distinct {warehouse.quote(column)} from ({query}) as q", path)


def export_largest_values(
    warehouse: Warehouse,
    session: Session,
    query: str,
    column: str,
    sums: Sequence[str],
    limit: int,
    path: Path,
) -> int:
    """Write the values of one of a query's columns, each once with its sums, to a Parquet file; return how many.

    At most `limit` of them, those with the largest first sum; sums: columns to add up, none: rows, as `ROWS`.
    """
    name = warehouse.quote(column)
    added = [f"sum({warehouse.quote(each)}) as {warehouse.quote(each)}" for each in sums]
    added = added or [f"count(*) as {warehouse.quote(ROWS)}"]
    return session.export(
        f"select {name}, {', '.join(added)} from ({query}) as q where {name} is not null group by {name}"
        f" order by 2 desc limit {limit}",
        path,
    )


def read_value_range(
    warehouse: Warehouse, session: Session, relation: str, column: str
) -> tuple[str, str] | None:
    """The smallest and the greatest value of a column of a `schema.table`, as text; None where it has none."""
    return read_query_range(warehouse, session, f"select * from {warehouse.relation(relation)}", column)


def read_query_range(
    warehouse: Warehouse, session: Session, query: str, column: str
) -> tuple[str, str] | None:
    """The smallest and the greatest value of one of a query's columns, as text; None where it has none."""
    name = warehouse.quote(column)
    ((low, high),) = session.rows(f"select min({name}), max({name}) from ({query}) as q")
    return None if low is None else (str(low), str(high))


def read_newest_value(warehouse: Warehouse, session: Session, query: str, column: str) -> str | None:
    """The greatest value of one of a query's columns, as text; None where it has none."""
    ((newest,),) = session.rows(f"select max({warehouse.quote(column)}) from ({query}) as q")
    return None if newest is None else str(newest)
