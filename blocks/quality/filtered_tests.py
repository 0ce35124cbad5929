"""What a dbt test with a `where` was asked about, by the SQL that dbt compiled."""

from __future__ import annotations

FILTERED = "dbt_subquery"
"""What dbt's `get_where_subquery` calls the rows that a `where` leaves."""


def count_filtered(sql: str, dialect: str) -> str:
    """A query of how many rows a test's `where` leaves; empty for a test without one, or that can't be read."""
    if FILTERED not in sql:
        return ""
    import sqlglot
    from sqlglot import errors, exp

    try:
        tree = sqlglot.parse_one(sql, read=dialect)
    except (errors.SqlglotError, RecursionError):
        return ""
    found = next((each for each in tree.find_all(exp.Subquery) if each.alias == FILTERED), None)
    if found is None:
        return ""
    counted = exp.select("count(*)").from_(found.copy())
    holder = found.find_ancestor(exp.CTE)
    ctes = tree.args.get("with_")
    for cte in ctes.expressions if ctes else ():  # of ephemeral models, before the test's own
        if cte is holder:
            break
        counted = counted.with_(cte.alias, cte.this.copy(), copy=False)
    return counted.sql(dialect)
