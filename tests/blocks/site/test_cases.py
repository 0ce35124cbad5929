"""Python's answers to the cases in tests/cases; tests/javascript/cases.test.js asks the page's program the same."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blocks.catalogue import Dataset, Measure, Metric
from blocks.metrics import evaluate
from blocks.site import number_format, periods
from blocks.site.formula import metric_sql
from blocks.site.html.extract import Extract
from blocks.site.html.kpis import Snapshot
from blocks.site.periods import Period, bucket
from tests.conftest import ROOT


def cases(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "cases" / f"{name}.json").read_text(encoding="utf-8"))


FIGURES, FORMULAS, PERIODS = cases("number_format"), cases("formulas"), cases("periods")
MEASURES = tuple(Measure(name=name, function=kind) for name, kind in FORMULAS["measures"].items())


@pytest.mark.parametrize(("form", "sign"), FIGURES["forms"].items())
def test_units(form: str, sign: str) -> None:
    assert number_format.unit(form) == sign


@pytest.mark.parametrize("case", FIGURES["short"], ids=lambda case: f"{case['value']} {case['form']}")
def test_short_figures(case: dict[str, Any]) -> None:
    assert number_format.compact(case["value"], case["form"]) == case["text"]


@pytest.mark.parametrize("case", FIGURES["changes"], ids=str)
def test_changes(case: dict[str, Any]) -> None:
    text = number_format.change(case["value"], case["before"], case["form"])
    assert text == case["text"]
    assert number_format.tone(text, case["goal"]) == case["tone"]


@pytest.mark.parametrize("case", FIGURES["spans"], ids=lambda case: case["text"])
def test_days_and_spans(case: dict[str, Any]) -> None:
    assert (
        number_format.span(date.fromisoformat(case["first"]), date.fromisoformat(case["last"]))
        == case["text"]
    )


def metric_of(formula: list[Any]) -> tuple[Metric, Dataset]:
    metric = Metric(name="m", label="M", description="", mart="rows", formula=formula, measures=MEASURES)
    dimensions, labels = ("label",), {"label": "Label"}
    dataset = Dataset(
        mart="rows", time=None, dimensions=dimensions, labels=labels, metrics=(metric,), measures=MEASURES,
        select="",
    )  # fmt: skip
    return metric, dataset


@pytest.fixture(scope="module")
def tables() -> Any:
    """The rows of the cases as tables of a DuckDB."""
    with duckdb.connect() as connection:
        for name, rows in FORMULAS["rows"].items():
            kinds = {m.name: "VARCHAR" if m.function == "count_distinct" else "DOUBLE" for m in MEASURES}
            columns = ", ".join(f"{column} {kind}" for column, kind in kinds.items())
            connection.execute(f"CREATE TABLE rows_{name} ({columns})")
            for row in rows:
                values = [row[column] for column in kinds]
                connection.execute(f"INSERT INTO rows_{name} VALUES (?, ?, ?, ?, ?)", values)
        yield connection


@pytest.mark.parametrize("case", FORMULAS["formulas"], ids=lambda case: f"{case['rows']} {case['formula']}")
def test_formulas(tables: Any, case: dict[str, Any]) -> None:
    def ask(formula: list[Any]) -> float | None:
        sql = metric_sql(*metric_of(formula))
        return tables.execute(f"SELECT {sql} FROM rows_{case['rows']}").fetchone()[0]

    assert ask(case["formula"]) == case["value"]
    totals = {measure.name: ask(["measure", measure.name]) for measure in MEASURES}
    assert evaluate(case["formula"], totals) == case["value"]


@pytest.mark.parametrize(
    "case", FORMULAS["rankings"], ids=lambda case: f"{len(case['values'])} {case['groups']}"
)
def test_rankings(tmp_path: Path, case: dict[str, Any]) -> None:
    path = tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE listed (label VARCHAR, gross DOUBLE)")
        connection.executemany("INSERT INTO listed VALUES (?, ?)", case["values"])
        connection.execute(f"COPY listed TO '{path}'")
    metric, dataset = metric_of(["measure", "gross"])
    with Extract(dataset, path) as extract:
        groups = Snapshot(extract, metric, None, None).groups("label", case["most"])
    assert [[group.label, group.value] for group in groups] == case["groups"]


def test_the_cases_count_with_the_limits_that_a_page_is_given() -> None:
    assert [list(pair) for pair in periods.DRAWN] == PERIODS["drawn"]
    assert {grain: periods.coarser(grain) for grain in periods.GRAINS} == PERIODS["coarser"]


@pytest.mark.parametrize("case", PERIODS["buckets"], ids=lambda case: f"{case['day']} {case['grain']}")
def test_buckets(case: dict[str, Any]) -> None:
    grain, number = case["grain"], case["number"]
    assert bucket(date.fromisoformat(case["day"]), grain) == number
    assert str(periods.start(number, grain)) == case["start"]
    assert str(periods.finish(number, grain)) == case["finish"]


@pytest.mark.parametrize("case", PERIODS["periods"], ids=lambda case: case["name"])
def test_periods(case: dict[str, Any]) -> None:
    ends = [bucket(date.fromisoformat(case[end]), case["grain"]) for end in ("begin", "end")]
    period = Period(grain=case["grain"], first=ends[0], last=ends[1])
    assert [str(period.begin), str(period.end)] == [case["begin"], case["end"]]
    assert period.drawn == case["drawn"]
    assert [str(period.previous.begin), str(period.previous.end)] == case["before"]
    grain = case["in"]
    assert [str(periods.start(number, grain)) for number in period.whole_buckets(grain)] == case["whole"]
    besides = [[str(periods.start(number, grain)) for number in pair] for pair in period.besides(grain)]
    assert besides == case["besides"]
