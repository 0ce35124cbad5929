"""The change below a figure is the one that the rows have: of the last finished bucket against the one before it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blocks.metric_change import divide
from blocks.metrics import Balance, Metric, Number, Operation, evaluate, totals_sql
from blocks.site.base import Card
from blocks.site.number_format import write_change, write_compact
from blocks.site.periods import find_last_finished, finish, start
from blocks.site.tableau.workbook.fields import Field
from blocks.site.tableau.workbook.figures import write_figure
from tests.blocks.site.conftest import EVERY, MEASURES, NET, ORDERS, RATE
from tests.blocks.site.tableau.calculations import expand, to_sql
from tests.blocks.site.tableau.test_workbook import SHAPES, workbook

Make = Callable[..., Card]
NEWEST = date(2025, 11, 30)
LAST = ORDERS.model_copy(
    update={
        "name": "closing",
        "label": "Closing",
        "measures": (closing := MEASURES["orders"].model_copy(update={"balance": Balance(moment="day")}),),
        "formula": closing,
    }
)


def read_words(
    card: Card, grain: str, today: date, where: str = "true", rows: str = "", kind: str = "words"
) -> dict[str, str]:
    """What stands below each figure, by the metric's name; today: when somebody looks; where: what they filter.

    kind: `words` on the change, or `standings` on the target.
    """
    (source,) = workbook(card).sources
    found = {}
    with duckdb.connect() as connection:
        connection.execute("SET ieee_floating_point_ops = false")
        path = card.extracts[0]
        connection.execute(f"CREATE TABLE extract AS FROM {rows or f'read_parquet({str(path)!r})'}")
        for name, words in getattr(source.derived, kind).items():
            sql = to_sql(expand(source, words), {"[Parameters].[Parameter 1]": grain}, str(today))
            (row,) = connection.execute(f"SELECT {sql} FROM extract WHERE {where}").fetchall()
            found[name.removeprefix("Calculation_")] = row[0]
    return found


def compute_words(card: Card, metric: Metric, grain: str, end: date, where: str = "true") -> str:
    """The same, of the rows, by the page's own calendar."""
    number = find_last_finished(end - timedelta(days=metric.maturity_days), grain)
    values = []
    with duckdb.connect() as connection:
        for each in (number, number - 1):
            span = f"day BETWEEN DATE '{start(each, grain)}' AND DATE '{finish(each, grain)}'"
            rows = f"SELECT * FROM read_parquet('{card.extracts[0]}') WHERE {span} AND {where}"
            totals = connection.execute(totals_sql(metric.measures, rows)).fetchone()
            named = dict(zip((m.name for m in metric.measures), totals or (), strict=True))
            values.append(evaluate(metric.formula, named))
    moved = write_change(*values, metric.form)
    return f"{grain} from {start(number, grain)}: {moved}" if moved else ""


@pytest.mark.parametrize("grain", ["day", "week", "month", "quarter", "year"])
@pytest.mark.parametrize(
    ("today", "ends", "end"),
    [
        (date(2025, 12, 1), (), NEWEST),
        (date(2026, 3, 1), (), NEWEST),
        (NEWEST, (), date(2025, 11, 29)),
        (date(2025, 12, 1), (date(2025, 11, 27),), date(2025, 11, 27)),
        (date(2025, 10, 1), (), date(2025, 9, 30)),
    ],
)
def test_the_change_is_that_of_the_rows(
    make_card: Make, grain: str, today: date, ends: tuple[date, ...], end: date
) -> None:
    late = RATE.model_copy(update={"name": "late", "label": "Late", "maturity_days": 9})
    card = make_card(metrics=(*EVERY, late), ends=ends)
    expected = {metric.name: compute_words(card, metric, grain, end) for metric in (*EVERY, late)}
    if grain == "year":  # the rows begin in 2024, so the year before is not whole
        expected = dict.fromkeys(expected, "")
    assert read_words(card, grain, today) == expected


