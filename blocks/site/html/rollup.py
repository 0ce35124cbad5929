"""An extract reduced to the rows a page can carry, so that its filters work without a server.

Rows are added up by time and dimensions. Over the budget the time grain is coarsened, then the smallest
values of the widest dimension are folded into `Other`, until the rows fit. Distinct counts and percentiles can't be
added up: their values are kept as rows of their own and, where even months are too many, as an even sample of the
values, which the page calls an estimate, and scales up if it counts them. Counted values leave here as numbers without
meaning.

A balance counts at the last (or first) moment of what is shown: each cell of the rows keeps its own last moment with
the value then, and the page finds out which cells end as late as all. A cumulative measure is added up for every day
first, and is then a balance of which each bucket shows one day; a second table has the last day of each bucket, for
what is shown of no bucket but as of the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from blocks.metric_rows import DAY, days_sql, truncate_sql, window_sql
from blocks.metrics import Balance, Measure, Window, aggregate_sql
from blocks.records import GRAINS
from blocks.site.extract import Extract, label_sql
from blocks.sql import quote_identifier, write_literal

OTHER = "Other"


@dataclass(frozen=True)
class Moments:
    """A measure of which each cell of the rows keeps one moment. at_end: it is the last day of each bucket, or none."""

    measure: Measure
    at_end: bool = False

    @property
    def last(self) -> bool:
        """True if a cell keeps its last moment, False if its first."""
        return self.at_end or bool(self.measure.balance and self.measure.balance.last)

    @property
    def distinct(self) -> bool:
        """True if its values are to be counted, not added up."""
        return self.measure.function == "count_distinct"


class Rollup:
    """One extract being reduced, and no cumulative measure to days after `latest`.

    Tables: facts (t, d0.., m0..), members<i> (t, d0.., v) a distinct count, or with n, how many rows have a value, a
    percentile,
    balances<i> (t, d0.., w, o, v) a balance or a cumulative measure: o its moment, w what it is the last within.
    """

    def __init__(
        self,
        extract: Extract,
        budget: int,
        latest: date = date.max,
        pinned: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.extract, self.budget, self.bounds = extract, budget, extract.find_bounds(latest)
        self.pinned = pinned or {}  # dimension → values that are folded last
        dataset = extract.dataset
        self.grain, self.folded = dataset.grain, dict[str, int]()
        self.dimensions = [f"d{i}" for i in range(len(dataset.dimensions))]
        self.keys = (["t"] if dataset.time else []) + self.dimensions
        self.sums = [m for m in dataset.measures if not m.is_of_values and not m.balance]
        wide = dict.fromkeys(m for metric in dataset.metrics for m in metric.measures if m.window)
        self.balances = [Moments(m) for m in (*(m for m in dataset.measures if m.balance), *wide)]
        self.balances += [Moments(m, at_end=True) for m in wide]
        self.shifted = list(dict.fromkeys(m for each in dataset.metrics for m in each.measures if m.shift))
        self.distinct = [m for m in dataset.measures if m.is_of_values]
        self.scales: dict[str, int] = {}  # table → one in how many of its values it has
        self._read()

    def fit(self, grain: str) -> None:
        """Coarsen to a grain at least, and on until the rows fit; then fold, then sample."""
        self._coarsen(grain)
        while self._is_too_large() and self._reduce_once():
            pass
        # a value that is counted is there in every cell, or in none
        for i, measure in enumerate(self.distinct):
            cell = ", ".join([*self.keys, "v"])
            self._sample_table(f"members{i}", cell if measure.percentile else "v::VARCHAR")
        for i, each in enumerate(self.balances):
            if each.distinct:
                self._sample_table(f"balances{i}")

    def read_tables(self) -> tuple[list[dict[str, object]], list[list[str]]]:
        """The rows, column by column, and each dimension's values, to which their codes point."""
        places: dict[str, dict[str, int]] = {key: {} for key in self.dimensions}
        found = []
        if self.sums:
            found.append(self._read_table("facts", [f"m{i}::DOUBLE" for i in range(len(self.sums))], places))
        for i, measure in enumerate(self.distinct):
            counted = ["(dense_rank() OVER (ORDER BY v) - 1)::INTEGER"]
            table = self._read_table(
                f"members{i}", ["v", "n::DOUBLE"] if measure.percentile else counted, places
            )
            found.append(table | {"distinct": measure.name, "scale": self.scales.get(f"members{i}", 1)})
        finest = self.grain == self.extract.dataset.grain
        found += [
            self._read_moments_table(i, each, places)
            for i, each in enumerate(self.balances)
            if not (each.at_end and finest)  # each bucket has but one moment then
        ]
        return found, [list(values) for values in places.values()]

    def list_measures(self) -> list[Measure]:
        """All that the tables have a column of, or are asked for at another time; sums in the order of the facts."""
        moments = [each.measure for each in self.balances if not each.at_end]
        return [*self.sums, *moments, *self.distinct, *self.shifted]

    def _read_moments_table(
        self, number: int, each: Moments, places: dict[str, dict[str, int]]
    ) -> dict[str, object]:
        ranks = [f"(dense_rank() OVER (ORDER BY {key}) - 1)::INTEGER" for key in ("o", "w")]
        value = "(dense_rank() OVER (ORDER BY v) - 1)::INTEGER" if each.distinct else "v::DOUBLE"
        table = self._read_table(f"balances{number}", [value, *ranks], places)
        name, grouped = each.measure.name, bool(each.measure.balance and each.measure.balance.grouped)
        ends = each.at_end or (grouped and self.grain == self.extract.dataset.grain)
        found = {
            "balance": name,
            "last": each.last,
            "grouped": grouped,
            "perBucket": not each.at_end,
            "atEnd": ends,
        }
        scale = self.scales.get(f"balances{number}", 1)
        return table | found | ({"distinct": name, "scale": scale} if each.distinct else {})

    def find_scale(self, measure: Measure) -> int:
        """One in how many of its values the rows have."""
        tables = [f"members{i}" for i, each in enumerate(self.distinct) if each.name == measure.name]
        tables += [
            f"balances{i}" for i, each in enumerate(self.balances) if each.measure.name == measure.name
        ]
        return max((self.scales.get(table, 1) for table in tables), default=1)

    def _read(self) -> None:
        dataset = self.extract.dataset
        keys = [f"{truncate_sql(quote_identifier(dataset.time), self.grain)} AS t"] if dataset.time else []
        keys += [f"{label_sql(name)} AS d{i}" for i, name in enumerate(dataset.dimensions)]
        dated = f" WHERE {quote_identifier(dataset.time)} IS NOT NULL" if dataset.time else ""
        sums = [f"{aggregate_sql(measure)} AS m{i}" for i, measure in enumerate(self.sums)]
        chosen = ", ".join([*keys, *sums, "max(1)"])
        self._make("facts_first", f"SELECT {chosen} FROM extract{dated} GROUP BY ALL")
        for i, measure in enumerate(self.distinct):
            column = quote_identifier(measure.name)
            rows = f"SELECT DISTINCT {', '.join([*keys, f'{column} AS v'])} FROM extract{dated}"
            if measure.percentile:
                number = f"sum({quote_identifier(measure.percentile.rows)}) AS n"
                values = ", ".join([*keys, f"{column}::DOUBLE AS v", number])
                rows = f"SELECT {values} FROM extract{dated} GROUP BY ALL"
            finite = " AND isfinite(v)" if measure.percentile else ""
            self._make(f"members{i}_first", f"FROM ({rows}) WHERE v IS NOT NULL{finite}")
        for i, each in enumerate(self.balances):
            if window := each.measure.window:
                self._read_window(f"balances{i}_first", each, window)
            else:
                self._read_balance(f"balances{i}_first", each, keys, dated)
        counted = [f"members{i}" for i in range(len(self.distinct))]
        for table in ("facts", *counted, *(f"balances{i}" for i in range(len(self.balances)))):
            self._make(table, f"FROM {table}_first")

    def _read_window(self, table: str, each: Moments, window: Window) -> None:
        """For every day the rows of the window that ends with it; a day's rows are one before all days have them."""
        dataset, measure = self.extract.dataset, each.measure
        time, value = quote_identifier(str(dataset.time)), quote_identifier(measure.base.name)
        dimensions = [f"{label_sql(name)} AS d{i}" for i, name in enumerate(dataset.dimensions)]
        added = f"{measure.function}({value}) FILTER (WHERE isfinite({value}::DOUBLE))"
        one = ", ".join([f"{time} AS o", *dimensions, f"{value if each.distinct else added} AS v"])
        held = f" AND {quote_identifier(window.rows)} > 0" if window.rows else ""
        rows = f"FROM extract WHERE {time} IS NOT NULL{held}"
        bounds = self.bounds
        days = days_sql(bounds, dataset.grain) if bounds else f"SELECT NULL::DATE AS {DAY} WHERE false"
        reach = window_sql(window.model_copy(update={"rows": ""}), "o", DAY)
        keys = ", ".join([f"{DAY} AS t", *self.dimensions, "[]::VARCHAR[] AS w", f"{DAY} AS o"])

        def join(daily: str) -> str:
            return f"FROM ({daily}) AS daily JOIN ({days}) AS days ON {reach}"

        if each.distinct:
            self._make(table, f"SELECT DISTINCT {keys}, v {join(f'SELECT DISTINCT {one} {rows}')}")
        else:
            daily = f"SELECT {one} {rows} GROUP BY ALL"
            self._make(table, f"SELECT {keys}, {measure.function}(v) AS v {join(daily)} GROUP BY ALL")

    def _read_balance(self, table: str, each: Moments, keys: list[str], dated: str) -> None:
        measure = each.measure
        balance = measure.balance or Balance(moment="")
        within = [quote_identifier(name) for name in balance.within]
        conditions = [f"{name} IS NOT NULL" for name in within]
        conditions += [f"{quote_identifier(balance.rows)} > 0"] if balance.rows else []
        column = quote_identifier(measure.name)
        value = f"{measure.function}({column}) FILTER (WHERE isfinite({column}::DOUBLE)) AS v"
        chosen = ", ".join([*keys, f"[{', '.join(f'{name}::VARCHAR' for name in within)}] AS w"])
        where = f"{dated} {'AND' if dated else 'WHERE'} {' AND '.join(conditions)}" if conditions else dated
        rows = f"SELECT {chosen}, {quote_identifier(balance.moment)} AS o, {value} FROM extract{where} GROUP BY ALL"
        self._make(table, f"FROM ({rows}) WHERE o IS NOT NULL{self._keep_last(each)}")

    def _keep_last(self, each: Moments) -> str:
        """SQL that leaves of each cell its last moment, or its first; or that of the end of its bucket."""
        if each.at_end:
            newest = (self.bounds or (date.min, date.min))[1]
            end = f"(t + INTERVAL 1 {self.grain.upper()})::DATE - 1"
            return f" WHERE o = least({end}, {write_literal(newest, 'duckdb')})"
        cell = ", ".join([*self.keys, "w"])
        return f" QUALIFY o = {'max' if each.last else 'min'}(o) OVER (PARTITION BY {cell})"

    def _make(self, table: str, select: str) -> None:
        self.extract.run(f"CREATE OR REPLACE TEMP TABLE made AS {select}")
        self.extract.run(f"DROP TABLE IF EXISTS {table}")
        self.extract.run(f"ALTER TABLE made RENAME TO {table}")

    def _replace(self, key: str, expression: str, source: str = "") -> None:
        """Put an expression in the place of one key, and add up again what now falls together."""
        sums = [f"{m.function}(m{i}) AS m{i}" for i, m in enumerate(self.sums)]
        changed = f"* REPLACE ({expression} AS {key})"
        chosen = ", ".join([*self.keys, *sums, "max(1)"])
        self._make("facts", f"SELECT {chosen} FROM (SELECT {changed} FROM facts{source}) GROUP BY ALL")
        for i, measure in enumerate(self.distinct):
            rows = f"SELECT DISTINCT {changed} FROM members{i}{source}"
            if measure.percentile:
                values = ", ".join([*self.keys, "v", "sum(n) AS n"])
                rows = f"SELECT {values} FROM (SELECT {changed} FROM members{i}{source}) GROUP BY ALL"
            self._make(f"members{i}", rows)
        for i, each in enumerate(self.balances):
            value = "v" if each.distinct else f"{each.measure.function}(v) AS v"
            cells = ", ".join([*self.keys, "w", "o", value])
            rows = f"SELECT {cells} FROM (SELECT {changed} FROM balances{i}{source}) GROUP BY ALL"
            self._make(f"balances{i}", f"FROM ({rows}){self._keep_last(each)}")

    def _is_too_large(self) -> bool:
        values = [f"balances{i}" for i, each in enumerate(self.balances) if each.distinct]
        values += [f"members{i}" for i in range(len(self.distinct))]
        exact = ["facts", *(f"balances{i}" for i, each in enumerate(self.balances) if not each.distinct)]
        if any(self._count_rows(table) > self.budget for table in exact):
            return True
        # An exact distinct count is worth more than its days and weeks, not more than its months.
        fine = "t" in self.keys and GRAINS.index(self.grain) < GRAINS.index("month")
        return fine and any(self._count_rows(table) > self.budget for table in values)

    def _reduce_once(self) -> bool:
        if "t" in self.keys and self.grain != GRAINS[-1]:
            self._coarsen(GRAINS[GRAINS.index(self.grain) + 1])
            return True
        return self._fold()

    def _coarsen(self, grain: str) -> None:
        if "t" in self.keys and GRAINS.index(grain) > GRAINS.index(self.grain):
            self.grain = grain
            self._replace("t", truncate_sql("t", grain), "_first")  # months don't consist of weeks

    def _fold(self) -> bool:
        """Keep the larger half of the widest dimension's values; False if nothing is left to fold."""
        widths = {key: self._count_values(key) for key in self.dimensions}
        widest = max(widths, key=lambda key: widths[key], default="")
        if not widest or widths[widest] <= 2:
            return False
        kept = (widths[widest] - 1) // 2
        size = "sum(abs(m0::DOUBLE))" if self.sums else "count(*)"
        pinned = self.pinned.get(self.extract.dataset.dimensions[int(widest[1:])], ())
        texts = ", ".join(write_literal(value, "duckdb") for value in pinned)
        first = f"{widest} IN ({texts}) DESC, " if texts else ""
        order = f"ORDER BY {first}{size} DESC NULLS LAST, {widest} LIMIT {kept}"
        self._make(
            "kept", f"SELECT {widest} AS value FROM facts WHERE {widest} <> '{OTHER}' GROUP BY 1 {order}"
        )
        inside = f"{widest} IN (FROM kept)"
        self._replace(widest, f"CASE WHEN {inside} THEN {widest} ELSE '{OTHER}' END")
        self.folded[self.extract.dataset.dimensions[int(widest[1:])]] = kept
        return True

    def _sample_table(self, table: str, drawn: str = "v::VARCHAR") -> None:
        """Keep an even part of what is drawn of a table's columns."""
        while (size := self._count_rows(table)) > self.budget:
            scale = self.scales.get(table, 1) * (1 << (-(-size // self.budget) - 1).bit_length())
            self.scales[table] = scale
            self._make(table, f"FROM {table} WHERE hash({drawn}) % {scale} = 0")

    def _count_values(self, key: str) -> int:
        return self.extract.read_number(f"SELECT count(DISTINCT {key}) FROM facts")

    def _count_rows(self, table: str) -> int:
        return self.extract.read_number(f"SELECT count(*) FROM {table}")

    def _read_table(
        self, table: str, columns: list[str], places: dict[str, dict[str, int]]
    ) -> dict[str, object]:
        days = "(t - DATE '1970-01-01')::INTEGER" if "t" in self.keys else "0"
        numbers = [f"{column} AS c{i}" for i, column in enumerate(columns)]
        chosen = ", ".join([f"{days} AS day", *self.dimensions, *numbers])
        read = self.extract.run(f"SELECT {chosen} FROM {table} ORDER BY ALL").to_arrow_table()
        return {
            "rows": read.num_rows,
            "time": read["day"].to_pylist() if "t" in self.keys else None,
            "codes": [
                [known.setdefault(value, len(known)) for value in read[key].to_pylist()]
                for key, known in places.items()
            ],
            "columns": [read[f"c{i}"].to_pylist() for i in range(len(columns))],
        }
