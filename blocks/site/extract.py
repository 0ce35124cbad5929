"""One dataset's Parquet extract, open for questions in an in-memory DuckDB. No page, no picture here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from blocks.catalogue import Dataset
from blocks.duckdb_errors import describe_duckdb_error
from blocks.errors import BadInput, replace_vendor_errors
from blocks.metrics import aggregate_sql, evaluate, is_additive
from blocks.site.periods import Period, find_bucket
from blocks.sql import quote_identifier, write_literal
from blocks.wishes import Filter

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row: TypeAlias = tuple[Any, ...]  # as DuckDB types its columns


class Extract:
    """A dataset and its rows, as view `extract`; use it in a `with`. Only answers are read into Python."""

    def __init__(self, dataset: Dataset, path: Path) -> None:
        self.dataset, self.path = dataset, path

    def __enter__(self) -> Self:
        import duckdb

        self._connection = duckdb.connect(config={"memory_limit": "1GB", "preserve_insertion_order": False})
        try:
            path = str(self.path).replace("'", "''")
            self.run(f"SET TimeZone = {write_literal(self.dataset.time_zone, 'duckdb')}")
            self.run(f"CREATE VIEW extract AS FROM read_parquet('{path}')")
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def run(self, sql: str, parameters: Sequence[object] = ()) -> DuckDBPyConnection:
        """Run a statement; DuckDB's error comes out as BadInput."""
        with self._replace_errors():
            return self._connection.execute(sql, parameters)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run a statement and return its rows."""
        with self._replace_errors():  # of some, DuckDB only says so once they are fetched
            return list(self._connection.execute(sql, parameters).fetchall())

    def _replace_errors(self) -> AbstractContextManager[None]:
        import duckdb

        asked = f"Read the extract of {self.dataset.mart}"
        remedy = "Check that the mart has the columns its semantic model declares."
        return replace_vendor_errors(
            duckdb.Error, lambda error: BadInput(asked, describe_duckdb_error(error)[:300], remedy)
        )

    def read_number(self, sql: str) -> int:
        """The one whole number a statement returns."""
        return int(self.rows(sql)[0][0])

    def list_values(self, wish: Filter) -> list[tuple[object, str]]:
        """Those values of a dimension that a filter names: as the rows have them, and as they are shown."""
        column, label = quote_identifier(wish.dimension), label_sql(wish.dimension)
        if wish.is_range:
            number, limits = f"try_cast({column} AS DOUBLE)", ((">=", wish.low), ("<=", wish.high))
            given = [(sign, each) for sign, each in limits if each is not None]
            conditions = [f"{number} IS NOT NULL", *(f"{number} {sign} ?" for sign, _ in given)]
            values: list[object] = [each for _, each in given]
        else:
            # as they are shown, or as the data spell them
            known = [each.lower() for value in wish.values for each in (value, value.strip())]
            conditions = [f"list_contains(?, lower({text}))" for text in (label, f"{column}::VARCHAR")]
            values = [known, known]
        joined = (" AND " if wish.is_range else " OR ").join(conditions)
        found = self.rows(
            f"SELECT DISTINCT {column}, {label} FROM extract WHERE {joined} ORDER BY 2, 1", values
        )
        return [(value, str(shown)) for value, shown in found]

    def find_bounds(self, latest: date = date.max) -> tuple[date, date] | None:
        """The first and the last day of the data, no later than `latest` if some are not; None without dated rows."""
        if not self.dataset.time:
            return None
        name = quote_identifier(self.dataset.time)
        found = f"min({name})::DATE, max({name})::DATE"
        for where in (f" WHERE {name}::DATE <= {write_literal(latest, 'duckdb')}", ""):
            first, last = self.rows(f"SELECT {found} FROM extract{where}")[0]
            if first is not None:
                return first, last
        return None

    def sum_later(self, day: date) -> dict[str, float | None] | None:
        """What metrics come to in rows that are dated later than a day; None without such rows."""
        return self._sum_left_out(f"::DATE > {write_literal(day, 'duckdb')}")

    def sum_undated(self) -> dict[str, float | None] | None:
        """What metrics come to in rows that have no time; None without such rows.

        Not how many there are: a row here stands for any number of the mart's.
        """
        return self._sum_left_out(" IS NULL")

    def _sum_left_out(self, condition: str) -> dict[str, float | None] | None:
        """Metric → its total over the rows whose time is so, of those that add up over rows."""
        if not self.dataset.time:
            return None
        rows = f"FROM extract WHERE {quote_identifier(self.dataset.time)}{condition}"
        if not self.read_number(f"SELECT count(*) {rows}"):
            return None
        metrics = [metric for metric in self.dataset.metrics if is_additive(metric.formula)]
        measures = {measure.name: measure for metric in metrics for measure in metric.measures}
        if not measures:
            return {}
        columns = ", ".join(map(aggregate_sql, measures.values()))
        totals = dict(zip(measures, self.rows(f"SELECT {columns} {rows}")[0], strict=True))
        return {metric.name: evaluate(metric.formula, totals) for metric in metrics}


def cover_all(bounds: Sequence[tuple[date, date] | None], grain: str) -> Period | None:
    """All the time that several extracts cover, in buckets; None if none of them has time."""
    known = [pair for pair in bounds if pair]
    if not known:
        return None
    first, last = min(pair[0] for pair in known), max(pair[1] for pair in known)
    return Period(grain=grain, first=find_bucket(first, grain), last=find_bucket(last, grain))


def label_sql(dimension: str) -> str:
    """SQL for a dimension's value as it is shown: one line, without control characters, never empty."""
    # Controls, and the characters that turn the direction of the text around them or break XML (as in text.py).
    unseen = r"[\p{Cc}\x{FFFE}\x{FFFF}\x{202A}-\x{202E}\x{2066}-\x{2069}\x{200E}\x{200F}\x{061C}\s]+"
    text = f"trim(regexp_replace({quote_identifier(dimension)}::VARCHAR, '{unseen}', ' ', 'g'))"
    return f"coalesce(nullif(left({text}, 120), ''), '(blank)')"
