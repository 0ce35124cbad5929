"""What a suite's file says, expectation by expectation: what can be evaluated, and what is wrong with the rest.

Great Expectations drops what it does not know with a line in its log; here each is a failed check by name. Files
of its versions before 1.0 are read as what they say in today's words. Not here: evaluating (suites.py).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TypedDict, cast

from blocks.errors import Misconfigured, NotFound, PlatformError, explain_os_error, replace_vendor_errors
from blocks.plain_file import read_plain
from blocks.records import Check

EVERY = {"type", "kwargs", "meta", "id", "notes", "description", "severity", "rendered_content", "windows"}
LONGEST_TYPE = 200
LENIENT = {"warning", "info"}  # severities of a failure that Great Expectations does not call critical
FORMER_TYPE = "expectation_type"
FORMER_WITHOUT_EFFECT = {
    "result_format",
    "include_config",
    "catch_exceptions",
    "batch_id",
    "auto",
    "profiler_config",
}
FORMER_FIELDS = {"expectation_suite_name", "ge_cloud_id", "data_asset_type"}
WITHOUT_SQL = {
    "expect_column_values_to_be_dateutil_parseable",
    "expect_column_values_to_be_decreasing",
    "expect_column_values_to_be_increasing",
    "expect_column_values_to_be_json_parseable",
    "expect_column_values_to_match_json_schema",
    "expect_column_values_to_match_strftime_format",
}
"""Those that Great Expectations can't evaluate in SQL on any warehouse."""

QUANTILES = "expect_column_quantile_values_to_be_between"
WITHOUT_A_LIMIT: dict[str, tuple[str, ...]] = {
    QUANTILES: (),
    "expect_column_distinct_values_to_contain_set": ("value_set",),
    "expect_column_kl_divergence_to_be_less_than": ("partition_object",),
    "expect_column_values_to_not_be_in_set": ("value_set",),
    "expect_table_columns_to_match_ordered_list": ("column_list",),
}
"""What an expectation needs one of in order to say no, where that is not a least or largest value."""

REFUSED = "Great Expectations can't evaluate it on"
OUTLIERS = "expect_column_values_to_not_be_outliers"
WITH_PERCENTILES = {
    "postgresql",
    "snowflake",
}  # of the warehouses here, those Great Expectations writes iqr for

BROKEN_EVERYWHERE = (
    "missing ), unterminated subpattern",
    "unbalanced parenthesis",
    "unterminated character set",
    "nothing to repeat",
    "bad character range",
)
"""What Python says of a regular expression that no dialect's rules allow; of the rest only the warehouse can tell."""

WITHOUT_QUANTILES = {"dremio"}  # its driver can't run Great Expectations' query for them


class Expectation(TypedDict, total=False):
    """An expectation of a suite's file, in today's form; `find_fault` has found nothing wrong with it."""

    type: str
    kwargs: dict[str, object]
    meta: dict[str, object]
    id: str
    notes: str | list[str]
    description: str
    severity: str


SuiteContent = tuple[list[Expectation], list[Check]]
"""The expectations of a suite that can be evaluated, and a failed check for each other one."""


def read_suite(path: Path) -> tuple[str, object]:
    """A suite's file: its text, and what that says. Raises NotFound, Misconfigured for what is no JSON."""
    asked = f"read the suite {path.name}"

    def translate(error: BaseException) -> PlatformError:
        if isinstance(error, FileNotFoundError):
            remedy = "Write it: a mart without a suite is never published."
            return NotFound(asked, f"there is none in {path.parent}", remedy)
        if isinstance(error, OSError) and (known := explain_os_error(asked, error)):
            return known  # a folder in its place, or no right to read it
        return Misconfigured(asked, f"it is not JSON: {error}", "Mend it by hand.")

    with replace_vendor_errors((OSError, ValueError, RecursionError), translate):
        text = read_plain(path)
        return text, json.loads(text)


def read_expectations(mart: str, suite: object) -> SuiteContent:
    """What a suite's file holds.

    Raises Misconfigured for what is no suite, or has no expectation.
    """
    given = suite.get("expectations") if isinstance(suite, dict) else None
    if not isinstance(given, list) or not given:
        raise Misconfigured(
            f"read the suite of {mart}", "it has no list of expectations", "Write at least one in it."
        )
    usable: list[Expectation] = []
    faults: list[Check] = []
    for each in given:
        expectation = upgrade_expectation(each)
        fault = find_fault(expectation)
        if fault:
            faults.append(Check.from_unanswered(mart, name_expectation(expectation), "suite", fault))
        else:
            usable.append(cast("Expectation", expectation))
    return usable, faults


