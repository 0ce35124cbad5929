"""An extract reduced to the rows a page can carry, so that its filters work without a server.

Rows are added up by time and dimensions. Over the budget the time grain is coarsened, then the smallest
values of the widest dimension are folded into `Other`, until the rows fit. Distinct counts can't be added up:
their values are kept as rows of their own and, where even months are too many, as an even sample of the
values, which the page scales up and calls an estimate. Values leave here as numbers without meaning.

A balance counts at the last (or first) moment of what is shown: each cell of the rows keeps its own last moment with
the value then, and the page finds out which cells end as late as all.
"""

from __future__ import annotations

from blocks.metrics import Balance, Measure, aggregate_sql
from blocks.records import GRAINS
from blocks.site.html.extract import Extract, label_sql, truncate_sql
from blocks.sql import quote_identifier

OTHER = "Other"


class Rollup:
    """One extract being reduced. Tables: facts (t, d0.., m0..), members<i> (t, d0.., v) a distinct count,
    balances<i> (t, d0.., w, o, v) a balance: o its moment, w what it is the last within.
    """

    def __init__(self, extract: Extract, budget: int) -> None:
        self.extract, self.budget = extract, budget
        dataset = extract.dataset
        self.grain, self.folded = dataset.grain, dict[str, int]()
        self.dimensions = [f"d{i}" for i in range(len(dataset.dimensions))]
        self.keys = (["t"] if dataset.time else []) + self.dimensions
        self.sums = [m for m in dataset.measures if m.function != "count_distinct" and not m.balance]
        self.balances = [m for m in dataset.measures if m.balance]
        self.distinct = [m for m in dataset.measures if m.function == "count_distinct"]
        self.scales = [1 for _ in self.distinct]
        self._read()

    def fit(self, grain: str) -> None:
        """Coarsen to a grain at least, and on until the rows fit; then fold, then sample."""
        self._coarsen(grain)
        while self._too_many() and self._next_step():
            pass
        for i in range(len(self.distinct)):
            self._sample(i)

    def tables(self) -> tuple[list[dict[str, object]], list[list[str]]]:
        """The rows, column by column, and each dimension's values, to which their codes point."""
        places: dict[str, dict[str, int]] = {key: {} for key in self.dimensions}
        found = []
        if self.sums:
            found.append(self._table("facts", [f"m{i}::DOUBLE" for i in range(len(self.sums))], places))
        for i, measure in enumerate(self.distinct):
            table = self._table(f"members{i}", ["(dense_rank() OVER (ORDER BY v) - 1)::INTEGER"], places)
            found.append(table | {"distinct": measure.name, "scale": self.scales[i]})
        for i, measure in enumerate(self.balances):
            ranks = [f"(dense_rank() OVER (ORDER BY {key}) - 1)::INTEGER" for key in ("o", "w")]
            table = self._table(f"balances{i}", ["v::DOUBLE", *ranks], places)
            found.append(table | {"balance": measure.name, "last": self._is_last(measure)})
        return found, [list(values) for values in places.values()]

    def _read(self) -> None:
        dataset = self.extract.dataset
        keys = [f"{truncate_sql(quote_identifier(dataset.time), self.grain)} AS t"] if dataset.time else []
        keys += [f"{label_sql(name)} AS d{i}" for i, name in enumerate(dataset.dimensions)]
        dated = f" WHERE {quote_identifier(dataset.time)} IS NOT NULL" if dataset.time else ""
        sums = [f"{aggregate_sql(measure)} AS m{i}" for i, measure in enumerate(self.sums)]
        chosen = ", ".join([*keys, *sums, "max(1)"])
        self._make("facts_first", f"SELECT {chosen} FROM extract{dated} GROUP BY ALL")
        for i, measure in enumerate(self.distinct):
            values = ", ".join([*keys, f"{quote_identifier(measure.name)} AS v"])
            rows = f"SELECT DISTINCT {values} FROM extract{dated}"
            self._make(f"members{i}_first", f"FROM ({rows}) WHERE v IS NOT NULL")
        for i, measure in enumerate(self.balances):
            self._read_balance(f"balances{i}_first", measure, keys, dated)
        counted = [f"members{i}" for i in range(len(self.distinct))]
        for table in ("facts", *counted, *(f"balances{i}" for i in range(len(self.balances)))):
            self._make(table, f"FROM {table}_first")

    def _read_balance(self, table: str, measure: Measure, keys: list[str], dated: str) -> None:
        balance = measure.balance or Balance(moment="")
        within = [quote_identifier(name) for name in balance.within]
        conditions = [f"{name} IS NOT NULL" for name in within]
        conditions += [f"{quote_identifier(balance.rows)} > 0"] if balance.rows else []
        column = quote_identifier(measure.name)
        value = f"{measure.function}({column}) FILTER (WHERE isfinite({column}::DOUBLE)) AS v"
        chosen = ", ".join([*keys, f"[{', '.join(f'{name}::VARCHAR' for name in within)}] AS w"])
        where = f"{dated} {'AND' if dated else 'WHERE'} {' AND '.join(conditions)}" if conditions else dated
        rows = f"SELECT {chosen}, {quote_identifier(balance.moment)} AS o, {value} FROM extract{where} GROUP BY ALL"
        self._make(table, f"FROM ({rows}) WHERE o IS NOT NULL{self._keep_last(measure)}")

    def _keep_last(self, measure: Measure) -> str:
        """SQL that leaves of each cell its last moment, or its first."""
        cell = ", ".join([*self.keys, "w"])
        return f" QUALIFY o = {'max' if self._is_last(measure) else 'min'}(o) OVER (PARTITION BY {cell})"

    @staticmethod
    def _is_last(measure: Measure) -> bool:
        return bool(measure.balance and measure.balance.last)

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
        for i in range(len(self.distinct)):
            self._make(f"members{i}", f"SELECT DISTINCT {changed} FROM members{i}{source}")
        for i, measure in enumerate(self.balances):
            cells = ", ".join([*self.keys, "w", "o", f"{measure.function}(v) AS v"])
            rows = f"SELECT {cells} FROM (SELECT {changed} FROM balances{i}{source}) GROUP BY ALL"
            self._make(f"balances{i}", f"FROM ({rows}){self._keep_last(measure)}")

    def _too_many(self) -> bool:
        exact = ["facts", *(f"balances{i}" for i in range(len(self.balances)))]
        if any(self._size(table) > self.budget for table in exact):
            return True
        # An exact distinct count is worth more than its days and weeks, not more than its months.
        fine = "t" in self.keys and GRAINS.index(self.grain) < GRAINS.index("month")
        return fine and any(self._size(f"members{i}") > self.budget for i in range(len(self.distinct)))

    def _next_step(self) -> bool:
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
        widths = {key: self._width(key) for key in self.dimensions}
        widest = max(widths, key=lambda key: widths[key], default="")
        if not widest or widths[widest] <= 2:
            return False
        kept = (widths[widest] - 1) // 2
        size = "sum(abs(m0::DOUBLE))" if self.sums else "count(*)"
        order = f"ORDER BY {size} DESC NULLS LAST, {widest} LIMIT {kept}"
        self._make(
            "kept", f"SELECT {widest} AS value FROM facts WHERE {widest} <> '{OTHER}' GROUP BY 1 {order}"
        )
        inside = f"{widest} IN (FROM kept)"
        self._replace(widest, f"CASE WHEN {inside} THEN {widest} ELSE '{OTHER}' END")
        self.folded[self.extract.dataset.dimensions[int(widest[1:])]] = kept
        return True

    def _sample(self, number: int) -> None:
        table = f"members{number}"
        while (size := self._size(table)) > self.budget:
            self.scales[number] *= 1 << (-(-size // self.budget) - 1).bit_length()
            self._make(table, f"FROM {table} WHERE hash(v::VARCHAR) % {self.scales[number]} = 0")

    def _width(self, key: str) -> int:
        return self.extract.number(f"SELECT count(DISTINCT {key}) FROM facts")

    def _size(self, table: str) -> int:
        return self.extract.number(f"SELECT count(*) FROM {table}")

    def _table(self, table: str, columns: list[str], places: dict[str, dict[str, int]]) -> dict[str, object]:
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
