"""What dbt's semantic layer can say of a measure or a metric is computed as it means it, or refused by name."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from blocks.catalogue import Catalogue
from blocks.dimensions import UnusableError, end_comment, read_mart
from blocks.errors import BadInput, Misconfigured
from blocks.metric_expression import read_expression
from blocks.metric_rows import MOST_DAYS, days_sql
from blocks.metrics import Call, Number, evaluate, to_tableau, totals_sql
from blocks.semantic_models import LONGEST_REACH, MOST_NESTED, read_semantic_models
from blocks.sql import PORTABLE
from tasks.exposure_check import check_metrics
from tasks.fields import Form
from tasks.markdown import code
from tasks.spellings import Spellings
from tests.conftest import ROOT

ROWS = """(VALUES
    (date '2026-01-01', date '2025-12-01', 'A', 'open', 100, true),
    (date '2026-01-02', date '2025-12-01', 'A', 'closed', 110, false),
    (date '2026-01-02', date '2025-11-05', 'B', 'open', 50, true),
    (date '2026-01-03', date '2025-11-05', 'B', NULL, NULL, NULL)
) AS t(bal_on, opened_on, account, status, balance, vip)"""
DAY = {"time_granularity": "day", "validity_params": None}
DIMENSIONS = [
    {"name": "bal_on", "type": "time", "type_params": DAY, "expr": None},
    {"name": "opened_on", "type": "time", "type_params": DAY, "expr": None},
    {"name": "account", "type": "categorical", "expr": None},
    {"name": "status", "type": "categorical", "expr": "status -- as booked"},
]
MEASURES = [
    {"name": "balance", "agg": "sum", "expr": None},
    {"name": "rows_with", "agg": "count", "expr": "balance"},
    {"name": "accounts", "agg": "count_distinct", "expr": "account"},
    {"name": "vips", "agg": "sum_boolean", "expr": "vip"},
    {"name": "mean", "agg": "average", "expr": "balance"},
    {"name": "highest", "agg": "max", "expr": "balance"},
    {"name": "opened", "agg": "count_distinct", "expr": "account", "agg_time_dimension": "opened_on"},
    {"name": "middle", "agg": "median", "expr": "balance"},
    {"name": "p90", "agg": "percentile", "expr": "balance", "agg_params": {"percentile": 0.9}},
    {
        "name": "p90_about",
        "agg": "percentile",
        "expr": "balance",
        "agg_params": {"percentile": 0.9, "use_approximate_percentile": True},
    },
    {"name": "p_none", "agg": "percentile", "expr": "balance", "agg_params": {"percentile": None}},
    {"name": "p_over", "agg": "percentile", "expr": "balance", "agg_params": {"percentile": 1.1}},
    {
        "name": "closing",
        "agg": "sum",
        "expr": "balance",
        "non_additive_dimension": {"name": "bal_on", "window_choice": "max", "window_groupings": []},
    },
    {
        "name": "other_time",
        "agg": "sum",
        "expr": "balance",
        "non_additive_dimension": {"name": "opened_on", "window_choice": "max", "window_groupings": []},
    },
    {
        "name": "accounts_then",
        "agg": "count_distinct",
        "expr": "account",
        "non_additive_dimension": {"name": "bal_on", "window_choice": "max", "window_groupings": []},
    },
    {
        "name": "unknown_within",
        "agg": "sum",
        "expr": "balance",
        "non_additive_dimension": {"name": "bal_on", "window_choice": "max", "window_groupings": ["gone"]},
    },
    {
        "name": "opening",
        "agg": "average",
        "expr": "balance",
        "non_additive_dimension": {"name": "bal_on", "window_choice": "min", "window_groupings": []},
    },
    {
        "name": "last_of_each",
        "agg": "sum",
        "expr": "balance",
        "non_additive_dimension": {"name": "bal_on", "window_choice": "max", "window_groupings": ["account"]},
    },
]


def where(*templates: str) -> dict[str, Any]:
    return {"where_filters": [{"where_sql_template": template} for template in templates]}


def simple(measure: str, **reference: Any) -> dict[str, Any]:
    params = {"measure": {"name": measure, "filter": None, "fill_nulls_with": None} | reference}
    return {"type": "simple", "filter": None, "type_params": params}


def derived(expr: str, *inputs: Any) -> dict[str, Any]:
    read = [each if isinstance(each, dict) else {"name": each} for each in inputs]
    return {"type": "derived", "type_params": {"expr": expr, "metrics": read}}


def cumulative(measure: str, **reach: Any) -> dict[str, Any]:
    params = {"measure": {"name": measure}, "cumulative_type_params": reach}
    return {"type": "cumulative", "type_params": params}


def ratio(numerator: Any, denominator: Any) -> dict[str, Any]:
    return {"type": "ratio", "type_params": {"numerator": numerator, "denominator": denominator}}


def catalogue(
    metrics: Mapping[str, dict[str, Any]], *others: dict[str, Any], adapter: str = "duckdb", **model: Any
) -> Catalogue:
    """One mart with a simple metric `<measure>_metric` for each measure, and these metrics."""
    first = {
        "name": "ledger",
        "depends_on": {"nodes": ["model.p.ledger"]},
        "defaults": {"agg_time_dimension": "bal_on"},
        "primary_entity": "entry",
        "entities": [{"name": "customer", "type": "foreign"}],
        "dimensions": DIMENSIONS,
        "measures": MEASURES,
    } | model
    models = {each["name"]: each for each in (first, *others)}
    named = {f"{each['name']}_metric": simple(each["name"]) for each in MEASURES} | dict(metrics)
    node = {"name": "ledger", "resource_type": "model", "unique_id": "model.p.ledger", "schema": "s"}
    return Catalogue(
        {
            "metadata": {"adapter_type": adapter},
            "sources": {},
            "exposures": {},
            "nodes": {"model.p.ledger": node | {"alias": "ledger", "config": {}}},
            "semantic_models": models,
            "metrics": {name: {"name": name} | metric for name, metric in named.items()},
        }
    )


def total(found: Catalogue, name: str, condition: str = "true") -> float | None:
    """A metric's grand total over the mart's rows that meet a condition."""
    (dataset,) = found.datasets((name,), ())
    rows = dataset.sql(f"(select * from {ROWS} where {condition}) as mart")
    answer = duckdb.execute(totals_sql(dataset.measures, rows)).fetchone() or ()
    names = (measure.name for measure in dataset.measures)
    return evaluate(dataset.metrics[0].formula, dict(zip(names, answer, strict=True)))


def plain(expression: str, condition: str = "true") -> float | None:
    """What plain SQL over the mart says."""
    answer = duckdb.execute(f"select {expression} from {ROWS} where {condition}").fetchone()
    return None if answer is None or answer[0] is None else float(answer[0])


DAY_WINDOW = {"count": 1, "granularity": "day"}
REFUSED = {
    "other_time_metric": (None, "balance"),
    "accounts_then_metric": (None, "balance"),
    "unknown_within_metric": (None, "balance"),
    "p90_about_metric": (None, "approximate percentile"),
    "p_none_metric": (None, "percentile None, which is no share"),
    "p_over_metric": (None, "percentile 1.1, which is no share"),
    "running_every_day": (
        {"type": "cumulative", "type_params": {"measure": {"name": "balance", "join_to_timespine": True}}},
        "cumulative and joined to the time spine",
    ),
    "running_median": (cumulative("middle"), "cumulative over a median"),
    "derived_of_refused": (derived("a * 2", {"name": "other_time_metric", "alias": "a"}), "balance"),
    "mean_window": (cumulative("balance", window=DAY_WINDOW, period_agg="average"), "period_agg average"),
    "custom_window": (
        cumulative("balance", window=DAY_WINDOW | {"granularity": "fiscal_year"}),
        "fiscal_year",
    ),
    "hours": (cumulative("balance", grain_to_date="hour"), "hour"),
    "window_of_none": (cumulative("balance", window=DAY_WINDOW | {"count": 0}), "no number of buckets"),
    "both_reaches": (cumulative("balance", window=DAY_WINDOW, grain_to_date="month"), "at once"),
    "running_balance": (cumulative("closing"), "balance"),
    "running_of_derived": (
        {
            "type": "cumulative",
            "type_params": {"cumulative_type_params": {"metric": {"name": "made"}}},
        },
        "derived",
    ),
    "bought": ({"type": "conversion", "type_params": {"conversion_type_params": {}}}, "conversion"),
    "fiscal": (
        derived("b", {"name": "balance_metric", "alias": "b", "offset_to_grain": "fiscal_year"}),
        "fiscal_year",
    ),
    "begin_of_made": (
        derived("b", {"name": "made", "alias": "b", "offset_to_grain": "month"}),
        "no simple metric",
    ),
    "before_cumulative": (
        derived("b", {"name": "ever", "alias": "b", "offset_window": DAY_WINDOW}),
        "cumulative itself",
    ),
    "before_before": (
        derived("b", {"name": "before", "alias": "b", "offset_window": DAY_WINDOW}),
        "of another time itself",
    ),
    "before_in_time": (
        derived(
            "b",
            {"name": "balance_metric", "alias": "b", "offset_window": DAY_WINDOW}
            | {"filter": where("{{ TimeDimension('metric_time', 'day') }} > '2026-01-01'")},
        ),
        "filter on time",
    ),
    "unknown_measure": (simple("gone"), "no semantic model"),
    "unknown_metric": (derived("gone * 2", "gone"), "no metric"),
    "inline": ({"type": "simple", "type_params": {"measure": None}}, "no measure"),
    "malformed": ({"type": "ratio", "type_params": {}}, "can't be read"),
    "boolean": (derived("balance_metric > 0", "balance_metric"), "expression"),
    "power": (derived("power(balance_metric, 2)", "balance_metric"), "POWER"),
    "remainder": (derived("balance_metric % 2", "balance_metric"), "%"),
    "cast_to_whole": (derived("cast(balance_metric as integer)", "balance_metric"), "casts to INT"),
    "text": (derived("balance_metric + 'a'", "balance_metric"), "no number"),
    "number_as_text": (derived("balance_metric + '5'", "balance_metric"), "no number"),
    "endless": (derived("balance_metric + 1e999", "balance_metric"), "no number"),
    "stranger": (derived("balance_metric + other", "balance_metric"), "other"),
    "subquery": (derived("balance_metric + (select 1)", "balance_metric"), "expression"),
    "statements": (derived("balance_metric; drop table ledger", "balance_metric"), "expression"),
    "odd_digits": (derived("round(balance_metric, balance_metric)", "balance_metric"), "decimals"),
    "in_a_query": (
        derived("case when balance_metric in (select 1) then 1 end", "balance_metric"),
        "which is not computed",
    ),
    "odd_condition": (derived("case when balance_metric then 1 end", "balance_metric"), "condition"),
    "minus_minus": (
        derived("balance_metric -- highest_metric", "balance_metric", "highest_metric"),
        "comment",
    ),
    "two_times": (ratio({"name": "balance_metric"}, {"name": "opened_metric"}), "several time dimensions"),
    "through_entity": (
        simple("balance", filter=where("{{ Dimension('customer__status') }} = 'x'")),
        "filter",
    ),
    "no_time": (
        simple("balance", filter=where("{{ TimeDimension('entry__status') }} = 'open'")),
        "as a time, which it is not",
    ),
    "by_metric": (
        simple("balance") | {"filter": where("{{ Metric('balance_metric', ['entry']) }} > 1")},
        "goes by balance_metric of each entry, which is no entity of ledger itself",
    ),
    "by_column": (simple("balance", filter=where("balance > 1")), "filter"),
}


OTHERS = {
    "ever": cumulative("balance"),
    "made": derived("balance_metric * 2", "balance_metric"),
    "before": derived("b", {"name": "balance_metric", "alias": "b", "offset_window": DAY_WINDOW}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_computed_is_refused_alone_and_by_name(name: str) -> None:
    metric, reason = REFUSED[name]
    found = catalogue(OTHERS | ({name: metric} if metric else {}))
    assert reason in (why := found.list_unusable()[name])
    assert name not in found.metric_names()
    assert [each.problem for each in check_metrics({}, found) if each.about == f"metric {name}"] == [
        f"known, but can't be shown, because {why}"
    ]
    form = Form({"metrics": name})
    form.read_names("metrics", Spellings((), {}), unusable=found.list_unusable())
    assert f"`{name}` is known, but can't be shown, because {code(why, 10_000)}." in form.gaps[0]
    assert total(found, "balance_metric") == 260


MEANT = {
    "balance": "sum(balance)",
    "rows_with": "count(balance)",
    "accounts": "count(distinct account)",
    "vips": "sum(case when vip then 1 else 0 end)",
    "mean": "avg(balance)",
    "highest": "max(balance)",
    "opened": "count(distinct account)",
}


FILTER = {
    "{{ Dimension('entry__account') }} = 'A'": "account = 'A'",
    """{{Dimension("entry__status")}} in ('open', 'it''s') -- as booked""": "status = 'open'",
    "{{ Dimension('entry__bal_on') }} >= '2026-01-02' or {{ Dimension('entry__status') }} is null": (
        "bal_on >= date '2026-01-02' or status is null"
    ),
    "{{ Dimension('entry__account') }} = 'nobody'": "false",
}


@pytest.mark.parametrize("condition", ["true", "account = 'B'"])
@pytest.mark.parametrize("template", FILTER)
@pytest.mark.parametrize("name", MEANT)
def test_a_filter_leaves_rows_out_as_where_does(name: str, template: str, condition: str) -> None:
    by_metric = simple(name) | {"filter": where(template)}
    part = {"name": f"{name}_metric", "alias": "part", "filter": where(template)}
    whole = {"name": f"{name}_metric", "alias": "whole"}
    metrics = {
        "by_measure": simple(name, filter=where(template)),
        "by_metric": by_metric,
        "by_input": derived("part * 1", part),
        "outer": derived("whole - part", whole, {"name": "by_metric", "alias": "part"}),
    }
    found = catalogue(metrics)
    expected = plain(MEANT[name], f"({FILTER[template]}) and ({condition})")
    if expected == 0 and name in {"vips", "rows_with"}:
        expected = None  # over no rows a count is null here, as every measure is
    for metric in ("by_measure", "by_metric", "by_input"):
        assert total(found, metric, condition) == expected, metric
    every = plain(MEANT[name], condition)
    rest = None if expected is None or every is None else every - expected
    assert total(found, "outer", condition) == rest


def test_a_distinct_count_beside_one_of_another_time_is_nothing_where_its_own_time_has_no_rows() -> None:
    """As a sum is by itself."""
    parts = [
        {"name": f"{name}_metric", "alias": f"{name}_{when}"} | offset
        for name in ("accounts", "balance")
        for when, offset in (("now", {}), ("before", {"offset_window": DAY_WINDOW}))
    ]
    found = catalogue(
        {"growth": derived("accounts_now - accounts_before + balance_now - balance_before", *parts)}
    )
    (dataset,) = found.datasets(("growth", "accounts_metric"), ())
    filtered = {
        (metric.name, measure.function, measure.filtered)
        for metric in dataset.metrics
        for measure in metric.measures
    }
    assert filtered == {
        ("growth", "count_distinct", True),
        ("growth", "sum", False),
        ("accounts_metric", "count_distinct", False),
    }


HOURS = """(VALUES (timestamp '2026-01-01 08:15', 1), (timestamp '2026-01-02 09:05', 2),
    (timestamp '2026-01-02 10:30', 4), (timestamp '2026-01-02 10:45', 8)) AS t(called, n)"""


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ Dimension('call__called') }} >= '2026-01-02 10:00'", 12),
        ("{{ TimeDimension('call__called', 'day') }} >= '2026-01-02'", 14),
        ("{{ TimeDimension('metric_time', 'hour') }} = '2026-01-02 09:00'", 2),
        ("{{ TimeDimension('call__called', 'minute') }} > '2026-01-02'", None),
        ("{{ TimeDimension('call__called', 'fiscal_year') }} > '2026-01-02'", None),
    ],
)
def test_filters_and_balances_go_by_the_declared_grain_of_hours(template: str, expected: int | None) -> None:
    called = {"name": "called", "type": "time", "type_params": {"time_granularity": "hour"}}
    measures = [
        {"name": "calls", "agg": "sum", "expr": "n"},
        {
            "name": "open",
            "agg": "sum",
            "expr": "n",
            "non_additive_dimension": {"name": "called", "window_choice": "max"},
        },
    ]
    model = {"defaults": {"agg_time_dimension": "called"}, "primary_entity": "call", "dimensions": [called]}
    found = catalogue(
        {"some": simple("calls", filter=where(template)), "last_hour": simple("open")},
        **model,
        measures=measures,
    )

    def answer(name: str) -> Any:
        (dataset,) = found.datasets((name,), ())
        return duckdb.execute(totals_sql(dataset.measures, dataset.sql(HOURS))).fetchone()

    assert answer("last_hour") == (12,)
    if expected is None:
        assert "call__called" in found.list_unusable()["some"]
    else:
        assert answer("some") == (expected,)


def test_a_time_finer_than_days_has_an_hour_of_the_day() -> None:
    times = [
        {"name": name, "type": "time", "expr": "called -- when", "type_params": {"time_granularity": grain}}
        for name, grain in (("called", "minute"), ("billed", "day"))
    ]
    times.append({"name": "called__hour", "type": "categorical"})
    measures = [
        {"name": each, "agg": "sum", "expr": "n", "agg_time_dimension": each} for each in ("called", "billed")
    ]
    for dimensions, expected in ((times[:2], [8, 9, 10]), (times, None)):
        found = catalogue(
            {"calls": simple("called"), "bills": simple("billed")},
            primary_entity="call",
            dimensions=dimensions,
            measures=measures,
        )
        hour = found.hour_of(found.source_of("calls"))
        assert found.hour_of(found.source_of("bills")) is None
        if hour is None:
            assert expected is None  # a dimension of its own has the name
            continue
        rows = duckdb.execute(f"select distinct {hour.sql} from {HOURS} order by 1").fetchall()
        assert (hour.name, [row[0] for row in rows]) == ("called__hour", expected)


def test_an_expression_may_have_several_lines() -> None:
    found = catalogue(
        {"lines": derived("\n  2 * balance_metric\n  - vips_metric\n", "balance_metric", "vips_metric")}
    )
    assert total(found, "lines") == 518


def test_a_fill_value_stands_for_a_measure_without_rows() -> None:
    nobody = where("{{ Dimension('entry__account') }} = 'nobody'")
    metrics = {
        "filled": simple("balance", filter=nobody, fill_nulls_with=0),
        "rest": derived("balance_metric - filled", "balance_metric", "filled"),
    }
    found = catalogue(metrics)
    assert total(found, "filled") == 0
    assert total(found, "rest") == 260
    assert total(found, "filled", "false") == 0


def test_filters_of_every_level_are_all_met() -> None:
    open_ones, of_a = (
        where("{{ Dimension('entry__status') }} = 'open'"),
        where("{{ Dimension('entry__account') }} = 'A'"),
    )
    part = {"name": "open_ones", "filter": of_a}
    metrics = {
        "open_ones": simple("balance", filter=open_ones),
        "share": ratio(part, {"name": "balance_metric"}),
        "twice": ratio(part, {"name": "open_ones"}) | {"filter": of_a},
    }
    found = catalogue(metrics)
    assert total(found, "share") == 100 / 260
    assert total(found, "twice") == 1
    (dataset,) = found.datasets(("share", "open_ones"), ("account",))
    assert len({measure.name for measure in dataset.measures}) == len(dataset.measures) == 3


@pytest.mark.parametrize("condition", ["true", "account = 'B'", "bal_on < date '2026-01-02'"])
@pytest.mark.parametrize("name", MEANT)
def test_an_offered_metric_is_what_plain_sql_says(name: str, condition: str) -> None:
    assert total(catalogue({}), f"{name}_metric", condition) == plain(MEANT[name], condition)


def test_a_measure_has_the_time_that_it_is_declared_with() -> None:
    found = catalogue({})
    by_day, by_opening = found.datasets(("balance_metric", "opened_metric"), ("account", "bal_on"))
    assert (by_day.name, by_day.time, by_day.dimensions) == ("ledger", "bal_on", ("account",))
    assert (by_opening.time, by_opening.dimensions) == ("opened_on", ("account", "bal_on"))
    assert by_opening.mart == by_day.mart == "ledger"
    assert by_opening.name != by_day.name
    query = f"select opened_on, count(distinct opened) from ({by_opening.sql(ROWS)}) group by 1 order by 1"
    assert [accounts for _, accounts in duckdb.execute(query).fetchall()] == [1, 1]
    assert set(found.dimensions_of(found.source_of("opened_metric"))) >= {"bal_on", "opened_on", "account"}


def test_semantic_models_on_one_mart_keep_their_own_expressions() -> None:
    other = {
        "name": "ledger_upper",
        "depends_on": {"nodes": ["model.p.ledger"]},
        "defaults": {"agg_time_dimension": "opened_on"},
        "dimensions": [
            {"name": "opened_on", "type": "time", "type_params": {"time_granularity": "hour"}},
            {"name": "account", "type": "categorical", "expr": "account || '!'"},
        ],
        "measures": [{"name": "lowest", "agg": "min", "expr": "balance"}],
    }
    mixed = ratio({"name": "lowest_metric"}, {"name": "balance_metric"})
    found = catalogue({"lowest_metric": simple("lowest"), "mixed": mixed}, other)
    first, second = found.datasets(("balance_metric", "lowest_metric"), ("account",))
    for dataset, accounts in ((first, {"A", "B"}), (second, {"A!", "B!"})):
        assert {row[1] for row in duckdb.execute(dataset.sql(ROWS)).fetchall()} == accounts
    assert (second.time, second.grain) == ("opened_on", "day")
    assert "several time dimensions" in found.list_unusable()["mixed"]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"depends_on": {"nodes": []}}, "semantic model ledger reads no model"),
        ({"depends_on": None}, "semantic model ledger can't be read"),
        ({"defaults": {"agg_time_dimension": "account"}}, "the time account"),
        ({"defaults": {"agg_time_dimension": "gone"}}, "the time gone"),
        (
            {
                "dimensions": [
                    {"name": "bal_on", "type": "time", "type_params": {"time_granularity": "fiscal"}}
                ]
            },
            "the grain fiscal",
        ),
        ({"dimensions": [{"type": "time"}]}, "semantic model ledger can't be read"),
    ],
)
def test_a_semantic_model_that_can_not_be_read_stops_nothing(model: dict[str, Any], reason: str) -> None:
    found = catalogue({}, **model)
    assert "balance_metric" not in found.metric_names()
    assert reason in found.list_unusable()["balance_metric"]


def test_a_semantic_model_that_reads_no_model_says_what_it_reads() -> None:
    for nodes, read, reason in (
        ([], None, "its semantic model m reads no model that is enabled"),
        ([], "ref('gone')", "its semantic model m reads no model that is enabled, but ref('gone')"),
        (
            [{"name": "s", "resource_type": "seed"}],
            None,
            "its semantic model m reads a seed; a mart is a model",
        ),
    ):
        with pytest.raises(UnusableError) as refused:
            read_mart(nodes, {"name": "m", "model": read})  # type: ignore[arg-type, typeddict-item]
        assert str(refused.value) == reason


def test_a_comment_ends_before_more_sql() -> None:
    assert [end_comment(expr) for expr in ("a", "a -- why", "a // why")] == ["a", "a -- why\n", "a // why\n"]


EXPRESSIONS = {  # over 260 (a) and 110 (b); none is null
    "case when a > 0 then b / a end": 110 / 260,
    "case when a < 0 then 1 when b between 100 and 110 then 2 else 3 end": 2,
    "case when b between 100 and 120 and not b between 111 and 120 then 2 else 3 end": 2,
    "case when a in (110, 260) then 1 else 0 end": 1,
    "case a when 260 then 1 else 0 end": 1,
    "case a when 1 then 1 else 0 end": 0,
    "if(a > 0, b, 3)": 110,
    "if(a < 0, b, 3)": 3,
    "case when not a in (1, 260) or none is null then 7 end": 7,
    "coalesce(none, 0) + a": 260,
    "coalesce(none, b, a)": 110,
    "a / nullif(b - 110, 0)": None,
    "round(a / 110, 2)": 2.36,
    "round(a / 110, 9)": 2.363636364,
    "round(a / 110, 10)": "refused",
    "round(-a / 8, 0)": -33,
    "round(-a / 8)": -33,
    "floor(a / 7) + ceil(b / 7)": 37 + 16,
    "greatest(a, b, none) - least(a, b, none)": 150,
    "greatest(a, b, 1, 2, 3)": 260,
    "greatest(a, b, 1, 2, 3, 4)": "refused",
    "abs(b - a) * 1.5": 225,
    "cast(a as double) / b": 260 / 110,
    "- (a - b) + 1e1": -140,
    "a + null": None,
    "a -- b": "refused",
}


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_an_expression_is_what_sql_computes(expr: str) -> None:
    inputs = [
        {"name": "balance_metric", "alias": "a"},
        {"name": "highest_metric", "alias": "b"},
        {
            "name": "balance_metric",
            "alias": "none",
            "filter": where("{{ Dimension('entry__account') }} = 'nobody'"),
        },
    ]
    found = catalogue({"made": derived(expr, *inputs)})
    if EXPRESSIONS[expr] == "refused":
        assert "made" in found.list_unusable()
        return
    assert total(found, "made") == pytest.approx(EXPRESSIONS[expr])
    row = duckdb.execute(f"select {expr} from (select 260 as a, 110 as b, null::int as none)").fetchone()
    assert row is not None
    assert row[0] == pytest.approx(EXPRESSIONS[expr])


def test_greatest_of_nothing_is_the_warehouses_own() -> None:
    inputs = {"a": Number(value=1), "b": Call(function="null")}
    values = [
        evaluate(read_expression("greatest(a, b)", inputs, dialect), {})
        for dialect in ("duckdb", "snowflake")
    ]
    assert values == [1, None]


@pytest.mark.parametrize(
    ("expr", "dialect", "function"),
    [
        ("round(a / 3, 1)", "duckdb", "round_binary"),
        ("round(a * 3, 1)", "duckdb", "round"),
        ("round(a / 3, 1)", "snowflake", "round"),
        ("round(a * 3, 1)", "snowflake", "round"),
    ],
)
def test_what_is_divided_is_rounded_as_the_warehouse_has_it(expr: str, dialect: str, function: str) -> None:
    found = read_expression(expr, {"a": Number(value=1)}, dialect)
    assert isinstance(found, Call)
    assert found.function == function


@pytest.mark.parametrize(
    ("name", "condition", "expected"),
    [
        ("closing", "true", None),  # the last day has a row and no balance
        ("closing", "balance is not null", 160),
        ("closing", "account = 'A'", 110),
        ("opening", "true", 100),
        ("opening", "account = 'B'", 50),
        ("last_of_each", "balance is not null", 160),
        ("last_of_each", "bal_on <= date '2026-01-02'", 160),
    ],
)
def test_a_balance_counts_at_its_moment_only(name: str, condition: str, expected: float | None) -> None:
    assert total(catalogue({}), f"{name}_metric", condition) == expected


OWN = {"semantic_model": "ledger", "agg": "sum", "expr": "balance", "agg_time_dimension": None}
INLINE: dict[str, tuple[dict[str, Any], float]] = {
    "plain": (OWN, 260),
    "by_opening": (OWN | {"agg": "count_distinct", "expr": "account", "agg_time_dimension": "opened_on"}, 2),
    "at_the_end": (
        OWN | {"agg": "max", "non_additive_dimension": {"name": "bal_on", "window_choice": "min"}},
        100,
    ),
}


@pytest.mark.parametrize("name", INLINE)
def test_a_metric_that_aggregates_by_itself_is_a_measure_of_its_own(name: str) -> None:
    own, expected = INLINE[name]
    metric = {"type": "simple", "filter": None, "type_params": {"metric_aggregation_params": own}}
    lost = metric | {"type_params": {"metric_aggregation_params": own | {"semantic_model": "gone"}}}
    middle = metric | {"type_params": {"metric_aggregation_params": own | {"agg": "mode"}}}
    found = catalogue({name: metric, "lost": lost, "middle": middle})
    assert total(found, name) == expected
    assert "no semantic model" in found.list_unusable()["lost"]
    assert "mode" in found.list_unusable()["middle"]


def test_the_expression_of_such_a_metric_stands_beside_its_aggregation() -> None:
    """As dbt 1.12 writes `agg` and `expr` of a metric in the newer form of YAML."""
    own = {"semantic_model": "ledger", "agg": "sum", "agg_params": {"percentile": None}}
    params = {"measure": None, "expr": "balance * 2", "metric_aggregation_params": own}
    found = catalogue(
        {
            "double": {"type": "simple", "type_params": params},
            "balance": {"type": "simple", "type_params": params | {"expr": None}},
        }
    )
    assert total(found, "double") == 520
    assert total(found, "balance") == 260


def test_a_filtered_balance_ends_with_the_rows_that_meet_the_filter() -> None:
    of_a = where("{{ Dimension('entry__account') }} = 'A'")
    assert total(catalogue({"of_a": simple("closing", filter=of_a)}), "of_a") == 110


BEFORE = {"name": "balance_metric", "alias": "b", "offset_window": DAY_WINDOW}
LATER = where("{{ TimeDimension('metric_time', 'day') }} > '2026-01-01'")
CUSTOMERS = {
    "name": "customers",
    "depends_on": {"nodes": ["model.p.ledger"]},
    "entities": [{"name": "customer", "type": "primary", "expr": "account"}],
    "dimensions": [{"name": "segment", "type": "categorical", "expr": None}],
    "measures": [],
}
KINDS = {
    "`sum`, `count`": [simple(name) for name in ("balance", "rows_with", "mean", "highest", "vips")],
    "`count_distinct`": [simple("accounts")],
    "`median`": [simple("middle"), simple("p90")],
    "approximate percentiles": [cumulative("middle"), cumulative("p90"), simple("p90_about")],
    "`non_additive_dimension` |": [simple("closing"), simple("opening")],
    "`non_additive_dimension` with": [simple("last_of_each")],
    "filters of measures": [simple("balance") | {"filter": where("{{ Dimension('entry__account') }} = 'A'")}],
    "dimensions and filters of another": [
        simple("balance", filter=where("{{ Dimension('customer__segment') }} = 'x'"))
    ],
    "filters on simple metrics of one entity": [
        simple("balance", filter=where("{{ Metric('accounts_metric', group_by=['customer']) }} > 1"))
    ],
    "filters on other metrics": [
        REFUSED["by_metric"][0],
        simple("balance", filter=where("{{ Dimension('customer__country__segment') }} = 'x'")),
    ],
    "ratio": [ratio({"name": "balance_metric"}, {"name": "accounts_metric"})],
    "derived": [OTHERS["made"]],
    "cumulative: `window`": [
        cumulative("balance", window=DAY_WINDOW),
        cumulative("accounts", grain_to_date="month"),
        OTHERS["ever"],
    ],
    "cumulative with `period_agg: average`": [REFUSED["mean_window"][0]],
    "`offset_window` of": [OTHERS["before"], derived("b", BEFORE | {"name": "made"})],
    "`offset_to_grain` of": [
        derived("b", {"name": "balance_metric", "alias": "b", "offset_to_grain": "month"})
    ],
    "offsets of cumulative": [
        derived("b", BEFORE | {"name": "ever"}),
        derived("b", BEFORE | {"name": "before"}),
        derived("b", BEFORE | {"filter": LATER}),
    ],
    "`join_to_timespine`": [simple("balance", join_to_timespine=True, fill_nulls_with=0)],
    "`fill_nulls_with`": [simple("balance", fill_nulls_with=0)],
    "conversion": [REFUSED["bought"][0]],
    "custom calendars": [REFUSED["custom_window"][0], REFUSED["fiscal"][0]],
}


def test_the_table_of_metrics_says_what_is_shown_and_where() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    table = next(part for part in text.split("\n\n") if part.startswith("| kind"))
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| kind")]
    assert len(rows) == len(KINDS)
    for row, (kind, metrics) in zip(rows, KINDS.items(), strict=True):
        assert row.startswith(f"| {kind}")
        *_, page, notebook, tableau, _ = (cell.strip() for cell in row.split("|"))
        for metric in metrics:
            found = catalogue(OTHERS | {"asked": metric or {}}, CUSTOMERS)
            assert (page[:2], notebook[:2]) == (
                ("no", "no") if "asked" in found.list_unusable() else ("ye", "ye")
            ), row
            if "asked" not in found.list_unusable():
                left = pytest.raises(Misconfigured) if tableau == "left out" else contextlib.nullcontext()
                with left:
                    to_tableau(found.metric("asked").formula)
            else:
                assert tableau == "no", row


def test_the_longest_window_and_the_longest_time_are_held() -> None:
    """As docs/limits.md has them."""
    reach = {each: {"count": each, "granularity": "day"} for each in (LONGEST_REACH - 1, LONGEST_REACH)}
    windows = {f"window_{each}": cumulative("balance", window=window) for each, window in reach.items()}
    offsets = {
        f"offset_{each}": derived("b", {"name": "balance_metric", "alias": "b", "offset_window": window})
        for each, window in reach.items()
    }
    refused = catalogue(windows | offsets).list_unusable()
    for name in (f"window_{LONGEST_REACH}", f"offset_{LONGEST_REACH}"):
        assert f"is of {LONGEST_REACH}, which is no number of buckets" in refused[name]
    assert not refused.keys() & {f"window_{LONGEST_REACH - 1}", f"offset_{LONGEST_REACH - 1}"}
    first = date(1900, 1, 1)
    assert days_sql((first, first + timedelta(MOST_DAYS)), "day")
    with pytest.raises(BadInput, match="reach from 1900-01-01 to"):
        days_sql((first, first + timedelta(MOST_DAYS + 1)), "day")


def test_a_metric_that_compares_is_shown_per_bucket_and_one_that_fills_is_on_every_day() -> None:
    found = catalogue(
        OTHERS
        | {
            "filled": simple("balance", join_to_timespine=True),
            "twice": derived("f", {"name": "filled", "alias": "f"}),
        }
    )
    assert found.metric("before").needs_bucket
    assert not found.metric("ever").needs_bucket
    assert not found.metric("ever").adds_up_rows
    assert [found.metric(name).fills_buckets for name in ("filled", "twice", "ever")] == [True, True, False]
    (dataset,) = found.datasets(("before", "ever", "balance_metric"), ())
    assert [measure.name for measure in dataset.measures] == ["balance"]


@pytest.mark.parametrize(
    ("meta", "found"),
    [
        ({}, (None, 0, False)),
        ({"target": 5, "maturity": 90}, (5, 90, False)),
        ({"target": 0.5, "maturity": 0}, (0.5, 0, False)),
        ({"target": 0, "maturity": 3660}, (0, 3660, False)),
        ({"maturity": "grows"}, (None, 0, True)),
        ({"target": True}, "no number"),
        ({"target": "x" * 41}, f"has target {'x' * 40!r}"),
        ({"maturity": True}, "give days"),
        ({"maturity": 3661}, "give days"),
        ({"maturity": -1}, "give days"),
        ({"maturity": "y" * 41}, f"has maturity {'y' * 40!r}"),
    ],
)
def test_what_a_metrics_meta_says_of_its_figure(meta: dict[str, Any], found: object) -> None:
    project = catalogue({"told": simple("balance") | {"config": {"meta": meta}}})
    if isinstance(found, str):
        assert found in project.list_unusable()["told"]
    else:
        metric = project.metric("told")
        assert (metric.target, metric.maturity_days, metric.grows) == found


def test_metrics_are_made_of_metrics_as_deep_as_is_said() -> None:
    metrics = {"made_0": derived("balance_metric + 1", "balance_metric")}
    for depth in range(1, MOST_NESTED + 1):
        metrics[f"made_{depth}"] = derived(f"made_{depth - 1} + 1", f"made_{depth - 1}")
    refused = catalogue(metrics).list_unusable()
    assert f"made_{MOST_NESTED - 1}" not in refused
    assert "deep" in refused[f"made_{MOST_NESTED}"]


@pytest.mark.parametrize(
    ("metadata", "dialect"), [({"adapter_type": "snowflake"}, "snowflake"), ({}, PORTABLE), (None, PORTABLE)]
)
def test_expressions_are_in_the_dialect_of_the_projects_warehouse(metadata: object, dialect: str) -> None:
    assert read_semantic_models({"metadata": metadata}).dialect == dialect
