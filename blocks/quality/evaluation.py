"""Evaluating one mart's expectations with Great Expectations: each gives one check, whatever happens to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from blocks.quality.expectations import LENIENT, Expectation, make_encodable, name_expectation
from blocks.quality.wording import describe_expectation
from blocks.records import Check
from blocks.warehouse.base import Warehouse
from blocks.warehouse.reads import count_rows

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite, ExpectationValidationResult
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.datasource.fluent import SQLDatasource
    from great_expectations.expectations.expectation import Expectation as GxExpectation

SHOWN = 5
RESULT_FORMAT = {"result_format": "SUMMARY", "partial_unexpected_count": SHOWN}


def audit_mart(source: SQLDatasource, mart: str, relation: str, given: list[Expectation]) -> list[Check]:
    """The checks of a mart's expectations, all of them usable; relation: `schema.table`.

    One that raised is a check not run, be it the suite's fault or the warehouse's: see `require_answer`.
    """
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from sqlalchemy import quoted_name

    schema, table = relation.rsplit(".", 1)
    # with None, SQLAlchemy quotes what has to be; of a plain text Great Expectations has it quote nothing
    asset = source.add_table_asset(mart, table_name=quoted_name(table, None), schema_name=schema)
    batch_definition = asset.add_batch_definition_whole_table(mart)
    expectations = [ExpectationConfiguration(**each).to_domain_obj() for each in given]
    try:
        suite = gx.ExpectationSuite(name=mart, expectations=expectations)
        results = _run_suite(batch_definition, suite)
    except Exception:  # who is at fault, the caller asks once no connection is held
        results = [
            _run_one(batch_definition, expectation, name_expectation(each))
            for expectation, each in zip(expectations, given, strict=True)
        ]
    checks = [each if isinstance(each, Check) else read_result(mart, each) for each in results]
    checks = [check.model_copy(update={"scope": mart}) for check in checks]
    if len(checks) != len(given):
        checks.append(
            Check.from_unanswered(
                mart,
                "every expectation was evaluated",
                "suite",
                f"{len(checks)} of {len(given)}; is one given twice?",
            )
        )
    return checks


def _run_suite(
    batch_definition: BatchDefinition, suite: ExpectationSuite
) -> list[ExpectationValidationResult]:
    """Evaluate a suite's expectations together: Great Expectations asks for what they share in one query."""
    return list(batch_definition.get_batch().validate(suite, result_format=RESULT_FORMAT).results)


def _run_one(
    batch_definition: BatchDefinition, expectation: GxExpectation, name: str
) -> ExpectationValidationResult | Check:
    """A result, or a failed check where Great Expectations gives none."""
    try:
        return batch_definition.get_batch().validate(expectation, result_format=RESULT_FORMAT)
    except Exception as error:
        return Check.from_unanswered("", name, "suite", _clip_first_line(str(error)))


def require_answer(warehouse: Warehouse, relation: str) -> None:
    """Return if the warehouse still reads the mart: then the suite is at fault. Raises its PlatformError."""
    with warehouse.session() as session:
        count_rows(warehouse, session, relation)


def read_result(mart: str, result: ExpectationValidationResult) -> Check:
    """A result of Great Expectations as a check."""
    config, found = result.expectation_config, result.result or {}
    kwargs = {k: v for k, v in config.kwargs.items() if k not in {"batch_id", "unexpected_rows_query"}}
    given = {"type": config.type, "kwargs": kwargs, "meta": config.meta, "description": config.description}
    name = name_expectation(given)
    if reason := _find_exception(result.exception_info or {}):
        return Check.from_unanswered(mart, name, "suite", _clip_first_line(reason))
    success = bool(result.success)
    lenient = str(getattr(config, "severity", None) or "").rsplit(".", 1)[-1].lower() in LENIENT
    nothing_judged = success and _is_without_values(found)
    evidence = (
        found.get("partial_unexpected_list") or (found.get("details") or {}).get("unexpected_rows") or []
    )
    return Check(
        scope=mart,
        name=name,
        statement=describe_expectation(given),
        kind="suite",
        passed=success or lenient,
        warned=nothing_judged or (lenient and not success),
        observed=_describe(found) + ("; no value was judged" if nothing_judged else ""),
        evidence=()
        if success
        else tuple(make_encodable(str(value)[:200]) for value in list(evidence)[:SHOWN]),
    )


def _find_exception(info: Mapping[str, Any]) -> str:
    """What an expectation raised, by Great Expectations' record of it; empty if nothing."""
    messages = [info] if "raised_exception" in info else list(info.values())
    raised = [message for message in messages if message.get("raised_exception")]
    return str(raised[0].get("exception_message") or "it raised") if raised else ""


def _is_without_values(found: Mapping[str, object]) -> bool:
    """True if a column's values were to be judged and there was none: no row, or NULL in every one."""
    elements = found.get("element_count")
    return (
        "unexpected_percent_nonmissing" in found
        and elements is not None
        and elements == found.get("missing_count")
    )


def _describe(found: Mapping[str, object]) -> str:
    observed = found.get("observed_value")
    if observed is None and "unexpected_count" in found:
        observed = f"{found['unexpected_count']} of {found.get('element_count', '?')} rows fail"
    return "" if observed is None else make_encodable(str(observed)[:200])


def _clip_first_line(text: str) -> str:
    return make_encodable(next(iter(text.strip().splitlines()), "it raised")[:300])
