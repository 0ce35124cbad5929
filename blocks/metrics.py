"""A metric as a formula over measures: one tree, and everything that is made of it.

Null and zero, the same in every language: a measure is null over no rows with a finite value (a distinct count
is 0 then); a formula is null where a part of it is null, and where it divides by zero. A page's JavaScript
evaluates the same tree from its JSON; tests/cases/formulas.json holds all of them to the same values.

A new kind of node, or a new language to write formulas in, is added here and in that table of cases.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal, TypeAlias

from pydantic import ValidationInfo, field_serializer, field_validator

from blocks.errors import Misconfigured
from blocks.records import Record
from blocks.sql import quote_identifier

Function: TypeAlias = Literal["sum", "min", "max", "count_distinct"]
Sign: TypeAlias = Literal["+", "-", "*", "/"]
Json: TypeAlias = list[object]  # ["measure", name], ["number", 1.5], ["fill", part, 0], [sign, left, right]

_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_AGGREGATES = {"sum": "sum(", "min": "min(", "max": "max(", "count_distinct": "count(distinct "}
_TABLEAU = {"sum": "SUM", "min": "MIN", "max": "MAX", "count_distinct": "COUNTD"}


class Measure(Record):
    """A column of a dataset that can be aggregated again, with the function that does it."""

    name: str
    function: Function


class Number(Record):
    """A constant."""

    value: int | float


class Filled(Record):
    """A formula with a value for where it is null."""

    formula: Formula
    value: int


class Operation(Record):
    """Two formulas, added, subtracted, multiplied or divided."""

    sign: Sign
    left: Formula
    right: Formula


Formula: TypeAlias = Measure | Number | Filled | Operation


class Metric(Record):
    """A semantic-layer metric: a formula over the measures of one mart.

    source: the row source of the mart that its measures and dimensions are of.
    form: how to show it: `number`, `percent`, or a currency as `currency:GBP`.
    goal: `up` if more is better, `down`, or `none`.
    measures: those in the formula, once each. The formula is written to JSON as `to_json` does.
    """

    name: str
    label: str
    description: str
    mart: str
    measures: tuple[Measure, ...]
    formula: Formula
    form: str = "number"
    goal: str = "up"
    source: str = ""

    @field_validator("formula", mode="before")
    @classmethod
    def _parse(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, list):
            return value
        return parse_formula(value, info.data.get("measures", ()), info.data.get("name", ""))

    @field_serializer("formula")
    def _write(self, formula: Formula) -> Json:
        return to_json(formula)


def parse_formula(node: object, measures: Iterable[Measure], metric: str) -> Formula:
    """Read a formula from its JSON. Raises Misconfigured for what is none, and for an unknown measure."""
    known = {measure.name: measure for measure in measures}

    def parse(part: object) -> Formula:
        match part:
            case ["measure", str(name)] if name in known:
                return known[name]
            case ["number", int() | float() as value] if math.isfinite(value):
                return Number(value=value)
            case ["fill", inner, int() as value]:
                return Filled(formula=parse(inner), value=value)
            case ["+" | "-" | "*" | "/" as sign, left, right]:
                return Operation(sign=sign, left=parse(left), right=parse(right))
        raise Misconfigured(
            f"Read the formula of metric {metric}",
            f"a part of it is not understood: {str(part)[:80]}",
            "Use measures of its dataset, numbers, and + - * / in the dbt project's metric.",
        )

    return parse(node)


def measures_of(formula: Formula) -> tuple[Measure, ...]:
    """The measures in a formula, once each, in the order of reading."""

    def find(node: Formula) -> Iterator[Measure]:
        match node:
            case Measure():
                yield node
            case Filled(formula=inner):
                yield from find(inner)
            case Operation():
                yield from find(node.left)
                yield from find(node.right)

    return tuple(dict.fromkeys(find(formula)))


def evaluate(formula: Formula, totals: Mapping[str, float | Decimal | None]) -> float | None:
    """A formula's value from its measures' totals by name, each a number or None."""
    match formula:
        case Number(value=number):
            return float(number)
        case Measure(name=name):
            total = totals.get(name)
            return float(total) if total is not None and math.isfinite(total) else None
        case Filled(formula=inner, value=instead):
            found = evaluate(inner, totals)
            return float(instead) if found is None else found
    left, right = evaluate(formula.left, totals), evaluate(formula.right, totals)
    if left is None or right is None:
        return None
    if formula.sign == "/":
        return left / right if right else None
    return float(_ARITHMETIC[formula.sign](left, right))


def to_json(formula: Formula) -> Json:
    """The formula as nested lists, as a page's program reads it."""
    match formula:
        case Measure(name=name):
            return ["measure", name]
        case Number(value=value):
            return ["number", value]
        case Filled(formula=inner, value=value):
            return ["fill", to_json(inner), value]
    return [formula.sign, to_json(formula.left), to_json(formula.right)]