def upgrade_suite(
    suite: Mapping[str, object], expectations: Sequence[object], mart: str
) -> dict[str, object]:
    """A suite's content in today's form, with these expectations.

    What today's form has no place for is kept in its meta, as `former`.
    """
    kept = {name: value for name, value in suite.items() if name not in FORMER_FIELDS}
    former = {name: suite[name] for name in FORMER_FIELDS & set(suite) if suite[name] is not None}
    name = former.pop("expectation_suite_name", None) or suite.get("name") or mart
    if former:
        meta = suite.get("meta")
        kept["meta"] = {
            **(meta if isinstance(meta, dict) else {"meta": meta} if meta else {}),
            "former": former,
        }
    return {
        **kept,
        "name": name,
        "expectations": list(expectations),
    }


def upgrade_expectation(given: object) -> object:
    """An expectation as versions before 1.0 wrote it, in today's form; any other as it is."""
    if not isinstance(given, dict) or FORMER_TYPE not in given or "type" in given:
        return given
    rest = {name: value for name, value in given.items() if name not in {FORMER_TYPE, "ge_cloud_id"}}
    kwargs = rest.get("kwargs", {})
    if isinstance(kwargs, dict):
        rest["kwargs"] = {name: value for name, value in kwargs.items() if not is_ineffective(name, value)}
    return {"type": given[FORMER_TYPE], **rest}


def is_ineffective(name: str, value: object) -> bool:
    """True for an argument of a version before 1.0 that says nothing today."""
    return name in FORMER_WITHOUT_EFFECT or (name == "parse_strings_as_datetimes" and not value)


def read_notes(suite: object) -> dict[str, str]:
    """What a suite's content says of itself, under no name, and of each expectation, by its name."""
    if not isinstance(suite, dict):
        return {}
    given = suite.get("expectations")
    expectations = [upgrade_expectation(each) for each in given] if isinstance(given, list) else []
    pairs = [
        ("", _find_notes(suite)),
        *((name_expectation(each), _find_notes(each)) for each in expectations),
    ]
    return {name: notes for name, notes in pairs if notes}


def _find_notes(given: object) -> str:
    """Notes as text, or as lines of it; those of versions before 1.0 are in meta, with a format."""
    if not isinstance(given, dict):
        return ""
    meta = given.get("meta")
    notes = given.get("notes") or (meta.get("notes") if isinstance(meta, dict) else None)
    if isinstance(notes, dict):
        notes = notes.get("content")
    lines = notes if isinstance(notes, list) else [notes]
    return "\n".join(line for line in lines if isinstance(line, str))


def find_fault(expectation: object) -> str:
    """Why an expectation can't be evaluated; empty if it can."""
    if not isinstance(expectation, dict):
        return "it is no object with a type and kwargs"
    kind, kwargs = expectation.get("type"), expectation.get("kwargs", {})
    if not isinstance(kind, str) or not isinstance(kwargs, dict):
        return "its type has to be text, and its kwargs an object"
    if unknown := sorted(set(expectation) - EVERY):
        return make_encodable(f"unknown: {', '.join(unknown)}"[:300])
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations  # noqa: F401  # which registers its expectations
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    known = list_registered_expectation_implementations()
    if kind not in known:
        near = get_close_matches(kind[:LONGEST_TYPE], known, 1)
        return "there is no such expectation" + (f"; did you mean {near[0]}?" if near else "")
    if kind in WITHOUT_SQL:
        return "Great Expectations can't evaluate it in SQL"
    return (
        _find_wrong_arguments(expectation)
        or _find_no_limit(kind, kwargs)
        or _find_contradiction(kind, kwargs)
    )


def _find_no_limit(kind: str, kwargs: Mapping[str, object]) -> str:
    """Why an expectation could not fail, whatever it finds; empty if it could."""
    if kwargs.get("mostly") == 0:
        return "mostly is 0: it could not fail"
    needed = WITHOUT_A_LIMIT.get(kind, ("min_value", "max_value") if kind.endswith("_to_be_between") else ())
    if needed and all(kwargs.get(name) in (None, []) for name in needed):
        return f"it has no {' and no '.join(needed)}: it could not fail"
    return ""


