"""Questions that every warehouse is asked the same way, in portable SQL. Nothing is written here."""

from __future__ import annotations

from typing import Any

from blocks.warehouse.base import Session, Warehouse


def count_rows(warehouse: Warehouse, session: Session, relation: str) -> int:
    """Rows of a `schema.table`."""
    return int(session.rows(f"select count(*) from {warehouse.relation(relation)}")[0][0])


def first_rows(session: Session, query: str, limit: int) -> list[tuple[Any, ...]]:
    """The first rows of a query that dbt compiled, in whatever order they come."""
    return session.rows(f"select * from ({query.rstrip().rstrip(';')}) as q limit {limit}")
