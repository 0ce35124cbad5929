"""What does not add up against its history: distinct counts, extremes, balances, and metrics made of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.catalogue import Dataset
from blocks.metrics import Balance, Measure, Metric, Operation
from blocks.quality.history.record import Sight
from blocks.records import BuildReport, Check, Release
from blocks.semantic_models import SelectedColumn
from blocks.warehouse import control
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.history import keep_history, look_at_history
from tests.tasks.test_history import DAYS, FIRST, LAST, TODAY, Project

SPENT = Measure(name="spent", function="sum")
WHO = Measure(name="who", function="count_distinct")
FORMULAS = {
    "spent": SPENT,
    "guests": WHO,
    "spent_a_guest": Operation(sign="/", left=SPENT, right=WHO),
    "largest": Measure(name="largest", function="max"),
    "stock": Measure(name="stock", function="sum", balance=Balance(moment="d")),
}
COLUMNS = {
    "spent": SelectedColumn(name="spent", sql="sum(spent)", grouped=False),
    "who": SelectedColumn(name="who", sql="who", grouped=True),
    "largest": SelectedColumn(name="largest", sql="max(spent)", grouped=False),
    "stock": SelectedColumn(name="stock", sql="sum(stock)", grouped=False),
}


class Guests(Project):
    """A mart whose metrics are a sum and four that do not add up."""

    def metric_names(self) -> tuple[str, ...]:
        return tuple(FORMULAS)

    def metric_meta(self, name: str) -> dict[str, Any]:
        return dict(self.meta.get(name, {}))

    def datasets(self, metrics: tuple[str, ...], dimensions: tuple[str, ...]) -> tuple[Dataset, ...]:
        found = []
        for name in metrics:
            formula = FORMULAS[name]
            measures = (formula,) if isinstance(formula, Measure) else (SPENT, WHO)
            metric = Metric(
                name=name, label="", description="", mart="sales", measures=measures, formula=formula
            )
            found.append(metric)
        needed = tuple(dict.fromkeys(measure for metric in found for measure in metric.measures))
        columns = (
            SelectedColumn(name="d", sql="cast(d as date)", grouped=True),
            *(SelectedColumn(name=name, sql=name, grouped=True) for name in dimensions),
            *(COLUMNS[measure.name] for measure in needed),
        )
        return (
            Dataset(
                mart="sales",
                source="sales",
                time="d",
                dimensions=dimensions,
                labels={},
                metrics=tuple(found),
                measures=needed,
                columns=columns,
            ),
        )


def build(
    house: DuckDBWarehouse, run: str, where: str = "true", who: str = "who", **columns: str
) -> BuildReport:
    """A release of the mart. who and columns: SQL of what each row has."""
    spent, stock = columns.get("spent", "spent"), columns.get("stock", "stock")
    with house.session() as session:
        house.make_schema(session, f"rel_{run}")
        session.rows(
            f"create or replace table rel_{run}.sales as"
            f" select d, country, {who} as who, {spent} as spent, {stock} as stock from ("
            f" select date '{FIRST}' + cast(n as integer) as d, ['GB', 'DE'][1 + i % 2] as country,"
            " 'g' || i as who, i, 10 + (i * 7 + n * 3) % 11 as spent, 100 + (i + n) % 5 as stock"
            f" from range({DAYS}) days(n), range(60) guests(i) where (i + n) % 10 > 2) as rows_ where {where}"
        )
    return BuildReport(run=run, marts={"sales": f"rel_{run}.sales"}, models=1, tests=0, seconds=0)


@pytest.fixture
def house(tmp_path: Path) -> DuckDBWarehouse:
    """Readers see all days but the last three."""
    found = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    build(found, "live", f"d <= date '{LAST - timedelta(days=3)}'")
    found.flip(Release(run="live", marts={"sales": "rel_live.sales"}, published_at=control.now()))
    return found


def judge(
    house: DuckDBWarehouse, built: BuildReport, meta: Mapping[str, Any] | None = None
) -> dict[str, Check]:
    """The checks of figures, by the metric's name; what was seen is kept."""
    look = look_at_history.fn(house, Guests(meta), built, (), (), TODAY)  # type: ignore[arg-type]
    keep_history.fn(house, built.run, look, True)
    found = {check.name: check for check in look.checks}
    return {
        name: found[f"{name} is as usual"] for name in ("rows", *FORMULAS) if f"{name} is as usual" in found
    }


NEW = f"d > date '{LAST - timedelta(days=3)}'"


def find_off(checks: Mapping[str, Check]) -> dict[str, str]:
    return {name: check.status for name, check in checks.items() if check.status != "passed"}


def test_usual_days_pass_and_every_figure_was_looked_at(house: DuckDBWarehouse) -> None:
    checks = judge(house, build(house, "next"))
    assert (set(checks), find_off(checks)) == ({"rows", *FORMULAS}, {})
    assert str(LAST) in checks["guests"].observed


def test_guests_that_became_few_are_held_back_though_all_sums_are_right(house: DuckDBWarehouse) -> None:
    checks = judge(house, build(house, "next", who=f"case when {NEW} then 'g' || (i % 4) else who end"))
    assert find_off(checks) == {"guests": "failed", "spent_a_guest": "failed"}
    figures = dict(checks["guests"].figures)
    assert (figures["observed"], round(figures["expected"])) == (4, 42)


def test_a_stock_that_is_gone_is_held_back(house: DuckDBWarehouse) -> None:
    checks = judge(house, build(house, "next", stock=f"case when {NEW} then 0 else stock end"))
    assert find_off(checks) == {"stock": "failed"}


def test_an_extreme_only_warns_unless_the_metric_says_otherwise(house: DuckDBWarehouse) -> None:
    # the next guests' rows have so much less: the sum stays as it is
    one = f"spent + case when {NEW} and i = 16 then 70 when {NEW} and i between 17 and 23 then -10 else 0 end"
    built = build(house, "next", spent=one)
    assert find_off(judge(house, built)) == {"largest": "warned"}
    assert find_off(judge(house, built, {"largest": {"expect": {"block": "gross"}}})) == {"largest": "failed"}


def test_a_mart_that_has_lost_such_a_column_is_judged_by_what_it_has(house: DuckDBWarehouse) -> None:
    built = build(house, "next", spent=f"case when {NEW} then 0.1 else 1 end * spent")
    with house.session() as session:
        session.rows("alter table rel_next.sales drop column stock")
    assert find_off(judge(house, built)) == {"spent": "failed"}


def test_what_was_seen_of_them_is_kept(house: DuckDBWarehouse) -> None:
    judge(house, build(house, "next"))
    (entry,) = control.read_history(house, 5)
    seen = Sight.model_validate_json(entry.detail)
    last = dict(zip(seen.measures, seen.total[LAST], strict=True))
    assert (last["who"], last["largest"]) == (42, 20)