@pytest.mark.parametrize("grain", ["day", "week", "month"])
@pytest.mark.parametrize(
    ("today", "ends", "end"),
    [(date(2026, 3, 1), (), NEWEST), (date(2025, 12, 1), (date(2025, 11, 27),), date(2025, 11, 27))],
)
def test_a_bucket_is_unfinished_from_the_one_on_that_is_not_whole(
    make_card: Make, grain: str, today: date, ends: tuple[date, ...], end: date
) -> None:
    """For a metric that becomes final later, so many days earlier; the line stands at the first of them."""
    late = RATE.model_copy(update={"name": "late", "label": "Late", "maturity_days": 9})
    card, chosen = make_card(metrics=(ORDERS, late), ends=ends), {"[Parameters].[Parameter 1]": grain}
    (source,) = workbook(card).sources
    derived = source.derived
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE extract AS FROM read_parquet({str(card.extracts[0])!r})")
        for metric in (ORDERS, late):
            fields = [each[f"Calculation_{metric.name}"] for each in (derived.states, derived.edges)]
            sqls = [to_sql(expand(source, each), chosen, str(today)) for each in (derived.period, *fields)]
            rows = connection.execute(
                f"SELECT {', '.join(sqls)} FROM extract GROUP BY 1 ORDER BY 1"
            ).fetchall()
            first = start(find_last_finished(end - timedelta(days=metric.maturity_days), grain) + 1, grain)
            assert len({bucket < first for bucket, _, _ in rows}) == (1 if first > NEWEST else 2)
            for bucket, state, edge in rows:
                late_one = bucket >= first
                assert (state, edge) == (
                    "unfinished" if late_one else "finished",
                    first if late_one else None,
                )


KEPT = RATE.model_copy(
    update={
        "name": "kept",
        "label": "Kept",
        "formula": Operation(sign="-", left=Number(value=1), right=RATE.formula),
    }
)


def read_parts(card: Card, grain: str, where: str) -> dict[str, dict[str, float]]:
    """What each country did to each metric, as the workbook's formulas say."""
    (source,) = workbook(card).sources
    found: dict[str, dict[str, float]] = {}
    with duckdb.connect() as connection:
        connection.execute("SET ieee_floating_point_ops = false")
        connection.execute(f"CREATE TABLE extract AS FROM read_parquet({str(card.extracts[0])!r})")
        connection.execute(f"CREATE VIEW chosen AS FROM extract WHERE {where}")
        for name, part in source.derived.moves.items():
            chosen = {"[Parameters].[Parameter 1]": grain}
            sql = to_sql(expand(source, part), chosen, "2025-12-01", filtered="chosen", numeric=True)
            rows = connection.execute(f"SELECT country, {sql} FROM chosen GROUP BY country").fetchall()
            found[name.removeprefix("Calculation_")] = dict(rows)
    return found


def compute_parts(card: Card, metric: Metric, grain: str, where: str) -> dict[str, float]:
    """The same, of the rows."""
    number = find_last_finished(NEWEST, grain)
    sides = []
    with duckdb.connect() as connection:
        for each in (number - 1, number):
            span = f"day BETWEEN DATE '{start(each, grain)}' AND DATE '{finish(each, grain)}'"
            sums = ", ".join(f"sum({measure.name})" for measure in metric.measures)
            rows = connection.execute(
                f"SELECT country, {sums} FROM read_parquet('{card.extracts[0]}') WHERE {span} AND {where} GROUP BY 1"
            ).fetchall()
            names = [measure.name for measure in metric.measures]
            sides.append(
                {
                    country: {name: Fraction(str(value)) for name, value in zip(names, values, strict=True)}
                    for country, *values in rows
                }
            )
    parts = divide(metric.formula, sides[0], sides[1])
    assert parts is not None
    return {part.member: float(part.whole) for part in parts}


@pytest.mark.parametrize(
    ("grain", "where"),
    [
        ("week", "true"),
        ("day", "country <> 'Germany'"),
        ("month", "NOT (country = 'France' AND day < '2025-11-01')"),
    ],
)
def test_what_each_member_did_is_that_of_the_rows(make_card: Make, grain: str, where: str) -> None:
    """Of sums and of ratios; a country that is new has no rows before."""
    metrics = (NET, *EVERY[1:4], KEPT)
    card = make_card(metrics=metrics, dimensions=("country", "segment"))
    found = read_parts(card, grain, where)
    assert list(found) == [metric.name for metric in metrics]
    for metric in metrics:
        expected = compute_parts(card, metric, grain, where)
        assert expected.keys() <= found[metric.name].keys()
        for country, value in found[metric.name].items():
            assert float(value) == pytest.approx(expected.get(country, 0), abs=1e-9), (metric.name, country)