def _find_contradiction(kind: str, kwargs: Mapping[str, object]) -> str:
    """Why nothing could meet an expectation; empty if something could."""
    least, most = kwargs.get("min_value"), kwargs.get("max_value")
    numbers = isinstance(least, int | float) and isinstance(most, int | float)
    if (numbers or (isinstance(least, str) and isinstance(most, str))) and least > most:  # type: ignore[operator]
        return f"min_value {least} is over max_value {most}: nothing could meet it"
    if kind == "expect_column_values_to_be_in_set" and kwargs.get("value_set") == []:
        return "its value_set is empty: nothing could meet it"
    return ""


def refuse_expectations(mart: str, content: SuiteContent, dialect: str) -> SuiteContent:
    """A suite's content without what Great Expectations can't evaluate on a warehouse, which joins the faults.

    dialect: the warehouse's, as SQLAlchemy names it.
    """
    usable: list[Expectation] = []
    faults = list(content[1])
    for each in content[0]:
        if reason := find_refusal(each, dialect):
            faults.append(Check.from_unanswered(mart, name_expectation(each), "suite", reason))
        else:
            usable.append(each)
    return usable, faults


def find_refusal(expectation: Expectation, dialect: str) -> str:
    """Why Great Expectations can't evaluate an expectation on a warehouse; empty if it can."""
    kind, kwargs = expectation["type"], expectation.get("kwargs", {})
    if kind == OUTLIERS and kwargs.get("method", "iqr") == "iqr" and dialect not in WITH_PERCENTILES:
        return f"{REFUSED} {dialect}: it has no outliers by iqr there; use method std"
    if kind == QUANTILES and dialect in WITHOUT_QUANTILES:
        return f"{REFUSED} {dialect}: its query for quantiles fails there; use unexpected_rows_expectation"
    return next(filter(None, (_find_broken_pattern(each, dialect) for each in _list_patterns(kwargs))), "")


def _list_patterns(kwargs: Mapping[str, object]) -> list[str]:
    """The regular expressions that an expectation is given."""
    listed = kwargs.get("regex_list")
    given = [kwargs.get("regex"), *(listed if isinstance(listed, list) else [])]
    return [each for each in given if isinstance(each, str)]


@lru_cache(maxsize=1000)  # DuckDB is opened for it
def _find_broken_pattern(pattern: str, dialect: str) -> str:
    """Why a regular expression is none on a warehouse; empty if it is one, or if only the warehouse can tell."""
    said = ""
    if dialect == "duckdb":
        import duckdb

        try:
            with duckdb.connect() as connection:
                connection.execute("select regexp_matches('', ?)", [pattern]).fetchall()
        except duckdb.Error as error:
            said = str(error).partition(": ")[2] or str(error)
    else:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            said = str(error) if str(error).startswith(BROKEN_EVERYWHERE) else ""
    return make_encodable(f"{pattern[:100]} is no regular expression: {said}"[:300]) if said else ""


def _find_wrong_arguments(expectation: Mapping[str, object]) -> str:
    """What Great Expectations says of the arguments of an expectation that it knows."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        ExpectationConfiguration(**expectation).to_domain_obj()
    except Exception as error:  # a validation error of its own pydantic, or whatever its validators raise
        return _describe(error)
    return ""


def _describe(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if not callable(details):
        return make_encodable(str(error)[:300])
    places = [(".".join(str(part) for part in each["loc"]), each["msg"]) for each in details()]
    problem = "; ".join(
        message if place == "__root__" else f"{place}: {message}" for place, message in places
    )
    return make_encodable(problem[:300])


def name_expectation(expectation: object) -> str:
    """The name its meta gives it, or its type with its arguments."""
    if not isinstance(expectation, dict):
        return make_encodable(f"expectation {expectation!r}"[:200])
    meta, kwargs = expectation.get("meta"), expectation.get("kwargs")
    if isinstance(meta, dict) and isinstance(meta.get("name"), str):
        return make_encodable(meta["name"][:500])
    shown = kwargs.items() if isinstance(kwargs, dict) else ()
    return make_encodable(
        f"{expectation.get('type')}({', '.join(f'{name}={value}' for name, value in shown)})"[:500]
    )


def make_encodable(text: str) -> str:
    """A text without halves of characters, which JSON may hold and nothing can store."""
    return text.encode("utf-8", "replace").decode()
