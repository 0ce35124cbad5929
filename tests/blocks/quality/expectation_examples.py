"""An example that passes and one that fails of every expectation of Great Expectations, over one small table.

A new version's expectation is added here; tests/blocks/warehouse/test_expectations.py then says which line of the
table in docs/quality.md is missing, and writes it with UPDATE_DOCS=1 in its environment.
"""

from __future__ import annotations

from typing import Any

COLUMNS = ("k", "a", "b", "s", "t", "n", "x", "c", "p")
ROWS = (
    "(1, 1, 1, 'ab', 'x', null, 1.5, 'u', 'one')",
    "(2, 2, 1, 'ac', 'x', null, 2.5, 'u', 'one')",
    "(3, 3, 2, 'ad', 'y', null, 3.5, 'v', 'one')",
    "(4, 4, 2, 'bb', 'y', 1, 4.5, 'v', 'two')",
)
SQL = (
    "select cast(k as integer) as k, cast(a as integer) as a, cast(b as integer) as b, s, t,"
    " cast(n as integer) as n, cast(x as double precision) as x, c, p"
    f" from (values {', '.join(ROWS)}) as v(k, a, b, s, t, n, x, c, p)"
)
Arguments = dict[str, Any]


def between(column: str, low: float, high: float) -> Arguments:
    return {"column": column, "min_value": low, "max_value": high}


def ab(**more: Any) -> Arguments:
    return {"column_A": "a", "column_B": "b", **more}


def of_set(column: str, *values: Any) -> Arguments:
    return {"column": column, "value_set": list(values)}


def partition(*weights: float) -> Arguments:
    return {
        "column": "c",
        "partition_object": {"values": ["u", "v"], "weights": list(weights)},
        "threshold": 0.1,
    }


def quantile(low: float, high: float) -> Arguments:
    return {"column": "k", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[low, high]]}}


def comparing(expected: str) -> Arguments:
    return {
        "base_query": "select max(k) as m from {batch}",
        "comparison_data_source_name": "release",
        "comparison_query": expected,
    }