def read_tips(card: Card, by: str, grain: str, where: str) -> dict[str, dict[str, tuple[Any, ...]]]:
    """What the tooltips of bars say of each member: share, when, latest, earlier; by the metric's name."""
    (source,) = workbook(card).sources
    derived, found = source.derived, dict[str, dict[str, tuple[Any, ...]]]()
    with duckdb.connect() as connection:
        connection.execute("SET ieee_floating_point_ops = false")
        connection.execute(f"CREATE TABLE extract AS FROM read_parquet({str(card.extracts[0])!r})")
        connection.execute(f"CREATE VIEW chosen AS FROM extract WHERE {where}")
        for name, three in derived.finished.items():
            share = [derived.shares[name]] if name in derived.shares else []
            sqls = [
                to_sql(
                    expand(source, each),
                    {"[Parameters].[Parameter 1]": grain},
                    "2025-12-01",
                    filtered="chosen",
                    numeric=each.type == "quantitative",
                )
                for each in (*share, *three)
            ]
            rows = connection.execute(f"SELECT {by}, {', '.join(sqls)} FROM chosen GROUP BY 1").fetchall()
            found[name.removeprefix("Calculation_")] = {member: tuple(said) for member, *said in rows}
    return found


@pytest.mark.parametrize(
    ("grain", "where", "week"),
    [
        ("week", "true", "2025-11-24"),
        ("week", "NOT (country = 'France' AND day >= '2025-11-24')", "2025-11-24"),
        ("month", "NOT (country = 'France' AND day < '2025-11-01')", "2025-11-01"),
    ],
)
def test_what_tooltips_of_members_say_is_that_of_the_rows(
    make_card: Make, grain: str, where: str, week: str
) -> None:
    """A member without rows on one side has sold nothing there, and a rate of it is not known."""
    card = make_card(metrics=(NET, RATE), dimensions=("country", "segment"))
    found = read_tips(card, "country", grain, where)
    number = find_last_finished(NEWEST, grain)
    sides = [
        f"day BETWEEN DATE '{start(each, grain)}' AND DATE '{finish(each, grain)}'"
        for each in (number, number - 1)
    ]
    net, rate = "sum(gross) - sum(returned)", "sum(returns) / sum(orders)"
    with duckdb.connect() as connection:
        chosen = f"FROM read_parquet('{card.extracts[0]}') WHERE {where}"
        ((whole,),) = connection.execute(f"SELECT {net} {chosen}").fetchall()
        for country in found["net"]:
            rows = f"{chosen} AND country = '{country}'"
            ((own,),) = connection.execute(f"SELECT {net} {rows}").fetchall()
            nets, rates = [], []
            for side in sides:
                ((one, two),) = connection.execute(f"SELECT {net}, {rate} {rows} AND {side}").fetchall()
                nets.append(one or 0)
                rates.append(two)
            share, when, *values = found["net"][country]
            assert float(share) == pytest.approx(float(own / whole))
            assert (when, values) == (f"{grain} from {week}", nets)
            assert found["rate"][country] == (when, *rates)
    assert sum(float(share) for share, *_ in found["net"].values()) == pytest.approx(1)


def test_tooltips_of_members_say_nothing_of_a_part_of_a_period(make_card: Make) -> None:
    card = make_card(metrics=(NET,), dimensions=("country",))
    for _, *said in read_tips(card, "country", "week", "day >= DATE '2025-11-20'")["net"].values():
        assert said == ["", None, None]


def test_a_share_is_of_what_is_a_part(make_card: Make, tmp_path: Path) -> None:
    """A loss is none, nor is a gain that is more than all together."""
    path = tmp_path / "losses.parquet"
    values = "[('A', 90, 0), ('B', 30, 0), ('C', 0, 20), ('D', 130, 0), ('E', 0, 120)]"
    rows = "SELECT v[1] AS country, v[2] AS gross, v[3] AS returned, DATE '2025-11-30' AS day FROM"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({rows} (SELECT unnest({values}) AS v)) TO '{path}'")
    card = make_card(metrics=(NET,), dimensions=("country",)).model_copy(update={"extracts": (path,)})
    shares = {name: said[0] for name, said in read_tips(card, "country", "week", "true")["net"].items()}
    assert shares == {"A": 90 / 110, "B": 30 / 110, "C": None, "D": None, "E": None}


