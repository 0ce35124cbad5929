"""Wishes: read strictly, written as they are read, held against the catalogue and the data, or asked back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blocks.records import Incomplete, Requirement
from blocks.tracker.description_template import read_request
from blocks.wishes import AGAINST, Against, Alert, Cadence, Chart, Filter, Span, Target, Wishes
from tasks.requirements import check_ticket
from tasks.wish_syntax import (
    UnclearError,
    read_alert,
    read_cadence,
    read_comparison,
    read_filter,
    read_number,
    read_period,
    read_span,
    read_subscriber,
    read_target,
)
from tests.tasks.test_requirements import HOSTILE, Shop, accepted, gaps, ticket

VALUES = {"country": ("Germany", "Austria", "Korea, Republic of"), "segment": ("SMB", "Enterprise")}


def wishes(**fields: Any) -> Wishes:
    return accepted(**fields).wishes


def test_filters_are_read_in_each_of_their_forms() -> None:
    germany = (Filter(dimension="country", values=("Germany",)),)
    for text in ("country = Germany", "Market: Germany", "country is Germany", ["country = Germany"]):
        assert wishes(filters=text).filters == germany, text
    assert wishes(filters={"country": "Germany"}).filters == germany
    several = wishes(filters="country = Germany, France\n- segment in (SMB or Enterprise)").filters
    assert list(map(str, several)) == ["country = Germany, France", "segment = SMB, Enterprise"]
    assert str(read_filter("price >= 5")) == "price = 5.."
    assert str(read_filter("price from 10 to 20")) == "price = 10..20"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("country != Germany", "country != Germany"),
        ("country <> Germany, France", "country != Germany, France"),
        ("country = not Germany", "country != Germany"),
        ("country is not Germany", "country != Germany"),
        ("country not in (Germany, France)", "country != Germany, France"),
        ("country without Germany", "country != Germany"),
        ("country: all but Germany", "country != Germany"),
        ('country = "not Germany"', 'country = "not Germany"'),
        ("drink = without milk", "drink = without milk"),
        ("country = Nottingham", "country = Nottingham"),
    ],
)
def test_values_are_left_out_in_each_of_the_usual_forms(text: str, read: str) -> None:
    assert str(read_filter(text)) == read
    assert read_filter(read) == read_filter(text)


def test_what_is_not_a_value_and_what_is_a_value_that_begins_so_are_told_apart() -> None:
    def check(text: str, values: Any) -> Any:
        return check_ticket(ticket(filters=text), Shop(), values)

    states = {"segment": ("started", "not started", "done")}.get
    assert list(map(str, check("segment = not started", states).wishes.filters)) == [
        'segment = "not started"'
    ]
    assert list(map(str, check("segment != started", states).wishes.filters)) == ["segment != started"]
    assert list(map(str, check("segment = not done, started", states).wishes.filters)) == [
        "segment != done, started"
    ]
    (gap,) = check("segment = not started", lambda _: None).gaps
    assert 'Write `segment != started` for all but that, or `segment = "not started"` for this value' in gap
    (gap,) = check("segment != started, not started, done", states).gaps
    assert "leaves no value" in gap
    (gap,) = check("country != Atlantis", VALUES.get).gaps
    assert "`Atlantis` is no value of `country` now" in gap


def test_two_conditions_in_one_filter_are_refused() -> None:
    """They were read as one value, `North and region = South`, which no row has."""
    for text in ("region = North and region = South", "region = North or size = L"):
        with pytest.raises(UnclearError, match="write each in an entry of its own"):
            read_filter(text)
    assert read_filter('region = "North and b = c"').values == ("North and b = c",)
    assert read_filter("region = Bosnia and Herzegovina").values == ("Bosnia and Herzegovina",)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("last 12 months", Span(unit="month", count=12)),
        ("the past two years", Span(unit="year", count=2)),
        ("last month", Span(unit="month", count=1)),
        ("year to date", Span(unit="year")),
        ("2025", Span(first=date(2025, 1, 1), last=date(2025, 12, 31))),
        ("Q2 2025", Span(first=date(2025, 4, 1), last=date(2025, 6, 30))),
        ("March 2025", Span(first=date(2025, 3, 1), last=date(2025, 3, 31))),
        ("from 1 Jan 2025 to 2 Feb 2025", Span(first=date(2025, 1, 1), last=date(2025, 2, 2))),
        ("since 2025-03", Span(first=date(2025, 3, 1))),
        ("everything", Span()),
    ],
)
def test_a_period_is_read(text: str, read: Span) -> None:
    assert read_span(text) == read
    assert read_period(f"{text} vs last year") == (read, Against.year)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("weekly", "weekly on Monday"),
        ("every Friday", "weekly on Friday"),
        ("Mondays", "weekly on Monday"),
        ("monthly on the 15th", "monthly on day 15"),
        ("monthly on the last day of the month", "monthly on day 31"),
        ("Each run.", "each run"),
        ("once", "once"),
    ],
)
def test_a_cadence_is_read(text: str, written: str) -> None:
    assert str(read_cadence(text)) == written


def test_a_cadence_is_due_on_its_day_and_until_it_was_met() -> None:
    monday, thursday = date(2026, 11, 23), date(2026, 11, 26)
    weekly, monthly = Cadence(every="week", day=1), Cadence(every="month", day=31)
    assert weekly.is_due(monday, monday)  # on its day every run brings what is new
    assert not weekly.is_due(thursday, monday)
    assert weekly.is_due(thursday, date(2026, 11, 22))  # Monday's run failed, or there was none
    assert weekly.is_due(thursday, None)
    assert monthly.find_last_due(thursday) == date(2026, 10, 31)
    assert monthly.find_last_due(date(2026, 11, 30)) == date(2026, 11, 30)
    assert weekly.find_next_due(thursday) == date(2026, 11, 30)
    assert Cadence(every="run").is_due(thursday, thursday)
    assert not Cadence(every="once").is_due(thursday, None)


def test_numbers_that_two_countries_read_differently_are_asked_back() -> None:
    found = [read_number(text) for text in ("120,000", "1.5m", "€120k", "95%", "-3", "0.125")]
    assert found == [120_000, 1_500_000, 120_000, 0.95, -3, 0.125]
    for text in ("120.000", "1,5", "abc", "1e5", ""):
        with pytest.raises(UnclearError):
            read_number(text)


def test_targets_are_of_a_metric_and_a_time() -> None:
    found = wishes(
        target="Number of orders = 1,200 per month by 2026-12-31; net_revenue = previous period"
    ).targets
    assert list(map(str, found)) == [
        "orders = 1200 per month by 2026-12-31",
        "net_revenue = previous period",
    ]
    assert [each.per for each in wishes(target="orders = 5", grain="weekly").targets] == ["week"]
    assert "needs a time" in gaps(target="orders = 5")[0]


def test_a_filter_is_held_against_what_readers_see() -> None:
    def check(text: str) -> Requirement | Incomplete:
        return check_ticket(ticket(filters=text), Shop(), VALUES.get)

    for text in ("country = GERMANY, Korea, Republic of", 'country = GERMANY, "korea, republic of"'):
        good = check(text)
        assert isinstance(good, Requirement)
        assert good.wishes.filters[0].values == ("Germany", "Korea, Republic of")
    near = check("segment = Entreprise")
    assert isinstance(near, Incomplete)
    assert "did you mean `Enterprise`?" in near.gaps[0]


def test_a_filter_of_some_metrics_only_is_refused_as_the_others_would_show_everything() -> None:
    found = gaps(metrics="orders, units", dimensions="country, product_line", filters="country = Germany")
    assert "which the data of `units` do not have" in found[0]


def test_what_is_filtered_by_becomes_a_dimension_and_is_said() -> None:
    found = accepted(dimensions="segment", filters="country = Germany")
    assert found.dimensions == ("segment", "country")
    assert "`country` was added to the dimensions, as it is filtered by." in found.notes


def test_an_audience_is_one_of_the_groups_that_a_ticket_may_name() -> None:
    found = check_ticket(ticket(audience="sales, Board"), Shop(), find_groups=lambda: ("Sales", "Finance"))
    assert isinstance(found, Incomplete)
    assert "`Board` is no group that a ticket may name; it can be: `Sales`, `Finance`." in found.gaps[0]
    good = check_ticket(ticket(audience="sales"), Shop(), find_groups=lambda: ("Sales", "Finance"))
    assert isinstance(good, Requirement)
    assert good.wishes.audience == ("Sales",)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Number of orders < 1,200 per month", "orders < 1200 per month"),
        ("orders below 40 a day", "orders < 40 per day"),
        ("orders falls below 40 daily", "orders < 40 per day"),
        ("net_revenue is more than €1.5m per quarter", "net_revenue > 1500000 per quarter"),
        ({"orders": "> 7 per week"}, "orders > 7 per week"),
    ],
)
def test_an_alert_is_read(text: Any, written: str) -> None:
    found = wishes(alerts=text, subscribers="dana@example.com", metrics="orders, net_revenue")
    assert list(map(str, found.alerts)) == [written]
    assert found.subscribers == ("dana@example.com",)


@pytest.mark.parametrize(
    ("fields", "gap"),
    [
        ({"alerts": "orders < 40 per day"}, "nobody would hear of it"),
        ({"alerts": "orders < 40", "subscribers": "a@b.example"}, "needs a time"),
        ({"alerts": "orders 40", "subscribers": "a@b.example"}, "can't be read"),
        ({"alerts": "ordrs < 40 per day", "subscribers": "a@b.example"}, "did you mean `orders`?"),
        ({"subscribers": "Dana Smith"}, "e-mail addresses"),
        ({"subscribers": ", ".join(f"a{n}@b.example" for n in range(21))}, "20 is the most"),
    ],
)
def test_an_alert_that_nobody_could_be_told_of_is_asked_back(fields: dict[str, Any], gap: str) -> None:
    assert gap in " ".join(gaps(metrics="orders", **fields))


def test_subscribers_are_addresses_and_channels_once_each() -> None:
    found = wishes(
        subscribers="Dana@Example.com, #Sales; dana@example.com\n- mailto:li@example.com"
    ).subscribers
    assert found == ("dana@example.com", "sales", "li@example.com")
    assert wishes(subscribers="none").subscribers == ()
    for text in ("a@b@c.example", "a b@c.example", "x@y.example\r\nBcc: z@z.example", "<a@b.example>", "a@b"):
        with pytest.raises(UnclearError):
            read_subscriber(text)


def test_charts_come_in_the_order_that_is_asked_for() -> None:
    assert wishes(layout="bars, line").charts == (Chart.bars, Chart.trend)
    assert wishes(chart="bar chart").charts == (Chart.bars,)


def test_all_of_it_is_read_from_a_description_and_kept_in_the_lines_to_paste() -> None:
    text = (
        "Filters: country = Germany\nPeriod: last 12 months\nCompare with: last year\nGrain: month\n"
        "Target: orders = 1200 per month\nSchedule: every Friday\nWho may read: Sales\nChart: bars\n"
        "Notify: dana@example.com, #sales\nAlert me if: orders drops below 40 per day\n"
    )
    fields = read_request(text).fields
    found = accepted(**fields).wishes
    lines = found.list_lines()
    assert lines == {
        "filters": "country = Germany",
        "period": "last 12 months",
        "comparison": "same period last year",
        "grain": "month",
        "target": "orders = 1200 per month",
        "cadence": "weekly on Friday",
        "audience": "Sales",
        "chart": "bars",
        "subscribers": "dana@example.com, sales",
        "alerts": "orders < 40 per day",
    }
    assert accepted(**lines).wishes == found
    missing = check_ticket(ticket(**{**fields, "deadline": None}), Shop())
    assert isinstance(missing, Incomplete)
    assert [f"{name}: {text}" for name, text in lines.items()] == list(missing.lines)[-len(lines) :]


@pytest.mark.parametrize(
    "field",
    ["filters", "period", "comparison", "grain", "target", "cadence", "audience", "alerts", "subscribers"],
)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_a_gap_or_plain_data(field: str, text: str) -> None:
    for value in (text, [text], {text: text}, f"country = {text}"):
        found = check_ticket(ticket(**{field: value}), Shop())
        if isinstance(found, Incomplete):
            assert all("\n" not in gap and len(gap) < 1000 for gap in found.gaps)
        else:
            assert field in ("filters", "audience") or found.wishes == Wishes()


names = st.from_regex(r"[a-z][a-z_]{0,12}", fullmatch=True).filter(
    lambda name: name not in ("is", "in", "are")
)
days = st.dates(date(1950, 1, 1), date(2049, 12, 31))
numbers = st.one_of(
    st.integers(-(10**12), 10**12).map(float), st.floats(0.001, 9.99).map(lambda value: round(value, 3))
)


@given(
    name=names,
    values=st.lists(
        st.text(
            st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.sampled_from(' ,;"=.'),
            min_size=1,
            max_size=12,
        ).filter(lambda text: text.strip() == text),
        min_size=1,
        max_size=4,
        unique=True,
    ),
)
@example(name="a", values=["<="])
@example(name="a", values=["under ≤ 5", "a: >= 5"])
def test_a_filter_reads_back_as_it_is_written(name: str, values: list[str]) -> None:
    for excluded in (False, True):
        wish = Filter(dimension=name, values=tuple(values), excluded=excluded)
        assert read_filter(str(wish)) == wish


@given(
    name=names,
    value=numbers,
    per=st.sampled_from(["", "day", "week", "month", "quarter", "year"]),
    by=st.none() | days,
)
def test_a_target_reads_back_as_it_is_written(name: str, value: float, per: str, by: date | None) -> None:
    wish = Target(metric=name, value=value, per=per, by=by)
    assert read_target(str(wish)) == wish
    earlier = Target(metric=name, against=Against.year, by=by)
    assert read_target(str(earlier)) == earlier


@given(name=names, value=numbers, above=st.booleans(), per=st.sampled_from(["", "day", "week", "month"]))
def test_an_alert_reads_back_as_it_is_written(name: str, value: float, above: bool, per: str) -> None:
    wish = Alert(metric=name, above=above, value=value, per=per)
    assert read_alert(str(wish)) == wish


@given(
    first=days,
    more=st.timedeltas(
        min_value=date(2000, 1, 2) - date(2000, 1, 1), max_value=date(2020, 1, 1) - date(2000, 1, 1)
    ),
    unit=st.sampled_from(["day", "week", "month", "quarter", "year"]),
    count=st.integers(0, 1000),
)
def test_a_period_reads_back_as_it_is_written(first: date, more: Any, unit: str, count: int) -> None:
    for span in (
        Span(first=first, last=first + more),
        Span(first=first),
        Span(last=first),
        Span(unit=unit, count=count),
    ):
        assert read_span(str(span)) == span


@given(
    cadence=st.builds(Cadence, every=st.just("week"), day=st.integers(1, 7))
    | st.builds(Cadence, every=st.just("month"), day=st.integers(1, 31))
    | st.sampled_from(["run", "day", "once"]).map(lambda every: Cadence(every=every))
)
def test_a_cadence_reads_back_as_it_is_written(cadence: Cadence) -> None:
    assert read_cadence(str(cadence)) == cadence


@pytest.mark.parametrize("against", Against)
def test_a_comparison_reads_back_as_it_is_written(against: Against) -> None:
    assert read_comparison(AGAINST[against]) is against
