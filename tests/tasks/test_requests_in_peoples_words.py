"""Values as people write them are understood or asked back; nothing that a ticket says is dropped in silence."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from blocks.records import Incomplete, Requirement
from blocks.tracker.description_template import read_request
from tasks.dates import read_days
from tasks.requirements import check_ticket, write_gap_comment
from tasks.spellings import Spellings
from tests.tasks.reading import count
from tests.tasks.test_requirements import GOOD, Shop, accepted, gaps, ticket


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02",
        "2 Jan 2026",
        "Jan 2, 2026",
        "January 2nd, 2026",
        "2nd of January 2026.",
        "02.01.2026",
        "2. 1. 2026",
        "2026/01/02",
        "02-Jan-2026",
        "Friday, 2 January 2026",
        "by Fri 02/01/2026",
        "2. Januar 2026",
        "2026-01-02T23:30:00.000+0000",
        "2026-01-02 17:00",
        "2026\u201101\u201102",
        "no later than 2 January 2026",
        "spätestens 02.01.2026",
    ],
)
def test_the_usual_forms_of_a_date(text: str) -> None:
    assert read_days(text) == (date(2026, 1, 2),)
    assert accepted(deadline=text).deadline == date(2026, 1, 2)


@pytest.mark.parametrize(
    "text",
    ["2026-02-31", "20260102", "02.01.26", "2 Jan", "Thursday 2 January 2026", "March 2026", "Ma 2 2026"],
)
def test_what_is_no_day(text: str) -> None:
    assert read_days(text) == ()


def test_a_date_that_can_be_read_in_two_ways_is_asked_back_with_both() -> None:
    (gap,) = gaps(deadline="01/02/2026")
    assert "`01/02/2026` can be `2026-01-02` or `2026-02-01`" in gap
    assert read_days("31/12/2026") == read_days("12/31/2026") == (date(2026, 12, 31),)
    assert read_days("05/05/2026") == (date(2026, 5, 5),)


@pytest.mark.parametrize(
    "metrics",
    [
        "net_revenue, and orders.",
        "the net revenue; our order!",
        "Revenue, net of returns, Number of orders",
        "📈 Net\u00a0revenue, ord\u00aders",
        "1. net_revenue\n2) orders",
        "☑ net_revenue\n[x] orders",
        "> gross_revenue\nnet\u2011revenue\norders (https://x.example/orders)",
        ["net_revenue, orders"],
        "**net_revenue** and _orders_",
    ],
)
def test_names_with_what_people_put_around_them(metrics: object) -> None:
    assert accepted(metrics=metrics).metrics == ("net_revenue", "orders")


@pytest.mark.parametrize(
    "dimensions",
    [
        "by country and segment",
        "Countries, by segment",
        "per market & segments",
        "je country, pro segment",
        "split by country, segment",
    ],
)
def test_dimensions_with_by(dimensions: str) -> None:
    assert accepted(dimensions=dimensions).dimensions == ("country", "segment")


@pytest.mark.parametrize(
    ("metrics", "others", "dimensions", "grain"),
    [
        ("net revenue by country and segment per month", {}, ("country", "segment"), "month"),
        ("- **net_revenue** per week, by market.", {}, ("country",), "week"),
        ("net_revenue broken down by market & segments", {}, ("country", "segment"), ""),
        ("Revenue, net of returns, nach country pro month", {}, ("country",), "month"),
        ("net_revenue by month", {}, (), "month"),
        (["net_revenue by country"], {"dimensions": "segment and country"}, ("segment", "country"), ""),
        ("net_revenue per month", {"grain": "monthly"}, (), "month"),
        ("net_revenue by country", {"dimensions": "segment"}, None, None),
        ("net_revenue per month", {"grain": "week"}, None, None),
        ("net_revenue by planet", {}, None, None),
        ("net_revenue by country, planet", {}, None, None),
        ("net_revenue per country", {}, None, None),
        ("net_revenue per month per week", {}, None, None),
        ("net_revenue by country\norders", {}, None, None),
        ("revenue by country", {}, None, None),
    ],
)
def test_a_metric_may_be_written_with_its_split(
    metrics: object, others: dict[str, str], dimensions: tuple[str, ...] | None, grain: str | None
) -> None:
    """All of it is understood, or it is asked about; never a part."""
    fields = {"dimensions": "", **others, "metrics": metrics}
    if dimensions is None:
        assert any("is not known" in gap for gap in gaps(**fields))
        return
    found = accepted(**fields)
    assert (found.metrics, found.dimensions, found.wishes.grain) == (("net_revenue",), dimensions, grain)


def test_words_that_mean_another_metric_are_not_taken_off() -> None:
    assert "`per order` is not known" in gaps(metrics="per order")[0]
    assert "`orders / net_revenue` is not known" in gaps(metrics="orders / net_revenue")[0]


def test_a_hint_names_what_is_meant_first() -> None:
    labels = {
        "open": "Open opportunities",
        "all": "Opportunities",
        "rate": "Refund rate",
        "refunds": "Product refunds",
    }
    names = Spellings(tuple(labels), labels)
    for text, meant in {
        "Open oportunities": "open",
        "Oportunities": "all",
        "rate of refund": "rate",
        "refunds, product": "refunds",
        "Refnd rate": "rate",
    }.items():
        assert names.suggest(text)[0] == meant, text


def test_a_hint_leaves_out_how_a_metric_is_counted_or_split() -> None:
    """Another metric may be nearer sign by sign: `orders per customer` is near to `orders per country`."""
    names = Spellings(("orders", "customer_orders", "orders_per_customer", "net_revenue"), {})
    for text in (
        "orders by country",
        "number of orders",
        "# of orders",
        "order count",
        "Total orders per month",
    ):
        assert names.suggest(text)[0] == "orders", text
    assert names.suggest("total net revenue over time")[0] == "net_revenue"
    assert names.find("orders per customer") == ["orders_per_customer"]


@pytest.mark.parametrize("nothing", ["none", "N/A", "-", "not needed.", ["None"]])
def test_none_is_nothing_where_a_part_may_be_left_out(nothing: Any) -> None:
    assert accepted(dimensions=nothing).dimensions == ()
    assert "`none` is not known" in gaps(dimensions="country, none")[0]
    assert "`none` is not known" in gaps(metrics="none")[0]


def test_a_label_that_two_metrics_share_is_asked_back_with_both() -> None:
    class Twins(Shop):
        def metric_labels(self) -> dict[str, str]:
            return {"net_revenue": "Revenue", "units": "Revenue"}

    found = check_ticket(ticket(metrics="revenue"), Twins())
    assert isinstance(found, Incomplete)
    assert "`revenue` can be `net_revenue` or `units`" in found.gaps[0]


def test_every_label_of_a_dimension_is_known() -> None:
    class Labelled(Shop):
        def dimension_labels(self) -> dict[str, tuple[str, ...]]:  # type: ignore[override]
            return {"country": ("Market", "Land of sale")}

    found = check_ticket(ticket(dimensions="land of sale"), Labelled())
    assert isinstance(found, Requirement)
    assert found.dimensions == ("country",)


def test_a_source_that_feeds_no_metric_is_said() -> None:
    message = "Source `fx` feeds none of these metrics, so nothing of it is shown; `crm`, `erp` do."
    assert accepted(data_sources="erp, fx").notes == (message,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("filters", "Germany"),
        ("filters", "planet = Earth"),
        ("filters", "day = 2026-01-01"),
        ("filters", "country = not Germany"),
        ("filters", {"country": ["Germany"], "market": ["France"]}),
        ("period", "some day"),
        ("period", "2026-06-30..2026-01-01"),
        ("period", "last 12 months; this year"),
        ("comparison", "the competition"),
        ("grain", "hour"),
        ("grain", "week or month"),
        ("target", "net_revenue 5,000"),
        ("target", "net_revenue = 5,000"),
        ("target", "net_revenue = 120.000 per month"),
        ("target", "units = 5 per month"),
        ("cadence", "on full moon"),
        ("cadence", "weekly on Monday; daily"),
        ("chart", "pie"),
        ("chart", "gauge"),
        ("layout", "shares, trend"),
        ("layout", "nothing"),
    ],
)
def test_a_wish_that_is_not_honoured_is_refused_by_name(field: str, value: object) -> None:
    (gap, *_) = gaps(**{field: value})
    assert gap.startswith(f"**{field}**")
    assert "`" in gap


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chart", "bar chart, line"),
        ("cadence", "Each run."),
        ("audience", "everyone"),
        ("layout", "trend then bars"),
        ("filters", "none"),
        ("target", "n/a"),
        ("grain", "–"),
        ("dimensions", "–"),
        ("dimensions", "Keine."),
    ],
)
def test_a_wish_for_what_is_done_is_accepted(field: str, value: object) -> None:
    assert accepted(**{field: value}).metrics == ("net_revenue", "orders")


@pytest.mark.parametrize(("cadence", "live"), [("Live", True), ("real-time.", True), ("every run", False)])
def test_live_data_may_be_asked_for(cadence: str, live: bool) -> None:
    assert accepted(cadence=cadence).live is live


def test_the_layout_orders_the_metrics() -> None:
    assert accepted(layout="orders, net revenue").metrics == ("orders", "net_revenue")
    assert accepted(layout="Number of orders").metrics == ("orders", "net_revenue")


def unplaced(description: str) -> list[str]:
    reading = read_request(description)
    left = [vars(each) for each in reading.unplaced]
    found = check_ticket(ticket(**reading.fields, unplaced=left), Shop())
    return list(found.gaps) if isinstance(found, Incomplete) else []


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("Metrics: orders\nMetrics: units", "**metrics** is named twice; `units` was not read"),
        ("| Metrics | orders | units |", "**metrics** was read, but not `units` beside it"),
        ("Metrics:\n- orders\n\nnet revenue", "**metrics** was read without `net revenue` below it"),
        (
            "Metrcs: orders",
            "**request** has no part `Metrcs`; `orders` was not read. Did you mean `metrics`?",
        ),
        ("Metrics: orders\nRegion: EU\nSources: erp", "**request** has no part `Region`; `EU` was not read"),
    ],
)
def test_what_was_not_read_is_a_gap(description: str, message: str) -> None:
    (gap,) = unplaced(description)
    assert gap.startswith(message)


def test_free_text_below_a_list_is_no_gap() -> None:
    assert unplaced("Metrics:\n- orders\n\nThat is all for now") == []


@pytest.mark.parametrize(
    "line",
    [
        "By country",
        "per country",
        "by-country",
        "Split per country",
        "for each country",
        "\nRows: country",
        "Only: UK",
    ],
)
def test_a_wish_in_the_last_line_is_no_silent_drop(line: str) -> None:
    (gap,) = unplaced(f"Metrics: net_revenue\n{line}")
    assert "was not read" in gap


@pytest.mark.parametrize("line", ["By the way, thanks", "Per our call", "\nPhone: 123", "\nWhy: we want it"])
def test_free_text_at_the_end_is_no_gap(line: str) -> None:
    assert unplaced(f"Metrics: net_revenue\n{line}") == []


def comment(**fields: Any) -> str:
    found = check_ticket(ticket(**fields), Shop())
    assert isinstance(found, Incomplete)
    return write_gap_comment(found)


def test_the_comment_ends_with_lines_to_paste() -> None:
    text = comment(metrics="Net Revenue, ordrs", deadline=None)
    lines = [line.strip() for line in text.split("\n    ")[1:]]
    assert lines == [
        "analysis: trend",
        "metrics: net_revenue  # more of: net_revenue, orders, stock_value, units",
        "dimensions: country",
        "data_sources: erp",
        "deadline:   # a date, as 2026-07-31",
    ]
    assert count(text, "code_block") == 1


def test_pasted_lines_are_read_back_as_they_stand() -> None:
    text = comment(metrics=None, requester=None)
    pasted = (
        "\n".join(text.split("\n    ")[1:])
        .replace("metrics:", "metrics: orders")
        .replace("requester:", "requester: Dana")
    )
    reading = read_request(pasted)
    assert reading.unplaced == ()
    assert reading.fields == {
        "analysis": "trend",
        "metrics": "orders",
        "dimensions": "country",
        "data_sources": "erp",
        "deadline": "2027-02-26",
        "requester": "Dana",
    }
    assert isinstance(check_ticket(ticket(**{**GOOD, **reading.fields}), Shop()), Requirement)