def test_a_share_over_time_is_of_its_own_bucket(make_card: Make) -> None:
    """Only where a dimension splits it: of an undivided line it would be all."""
    card = make_card(metrics=(NET,), dimensions=("country",))
    (source,) = workbook(card).sources
    formula = expand(source, source.derived.slices["Calculation_net"])
    split = source.derived.choices.split
    assert split is not None
    rows = f"read_parquet('{card.extracts[0]}')"
    week = f"(SELECT * FROM {rows} WHERE day BETWEEN DATE '2025-11-24' AND DATE '2025-11-30')"
    with duckdb.connect() as connection:
        said = {}
        for chosen in ("Country", "nothing"):
            sql = to_sql(formula, {split.ref: chosen}, "2025-12-01", filtered=week, numeric=True)
            said[chosen] = dict(
                connection.execute(f"SELECT country, {sql} FROM {week} GROUP BY 1").fetchall()
            )
        net = "sum(gross) - sum(returned)"
        expected = connection.execute(
            f"SELECT country, ({net}) / (SELECT {net} FROM {week}) FROM {week} GROUP BY 1"
        ).fetchall()
    assert said["Country"] == pytest.approx(dict(expected))
    assert set(said["nothing"].values()) == {None}


@pytest.mark.parametrize("grain", ["day", "week", "month"])
def test_filters_narrow_both_sides(make_card: Make, grain: str) -> None:
    card = make_card(metrics=(NET, RATE, *EVERY[3:]), dimensions=("country",))
    where = "country = 'United Kingdom'"
    expected = {m.name: compute_words(card, m, grain, NEWEST, where) for m in card.datasets[0].metrics}
    assert read_words(card, grain, date(2025, 12, 1), where) == expected


@pytest.mark.parametrize(
    "where", ["day >= DATE '2025-11-20'", "day <= DATE '2025-11-29'", "day > DATE '2030-01-01'"]
)
def test_dates_that_do_not_reach_over_both_weeks_say_nothing(make_card: Make, where: str) -> None:
    """A part of a week against a whole one would be a fall that is none."""
    card = make_card(metrics=(NET, ORDERS), dimensions=())
    assert read_words(card, "week", date(2025, 12, 1), where) == {"net": "", "orders": ""}
    wide = "day BETWEEN DATE '2025-11-17' AND DATE '2025-11-30'"
    found = read_words(card, "week", date(2025, 12, 1), wide)
    assert found == {m.name: compute_words(card, m, "week", NEWEST) for m in (NET, ORDERS)}


def test_what_goes_on_growing_is_compared_with_nothing(make_card: Make) -> None:
    grows = NET.model_copy(update={"name": "grows", "label": "Grows", "grows": True})
    (source,) = workbook(make_card(metrics=(grows, ORDERS), dimensions=())).sources
    assert list(source.derived.words) == ["Calculation_orders"]


def test_rows_of_whole_months_end_with_their_month(make_card: Make, tmp_path: Path) -> None:
    card = make_card(metrics=(ORDERS,), dimensions=())
    (data,) = card.datasets
    monthly = card.model_copy(update={"datasets": (data.model_copy(update={"grain": "month"}),)})
    days = "unnest([DATE '2025-09-01', DATE '2025-10-01', DATE '2025-11-01']) AS day"
    rows = f"(SELECT {days}, unnest([4, 5, 8]) AS orders)"
    assert read_words(monthly, "month", date(2025, 12, 2), rows=rows) == {
        "orders": "month from 2025-11-01: +60.0%"
    }
    assert read_words(monthly, "month", date(2025, 11, 20), rows=rows) == {
        "orders": "month from 2025-10-01: +25.0%"
    }


def test_a_balance_is_compared_by_its_last_day(make_card: Make) -> None:
    """Its level-of-detail expression is no SQL: what it leaves out of account is looked at by its text."""
    card = make_card(metrics=(LAST,), dimensions=("country",))
    (source,) = workbook(card).sources
    moved = next(each for each in source.derived.fields if each.name == "Derived_moved_closing")
    for bucket in ("last", "before"):
        only = f"[Derived_period] = [Derived_{bucket}_0]"
        latest = f"{{EXCLUDE [day], [country] : MAX(IF {only} THEN [day] END)}}"
        assert f"SUM(IF [day] = {latest} THEN [orders] END)" in moved.formula