EXAMPLES: dict[str, tuple[Arguments, Arguments]] = {
    "expect_column_distinct_values_to_be_in_set": (of_set("s", "ab", "ac", "ad", "bb"), of_set("s", "ab")),
    "expect_column_distinct_values_to_contain_set": (of_set("s", "ab"), of_set("s", "zz")),
    "expect_column_distinct_values_to_equal_set": (of_set("t", "x", "y"), of_set("t", "x")),
    "expect_column_kl_divergence_to_be_less_than": (partition(0.5, 0.5), partition(0.99, 0.01)),
    "expect_column_max_to_be_between": (between("k", 4, 4), between("k", 5, 9)),
    "expect_column_mean_to_be_between": (between("k", 2, 3), between("k", 5, 9)),
    "expect_column_median_to_be_between": (between("k", 2, 3), between("k", 5, 9)),
    "expect_column_min_to_be_between": (between("k", 1, 1), between("k", 5, 9)),
    "expect_column_most_common_value_to_be_in_set": (of_set("p", "one"), of_set("p", "two")),
    "expect_column_pair_values_a_to_be_greater_than_b": (ab(or_equal=True), ab(or_equal=False)),
    "expect_column_pair_values_to_be_equal": (
        {"column_A": "k", "column_B": "a"},
        {"column_A": "k", "column_B": "b"},
    ),
    "expect_column_pair_values_to_be_in_set": (
        ab(value_pairs_set=[[1, 1], [2, 1], [3, 2], [4, 2]]),
        ab(value_pairs_set=[[1, 1]]),
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": (
        between("n", 0.2, 0.3),
        between("n", 0.9, 1),
    ),
    "expect_column_proportion_of_unique_values_to_be_between": (between("k", 1, 1), between("t", 0.9, 1)),
    "expect_column_quantile_values_to_be_between": (quantile(2, 3), quantile(8, 9)),
    "expect_column_stdev_to_be_between": (between("k", 1, 2), between("k", 5, 9)),
    "expect_column_sum_to_be_between": (between("k", 10, 10), between("k", 11, 12)),
    "expect_column_to_exist": ({"column": "k"}, {"column": "gone"}),
    "expect_column_type_to_be": ({"column": "k", "type_": "INTEGER"}, {"column": "k", "type_": "VARCHAR"}),
    "expect_column_unique_value_count_to_be_between": (between("t", 2, 2), between("t", 3, 4)),
    "expect_column_value_lengths_to_be_between": (between("s", 2, 2), between("s", 3, 4)),
    "expect_column_value_lengths_to_equal": ({"column": "s", "value": 2}, {"column": "s", "value": 3}),
    "expect_column_value_z_scores_to_be_less_than": (
        {"column": "x", "threshold": 3, "double_sided": True},
        {"column": "x", "threshold": 0.5, "double_sided": True},
    ),
    "expect_column_values_to_be_between": (between("k", 1, 4), between("k", 1, 3)),
    "expect_column_values_to_be_in_set": (of_set("t", "x", "y"), of_set("t", "x")),
    "expect_column_values_to_be_in_type_list": (
        {"column": "k", "type_list": ["INTEGER", "BIGINT"]},
        {"column": "k", "type_list": ["VARCHAR"]},
    ),
    "expect_column_values_to_be_null": ({"column": "n", "mostly": 0.7}, {"column": "k"}),
    "expect_column_values_to_be_of_type": (
        {"column": "k", "type_": "INTEGER"},
        {"column": "k", "type_": "VARCHAR"},
    ),
    "expect_column_values_to_be_unique": ({"column": "k"}, {"column": "t"}),
    "expect_column_values_to_match_like_pattern": (
        {"column": "s", "like_pattern": "%b%", "mostly": 0.5},
        {"column": "s", "like_pattern": "a%"},
    ),
    "expect_column_values_to_match_like_pattern_list": (
        {"column": "s", "like_pattern_list": ["a%", "b%"]},
        {"column": "s", "like_pattern_list": ["a%"]},
    ),
    "expect_column_values_to_match_regex": (
        {"column": "s", "regex": "[a-d]$"},
        {"column": "s", "regex": "^a"},
    ),
    "expect_column_values_to_match_regex_list": (
        {"column": "s", "regex_list": ["^a", "^b"]},
        {"column": "s", "regex_list": ["^a"]},
    ),
    "expect_column_values_to_not_be_in_set": (of_set("t", "z"), of_set("t", "x")),
    "expect_column_values_to_not_be_outliers": (
        {"column": "x", "method": "iqr", "multiplier": 3},
        {"column": "x", "method": "iqr", "multiplier": 0.1},
    ),
    "expect_column_values_to_not_be_null": ({"column": "k"}, {"column": "n"}),
    "expect_column_values_to_not_match_like_pattern": (
        {"column": "s", "like_pattern": "z%"},
        {"column": "s", "like_pattern": "a%"},
    ),
    "expect_column_values_to_not_match_like_pattern_list": (
        {"column": "s", "like_pattern_list": ["z%"]},
        {"column": "s", "like_pattern_list": ["a%"]},
    ),
    "expect_column_values_to_not_match_regex": (
        {"column": "s", "regex": "^z"},
        {"column": "s", "regex": "b$"},
    ),
    "expect_column_values_to_not_match_regex_list": (
        {"column": "s", "regex_list": ["^z"]},
        {"column": "s", "regex_list": ["^a"]},
    ),
    "expect_compound_columns_to_be_unique": ({"column_list": ["b", "s"]}, {"column_list": ["b", "t"]}),
    "expect_multicolumn_sum_to_equal": (
        {"column_list": ["a", "b"], "sum_total": 2, "mostly": 0.25},
        {"column_list": ["a", "b"], "sum_total": 2},
    ),
    "expect_multicolumn_values_to_be_equal": ({"column_list": ["k", "a"]}, {"column_list": ["k", "b"]}),
    "expect_query_results_to_match_comparison": (comparing("select 4 as m"), comparing("select 5 as m")),
    "expect_select_column_values_to_be_unique_within_record": (
        {"column_list": ["s", "t"]},
        {"column_list": ["a", "b"]},
    ),
    "expect_table_column_count_to_be_between": (
        {"min_value": 9, "max_value": 9},
        {"min_value": 10, "max_value": 11},
    ),
    "expect_table_column_count_to_equal": ({"value": 9}, {"value": 8}),
    "expect_table_columns_to_match_ordered_list": (
        {"column_list": list(COLUMNS)},
        {"column_list": list(reversed(COLUMNS))},
    ),
    "expect_table_columns_to_match_set": ({"column_set": list(COLUMNS)}, {"column_set": ["k"]}),
    "expect_table_row_count_to_be_between": (
        {"min_value": 4, "max_value": 4},
        {"min_value": 5, "max_value": 9},
    ),
    "expect_table_row_count_to_equal": ({"value": 4}, {"value": 5}),
    "expect_table_row_count_to_equal_other_table": (
        {"other_table_name": "other"},
        {"other_table_name": "empty"},
    ),
    "unexpected_rows_expectation": (
        {"unexpected_rows_query": "select * from {batch} where k > 4"},
        {"unexpected_rows_query": "select * from {batch} where k > 3"},
    ),
}
