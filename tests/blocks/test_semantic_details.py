"""What the semantic layer can say, in its smaller parts: braces of filters, windows, percentiles and names."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest

from blocks.metrics import Shift
from blocks.semantic_models import RowSource, SemanticModels
from tests.blocks.test_semantic_models import (
    DAY_WINDOW,
    DIMENSIONS,
    ROWS,
    catalogue,
    cumulative,
    derived,
    ratio,
    simple,
    total,
    where,
)

OF_A = "{{ Dimension('entry__account') }} = 'A'"
ACCOUNT = {"entities": [{"name": "account", "type": "foreign", "expr": "account -- whose"}]}


def filtered(template: str, **model: Any) -> tuple[float | None, str]:
    """The balance under a filter, or why there is none."""
    found = catalogue({"some": simple("balance", filter=where(template))}, **model)
    reason = found.list_unusable().get("some", "")
    return None if reason else total(found, "some"), reason


def test_a_filter_may_name_an_entity_of_its_own() -> None:
    assert filtered("{{ Entity('account') }} = 'A'", **ACCOUNT) == (210, "")
    for template, name in (
        ("{{ Entity('nobody') }} = 'A'", "nobody"),
        ("{{ Entity('account', 'day') }} = 'A'", "account"),
    ):
        value, reason = filtered(template, **ACCOUNT)
        assert value is None
        assert f"names entity {name}, none of ledger itself" in reason


def test_without_an_entity_of_its_own_only_the_time_is_named_bare() -> None:
    alone: dict[str, Any] = {"primary_entity": None, "entities": []}
    assert filtered("{{ TimeDimension('metric_time', 'day') }} > '2026-01-01'", **alone) == (160, "")
    value, reason = filtered("{{ Dimension('account') }} = 'A'", **alone)
    assert (value, "no dimension of ledger itself" in reason) == (None, True)


def test_what_is_two_joins_away_and_not_there_is_no_dimension() -> None:
    _, reason = filtered("{{ Dimension('customer__country__segment') }} = 'x'")
    assert "no dimension of ledger itself" in reason
    _, reason = filtered("{{ Dimension('customer__country__continent__name') }} = 'x'")
    assert "more than two joins away" in reason


@pytest.mark.parametrize("brace", ["{", "}"])
def test_a_brace_of_its_own_is_refused(brace: str) -> None:
    assert filtered(f"{OF_A} or 'a' = '{brace}'")[1] == "its filter has more than dimensions in braces"


def test_a_comment_that_begins_with_slashes_ends_with_its_line() -> None:
    found = catalogue({"some": simple("balance", filter=where(f"{OF_A} // who pays"))}, adapter="snowflake")
    (dataset,) = found.datasets(("some",), ())
    assert "= 'A' // who pays\n" in dataset.sql("ledger")


def test_a_metric_in_a_filter_is_that_of_the_entitys_rows() -> None:
    whole = {"open_of_a": simple("balance", filter=where("{{ Dimension('entry__status') }} = 'open'", OF_A))}
    spent = "{{ Metric('open_of_a', ['account']) }} = 100"
    found = catalogue(whole | {"some": simple("balance", filter=where(spent))}, **ACCOUNT)
    assert total(found, "some") == 210
    assert total(found, "some", "account = 'B'") is None
    trusted = simple("balance", filter=where("{{ Metric('vips_metric', ['account']) }} = 1"))
    found = catalogue({"some": trusted}, **ACCOUNT)
    assert total(found, "some", "status = 'open'") == 150
    assert total(found, "some", "status = 'closed'") is None


@pytest.mark.parametrize(("metric", "kind"), [("closing_metric", "a balance"), ("middle_metric", "a median")])
def test_a_filter_says_which_metric_it_can_not_go_by(metric: str, kind: str) -> None:
    _, reason = filtered(f"{{{{ Metric('{metric}', ['account']) }}}} > 1", **ACCOUNT)
    assert reason == f"its filter goes by {metric}, which is {kind} and not computed in a filter"


def test_values_of_a_percentile_come_with_how_many_rows_have_each() -> None:
    (dataset,) = catalogue({}).datasets(("middle_metric",), ("account",))
    twice = f"(select * from {ROWS} union all select * from {ROWS}) as mart"
    assert {row[1:] for row in duckdb.execute(dataset.sql(twice)).fetchall()} == {
        ("A", 100, 2),
        ("A", 110, 2),
        ("B", 50, 2),
        ("B", None, 2),
    }


def test_the_least_and_the_most_are_percentiles() -> None:
    shares = (0, 1, 0.0, 1.0)
    measures = [
        {"name": f"p{place}", "agg": "percentile", "expr": "balance", "agg_params": {"percentile": share}}
        for place, share in enumerate(shares)
    ]
    found = catalogue({f"p{place}": simple(f"p{place}") for place in range(4)}, measures=measures)
    for place, share in enumerate(shares):
        (measure,) = found.metric(f"p{place}").measures
        assert measure.percentile is not None
        assert measure.percentile.at == share


def test_a_window_says_what_it_shows_and_which_rows_count() -> None:
    found = catalogue(
        {
            "first": cumulative("balance", window=DAY_WINDOW),
            "last": cumulative("balance", window=DAY_WINDOW, period_agg="LAST"),
            "of_a": cumulative("balance") | {"filter": where(OF_A)},
        }
    )
    for name in ("first", "last"):
        (measure,) = found.metric(name).measures
        assert measure.window is not None
        assert measure.balance is not None
        assert (measure.window.last, measure.balance.last) == (name == "last",) * 2
        assert measure.balance.grouped  # each group that is shown has a last day of its own
    (measure,) = found.metric("of_a").measures
    assert measure.window is not None
    (dataset,) = found.datasets(("of_a",), ())
    (column,) = [each for each in dataset.columns if each.name == measure.window.rows]
    query = f'select bal_on, "{column.name}" from ({dataset.sql(ROWS)}) order by 1'
    assert duckdb.execute(query).fetchall() == [
        (date(2026, 1, 1), 1),
        (date(2026, 1, 2), 1),
        (date(2026, 1, 3), 0),
    ]


def test_an_offset_to_a_grain_is_to_the_bucket_that_it_begins_with() -> None:
    begin = derived("b", {"name": "balance_metric", "alias": "b", "offset_to_grain": "month"})
    (measure,) = catalogue({"begin": begin}).metric("begin").measures
    assert measure.shift == Shift(count=0, grain="month")


@pytest.mark.parametrize(
    ("template", "is_refused"),
    [
        ("{{ Dimension('entry__bal_on') }} > '2026-01-01'", True),
        ("{{ TimeDimension('entry__opened_on', 'month') }} > '2026-01-01'", True),
        (OF_A, False),
    ],
)
def test_before_goes_with_filters_that_are_not_on_time(template: str, is_refused: bool) -> None:
    before = {"name": "balance_metric", "alias": "b", "offset_window": DAY_WINDOW, "filter": where(template)}
    refused = catalogue({"before": derived("b", before)}).list_unusable()
    assert ("filter on time" in refused.get("before", "")) is is_refused


def test_days_to_be_marked_are_read_as_they_are_declared() -> None:
    events = [
        {"on": "2026-03-01T09:00:00", "from": "2020-01-01", "name": "  Sale\n now "},
        {"from": date(2026, 2, 1)},
        {"on": "2026-05-01", "name": "x" * 121},
        {"on": "soon", "name": "unknown"},
        "2026-04-01",
    ]
    told = simple("balance") | {"config": {"meta": {"events": events}}}
    found = catalogue({"told": told}).metric("told").events
    assert found == ((date(2026, 3, 1), "Sale now"), (date(2026, 2, 1), ""), (date(2026, 5, 1), "x" * 120))


def test_measures_of_several_times_say_which() -> None:
    timeless = {
        "name": "names",
        "depends_on": {"nodes": ["model.p.ledger"]},
        "defaults": None,
        "dimensions": DIMENSIONS[2:],
        "measures": [{"name": "named", "agg": "count", "expr": "account"}],
    }
    mixed = ratio({"name": "named_metric"}, {"name": "balance_metric"})
    reason = catalogue({"named_metric": simple("named"), "mixed": mixed}, timeless).list_unusable()["mixed"]
    assert "ledger by bal_on" in reason
    assert "names by no time" in reason


def test_row_sources_have_names_of_their_own_whatever_marts_are_called() -> None:
    models = SemanticModels()

    def add(mart: str, model: str, time: str) -> str:
        return models.add_source(RowSource(mart=mart, model=model, time=time, dimensions={}, entity=""))

    assert [add("a", "x", "t"), add("a_b_c", "x", "t"), add("a_b_c_d", "x", "t")] == ["a", "a_b_c", "a_b_c_d"]
    assert [add("a", "b_c", "d"), add("a", "x", "t")] == ["a_b_c_d_2", "a"]