def test_the_words_stand_below_the_figure(make_card: Make) -> None:
    root: Any = workbook(make_card(metrics=(NET,), dimensions=())).xml()
    (sheet,) = root.xpath("worksheets/worksheet[@name='KPI Net revenue']")
    runs = [each.text for each in sheet.iter("run") if each.getparent().getparent().tag == "customized-label"]
    assert len(runs) == 3
    assert "[usr:Derived_figure_net:nk]" in runs[0]
    assert "[usr:Derived_words_net:nk]" in runs[2]


def test_a_figures_tooltip_has_the_number_in_full_the_period_before_and_the_target(make_card: Make) -> None:
    aimed = NET.model_copy(update={"target": 1e6})
    for dimensions in ((), ("country",)):
        made = workbook(make_card(metrics=(aimed,), dimensions=dimensions))
        (sheet,) = made.kpis
        assert [(text, each.field.name) for text, each in sheet.panes[0].tip] == [
            ("Net revenue", "Calculation_net"),
            ("Last finished period", "Derived_when_0"),
            ("Value in it", "Derived_latest_net"),
            (made.sources[0].derived.compared, "Derived_earlier_net"),
            ("Target", "Derived_target_net"),
        ]
    (bare,) = workbook(make_card(metrics=(NET,), dimensions=(), timed=False)).kpis
    assert [text for text, _ in bare.panes[0].tip] == ["Net revenue"]


@pytest.mark.parametrize("where", ["true", "country = 'Malta'", "false"])
def test_a_figure_is_written_as_on_the_page(make_card: Make, where: str) -> None:
    card = make_card()
    found = read_words(card, "week", NEWEST, where, kind="figures")
    with duckdb.connect() as connection:
        rows = f"SELECT * FROM read_parquet('{card.extracts[0]}') WHERE {where}"
        for metric in card.datasets[0].metrics:
            totals = connection.execute(totals_sql(metric.measures, rows)).fetchone()
            named = dict(zip((m.name for m in metric.measures), totals or (), strict=True))
            assert found[metric.name] == write_compact(evaluate(metric.formula, named), metric.form)


FIGURES = (None, 0, 1, 0.123, 9.994, 9.996, 12.34, 999.6, 1234, 1234.56, 9999.4, 9999.6, 48123, 99951)
FIGURES += (999949, 999951, 1.24e6, 9.996e6, 99.96e6, 5e9, 1.5e12, 2e15)


@pytest.mark.parametrize("form", ["number", "percent", "currency:GBP", "currency:CHF"])
def test_a_figure_of_any_size_is_written_as_on_the_page(form: str) -> None:
    sql = to_sql(write_figure(Field("x", "x", "real"), form), {}, "2026-01-01")
    values = [each for each in FIGURES if form != "percent" or (each or 0) < 1e10]
    values += [-each for each in values if each]
    query = f"SELECT {sql} FROM (SELECT unnest(?::DOUBLE[]) AS x)"
    found = [text for (text,) in duckdb.execute(query, [values]).fetchall()]
    assert found == [write_compact(each, form) for each in values]


@pytest.mark.parametrize("where", ["true", "country = 'Malta'"])
def test_how_a_figure_stands_to_its_target_is_what_the_rows_say(make_card: Make, where: str) -> None:
    card = make_card(**SHAPES["asked"])
    found = read_words(card, "week", NEWEST + timedelta(days=1), where, kind="standings")
    with duckdb.connect() as connection:
        rows = f"FROM read_parquet('{card.extracts[0]}') WHERE {where}"
        net, rate = "sum(gross) - sum(returned)", "sum(returns) / sum(orders)"
        november = f"{rows} AND day BETWEEN DATE '2025-11-01' AND DATE '2025-11-30'"
        ((amount,),) = connection.execute(f"SELECT {net} {november}").fetchall()
        ((share,),) = connection.execute(f"SELECT {rate} {rows}").fetchall()
        weeks = [
            connection.execute(
                f"SELECT sum(orders) {rows} AND day BETWEEN DATE '{first}' AND DATE '{first}' + 6"
            ).fetchone()
            for first in (date(2025, 11, 24), date(2025, 11, 17))
        ]
    message = {True: "reached", False: "not reached"}
    head = "Target £1.00M per month by 31 Dec 2026: month from 2025-11-01 "
    assert found["net"] == head + message[amount >= 1_000_000]
    assert found["rate"] == f"Target 99.0%: {message[share <= 0.99]}"
    assert found["orders"] == f"Target previous period: week from 2025-11-24 {message[weeks[0] >= weeks[1]]}"
