"""Given is evaluated: every expectation of a suite's file gives a check, whatever is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import Misconfigured
from blocks.quality.expectations import read_expectations, upgrade_suite
from blocks.quality.suites import Suites
from blocks.records import Check
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

NOT_NULL = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "k"}}

QUANTILES = "expect_column_quantile_values_to_be_between"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> DuckDBWarehouse:
    house = DuckDBWarehouse(database=str(tmp_path_factory.mktemp("suites") / "w.duckdb"))
    with house.session() as session:
        session.rows("create schema rel")
        session.rows(
            "create table rel.m as select * from (values (1, 'ab', null), (2, 'xb', null)) t(k, s, n)"
        )
    return house


def audit(warehouse: DuckDBWarehouse, folder: Path, *expectations: Any) -> list[Check]:
    (folder / "m.json").write_text(json.dumps({"expectations": expectations}))
    return Suites(folder=folder, docs=folder / "docs").audit(warehouse, {"m": "rel.m"})


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        (
            {"type": "expect_column_values_to_be_betwen", "kwargs": {"column": "k"}},
            "expect_column_values_to_be_between",
        ),
        (
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "k", "min_valu": 1}},
            "min_valu",
        ),
        ({"type": "expect_column_values_to_not_be_null", "kwargs": {}}, "column"),
        ({"type": "expect_column_values_to_not_be_null", "kwargs": ["k"]}, "kwargs"),
        ({"type": ["x"], "kwargs": {}}, "type"),
        ({"kwargs": {"column": "k"}}, "type"),
        ({"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "k"}}, "SQL"),
        ({**NOT_NULL, "kwarg": {}}, "kwarg"),
        ("expect", "object"),
    ],
)
def test_what_cannot_be_evaluated_is_a_failed_check_with_the_reason(expectation: Any, said: str) -> None:
    usable, (fault,) = read_expectations("m", {"expectations": [NOT_NULL, expectation]})
    assert usable == [NOT_NULL]
    assert (fault.passed, fault.status) == (False, "not run")
    assert said in fault.observed


@pytest.mark.parametrize("content", [[], "x", {}, {"expectations": {}}, {"expectations": []}, None])
def test_what_is_no_suite_is_refused(content: Any) -> None:
    with pytest.raises(Misconfigured):
        read_expectations("m", content)


def test_a_suite_of_before_1_0_is_read_as_what_it_says() -> None:
    former = {
        "expectation_suite_name": "old",
        "data_asset_type": None,
        "expectations": [
            {
                "expectation_type": "expect_column_values_to_not_be_null",
                "kwargs": {"column": "k", "result_format": "BASIC"},
                "meta": {},
            }
        ],
    }
    usable, faults = read_expectations("m", former)
    assert (usable, faults) == ([{**NOT_NULL, "meta": {}}], [])
    assert upgrade_suite(former, "m") == {"name": "old", "expectations": usable}


def test_every_expectation_gives_one_check(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    """Right ones, wrong ones, and ones that only the warehouse knows to be wrong; none takes the others along."""
    patterns = [
        ("expect_column_values_to_match_regex", {"regex": "b"}, True),
        ("expect_column_values_to_match_regex", {"regex": "^a"}, False),
        ("expect_column_values_to_not_match_regex", {"regex": "z"}, True),
        ("expect_column_values_to_match_regex_list", {"regex_list": ["^a", "^x"]}, True),
        ("expect_column_values_to_not_match_regex_list", {"regex_list": ["^x"]}, False),
        ("expect_column_values_to_match_like_pattern", {"like_pattern": "%b"}, True),
        ("expect_column_values_to_not_match_like_pattern", {"like_pattern": "a%"}, False),
        ("expect_column_values_to_match_like_pattern_list", {"like_pattern_list": ["a%", "x%"]}, True),
        ("expect_column_values_to_not_match_like_pattern_list", {"like_pattern_list": ["z%"]}, True),
    ]
    quantiles = {"quantiles": [0.5], "value_ranges": [[1, 2]]}
    given = [
        *({"type": kind, "kwargs": {"column": "s", **kwargs}} for kind, kwargs, _ in patterns),
        {"type": QUANTILES, "kwargs": {"column": "k", "quantile_ranges": quantiles}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "s", "regex": "("}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "gone"}},
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "n", "value_set": [1]}},
        {
            "type": "expect_column_max_to_be_between",
            "kwargs": {"column": "k", "max_value": 1},
            "severity": "warning",
        },
        {"type": "expect_nothing", "kwargs": {}},
    ]
    checks = audit(warehouse, tmp_path, *given)
    assert len(checks) == len(given)
    by_name = {check.name: check for check in checks}
    for kind, kwargs, passed in patterns:
        (argument,) = kwargs.values()
        found = next(
            each for name, each in by_name.items() if name.startswith(f"{kind}(") and str(argument) in name
        )
        assert (found.passed, found.not_run) == (passed, False), found
    status = {name.split("(")[0]: check.status for name, check in by_name.items() if "column=s" not in name}
    assert status == {
        QUANTILES: "passed",
        "expect_column_values_to_not_be_null": "not run",
        "expect_column_values_to_be_in_set": "warned",
        "expect_column_max_to_be_between": "warned",
        "expect_nothing": "not run",
    }
    assert next(each for name, each in by_name.items() if "regex=()" in name).status == "not run"


def test_an_expectation_given_twice_is_said(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    checks = audit(warehouse, tmp_path, NOT_NULL, NOT_NULL)
    assert len([check for check in checks if check.passed]) in (1, 2)
    assert len(checks) == 2
