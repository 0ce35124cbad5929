"""dbt's semantic layer read from the manifest: measures, metrics as formulas, and the SQL of a dataset.

dbt's own query engine is not needed: a dashboard only adds up measures again. What can't be added up
(medians, cumulative metrics, filters) is reported as unusable with its reason, metric by metric.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
SUMS = {"sum", "count", "sum_boolean"}
OTHERS = {"min", "max", "count_distinct"}


class _Unusable(Exception):  # noqa: N818
    """Why a metric can't be shown."""


@dataclass
class Semantics:
    """metrics: keyword arguments of catalogue.Metric by name; dimensions and times by mart."""

    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    dimensions: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    times: dict[str, str] = field(default_factory=dict)
    measures: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_semantics(manifest: dict[str, Any]) -> Semantics:
    """Read every semantic model and metric of a manifest."""
    result = Semantics()
    for model in manifest.get("semantic_models", {}).values():
        _read_model(model, manifest, result)
    raw = {metric["name"]: metric for metric in manifest.get("metrics", {}).values()}
    for name, metric in raw.items():
        try:
            result.metrics[name] = _metric(metric, raw, result)
        except _Unusable as reason:
            result.unusable[name] = str(reason)
    return result


def select(semantics: Semantics, mart: str, keys: list[str], measures: list[str]) -> str:
    """SQL of a dataset's rows over `{relation}`: keys, then measures, grouped by the keys.

    A count_distinct measure is carried as its values, so it is a key too.
    """
    known = semantics.dimensions[mart]
    columns, groups = [], []
    for name in keys:
        expression = known[name]["expr"]
        typed = f"cast({expression} as date)" if known[name]["time"] else expression
        columns.append(f'{typed} as "{name}"')
        groups.append(str(len(columns)))
    for name in measures:
        measure = semantics.measures[name]
        columns.append(f'{measure["sql"]} as "{name}"')
        if measure["function"] == "count_distinct":
            groups.append(str(len(columns)))
    grouping = f" group by {', '.join(groups)}" if groups else ""
    return f"select {', '.join(columns)} from {{relation}}{grouping}"


def _read_model(model: dict[str, Any], manifest: dict[str, Any], result: Semantics) -> None:
    mart = next(manifest["nodes"][u]["name"] for u in model["depends_on"]["nodes"] if u in manifest["nodes"])
    known = result.dimensions.setdefault(mart, {})
    for dimension in model["dimensions"]:
        known[dimension["name"]] = {
            "expr": dimension.get("expr") or dimension["name"],
            "time": dimension["type"] == "time",
            "grain": (dimension.get("type_params") or {}).get("time_granularity") or "day",
            "label": dimension.get("label") or dimension["name"].replace("_", " ").capitalize(),
        }
    if time := (model.get("defaults") or {}).get("agg_time_dimension"):
        result.times.setdefault(mart, time)
    for measure in model["measures"]:
        _read_measure(measure, mart, result)


def _read_measure(measure: dict[str, Any], mart: str, result: Semantics) -> None:
    name, agg, expr = measure["name"], measure["agg"], str(measure.get("expr") or measure["name"])
    if agg == "sum_boolean":
        expr, agg = f"case when {expr} then 1 else 0 end", "sum"
    if agg == "average":
        for part, function in (("sum", "sum"), ("count", "count")):
            _read_measure({"name": f"{name}__{part}", "agg": function, "expr": expr}, mart, result)
        result.measures[name] = {"mart": mart, "function": "average", "sql": ""}
    elif agg in SUMS:
        result.measures[name] = {"mart": mart, "function": "sum", "sql": f"{agg}({expr})"}
    elif agg == "count_distinct":
        result.measures[name] = {"mart": mart, "function": agg, "sql": expr}
    elif agg in OTHERS:
        result.measures[name] = {"mart": mart, "function": agg, "sql": f"{agg}({expr})"}
    else:
        result.measures[name] = {"mart": mart, "function": None, "sql": agg}


