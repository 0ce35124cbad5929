"""Rows for random dashboards, read live, as an extract, or as one of which days change: what the files say of them.

Each figure is asked of plain SQL over the rows, metric by metric, and put together by `evaluate`: no part of it is what
the workbook was made by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import duckdb
from hypothesis import strategies as st

from blocks.catalogue import Dataset
from blocks.metrics import Measure, Metric, evaluate, is_additive
from blocks.site.hyper import find_hyper_types, write_hyper
from blocks.site.number_format import write_compact
from blocks.site.palette import SERIES
from blocks.site.tableau.changed_days import list_actions, read_state, write_change
from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.fields import use_plain
from blocks.site.tableau.workbook.workbook import Workbook
from blocks.sql import quote_identifier as quote
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.publication import export_sizes
from tests.blocks.site.tableau.calculations import expand, to_sql
from tests.blocks.site.tableau.files import extracts
from tests.blocks.site.tableau.random_dashboards import Drawn, dashboards

MEMBERS = ("Spain", "O''Brien & <Co>", "日本 😀", 'the "best"', "a\\b", " ", "ß" * 50, "null")
ALL = "1"
LONGEST = 1e10  # a percentage has commas up to twelve digits
UNITS = {"K": 10**3, "M": 10**6, "B": 10**9}


class Rows(NamedTuple):
    """How a dataset's rows are. size: of its numbers; below: some are negative; missing: one in so many is null."""

    count: int
    size: float
    members: int
    below: bool
    missing: int
    days: int


ROWS = st.builds(
    Rows,
    count=st.sampled_from((0, 1, 7, 60, 400)),
    size=st.sampled_from((0.01, 1.0, 90.0, 4e3, 7e4, 2e6, 5e8, 3e10)),
    members=st.integers(1, 8),
    below=st.booleans(),
    missing=st.sampled_from((3, 50, 10**6)),
    days=st.sampled_from((1, 20, 800)),
)


class Filled(NamedTuple):
    """A random dashboard with its rows: `extract`, `days` that change of one, or `live`."""

    drawn: Drawn
    rows: Rows
    way: str


FILLED = st.builds(Filled, dashboards(), ROWS, st.sampled_from(("live", "extract", "days")))


def fill(filled: Filled, folder: Path) -> tuple[Drawn, Drawn]:
    """A dashboard whose card has rows, as a site gets it, and the same with all of them in its extracts."""
    drawn, rows, way = filled
    paths, sizes, types = list[Path](), list[dict[str, Path]](), list[dict[str, str]]()
    for place, (dataset, columns) in enumerate(zip(drawn.card.datasets, drawn.types, strict=True)):
        path = folder / f"{place}.parquet"
        write_rows(path, dataset, columns, rows)
        paths.append(path)
        types.append(find_hyper_types(path))
        sizes.append(ask_sizes(path, dataset, folder / f"live-{place}.parquet") if way == "live" else {})
    whole = drawn._replace(
        card=drawn.card.model_copy(update={"extracts": tuple(paths), "summaries": ()}), types=tuple(types)
    )
    if way != "live":
        return whole, whole
    empty = tuple(folder / f"live-{place}.parquet" for place in range(len(paths)))
    live = whole.card.model_copy(update={"extracts": empty, "sizes": tuple(sizes)})
    return whole._replace(card=live), whole


def write_rows(path: Path, dataset: Dataset, columns: Mapping[str, str], rows: Rows, seed: int = 0) -> None:
    """Write rows of a dataset's columns as a Parquet file; another seed: other numbers of some of its days."""
    shown = [f"{_write_column(*each, dataset, rows, seed)} AS {quote(each[0])}" for each in columns.items()]
    with duckdb.connect() as connection:
        table = f"SELECT {', '.join(shown)} FROM range({rows.count}) AS numbers(i)"
        connection.execute(f"COPY ({table}) TO '{path}'")


def _write_column(name: str, kind: str, dataset: Dataset, rows: Rows, seed: int) -> str:
    missing = f"hash(i, '{len(name)}gap') % {rows.missing} = 0"
    day = f"DATE '2025-01-01' + ((hash(i, 'day') % {rows.days})::INT)"
    if name in (dataset.time, "m__moment"):
        return f"({day})::{kind}"
    if name == "m__rows":
        return "(1 + i % 3)::BIGINT"
    if name in dataset.dimensions or kind in ("TEXT", "VARCHAR(20)"):
        value = f"hash(i, '{len(name)}member') % {rows.members}"
        quoted = ", ".join(f"'{each}'" for each in MEMBERS)
        names = f"[{quoted}][1 + ({value})::INT]"
        words = {"DATE": f"DATE '2024-01-01' + ({value})::INT", "TIMESTAMP": f"to_timestamp(({value})::INT)"}
        found = words.get(kind, f"({value}) % 2 = 0" if kind == "BOOL" else f"({value})")
        found = names if kind in ("TEXT", "VARCHAR(20)") else f"({found})::{kind.replace(' PRECISION', '')}"
        return f"CASE WHEN {missing} THEN NULL ELSE {found} END"
    changed = f"CASE WHEN hash(i, 'day') % {rows.days} % 9 = 0 THEN {seed} ELSE 0 END"
    number = f"(hash(i, '{name}', {changed}) % 1000)::DOUBLE / 500 * {rows.size}"
    signed = (
        f"CASE WHEN hash(i, '{name}sign') % 4 = 0 THEN -1 ELSE 1 END * {number}" if rows.below else number
    )
    return f"CASE WHEN {missing} THEN NULL ELSE ({signed})::{kind.replace(' PRECISION', '')} END"


