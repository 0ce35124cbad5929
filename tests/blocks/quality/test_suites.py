"""Given is evaluated: every expectation of a suite's file gives a check, whatever is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from blocks.errors import Misconfigured
from blocks.quality.expectations import read_expectations, read_notes, upgrade_suite
from blocks.quality.suites import Suites
from blocks.records import BuildReport, Check, GateReport
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.gate import audit_suites
from tests.blocks.quality.expectation_examples import EXAMPLES

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
    ("expectation", "message"),
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
        ({"type": "expect_table_row_count_to_be_between", "kwargs": {}}, "could not fail"),
        (
            {"type": "expect_column_max_to_be_between", "kwargs": {"column": "k", "min_value": None}},
            "no min_value and no max_value: it could not fail",
        ),
        ({**NOT_NULL, "kwargs": {"column": "k", "mostly": 0}}, "mostly is 0"),
        (
            {
                "type": "expect_column_values_to_not_be_in_set",
                "kwargs": {"column": "k", "value_set": []},
            },
            "no value_set",
        ),
        ({"type": "expect_table_columns_to_match_ordered_list", "kwargs": {}}, "could not fail"),
        (
            {
                "type": "expect_column_kl_divergence_to_be_less_than",
                "kwargs": {"column": "k", "threshold": 1},
            },
            "no partition_object",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_a_failed_check_with_the_reason(expectation: Any, message: str) -> None:
    usable, (fault,) = read_expectations("m", {"expectations": [NOT_NULL, expectation]})
    assert usable == [NOT_NULL]
    assert (fault.passed, fault.status) == (False, "not run")
    assert message in fault.observed


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
    assert upgrade_suite(former, usable, "m") == {"name": "old", "expectations": usable}


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
    suite = [
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
    checks = audit(warehouse, tmp_path, *suite)
    assert len(checks) == len(suite)
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


SURROGATE = json.loads('"\\ud800"')
DEEP: Any = []
for _ in range(200):
    DEEP = [DEEP]
SHAPES: list[Any] = [
    None,
    True,
    1,
    -1.5,
    float("nan"),
    "",
    "x",
    [],
    [1],
    {},
    DEEP,
    {"type": None},
    {"type": 1, "kwargs": {}},
    {"type": {}, "kwargs": {}},
    {"type": "", "kwargs": {}},
    {"type": "expect_column_to_exist"},
    {"type": "expect_column_to_exist", "kwargs": None},
    {"type": "expect_column_to_exist", "kwargs": []},
    {"type": "expect_column_to_exist", "kwargs": {"column": None}},
    {"type": "expect_column_to_exist", "kwargs": {"column": ["k"]}},
    {"type": "expect_column_to_exist", "kwargs": {"column": {"$PARAMETER": "c"}}},
    {"type": "expect_column_to_exist", "kwargs": {"column": "k"}, "meta": []},
    {"type": "expect_column_to_exist", "kwargs": {"column": "k"}, "meta": {"name": SURROGATE}},
    {"type": "expect_column_to_exist", "kwargs": {"column": "k"}, "id": "no uuid"},
    {"type": "expect_column_to_exist", "kwargs": {"column": "k"}, "severity": "dreadful"},
    {"type": "expect_column_to_exist", "kwargs": {"column": "k"}, "windows": "all"},
    {"type": "expect_column_to_exist", "kwargs": {"column": "k"}, "rendered_content": 5},
    {"type": "expect_column_to_exist", "kwargs": {"column": SURROGATE}},
    {"type": "x" * 100_000, "kwargs": {}},
    {"type": "Expectation", "kwargs": {}},
    {"type": "__class__", "kwargs": {}},
    {"type": "expect_column_type_to_be", "kwargs": {"column": {"$PARAMETER": "c"}, "type_": "int"}},
    {
        "type": "expect_column_values_to_be_in_type_list",
        "kwargs": {"column": "k", "type_list": {"$PARAMETER": "t"}},
    },
    {"type": "expect_column_values_to_be_in_type_list", "kwargs": {"column": "k", "type_list": None}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "s", "value_set": [SURROGATE]}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "s", "value_set": ["a\0b"]}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "k", "min_value": DEEP}},
    {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "drop table {batch}"}},
    {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": "select {no} from {batch}"}},
    {"expectation_type": None, "kwargs": {}},
    {"expectation_type": "expect_column_to_exist", "kwargs": "k"},
]


def test_a_malformed_expectation_holds_up_itself_only(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    """Whatever its shape: the others are judged, it is not passed by mistake, and its check can be stored."""
    checks = audit(warehouse, tmp_path, *SHAPES, NOT_NULL)
    assert len(checks) == len(SHAPES) + 1
    fine = [check for check in checks if check.status == "passed"]
    assert {check.name for check in fine} <= {
        "expect_column_values_to_not_be_null(column=k)",
        "expect_column_to_exist(column=k)",
        "?",  # named by half a character
    }
    assert len(fine) >= 1
    report = GateReport(run="r", passed=False, checks=tuple(checks))
    assert GateReport.model_validate_json(report.model_dump_json()) == report
    shown = Suites(folder=tmp_path, docs=tmp_path / "docs")
    page = shown.show(report)
    assert page
    assert shown.find_address(page) == ""
    served = shown.model_copy(update={"address": "https://checks.example.com/all/"})
    assert served.find_address(page) == "https://checks.example.com/all/r/index.html"
    with pytest.raises(ValueError, match="address"):
        Suites(folder=tmp_path, docs=tmp_path, address="javascript:alert(1)")
    with warehouse.session() as session:
        assert session.rows("select count(*) from rel.m") == [(2,)]


FILES: dict[str, bytes] = {
    "empty": b"",
    "half": b'{"expectations": [',
    "bom": b"\xef\xbb\xbf{}",
    "latin": b'{"name": "\xe4"}',
    "zero": b"\0" * 10,
    "number": b"1",
    "text": b'"x"',
    "null": b"null",
    "list": b"[]",
    "none": b"{}",
    "object": b'{"expectations": {}}',
    "nothing": b'{"expectations": []}',
    "deep": b"[" * 100_000,
    "long number": b'{"expectations": ' + b"9" * 10_000 + b"}",
    "yaml": b"expectations: []",
    "two": b"{}{}",
}


@pytest.mark.parametrize("name", FILES)
def test_a_malformed_file_is_named_and_holds_up_its_own_mart_only(
    warehouse: DuckDBWarehouse, tmp_path: Path, name: str
) -> None:
    (tmp_path / "m.json").write_text(json.dumps({"expectations": [NOT_NULL]}))
    (tmp_path / "bad.json").write_bytes(FILES[name])
    build = BuildReport(run="r", marts={"bad": "rel.m", "m": "rel.m"}, models=2, tests=0, seconds=0)
    checks = audit_suites.fn(Suites(folder=tmp_path, docs=tmp_path / "docs"), warehouse, build)
    assert {(check.scope, check.status) for check in checks} == {("bad", "failed"), ("m", "passed")}
    (message,) = [check.observed for check in checks if check.scope == "bad"]
    assert "bad" in message
    (tmp_path / "m.json").unlink()
    (tmp_path / "m.json").mkdir()
    checks = audit_suites.fn(Suites(folder=tmp_path, docs=tmp_path), warehouse, build)
    assert {check.status for check in checks} == {"failed"}
    assert "move the folder away" in next(check.observed for check in checks if check.scope == "m")


JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(strategies.characters())
    | strategies.sampled_from(sorted(EXAMPLES)),
    lambda inner: (
        strategies.lists(inner, max_size=4)
        | strategies.dictionaries(
            strategies.sampled_from(
                ["type", "expectation_type", "kwargs", "meta", "column", "value_set", "notes", "id", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(suppress_health_check=list(HealthCheck))
@given(
    strategies.fixed_dictionaries(
        {"expectations": JSON}, optional={"name": JSON, "meta": JSON, "notes": JSON}
    )
    | JSON
)
def test_any_json_is_read_as_checks_or_refused(content: Any) -> None:
    """As many as are given; each named, and storable."""
    read_notes(content)
    try:
        usable, faults = read_expectations("m", content)
    except Misconfigured:
        return
    assert len(usable) + len(faults) == len(content["expectations"])
    for fault in faults:
        assert fault.observed
        fault.model_dump_json()


def test_an_expectation_given_twice_is_said(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    checks = audit(warehouse, tmp_path, NOT_NULL, NOT_NULL)
    assert len([check for check in checks if check.passed]) in (1, 2)
    assert len(checks) == 2


@pytest.mark.parametrize(
    ("kind", "kwargs", "holds"),
    [
        ("expect_column_values_to_not_be_null", {"column": "a"}, True),
        ("unexpected_rows_expectation", {"unexpected_rows_query": "select * from {batch} where a < 0"}, True),
        (
            "unexpected_rows_expectation",
            {"unexpected_rows_query": "select * from {batch} where d > now()"},
            False,
        ),
        ("unexpected_rows_expectation", {"unexpected_rows_query": "select * from {batch}, raw.t"}, False),
        ("expect_column_max_to_be_between", {"column": "d", "min_value": {"$PARAMETER": "now()"}}, False),
        ("expect_table_row_count_to_equal_other_table", {"other_table_name": "t"}, False),
    ],
)
def test_a_suite_is_carried_over_if_it_asks_of_the_marts_rows_alone(
    tmp_path: Path, kind: str, kwargs: dict[str, Any], holds: bool
) -> None:
    def write(message: str) -> str:
        suite = {"expectations": [{"type": kind, "kwargs": kwargs}], "meta": {"said": message}}
        (tmp_path / "m.json").write_text(json.dumps(suite))
        return Suites(folder=tmp_path, docs=tmp_path).hash_repeatable_suite("m", "duckdb")

    assert bool(write("a")) is holds
    assert write("a") == write("a")
    assert not holds or write("a") != write("b")
