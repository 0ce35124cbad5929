"""What a check means, in a sentence for those who asked for the dashboard: `Every country is given`.

Names of columns are shown as words. What a suite or a dbt project says of a check itself goes before what is made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from blocks.quality.expectations import make_encodable, name_expectation

LONGEST, MOST_VALUES = 300, 8
Arguments = Mapping[str, object]


def describe_expectation(expectation: object) -> str:
    """The sentence of an expectation: its description, its meta's description or name, else made from its arguments."""
    if not isinstance(expectation, dict):
        return name_expectation(expectation)
    meta = expectation.get("meta")
    given = [
        expectation.get("description"),
        *((meta.get("description"), meta.get("name")) if isinstance(meta, dict) else ()),
    ]
    message = next((text for text in given if isinstance(text, str) and text.strip()), "")
    kwargs = expectation.get("kwargs")
    if not message and isinstance(kwargs, dict):
        say = SENTENCES.get(str(expectation.get("type")))
        try:
            message = f"{say(kwargs)}{_write_mostly(kwargs)}" if say else ""
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):  # arguments of another shape
            message = ""
    return _finish(message or name_expectation(expectation))


def describe_dbt_test(name: str, description: str, generic: str, arguments: Arguments) -> str:
    """The sentence of a dbt test: its description, else of a generic one its meaning, else its name in words.

    generic: the generic test's name, empty for one of its own SQL.
    """
    say = DBT_SENTENCES.get(generic.rsplit(".", 1)[-1])
    message = description
    if not message and say and not _is_named(name, generic):
        try:
            message = say(arguments)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            message = ""
    return _finish(message or _split_name(name))


def _is_named(name: str, generic: str) -> bool:
    """True if somebody gave the test a name of its own, which says more than what it is made of."""
    return not name.removeprefix("source_").startswith(generic)


def _finish(text: str) -> str:
    line = " ".join(make_encodable(text).split())
    line = line[: LONGEST - 1] + "…" if len(line) > LONGEST else line
    return line[:1].upper() + line[1:]


def _split_name(name: object) -> str:
    return " ".join(str(name).replace("_", " ").split())


def _name_column(kwargs: Arguments) -> str:
    return _split_name(kwargs["column"] if "column" in kwargs else kwargs["column_name"])


def _list(values: object, word: str = "or") -> str:
    """Values in words, the first of many."""
    given = values if isinstance(values, list | tuple | set) else [values]
    shown = [_write_value(value) for value in list(given)[:MOST_VALUES]]
    if len(given) > MOST_VALUES:
        return f"{', '.join(shown)} and {len(given) - MOST_VALUES} more"
    return f" {word} ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else "nothing"


def _name_columns(kwargs: Arguments) -> str:
    return _list_names(kwargs["column_list"])


def _list_names(names: object) -> str:
    if not isinstance(names, Iterable):
        raise TypeError("no list of names")
    return _list([_split_name(each) for each in names], "and")


def _write_value(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}"


def _write_share(value: object) -> str:
    if not isinstance(value, int | float):
        raise TypeError("no share")
    return f"{value:.4g}".rstrip("0").rstrip(".") if value < 0.01 else f"{value:.0%}"


def _write_bounds(kwargs: Arguments, low: str = "min_value", high: str = "max_value") -> str:
    """`between 1 and 5`, `at least 1`, `below 5`: as the bounds are, strict or not."""
    least, most = kwargs.get(low), kwargs.get(high)
    over = "more than" if kwargs.get(f"strict_{low[:3]}") else "at least"
    under = "less than" if kwargs.get(f"strict_{high[:3]}") else "at most"
    if least is None and most is None:
        return "anything"
    if least is None:
        return f"{under} {_write_value(most)}"
    if most is None:
        return f"{over} {_write_value(least)}"
    if least == most:
        return f"exactly {_write_value(least)}"
    if over == "at least" and under == "at most":
        return f"between {_write_value(least)} and {_write_value(most)}"
    return f"{over} {_write_value(least)} and {under} {_write_value(most)}"