def ask_sizes(path: Path, dataset: Dataset, live: Path) -> dict[str, Path]:
    """What a warehouse is asked of a dataset that is read live; live: gets its columns, without rows."""
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM read_parquet('{path}') LIMIT 0) TO '{live}'")
    house = DuckDBWarehouse(database=str(live.with_suffix(".duckdb")))
    with house.session() as session:
        return export_sizes(house, session, dataset, f"select * from read_parquet('{path}')", live)


def list_wrong(filled: Filled, folder: Path) -> list[str]:
    """What axes, colours and figures of a dashboard's workbook say otherwise than its rows, and its files' rows."""
    drawn, whole = (each.leave_out()[0] for each in fill(filled, folder))
    made, found = drawn.make(), list[str]()
    for place, (dataset, source) in enumerate(zip(whole.card.datasets, made.sources, strict=True)):
        path = whole.card.extracts[place]
        live = filled.way == "live"
        asked = Asked(dataset, path)
        found += asked.compare_axes(source, _find_grains(drawn, made), live)
        found += asked.compare_colours(source)
        found += asked.compare_figures(source)
        if not live:
            found += compare_hyper(dataset, path, filled, whole.types[place], folder)
    return found


def _find_grains(drawn: Drawn, made: Workbook) -> Sequence[str]:
    return next((p.grains for each in drawn.card.plan.sections for p in each.panels if p.grains), ())


class Asked:
    """A dataset's rows, asked for a metric of groups of them."""

    def __init__(self, dataset: Dataset, path: Path) -> None:
        self._dataset, self._path = dataset, path

    def ask(self, by: str, metric: Metric) -> dict[Any, float | None]:
        """A metric of each group, by the group."""
        measures = [each for each in metric.measures if not each.balance]
        sums = ", ".join(_write_plain(each, grouped=by != ALL) for each in measures) or "1"
        with duckdb.connect() as connection:
            rows = connection.execute(f"SELECT {by}, {sums} FROM '{self._path}' GROUP BY 1").fetchall()
        names = [each.name for each in measures]
        return {group: evaluate(metric.formula, dict(zip(names, values))) for group, *values in rows}  # noqa: B905

    def compare_axes(self, source: Source, grains: Sequence[str], live: bool) -> list[str]:
        dataset, found = self._dataset, list[str]()
        times = [f"date_trunc('{each}', {quote(dataset.time)})" for each in grains if dataset.time]
        ranked = any(_is_ranking(each) for each in dataset.metrics)
        for metric in dataset.metrics:
            axes = [self._list_sizes(by, metric) for by in times]
            usual = [self._list_sizes(quote(name), metric) for name in dataset.dimensions]
            known = ranked and all(each.function == "sum" for each in metric.measures)
            plain = metric.form != "percent" and not any(each.balance for each in metric.measures)
            expected = _find_unit(axes, usual) if plain and (known or not live) else ("", False)
            form = source.axes.get(f"Calculation_{metric.name}", "")
            letter = next((each for each in UNITS if each in form), "")
            if (letter, ".0" in form) != expected:
                found.append(f"the axis of {metric.name} is {form!r}, not in {expected}")
        return found

    def _list_sizes(self, by: str, metric: Metric) -> list[float]:
        found = self.ask(by, metric)
        return [abs(each) for group, each in found.items() if group is not None and each is not None]

    def compare_colours(self, source: Source) -> list[str]:
        found, first = [], next(filter(_is_ranking, self._dataset.metrics), None)
        kinds = find_hyper_types(self._path)
        for field in source.dimensions:
            name = field.name
            if kinds[name] != "TEXT" or field.formula:
                continue
            sizes = self.ask(quote(name), first) if first else self._count(name)
            order = sorted(
                (each for each in sizes if each is not None),
                key=lambda text: (sizes[text] is None, -(sizes[text] or 0), text),
            )
            shown = [each for each in order if each.isprintable() and not set(each) & set('"\\')]
            expected = dict(zip(shown, [*SERIES[:-1], *[SERIES[-1]] * len(shown)], strict=False))
            told = dict(source.colours.get(use_plain(field).ref, {}))
            if told != expected and not _are_level(sizes):
                found.append(f"the colours of {name} are {told}, not {expected}")
        return found

    def _count(self, name: str) -> dict[Any, float | None]:
        with duckdb.connect() as connection:
            return dict(
                connection.execute(
                    f"SELECT {quote(name)}, count(*) FROM '{self._path}' GROUP BY 1"
                ).fetchall()
            )

    def compare_figures(self, source: Source) -> list[str]:
        """Not without rows: a view of none has no marks."""
        found, fields = [], {each.name: each for each in source.metrics}
        with duckdb.connect() as connection:
            connection.execute("SET ieee_floating_point_ops = false")
            connection.execute(f"CREATE TABLE extract AS FROM read_parquet('{self._path}')")
            ((count,),) = connection.execute("SELECT count(*) FROM extract").fetchall()
            for metric in self._dataset.metrics if count else ():
                name = f"Calculation_{metric.name}"
                if any(each.balance for each in metric.measures):
                    continue
                whole = source.derived.wholes.get(name, fields[name])
                number = to_sql(expand(source, whole), {}, "2026-01-01", numeric=True)
                ((value,),) = connection.execute(f"SELECT ({number})::DOUBLE FROM extract").fetchall()
                literal = "NULL::DOUBLE" if value is None else f"({value!r}::DOUBLE)"
                text = source.derived.figures[name].formula.replace(whole.ref, literal)
                ((told,),) = connection.execute(f"SELECT {to_sql(text, {}, '2026-01-01')}").fetchall()
                own = self.ask(ALL, metric).get(1)
                expected = write_compact(own, metric.form)
                if told != expected and abs(own or 0) < (LONGEST if metric.form == "percent" else math.inf):
                    found.append(f"the figure of {metric.name} is {told}, not {expected}")
        return found


