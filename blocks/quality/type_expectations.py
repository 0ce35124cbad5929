"""Expectations about types, compared by families of types: every engine has names of its own for the same type.

`bigint` in a suite is DuckDB's BIGINT, Snowflake's NUMBER(38,0) and Dremio's BIGINT. Great Expectations compares
names, so these expectations are taken out of what it is given; they are checks all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from blocks.quality.expectations import LENIENT, Expectation, name_expectation
from blocks.quality.wording import describe_expectation
from blocks.records import Check
from blocks.warehouse.base import Warehouse

KINDS = (
    "expect_column_type_to_be",
    "expect_column_values_to_be_of_type",
    "expect_column_values_to_be_in_type_list",
)
FAMILIES = {
    "integer": "tinyint smallint integer int bigint hugeint utinyint usmallint uinteger ubigint long byteint",
    "decimal": "decimal numeric number",
    "float": "float double real",
    "text": "varchar text string char character",
    "timestamp": "timestamp timestamp_ntz timestamp_ltz timestamp_tz timestamptz datetime",
    "boolean": "boolean bool bit",
    "binary": "binary varbinary blob bytes",
}
NAMES = {name: family for family, names in FAMILIES.items() for name in names.split()}
NAMES |= {"double precision": "float", "character varying": "text"}
NAMES |= {f"timestamp {word} time zone": "timestamp" for word in ("with", "without")}


def find_family(kind: str) -> str:
    """The family of a type, by an engine's or dbt's name of it; a decimal without decimals is an integer."""
    name, _, digits = kind.lower().strip().partition("(")
    found = NAMES.get(name.strip(), name.strip())
    if found == "decimal" and re.fullmatch(r"\d+\s*(,\s*0\s*)?\)", digits.strip()):
        return "integer"
    return found


def take_types(
    warehouse: Warehouse, suites: Mapping[str, list[Expectation]], marts: Mapping[str, str]
) -> tuple[dict[str, list[Expectation]], list[Check]]:
    """Expectations by mart without those about types, and those as checks. marts: each one's `schema.table`."""
    rest, checks = dict(suites), []
    for mart, expectations in suites.items():
        typed = [each for each in expectations if each["type"] in KINDS]
        if typed:
            with warehouse.session() as session:
                columns = warehouse.columns(session, *marts[mart].rsplit(".", 1))
            checks += [_check(mart, each, columns) for each in typed]
            rest[mart] = [each for each in expectations if each not in typed]
    return rest, checks


def _check(mart: str, expectation: Expectation, columns: Mapping[str, str]) -> Check:
    kwargs = expectation["kwargs"]
    column, listed = kwargs["column"], kwargs.get("type_list") or [kwargs.get("type_") or ""]
    kinds = listed if isinstance(listed, list) else [None]
    allowed = [each for each in kinds if isinstance(each, str)]
    if not isinstance(column, str) or len(allowed) < len(kinds):
        reason = "its column and types have to be names"
        return Check.from_unanswered(mart, name_expectation(expectation), "suite", reason)
    actual = columns.get(column, "no such column")
    right = find_family(actual) in {find_family(kind) for kind in allowed}
    lenient = expectation.get("severity") in LENIENT
    return Check(
        scope=mart,
        name=name_expectation(expectation),
        statement=describe_expectation(expectation),
        kind="suite",
        observed=actual,
        passed=right or lenient,
        warned=lenient and not right,
    )