def _metric(metric: dict[str, Any], raw: dict[str, Any], semantics: Semantics) -> dict[str, Any]:
    formula = _formula(metric, raw, semantics)
    used = list(dict.fromkeys(_measures_in(formula)))
    marts = {semantics.measures[name]["mart"] for name in used}
    if len(marts) != 1:
        raise _Unusable(f"it reads {len(marts)} marts ({', '.join(sorted(marts))}); a metric needs one")
    meta = {**metric.get("meta", {}), **metric.get("config", {}).get("meta", {})}
    return {
        "name": metric["name"],
        "label": metric.get("label") or metric["name"],
        "description": metric.get("description") or "",
        "mart": marts.pop(),
        "formula": formula,
        "measures": tuple({"name": n, "function": semantics.measures[n]["function"]} for n in used),
        "form": meta.get("format", "number"),
        "goal": meta.get("goal", "up"),
    }


def _formula(metric: dict[str, Any], raw: dict[str, Any], semantics: Semantics, depth: int = 0) -> list[Any]:
    params, kind = metric["type_params"], metric["type"]
    if metric.get("filter") or depth > 20:
        raise _Unusable("it has a filter; put the condition into the measure's expr")
    if kind == "simple":
        return _simple(params["measure"], semantics)
    if kind == "ratio":
        return ["/", *(_input(params[side], raw, semantics, depth) for side in ("numerator", "denominator"))]
    if kind == "derived":
        inputs = {m.get("alias") or m["name"]: _input(m, raw, semantics, depth) for m in params["metrics"]}
        return _expression(ast.parse(params["expr"], mode="eval").body, inputs)
    raise _Unusable(f"its type is {kind}; dashboards show simple, ratio and derived metrics")


def _input(reference: dict[str, Any], raw: dict[str, Any], semantics: Semantics, depth: int) -> list[Any]:
    if any(reference.get(key) for key in ("filter", "offset_window", "offset_to_grain")):
        raise _Unusable(f"it reads {reference['name']} with a filter or an offset")
    return _formula(raw[reference["name"]], raw, semantics, depth + 1)


def _simple(reference: dict[str, Any], semantics: Semantics) -> list[Any]:
    name = reference["name"]
    measure = semantics.measures[name]
    if reference.get("filter"):
        raise _Unusable("its measure has a filter; put the condition into the measure's expr")
    if measure["function"] is None:
        raise _Unusable(f"its measure aggregates by {measure['sql']}, which can't be added up under filters")
    if measure["function"] == "average":
        return ["/", ["measure", f"{name}__sum"], ["measure", f"{name}__count"]]
    return ["measure", name]


def _expression(node: ast.expr, inputs: dict[str, list[Any]]) -> list[Any]:
    """A derived metric's arithmetic; anything but + - * / over metrics and numbers is unusable."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return [OPERATORS[type(node.op)], _expression(node.left, inputs), _expression(node.right, inputs)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return ["-", ["number", 0], _expression(node.operand, inputs)]
    if isinstance(node, ast.Name) and node.id in inputs:
        return inputs[node.id]
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return ["number", node.value]
    raise _Unusable("its expression is more than + - * / over metrics and numbers")


def _measures_in(formula: list[Any]) -> list[str]:
    if formula[0] == "measure":
        return [formula[1]]
    return [name for part in formula[1:] if isinstance(part, list) for name in _measures_in(part)]


ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def evaluate(formula: list[Any], totals: dict[str, float | None]) -> float | None:
    """A metric's value from its measures' totals; None where one is missing or a divisor is zero."""
    if formula[0] == "number":
        return float(formula[1])
    if formula[0] == "measure":
        value = totals.get(formula[1])
        return None if value is None else float(value)
    left, right = (evaluate(part, totals) for part in formula[1:])
    if left is None or right is None or (formula[0] == "/" and right == 0):
        return None
    return float(ARITHMETIC[formula[0]](left, right))


def totals_sql(measures: Sequence[tuple[str, str]], relation: str, select_sql: str) -> str:
    """One row of grand totals of a dataset: measures as (name, function) over its rows."""
    functions = {
        "count_distinct": "count(distinct {0})",
        "sum": "sum({0})",
        "min": "min({0})",
        "max": "max({0})",
    }
    columns = ", ".join(functions[function].format(f'"{name}"') for name, function in measures)
    return f"select {columns} from ({select_sql.format(relation=relation)}) as dataset"
