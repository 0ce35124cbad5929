"""Python's answers to the cases in tests/cases; tests/javascript/cases.test.js asks the page's program the same."""

from __future__ import annotations

import json
import math
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blocks.catalogue import Dataset
from blocks.metric_change import compute, divide, measure_unevenness, round_parts, round_value
from blocks.metrics import Measure, Metric, evaluate, to_json, to_sql, to_tableau, totals_sql
from blocks.site import number_format, periods
from blocks.site.extract import Extract
from blocks.site.html.kpis import Snapshot
from blocks.site.periods import Period, find_bucket
from blocks.site.plan import write_title
from tests.blocks.site.tableau.files import as_sql
from tests.conftest import ROOT


def cases(name: str) -> dict[str, Any]:
    return json.loads((ROOT / "tests" / "cases" / f"{name}.json").read_text(encoding="utf-8"))


FIGURES, FORMULAS, PERIODS = cases("number_format"), cases("formulas"), cases("periods")
MOVEMENTS = cases("movements")
MEASURES = tuple(Measure(name=name, function=kind) for name, kind in FORMULAS["measures"].items())


@pytest.mark.parametrize(("form", "sign"), FIGURES["forms"].items())
def test_units(form: str, sign: str) -> None:
    assert number_format.find_unit(form) == sign


@pytest.mark.parametrize("case", FIGURES["short"], ids=lambda case: f"{case['value']} {case['form']}")
def test_short_figures(case: dict[str, Any]) -> None:
    assert number_format.write_compact(case["value"], case["form"]) == case["text"]


@pytest.mark.parametrize("case", FIGURES["changes"], ids=str)
def test_changes(case: dict[str, Any]) -> None:
    text = number_format.write_change(case["value"], case["before"], case["form"])
    assert text == case["text"]
    assert number_format.judge_change(text, case["goal"]) == case["tone"]


@pytest.mark.parametrize("case", cases("titles")["titles"], ids=lambda case: case["title"])
def test_titles(case: dict[str, Any]) -> None:
    assert write_title(case["title"], **case["words"]) == case["text"]


@pytest.mark.parametrize("case", FIGURES["spans"], ids=lambda case: case["text"])
def test_days_and_spans(case: dict[str, Any]) -> None:
    assert (
        number_format.write_span(date.fromisoformat(case["first"]), date.fromisoformat(case["last"]))
        == case["text"]
    )


def metric_of(formula: list[Any]) -> tuple[Metric, Dataset]:
    metric = Metric(name="m", label="M", description="", mart="rows", formula=formula, measures=MEASURES)
    dimensions, labels = ("label",), {"label": "Label"}
    dataset = Dataset(
        mart="rows",
        time=None,
        dimensions=dimensions,
        labels=labels,
        metrics=(metric,),
        measures=MEASURES,
        columns=(),
    )
    return metric, dataset


@pytest.fixture(scope="module")
def tables() -> Any:
    """The rows of the cases as tables of a DuckDB."""
    with duckdb.connect() as connection:
        connection.execute("SET ieee_floating_point_ops = false")  # a division by zero is null, as in Tableau
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
    formula, value, rows = metric_of(case["formula"])[0].formula, case["value"], f"rows_{case['rows']}"
    assert to_json(formula) == case["formula"]
    assert tables.execute(f"SELECT {to_sql(formula)} FROM {rows}").fetchone()[0] == value
    calculation = as_sql(to_tableau(formula))
    assert tables.execute(f"SELECT {calculation} FROM {rows}").fetchone()[0] == value
    answer = tables.execute(totals_sql(MEASURES, f"SELECT * FROM {rows}")).fetchone()
    names = [measure.name for measure in MEASURES]
    assert evaluate(formula, dict(zip(names, answer, strict=True))) == value


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, Decimal("NaN")])
def test_a_measure_without_a_finite_value_is_null(missing: Any) -> None:
    metric, _ = metric_of(["+", ["number", 1], ["measure", "gross"]])
    assert evaluate(metric.formula, {"gross": missing}) is None
    assert evaluate(metric.formula, {}) is None
    assert evaluate(metric.formula, {"gross": Decimal("1.5")}) == 2.5