def to_sql(formula: Formula) -> str:
    """The formula as an aggregate expression in DuckDB's SQL, over a dataset's extract."""
    match formula:
        case Measure():
            return f"({aggregate_sql(formula)})::DOUBLE"
        case Number(value=value):
            return f"{float(value)!r}::DOUBLE"
        case Filled(formula=inner, value=value):
            return f"coalesce({to_sql(inner)}, {float(value)!r}::DOUBLE)"
    left, right = to_sql(formula.left), to_sql(formula.right)
    return f"({left} / nullif({right}, 0))" if formula.sign == "/" else f"({left} {formula.sign} {right})"


def to_tableau(formula: Formula) -> str:
    """The formula as a calculation of Tableau, where a division by zero is null by itself."""
    match formula:
        case Measure(name=name, function=function):
            return f"{_TABLEAU[function]}({tableau_field(name)})"
        case Number(value=value):
            return repr(value)
        case Filled(formula=inner, value=value):
            return f"IFNULL({to_tableau(inner)}, {value!r})"
    return f"({to_tableau(formula.left)} {formula.sign} {to_tableau(formula.right)})"


def tableau_field(name: str) -> str:
    """A field's name as Tableau's calculations write it."""
    return f"[{name.replace(']', ']]')}]"


def adds_up(formula: Formula) -> bool:
    """True if the values of slices can be stacked to a whole: no ratio, no minimum or maximum."""
    match formula:
        case Measure(function=function):
            return function in ("sum", "count_distinct")
        case Filled(formula=inner, value=0):
            return adds_up(inner)
        case Operation(sign="+" | "-", left=left, right=right):
            return adds_up(left) and adds_up(right)
        case (
            Operation(sign="*", left=Number(), right=other)
            | Operation(sign="*" | "/", left=other, right=Number())
        ):
            return adds_up(other)
    return False


def has_division(formula: Formula) -> bool:
    """True if the formula's values are fractions where its measures are whole."""
    match formula:
        case Operation(sign=sign, left=left, right=right):
            return sign == "/" or has_division(left) or has_division(right)
        case Filled(formula=inner):
            return has_division(inner)
    return False


def aggregate_sql(measure: Measure, column: str = "") -> str:
    """A measure as an aggregate of DuckDB over an extract's column, by default the one of its name."""
    column = column or quote_identifier(measure.name)
    if measure.function == "count_distinct":
        return f"count(distinct {column})"
    return f"{measure.function}({column}) FILTER (WHERE isfinite({column}::DOUBLE))"


def totals_sql(measures: Sequence[Measure], rows: str) -> str:
    """One row of grand totals, a column a measure, over a query of a dataset's rows; in portable SQL."""
    columns = ", ".join(
        f"{_AGGREGATES[measure.function]}{quote_identifier(measure.name)})" for measure in measures
    )
    return f"select {columns} from ({rows}) as dataset"