def compare_hyper(
    dataset: Dataset, path: Path, filled: Filled, columns: Mapping[str, str], folder: Path
) -> list[str]:
    """Rows and sums of a .hyper file, those of a change of some days among them, against the Parquet file's."""
    target = folder / "rows.hyper"
    write_hyper({"Extract": path}, target)
    old = read_state(path, dataset)
    if filled.way == "days" and old:
        changed = folder / "changed.parquet"
        write_rows(changed, dataset, filled.drawn.types[0] and columns, filled.rows, seed=1)
        new = read_state(changed, dataset)
        if not new or new.columns != old.columns or not old.list_changed(new):
            return []
        change = write_change(changed, dataset, old, new, folder / "days.hyper")
        if not change:
            return []
        data = extracts().change(target.read_bytes(), change.path.read_bytes(), list_actions(dataset), folder)
        target.write_bytes(data)
        path = changed
    names = [name for name, kind in columns.items() if kind in ("BIGINT", "DOUBLE PRECISION")]
    asked = ", ".join(["count(*)", *(f"sum({quote(name)}::DOUBLE PRECISION)" for name in names)])
    told = [extracts().ask(target, each) for each in asked.split(", ")]
    with duckdb.connect() as connection:
        expected = (
            connection.execute(f"SELECT {asked.replace(' PRECISION', '')} FROM '{path}'").fetchone() or ()
        )
    same = all(_is_near(one, other) for one, other in zip(told, expected, strict=True))
    return [] if same else [f"the extract of {dataset.mart} has {told}, not {expected}"]


def _write_plain(measure: Measure, grouped: bool) -> str:
    column = quote(measure.name)
    if measure.function == "count_distinct":
        counted = f"count(DISTINCT {column})"
        return f"nullif({counted}, 0)" if measure.filtered and grouped else counted
    return f"{measure.function}({column})::DOUBLE"


def _is_ranking(metric: Metric) -> bool:
    return is_additive(metric.formula) and not any(each.balance for each in metric.measures)


def _find_unit(axes: list[list[float]], usual: list[list[float]]) -> tuple[str, bool]:
    """The unit that each axis is to have, and whether with a decimal: what is on it has to say something."""
    ends = [max(each, default=0) for each in (*axes, *usual)]
    longest = min(ends, default=0)
    middle = min((median(each) if each else 0 for each in usual), default=longest)
    for letter, step in reversed(UNITS.items()):
        exact = longest < 100 * step
        if longest >= 10 * step and middle >= step * (0.5 if exact else 5):
            return letter, exact
    return "", False


def _are_level(sizes: Mapping[Any, float | None]) -> bool:
    """True if two values are as large, but for what adding up in another order leaves: either may be the first."""
    found = sorted(value for value in sizes.values() if value is not None)
    return any(_is_near(one, other) for one, other in pairwise(found))


def _is_near(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(float(one) - float(other)) <= 1e-9 * max(abs(float(one)), abs(float(other)), 1)