def test_a_metric_survives_json() -> None:
    metric, _ = metric_of(["/", ["measure", "gross"], ["-", ["measure", "customer"], ["number", 0.5]]])
    assert Metric.model_validate_json(metric.model_dump_json()) == metric


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
        groups = Snapshot(extract, metric, None, None).read_groups("label", case["most"])
    assert [[group.label, group.value] for group in groups] == case["groups"]


def test_the_cases_count_with_the_limits_that_a_page_is_given() -> None:
    assert [list(pair) for pair in periods.DRAWN] == PERIODS["drawn"]
    assert {grain: periods.list_coarser_grains(grain) for grain in periods.GRAINS} == PERIODS["coarser"]


@pytest.mark.parametrize("case", PERIODS["buckets"], ids=lambda case: f"{case['day']} {case['grain']}")
def test_buckets(case: dict[str, Any]) -> None:
    grain, number = case["grain"], case["number"]
    assert find_bucket(date.fromisoformat(case["day"]), grain) == number
    assert str(periods.start(number, grain)) == case["start"]
    assert str(periods.finish(number, grain)) == case["finish"]


@pytest.mark.parametrize("case", PERIODS["ticks"], ids=lambda case: f"{case['first']} {case['grain']}")
def test_labels_along_an_axis_of_time(case: dict[str, Any]) -> None:
    first, last = date.fromisoformat(case["first"]), date.fromisoformat(case["last"])
    found = periods.label_ticks(first, last, case["grain"], case["most"])
    assert [f"{day} {label}" for day, label in found] == case["ticks"]


@pytest.mark.parametrize("case", PERIODS["finished"], ids=lambda case: f"{case['day']} {case['grain']}")
def test_the_last_finished_bucket(case: dict[str, Any]) -> None:
    number = periods.find_last_finished(date.fromisoformat(case["day"]), case["grain"])
    assert str(periods.start(number, case["grain"])) == case["last"]


@pytest.mark.parametrize("case", PERIODS["periods"], ids=lambda case: case["name"])
def test_periods(case: dict[str, Any]) -> None:
    ends = [find_bucket(date.fromisoformat(case[end]), case["grain"]) for end in ("begin", "end")]
    period = Period(grain=case["grain"], first=ends[0], last=ends[1])
    assert [str(period.begin), str(period.end)] == [case["begin"], case["end"]]
    assert period.drawn == case["drawn"]
    assert [str(period.previous.begin), str(period.previous.end)] == case["before"]
    grain = case["in"]
    assert [str(periods.start(number, grain)) for number in period.list_whole_buckets(grain)] == case["whole"]
    besides = [
        [str(periods.start(number, grain)) for number in pair] for pair in period.pair_with_previous(grain)
    ]
    assert besides == case["besides"]


@pytest.mark.parametrize("case", MOVEMENTS["divided"], ids=lambda case: case["name"])
def test_changes_in_parts(case: dict[str, Any]) -> None:
    measures = tuple(Measure(name=name, function="sum") for name in ("top", "bottom"))
    metric = Metric(
        name="m", label="M", description="", mart="rows", formula=case["formula"], measures=measures
    )
    step, formula = Decimal(case["step"]), metric.formula
    before, after = (
        {
            member: {name: Fraction(str(value)) for name, value in totals.items() if value is not None}
            for member, totals in case[side].items()
        }
        for side in ("before", "after")
    )
    parts = divide(formula, before, after)
    if parts is None or case["parts"] is None:
        assert parts is case["parts"]
        return
    old, new = (
        compute(
            formula,
            {m.name: sum((t.get(m.name, Fraction(0)) for t in side.values()), Fraction(0)) for m in measures},
        )
        for side in (before, after)
    )
    assert old is not None
    assert new is not None
    assert sum(part.whole for part in parts) == new - old
    whole = round_value(new, step) - round_value(old, step)
    assert float(whole) == case["change"]
    shown = round_parts([part.whole for part in parts], whole, step)
    assert [
        {
            "member": part.member,
            "change": float(change),
            "mix": float(round_value(part.mix, step)),
            "kind": part.kind,
        }
        for part, change in zip(parts, shown, strict=True)
    ] == case["parts"]
    assert float(measure_unevenness(formula, parts, before, old, new)) == pytest.approx(case["uneven"])