def _write_mostly(kwargs: Arguments) -> str:
    """That some rows may be otherwise, where the expectation lets them."""
    mostly = kwargs.get("mostly")
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or mostly >= 1:
        return ""
    return f" (in at least {mostly * 100:.4g} % of the rows)"


def _say_figure(of: str) -> Callable[[Arguments], str]:
    return lambda kwargs: f"the {of} of {_name_column(kwargs)} is {_write_bounds(kwargs)}"


def _say_share(of: str) -> Callable[[Arguments], str]:
    def say(kwargs: Arguments) -> str:
        shares = {
            bound: _write_share(kwargs[bound])
            for bound in ("min_value", "max_value")
            if kwargs.get(bound) is not None
        }
        return f"the share of {of} {_name_column(kwargs)} is {_write_bounds({**kwargs, **shares})}"

    return say


def _say_pattern(word: str, argument: str) -> Callable[[Arguments], str]:
    return lambda kwargs: f"every {_name_column(kwargs)} {word} {_list(kwargs[argument])}"


SENTENCES: dict[str, Callable[[Arguments], str]] = {
    "expect_column_distinct_values_to_be_in_set": lambda k: (
        f"{_name_column(k)} takes no value but {_list(k['value_set'])}"
    ),
    "expect_column_distinct_values_to_contain_set": lambda k: (
        f"{_name_column(k)} takes at least the values {_list(k['value_set'], 'and')}"
    ),
    "expect_column_distinct_values_to_equal_set": lambda k: (
        f"{_name_column(k)} takes exactly the values {_list(k['value_set'], 'and')}"
    ),
    "expect_column_kl_divergence_to_be_less_than": lambda k: (
        f"the shares of the values of {_name_column(k)} are as expected"
    ),
    "expect_column_max_to_be_between": _say_figure("largest value"),
    "expect_column_mean_to_be_between": _say_figure("average"),
    "expect_column_median_to_be_between": _say_figure("median"),
    "expect_column_min_to_be_between": _say_figure("smallest value"),
    "expect_column_most_common_value_to_be_in_set": lambda k: (
        f"the most common {_name_column(k)} is {_list(k['value_set'])}"
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": lambda k: (
        f"{_split_name(k['column_A'])} is {'at least' if k.get('or_equal') else 'more than'}"
        f" {_split_name(k['column_B'])} in every row"
    ),
    "expect_column_pair_values_to_be_equal": lambda k: (
        f"{_split_name(k['column_A'])} equals {_split_name(k['column_B'])} in every row"
    ),
    "expect_column_pair_values_to_be_in_set": lambda k: (
        f"{_split_name(k['column_A'])} and {_split_name(k['column_B'])} stand together only as known"
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": _say_share("rows that have a value in"),
    "expect_column_proportion_of_unique_values_to_be_between": _say_share("different values in"),
    "expect_column_quantile_values_to_be_between": lambda k: (
        f"the quantiles of {_name_column(k)} are as expected"
    ),
    "expect_column_stdev_to_be_between": _say_figure("standard deviation"),
    "expect_column_sum_to_be_between": _say_figure("sum"),
    "expect_column_to_exist": lambda k: f"there is a column {_name_column(k)}",
    "expect_column_type_to_be": lambda k: f"{_name_column(k)} is of type {k['type_']}",
    "expect_column_unique_value_count_to_be_between": _say_figure("number of different values"),
    "expect_column_value_lengths_to_be_between": lambda k: (
        f"every {_name_column(k)} has {_write_bounds(k)} characters"
    ),
    "expect_column_value_lengths_to_equal": lambda k: (
        f"every {_name_column(k)} has {_write_value(k['value'])} characters"
    ),
    "expect_column_value_z_scores_to_be_less_than": lambda k: (
        f"every {_name_column(k)} is less than {_write_value(k['threshold'])} standard deviations from the average"
    ),
    "expect_column_values_to_be_between": lambda k: f"every {_name_column(k)} is {_write_bounds(k)}",
    "expect_column_values_to_be_in_set": lambda k: f"every {_name_column(k)} is {_list(k['value_set'])}",
    "expect_column_values_to_be_in_type_list": lambda k: (
        f"{_name_column(k)} is of type {_list(k['type_list'])}"
    ),
    "expect_column_values_to_be_null": lambda k: f"{_name_column(k)} is empty in every row",
    "expect_column_values_to_be_of_type": lambda k: f"{_name_column(k)} is of type {k['type_']}",
    "expect_column_values_to_be_unique": lambda k: f"no {_name_column(k)} comes twice",
    "expect_column_values_to_match_like_pattern": _say_pattern("looks like", "like_pattern"),
    "expect_column_values_to_match_like_pattern_list": _say_pattern("looks like", "like_pattern_list"),
    "expect_column_values_to_match_regex": _say_pattern("has the form", "regex"),
    "expect_column_values_to_match_regex_list": _say_pattern("has the form", "regex_list"),
    "expect_column_values_to_not_be_in_set": lambda k: f"no {_name_column(k)} is {_list(k['value_set'])}",
    "expect_column_values_to_not_be_outliers": lambda k: f"no {_name_column(k)} lies far from the others",
    "expect_column_values_to_not_be_null": lambda k: f"every row has a {_name_column(k)}",
    "expect_column_values_to_not_match_like_pattern": lambda k: (
        f"no {_name_column(k)} looks like {k['like_pattern']}"
    ),
    "expect_column_values_to_not_match_like_pattern_list": lambda k: (
        f"no {_name_column(k)} looks like {_list(k['like_pattern_list'])}"
    ),
    "expect_column_values_to_not_match_regex": lambda k: f"no {_name_column(k)} has the form {k['regex']}",
    "expect_column_values_to_not_match_regex_list": lambda k: (
        f"no {_name_column(k)} has the form {_list(k['regex_list'])}"
    ),
    "expect_compound_columns_to_be_unique": lambda k: f"there is one row for each {_name_columns(k)}",
    "expect_multicolumn_sum_to_equal": lambda k: (
        f"{_name_columns(k)} add up to {_write_value(k['sum_total'])} in every row"
    ),
    "expect_multicolumn_values_to_be_equal": lambda k: f"{_name_columns(k)} are equal in every row",
    "expect_query_results_to_match_comparison": lambda k: "two ways to compute the same come to the same",
    "expect_select_column_values_to_be_unique_within_record": lambda k: (
        f"{_name_columns(k)} differ in every row"
    ),
    "expect_table_column_count_to_be_between": lambda k: f"the number of columns is {_write_bounds(k)}",
    "expect_table_column_count_to_equal": lambda k: f"the number of columns is {_write_value(k['value'])}",
    "expect_table_columns_to_match_ordered_list": lambda k: (
        f"the columns are {_name_columns(k)}, in that order"
    ),
    "expect_table_columns_to_match_set": lambda k: f"the columns are {_list_names(k['column_set'])}",
    "expect_table_row_count_to_be_between": lambda k: f"the number of rows is {_write_bounds(k)}",
    "expect_table_row_count_to_equal": lambda k: f"the number of rows is {_write_value(k['value'])}",
    "expect_table_row_count_to_equal_other_table": lambda k: (
        f"there are as many rows as in {_split_name(k['other_table_name'])}"
    ),
    "unexpected_rows_expectation": lambda k: "no row is found that should not be there",
}
"""By the type of expectation; a test holds every type of Great Expectations that SQL can evaluate to one."""

DBT_SENTENCES: dict[str, Callable[[Arguments], str]] = {
    "not_null": lambda k: f"every row has a {_name_column(k)}",
    "unique": lambda k: f"no {_name_column(k)} comes twice",
    "accepted_values": lambda k: f"every {_name_column(k)} is {_list(k['values'])}",
    "relationships": lambda k: f"every {_name_column(k)} is known where it comes from",
    "accepted_range": lambda k: f"every {_name_column(k)} is {_write_bounds(k)}",
    "unique_combination_of_columns": lambda k: (
        f"there is one row for each {_list_names(k['combination_of_columns'])}"
    ),
}
