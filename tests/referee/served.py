"""What readers are served: the page's program over its rows, the picture's figures, Tableau's formulas over .hyper."""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from blocks.catalogue import Catalogue, Dataset
from blocks.errors import Misconfigured
from blocks.metrics import Metric, count_all, evaluate_empty, to_json, to_tableau
from blocks.records import GRAINS
from blocks.site.extract import Extract, cover_all
from blocks.site.html.kpis import Snapshot
from blocks.site.html.page_model import _build_dataset as page_dataset
from blocks.site.html.rollup import Rollup
from blocks.site.hyper import write_hyper
from blocks.site.periods import EPOCH, Period, list_coarser_grains
from blocks.site.plan import Section
from blocks.sql import quote_identifier
from tests.blocks.site.tableau.files import as_sql
from tests.conftest import ROOT
from tests.referee.metricflow import Answer, Question, is_as_of_a_day

Answers = dict[Question, Answer]
EVERY_ROW = 10**9


class Served:
    """All that a dashboard of these metrics and of all their dimensions shows."""

    def __init__(
        self, catalogue: Catalogue, connection: Any, schema: str, folder: Path, node: str | None
    ) -> None:
        self.catalogue, self.node, self.folder = catalogue, node, folder
        self.datasets: list[Dataset] = []
        self.paths: list[Path] = []
        by_source = defaultdict(list)
        for name in catalogue.metric_names():
            by_source[catalogue.source_of(name)].append(name)
        for source, names in by_source.items():
            dimensions = tuple(d for d in catalogue.dimensions_of(source) if d != catalogue.time_of(source))
            (dataset,) = catalogue.datasets(tuple(names), dimensions)
            path = folder / f"{dataset.name}.parquet"
            relations = {mart: f"{schema}.{quote_identifier(mart)}" for mart in dataset.marts}
            connection.execute(
                f"COPY ({dataset.sql(relations[dataset.mart], relations)}) TO '{path}' (FORMAT parquet)"
            )
            self.datasets.append(dataset)
            self.paths.append(path)

    def bounds(self) -> dict[str, tuple[date, date] | None]:
        """Metric → the first and the last day of its data."""
        found: dict[str, tuple[date, date] | None] = {}
        for dataset, path in zip(self.datasets, self.paths, strict=True):
            with Extract(dataset, path) as extract:
                found |= dict.fromkeys((metric.name for metric in dataset.metrics), extract.find_bounds())
        return found

    def questions(self) -> list[Question]:
        """Each metric × dimension × grain, and each dimension once more where one has its commonest value."""
        found = []
        for dataset, path in zip(self.datasets, self.paths, strict=True):
            grains = [None, *list_coarser_grains(dataset.grain)] if dataset.time else [None]
            filters = [None, *((name, label) for name in dataset.dimensions for label in _labels(path, name))]
            few = {None, "month" if "month" in grains else grains[-1]}
            found += [
                Question(metric.name, grain, by, where)
                for metric in dataset.metrics
                for where in filters
                for grain in grains
                for by in (None, *dataset.dimensions)
                if grain or not (metric.needs_bucket or _is_of_many_times(metric))
                if where is None or (grain in few and by != where[0])
            ]
        return found

    def page(self, questions: Sequence[Question]) -> Answers:
        """The page's program, in Node.js."""
        assert self.node
        asked: dict[str, list[Question]] = defaultdict(list)
        grain_of = {m.name: (d.grain if d.time else "day") for d in self.datasets for m in d.metrics}
        for question in questions:
            asked[grain_of[question.metric]].append(question)
        answers: Answers = {}
        for grain, some in asked.items():
            answers |= self._ask_page(grain, some)
        return answers

    def _ask_page(self, grain: str, questions: Sequence[Question]) -> Answers:
        places = {m.name: (number, m) for number, d in enumerate(self.datasets) for m in d.metrics}
        used = {places[question.metric][0] for question in questions}
        models: list[Any] = []
        for number, (dataset, path) in enumerate(zip(self.datasets, self.paths, strict=True)):
            if number not in used:
                models.append({"tables": [], "dimensions": [], "measures": []})
                continue
            with Extract(dataset, path) as extract:
                rollup = Rollup(extract, EVERY_ROW)
                rollup.fit(rollup.grain)
                shown = Section(dataset=dataset.name, label="", metrics=(), drill=(), panels=())
                models.append(page_dataset(rollup, shown))
        asked = [
            {
                "dataset": places[question.metric][0],
                "metric": _as_on_page(places[question.metric][1]),
                "per": question.grain,
                "by": question.by,
                "where": question.where,
            }
            for question in questions
        ]
        told = json.dumps({"grain": grain, "datasets": models, "questions": asked})
        done = subprocess.run(
            [str(self.node), str(ROOT / "tests" / "referee" / "page.mjs")],
            input=told,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return {
            question: {
                (None if day is None else EPOCH + timedelta(days=day), label): float(v)
                for day, label, v in rows
                if v is not None
            }
            for question, rows in zip(questions, json.loads(done.stdout), strict=True)
        }

    def picture(self, questions: Sequence[Question]) -> Answers:
        """The figures that the picture is drawn of; it has neither filters nor split lines of every value."""
        found: Answers = {}
        for dataset, path in zip(self.datasets, self.paths, strict=True):
            metrics = {metric.name: metric for metric in dataset.metrics}
            with Extract(dataset, path) as extract:
                whole = _whole_years(extract)
                for question in questions:
                    if question.metric not in metrics or question.where:
                        continue
                    if question.grain and question.by:
                        continue
                    shot = Snapshot(extract, metrics[question.metric], whole, None)
                    if question.grain:
                        answer: Answer = {(day, None): v for day, v in shot.read_series(question.grain)}
                    elif question.by:
                        answer = {(None, g.label): g.value for g in shot.read_groups(question.by, EVERY_ROW)}
                    else:
                        total = shot.read_total()
                        answer = {} if total is None else {(None, None): total}
                    found[question] = answer
        return found

    def tableau(self, questions: Sequence[Question]) -> Answers:
        """Tableau's formulas, computed over the rows of a .hyper file."""
        from tableauhyperapi import Connection, HyperProcess, Telemetry

        target = self.folder / "served.hyper"
        write_hyper({d.name: p for d, p in zip(self.datasets, self.paths, strict=True)}, target)
        found: Answers = {}
        with (
            HyperProcess(
                Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU, parameters={"log_config": ""}
            ) as process,
            Connection(process.endpoint, target) as hyper,
            duckdb.connect() as connection,
        ):
            connection.execute(
                "SET ieee_floating_point_ops = false"
            )  # a division by zero is null, as in Tableau
            for number, dataset in enumerate(self.datasets):
                table = f'"Extract".{quote_identifier(dataset.name)}'
                columns = self._columns(hyper, table)
                rows = hyper.execute_list_query(f"SELECT {', '.join(columns)} FROM {table}")
                read = _arrow(rows, columns)
                connection.register("arrived", read)
                connection.execute(f"CREATE TABLE hyper{number} AS FROM arrived")
                metrics = {metric.name for metric in dataset.metrics if _is_in_tableau(metric)}
                for question in questions:
                    if question.metric in metrics:
                        found[question] = _ask_tableau(connection, f"hyper{number}", dataset, question)
        return found

    @staticmethod
    def _columns(hyper: Any, table: str) -> list[str]:
        with hyper.execute_query(f"SELECT * FROM {table} LIMIT 0") as result:
            return [quote_identifier(column.name.unescaped) for column in result.schema.columns]


def _ask_tableau(connection: Any, table: str, dataset: Dataset, question: Question) -> Answer:
    metric = next(metric for metric in dataset.metrics if metric.name == question.metric)
    keys = []
    if question.grain:
        keys.append(f"date_trunc('{question.grain}', {quote_identifier(str(dataset.time))})::date")
    if question.by:
        keys.append(_label_sql(question.by))
    where = [f"{quote_identifier(dataset.time)} IS NOT NULL"] if dataset.time else []
    if question.where:
        where.append(f"{_label_sql(question.where[0])} = '{question.where[1]}'")
    kept = f"SELECT * FROM {table}" + (f" WHERE {' AND '.join(where)}" if where else "")
    asked = metric.formula if keys else count_all(metric.formula)  # as tiles have it
    formula, levels = _take_levels(to_tableau(asked, dataset.dimensions))
    window = f"OVER ({f'PARTITION BY {keys[0]}' if question.grain else ''})"
    more = "".join(f", {as_sql(found)} {window} AS level{place}" for place, found in enumerate(levels))
    sql = f"SELECT {', '.join([*keys, as_sql(formula)])} FROM (SELECT *{more} FROM ({kept}))"
    sql += f" GROUP BY {', '.join(map(str, range(1, len(keys) + 1)))}" if keys else ""
    return {
        (row[0] if question.grain else None, row[-2] if question.by else None): float(row[-1])
        for row in connection.execute(sql).fetchall()
        if row[-1] is not None
    }


def _as_on_page(metric: Metric) -> dict[str, Any]:
    return {
        "formula": to_json(metric.formula),
        "empty": evaluate_empty(metric.formula),
        "elsewhere": not metric.adds_up_rows,
        "needsBucket": metric.needs_bucket,
        "shifts": [measure.shift.model_dump() for measure in metric.measures if measure.shift],
        "fillsBuckets": metric.fills_buckets,
    }


def _is_of_many_times(metric: Metric) -> bool:
    """True if MetricFlow has no value of all time, nor one of the last day that pages would show."""
    return is_as_of_a_day(metric) and not all(measure.window for measure in metric.measures)


def _is_in_tableau(metric: Metric) -> bool:
    """False for a balance that ends with each of its groupings, which Tableau refuses with this reason."""
    try:
        to_tableau(metric.formula)
    except Misconfigured:
        return False
    return True


def _take_levels(formula: str) -> tuple[str, list[str]]:
    """A formula with its level-of-detail expressions replaced by fields level0, level1, ...; and what they compute.

    All dimensions are excluded in each, so its level is the view's time alone.
    """
    levels: list[str] = []

    def take(found: re.Match[str]) -> str:
        levels.append(found[1])
        return f"[level{len(levels) - 1}]"

    return re.sub(r"\{EXCLUDE [^:]+ : ([^}]+)\}", take, formula), levels


def _label_sql(name: str) -> str:
    return f"coalesce({quote_identifier(name)}::varchar, '(blank)')"


def _arrow(rows: list[list[Any]], columns: list[str]) -> pa.Table:
    plain = [[_plain(value) for value in row] for row in rows]
    names = [name[1:-1].replace('""', '"') for name in columns]
    return pa.table({name: pa.array([row[i] for row in plain]) for i, name in enumerate(names)})


def _plain(value: Any) -> Any:
    """Hyper's own types of time as Python's."""
    if hasattr(value, "to_datetime"):
        return value.to_datetime()
    return value.to_date() if hasattr(value, "to_date") else value


def _whole_years(extract: Extract) -> Period | None:
    """A period in which every bucket of every grain is whole."""
    bounds = extract.find_bounds()
    if bounds is None:
        return None
    widened = date(bounds[0].year - 1, 1, 1), date(bounds[1].year + 1, 12, 31)
    grain = extract.dataset.grain
    return cover_all([widened], grain if grain in GRAINS else "day")


def _labels(path: Path, name: str) -> list[str]:
    """The commonest value of a dimension, unless it has but one."""
    label = _label_sql(name)
    sql = f"SELECT {label}, count(*) FROM '{path}' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 2"
    found = duckdb.sql(sql).fetchall()
    return [found[0][0]] if len(found) > 1 else []
