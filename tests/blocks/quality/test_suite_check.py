"""Suites against what the YAML of their marts declares, before anything is built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blocks.quality.suite_check import check_suites
from blocks.quality.suites import Suites


@pytest.mark.parametrize(
    ("column", "meta", "found"),
    [
        ("country", {}, []),
        ("population", {}, ["warning"]),
        ("population", {"unreviewed": True}, []),  # `init` saw it in the data
        ("countri", {"unreviewed": True}, []),
        ("countri", {}, ["error"]),
    ],
)
def test_a_column_that_is_not_declared_is_doubted_unless_init_saw_it(
    tmp_path: Path, column: str, meta: dict[str, object], found: list[str]
) -> None:
    expectation = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": column}, "meta": meta}
    (tmp_path / "m.json").write_text(json.dumps({"name": "m", "expectations": [expectation]}))
    suites = Suites(folder=tmp_path, docs=tmp_path)
    message = check_suites(suites, {"m": ["country"]}, {"m"}, {"m"})
    assert [each.severity for each in message] == found


def test_what_the_warehouse_cannot_evaluate_is_said_and_dbts_tests_are_suite_enough(tmp_path: Path) -> None:
    kind = "expect_column_quantile_values_to_be_between"
    ranges = {"quantiles": [0.5], "value_ranges": [[0, 1]]}
    expectation = {"type": kind, "kwargs": {"column": "country", "quantile_ranges": ranges}}
    (tmp_path / "m.json").write_text(json.dumps({"name": "m", "expectations": [expectation]}))
    suites = Suites(folder=tmp_path, docs=tmp_path)
    columns = {"m": ["country"], "tested": [], "bare": []}
    for dialect, expected in (("duckdb", {"mart bare"}), ("dremio", {"mart bare", "suite m.json"})):
        message = check_suites(suites, columns, set(columns), set(columns), (), {"tested"}, dialect)
        assert {each.about for each in message} == expected
