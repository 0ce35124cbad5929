"""A metric's formula as SQL over an extract, and what may be done with its result.

The page evaluates the same formulas in html/assets/data.js; both keep to SQL's rules: a null or a division by
zero anywhere makes the whole null. tests/cases/formulas.json holds both to the same values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blocks.catalogue import Dataset, Metric
from blocks.errors import Misconfigured


def quote(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def metric_sql(metric: Metric, dataset: Dataset) -> str:
    """The aggregate expression of a metric over the rows of its dataset's extract."""
    functions = {measure.name: measure.function for measure in dataset.measures}
    return _sql(metric.formula, functions, metric.name)


def parts_add_up(metric: Metric) -> bool:
    """True if the values of slices can be stacked to a whole: no ratio, no minimum or maximum."""
    functions = {measure.name: measure.function for measure in metric.measures}

    def walk(node: Any) -> bool:
        match node:
            case ["measure", name]:
                return functions.get(name) in ("sum", "count_distinct")
            case ["+" | "-", left, right]:
                return walk(left) and walk(right)
            case ["*", ["number", _], other] | ["*" | "/", other, ["number", _]]:
                return walk(other)
        return False

    return walk(metric.formula)


def _sql(node: Any, functions: Mapping[str, str], metric: str) -> str:
    match node:
        case ["measure", str(name)] if functions.get(name) == "count_distinct":
            return f"count(DISTINCT {quote(name)})::DOUBLE"
        case ["measure", str(name)] if name in functions:
            finite = f"FILTER (WHERE isfinite({quote(name)}::DOUBLE))"
            return f"({functions[name]}({quote(name)}) {finite})::DOUBLE"
        case ["number", int() | float() as value]:
            return f"{float(value)!r}::DOUBLE"
        case ["/", left, right]:
            return f"({_sql(left, functions, metric)} / nullif({_sql(right, functions, metric)}, 0))"
        case ["+" | "-" | "*" as sign, left, right]:
            return f"({_sql(left, functions, metric)} {sign} {_sql(right, functions, metric)})"
    raise Misconfigured(
        f"Read the formula of metric {metric}",
        f"a part of it is not understood: {str(node)[:80]}",
        "Use measures of its dataset, numbers, and + - * / in the dbt project's metric.",
    )
