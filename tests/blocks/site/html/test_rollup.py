"""However small the page's rows are made, the totals stay."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from blocks.errors import BadInput, Misconfigured
from blocks.metric_rows import MetricRows
from blocks.metrics import Balance, Measure, Percentile, is_additive, to_sql
from blocks.records import GRAINS
from blocks.site.extract import Extract
from blocks.site.html.rollup import Rollup
from blocks.site.periods import Period, find_bucket, list_coarser_grains, start
from tests.blocks.site.conftest import BASKET, CUSTOMERS, EVERY, NET, ORDERS, RATE, metric


def reduce(card, budget, grain="day"):
    with Extract(card.datasets[0], card.extracts[0]) as extract:
        reduction = Rollup(extract, budget)
        reduction.fit(grain)
        tables, values = reduction.read_tables()
        return reduction, tables, values


def total(table, column=0):
    return sum(value or 0 for value in table["columns"][column])


@pytest.mark.parametrize(
    ("budget", "grain"), [(50_000, "day"), (9_000, "week"), (2_000, "month"), (200, "year")]
)
def test_over_the_budget_time_is_coarsened_and_no_pound_is_lost(make_card, sales, budget, grain):
    card = make_card(metrics=(NET, ORDERS))
    reduction, (table,), _ = reduce(card, budget)
    assert reduction.grain == grain
    assert table["rows"] <= budget
    gross, returned, orders = sales.execute(
        "SELECT sum(amount), sum(amount) FILTER (returned), count(*) FROM orders"
    ).fetchone()
    assert total(table, 0) == pytest.approx(float(gross))
    assert total(table, 1) == pytest.approx(float(returned))
    assert total(table, 2) == orders


def test_months_are_exact_though_weeks_cross_them(make_card, sales):
    _, (table,), _ = reduce(make_card(metrics=(ORDERS,)), 2_000)
    found = Counter()
    for day, orders in zip(table["time"], table["columns"][0], strict=True):
        found[date(1970, 1, 1) + timedelta(days=day)] += orders
    months = "SELECT date_trunc('month', day)::DATE, count(*) FROM orders GROUP BY 1"
    assert found == dict(sales.execute(months).fetchall())


def test_where_years_are_too_many_the_smallest_values_become_other(make_card, sales):
    card = make_card(metrics=(ORDERS,))
    reduction, (table,), values = reduce(card, 60)
    assert reduction.grain == "year"
    assert table["rows"] <= 60
    kept = reduction.folded["country"]
    order = f"ORDER BY count(*) DESC LIMIT {kept}"
    biggest = sales.execute(f"SELECT country FROM orders GROUP BY 1 {order}").fetchall()
    assert set(values[0]) == {row[0] for row in biggest} | {"Other"}
    assert total(table) == 24_000


def test_distinct_values_are_kept_as_rows_and_leave_as_numbers(make_card, sales):
    reduction, (table,), _ = reduce(make_card(metrics=(CUSTOMERS,), where="day >= '2025-09-01'"), 50_000)
    assert reduction.grain == "day"
    assert table["distinct"] == "customer"
    count = "SELECT count(DISTINCT customer) FROM orders WHERE day >= '2025-09-01'"
    wanted = sales.execute(count).fetchone()[0]
    assert len(set(table["columns"][0])) == wanted
    assert set(table["columns"][0]) == set(range(wanted))


def test_too_many_distinct_values_are_sampled_evenly(make_card, sales):
    reduction, (table,), _ = reduce(make_card(metrics=(CUSTOMERS,), dimensions=("country",)), 3_000)
    scale = reduction.scales["members0"]
    assert reduction.grain == "month"
    assert scale > 1
    assert table["rows"] <= 3_000
    wanted = sales.execute("SELECT count(DISTINCT customer) FROM orders").fetchone()[0]
    assert len(set(table["columns"][0])) * scale == pytest.approx(wanted, rel=0.15)


@pytest.mark.parametrize(
    ("budget", "grain", "near"), [(50_000, "day", 0), (10_000, "week", 0), (2_000, "month", 0.05)]
)
def test_a_percentile_has_the_values_and_how_many_rows_have_each(
    make_card, tmp_path, sales, budget, grain, near
):
    which = Percentile(at=0.9, rows="@rows")
    measure = Measure(name="value", function="percentile", percentile=which)
    card = make_card(metrics=(NET,), dimensions=("country",))
    asked = NET.model_copy(update={"name": "typical", "measures": (measure,), "formula": measure})
    dataset = card.datasets[0].model_copy(update={"metrics": (asked,), "measures": (measure,)})
    path = tmp_path / "values.parquet"
    rows = 'SELECT day, country, floor(amount / 50) AS value, count(*) AS "@rows" FROM orders GROUP BY ALL'
    sales.execute(f"COPY ({rows}) TO '{path}'")
    reduction, (table,), _ = reduce(
        card.model_copy(update={"extracts": (path,), "datasets": (dataset,)}), budget
    )
    assert (reduction.grain, table["distinct"]) == (grain, "value")
    assert table["rows"] <= budget
    assert (reduction.find_scale(measure) > 1) == bool(near)
    every = sorted(value for value, number in zip(*table["columns"], strict=True) for _ in range(int(number)))
    wanted = sales.execute("SELECT quantile_disc(floor(amount / 50)::double, 0.9) FROM orders").fetchone()[0]
    assert every[int(len(every) * 0.9)] == pytest.approx(wanted, rel=near or 0.001)
    assert len(every) == 24_000 or near
    with Extract(dataset, path) as extract:
        query = MetricRows("SELECT * FROM extract", ("country",), "day").ask(asked, [])
        found = extract.rows(query)[0][0]
    assert (
        found
        == sales.execute("SELECT quantile_cont(floor(amount / 50)::double, 0.9) FROM orders").fetchone()[0]
    )


def test_values_that_look_the_same_are_the_same(make_card, tmp_path, sales):
    card = make_card(metrics=(ORDERS,), dimensions=("country",), timed=False)
    dirty = tmp_path / "dirty.parquet"
    sales.execute(f"""COPY (SELECT * FROM (VALUES ('Malta', 1), (' Malta ', 2), ('Mal\u202eta', 4),
        ('Malta\ufffe', 64), ('', 8), (NULL, 16), ('<b>', 32)) AS t(country, orders)) TO '{dirty}'""")
    _, (table,), values = reduce(card.model_copy(update={"extracts": (dirty,)}), 100)
    found = Counter()
    for code, orders in zip(table["codes"][0], table["columns"][0], strict=True):
        found[values[0][code]] += orders
    assert found == {"Malta": 67, "Mal ta": 4, "(blank)": 24, "<b>": 32}


def test_rows_without_a_date_are_counted_and_left_out(make_card, tmp_path, sales):
    card = make_card(metrics=(ORDERS,), dimensions=())
    undated = tmp_path / "undated.parquet"
    rows = "SELECT NULL::DATE AS day, 3 AS orders UNION ALL SELECT '2025-01-01', 4"
    sales.execute(f"COPY ({rows}) TO '{undated}'")
    reduction, (table,), _ = reduce(card.model_copy(update={"extracts": (undated,)}), 100)
    assert total(table) == 4
    with reduction.extract as extract:
        assert extract.sum_undated() == {"orders": 3}  # of one row that stands for three
        assert extract.sum_later(date(2024, 12, 31)) == {"orders": 4}
        assert extract.sum_later(date(2025, 1, 1)) is None


def test_an_extract_without_a_declared_column_is_refused(make_card, tmp_path, sales):
    card = make_card(metrics=(ORDERS,))
    sales.execute(f"COPY (SELECT 1 AS other) TO '{tmp_path / 'wrong.parquet'}'")
    with pytest.raises(BadInput, match="extract of sales"):
        reduce(card.model_copy(update={"extracts": (tmp_path / "wrong.parquet",)}), 100)


@pytest.mark.parametrize("grain", GRAINS)
def test_buckets_tile_the_calendar(grain):
    for number in (-700, -13, -1, 0, 1, 52, 400, 3000):
        if grain in ("year", "quarter") and number > 400:
            continue
        first, after = start(number, grain), start(number + 1, grain)
        assert find_bucket(first, grain) == find_bucket(after - timedelta(days=1), grain) == number
        assert find_bucket(after, grain) == number + 1
    assert start(find_bucket(date(2025, 11, 30), "week"), "week") == date(2025, 11, 24)


def test_weeks_are_never_added_up_to_months():
    assert list_coarser_grains("week") == ["week"]
    assert list_coarser_grains("month") == ["month", "quarter", "year"]
    assert Period(grain="week", first=0, last=500).drawn == "week"


def test_a_page_opens_with_the_longest_range_that_has_an_earlier_one():
    opening = Period(grain="day", first=1, last=400).choose_opening()
    assert (opening.first, opening.last) == (221, 400)
    assert opening.previous.last == 220
    whole = Period(grain="day", first=1, last=9)
    assert whole.choose_opening() == whole


def test_formulas_are_sql_and_say_what_adds_up():
    assert [is_additive(one.formula) for one in EVERY] == [True, False, False, True, False]
    with pytest.raises(Misconfigured, match="formula of metric odd"):
        metric("odd", "Odd", ["%", ["measure", "gross"], ["measure", "orders"]])
    with pytest.raises(Misconfigured, match="formula of metric stray"):
        metric("stray", "Stray", ["measure", "1); DROP TABLE orders; --"])


def test_a_division_by_zero_is_no_number(make_card):
    card = make_card(metrics=(BASKET, RATE), dimensions=(), where="false")
    with Extract(card.datasets[0], card.extracts[0]) as extract:
        assert extract.rows(f"SELECT {to_sql(RATE.formula)} FROM extract") == [(None,)]
        assert extract.rows("SELECT 1 / nullif(0, 0)") == [(None,)]
        assert extract.find_bounds() is None


@pytest.mark.parametrize("budget", [50_000, 2_000, 300, 60])
@pytest.mark.parametrize("last", [True, False])
def test_a_balance_stays_exact_under_every_filter_however_small_the_rows(
    make_card, tmp_path, sales, budget, last
):
    when = Balance(moment="moment", last=last)
    measure = Measure(name="stock", function="sum", balance=when)
    card = make_card(metrics=(ORDERS,), dimensions=("country", "segment"))
    metric = card.datasets[0].metrics[0].model_copy(update={"measures": (measure,), "formula": measure})
    dataset = card.datasets[0].model_copy(update={"metrics": (metric,), "measures": (measure,)})
    path = tmp_path / "stock.parquet"
    sales.execute(f"""COPY (SELECT day, day AS moment, country, segment, sum(customer) AS stock FROM orders
        WHERE hash(day, country, 1) % 3 > 0 GROUP BY ALL) TO '{path}'""")
    with Extract(dataset, path) as extract:
        rollup = Rollup(extract, budget)
        rollup.fit("day")
        (table,), values = rollup.read_tables()
    assert (rollup.grain == "day") is (budget == 50_000)
    assert table["rows"] <= budget
    choose = "max" if last else "min"
    for country in {*values[0], None} - {"Other"}:
        wanted = f"country = '{country}'" if country else "true"
        rows = f"(SELECT * FROM '{path}' WHERE {wanted})"
        decided = f"SELECT sum(stock) FROM {rows} WHERE moment = (SELECT {choose}(moment) FROM {rows})"
        kept = [
            (moment, stock)
            for code, stock, moment in zip(table["codes"][0], *table["columns"][:2], strict=True)
            if country is None or values[0][code] == country
        ]
        decisive = (max if last else min)(moment for moment, _ in kept)
        found = sum(stock for moment, stock in kept if moment == decisive)
        assert found == float(sales.execute(decided).fetchone()[0]), country
