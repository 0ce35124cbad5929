"""What a check is called where people read it who asked for a dashboard, not for a suite."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.quality.expectations import WITHOUT_SQL
from blocks.quality.wording import SENTENCES, describe_dbt_test, describe_expectation
from tests.blocks.quality.expectation_examples import EXAMPLES


def say(kind: str, **kwargs: Any) -> str:
    return describe_expectation({"type": kind, "kwargs": kwargs})


def test_every_expectation_that_can_be_evaluated_has_a_sentence() -> None:
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    core = {
        kind
        for kind in list_registered_expectation_implementations()
        if kind in EXAMPLES or kind.startswith("expect_")
    }
    assert core - WITHOUT_SQL - set(SENTENCES) == set()
    for kind, (passing, failing) in EXAMPLES.items():
        for kwargs in (passing, failing):
            message = say(kind, **kwargs)
            assert "expect_" not in message, message
            assert "_" not in message, message


@pytest.mark.parametrize(
    ("kind", "kwargs", "message"),
    [
        ("expect_column_values_to_not_be_null", {"column": "net_revenue"}, "Every row has a net revenue"),
        (
            "expect_column_values_to_be_between",
            {"column": "revenue", "min_value": 0, "strict_min": True},
            "Every revenue is more than 0",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "lines", "min_value": 1, "max_value": 12000, "strict_max": True},
            "Every lines is at least 1 and less than 12,000",
        ),
        (
            "expect_column_values_to_be_in_set",
            {"column": "segment", "value_set": ["chain", "online", "guest"], "mostly": 0.995},
            "Every segment is chain, online or guest (in at least 99.5 % of the rows)",
        ),
        (
            "expect_column_proportion_of_non_null_values_to_be_between",
            {"column": "country", "min_value": 0.95},
            "The share of rows that have a value in country is at least 95%",
        ),
        (
            "expect_compound_columns_to_be_unique",
            {"column_list": ["day", "country"]},
            "There is one row for each day and country",
        ),
        ("expect_table_row_count_to_be_between", {"min_value": 1}, "The number of rows is at least 1"),
    ],
)
def test_an_expectation_is_told_as_people_would(kind: str, kwargs: dict[str, Any], message: str) -> None:
    assert say(kind, **kwargs) == message


def test_what_the_suite_says_itself_goes_first() -> None:
    plain = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "k"}}
    assert describe_expectation(plain) == "No k comes twice"
    named = {**plain, "meta": {"name": "one row per key"}}
    assert describe_expectation(named) == "One row per key"
    described = {**named, "meta": {"name": "k_unique", "description": "each\ncustomer  once"}}
    assert describe_expectation(described) == "Each customer once"
    assert describe_expectation({**described, "description": "No customer twice"}) == "No customer twice"


@pytest.mark.parametrize(
    "kwargs", [{}, {"column": None}, {"column": "k", "value_set": 3}, {"value_set": {}}, [1], None]
)
def test_arguments_of_another_shape_end_in_the_name(kwargs: Any) -> None:
    given = {"type": "expect_column_values_to_be_in_set", "kwargs": kwargs}
    assert describe_expectation(given)
    assert describe_expectation("nothing")
    assert len(describe_expectation({**given, "meta": {"name": "x" * 5000}})) <= 300


def test_a_dbt_test_is_told_by_its_description_its_meaning_or_its_name() -> None:
    assert describe_dbt_test("not_null_sales_country", "", "not_null", {"column_name": "country"}) == (
        "Every row has a country"
    )
    own = ("revenue_is_not_negative", "", "accepted_range", {"column_name": "revenue", "min_value": 0})
    assert describe_dbt_test(*own) == "Revenue is not negative"
    assert describe_dbt_test("a", "No refund  without a sale", "", {}) == "No refund without a sale"
    assert describe_dbt_test("accepted_values_x", "", "accepted_values", {}) == "Accepted values x"
