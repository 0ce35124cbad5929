"""dbt's semantic layer read from the manifest: dimensions, measures, and metrics as formulas.

dbt's own query engine is not needed: a dashboard only adds up measures again. What can't be added up
(medians, cumulative metrics, filters) is reported as unusable with its reason, metric by metric.

Expressions of a project are SQL that is taken as it stands: they are joined to more SQL and never used as a
template, so that braces, percent signs and comments in them mean what they mean to the warehouse.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from blocks.metrics import Formula, Function, Measure, Metric, Number, Operation, Sign, measures_of
from blocks.records import Record
from blocks.sql import quote_identifier

Node: TypeAlias = Mapping[str, Any]  # a part of dbt's manifest.json; its schema has the types
MOST_NESTED = 20  # metrics of metrics; dbt refuses a circle, this refuses to follow one
_SIGNS: dict[type[ast.operator], Sign] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_FUNCTIONS: dict[str, Function] = {"sum": "sum", "count": "sum", "min": "min", "max": "max"}


class _UnusableError(Exception):
    """Why a metric can't be shown."""


class Dimension(Record):
    """A dimension of a mart. expr: its SQL; time: a date, as fine as its grain."""

    name: str
    expr: str
    time: bool
    grain: str
    label: str


class SelectedColumn(Record):
    """A column of a dataset's query. sql: the project's expression, aggregated unless it is grouped by."""

    name: str
    sql: str
    grouped: bool


@dataclass(frozen=True)
class MeasureColumn:
    """How a mart's rows become a measure's column; None for one that is made of others."""

    mart: str
    formula: Formula
    column: SelectedColumn | None = None


@dataclass
class SemanticModels:
    """metrics and measures by name; dimensions and the name of the time dimension by mart.

    unusable, faults: why a metric can't be shown, and why a measure can't be added up again.
    """

    metrics: dict[str, Metric] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    dimensions: dict[str, dict[str, Dimension]] = field(default_factory=dict)
    times: dict[str, str] = field(default_factory=dict)
    measures: dict[str, MeasureColumn] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def columns(self, mart: str, keys: list[str], measures: list[str]) -> tuple[SelectedColumn, ...]:
        """The columns of a dataset: keys, then measures."""
        dimensions = self.dimensions[mart]
        found = [self.measures[name].column for name in measures]
        return (*(_key_column(dimensions[name]) for name in keys), *(column for column in found if column))


def rows_sql(columns: tuple[SelectedColumn, ...], relation: str) -> str:
    """SQL of a dataset's rows over a quoted relation, grouped by the columns that are keys."""
    chosen = ", ".join(f"{column.sql} as {quote_identifier(column.name)}" for column in columns)
    places = ", ".join(str(place) for place, column in enumerate(columns, 1) if column.grouped)
    return f"select {chosen} from {relation}" + (f" group by {places}" if places else "")


def read_semantic_models(manifest: Node) -> SemanticModels:
    """Read every semantic model and metric of a manifest."""
    models = SemanticModels()
    for model in manifest.get("semantic_models", {}).values():
        _read_model(model, manifest, models)
    metrics = {metric["name"]: metric for metric in manifest.get("metrics", {}).values()}
    for name, metric in metrics.items():
        try:
            models.metrics[name] = _read_metric(metric, metrics, models)
        except _UnusableError as reason:
            models.unusable[name] = str(reason)
    return models


def _read_model(model: Node, manifest: Node, models: SemanticModels) -> None:
    mart = next(manifest["nodes"][u]["name"] for u in model["depends_on"]["nodes"] if u in manifest["nodes"])
    dimensions = models.dimensions.setdefault(mart, {})
    for dimension in model["dimensions"]:
        name = dimension["name"]
        dimensions[name] = Dimension(
            name=name,
            expr=str(dimension.get("expr") or name),
            time=dimension["type"] == "time",
            grain=(dimension.get("type_params") or {}).get("time_granularity") or "day",
            label=dimension.get("label") or name.replace("_", " ").capitalize(),
        )
    if time := (model.get("defaults") or {}).get("agg_time_dimension"):
        models.times.setdefault(mart, time)
    for measure in model["measures"]:
        try:
            models.measures.update(_read_measure(measure, mart))
        except _UnusableError as reason:
            models.faults[measure["name"]] = str(reason)


def _read_measure(measure: Node, mart: str) -> dict[str, MeasureColumn]:
    """A measure's column by name; an average's after the two that it is made of."""
    name, aggregation = measure["name"], measure["agg"]
    expr = _end_comment(str(measure.get("expr") or name))
    if aggregation == "count_distinct":  # carried as its values, which are a key of the rows
        column = SelectedColumn(name=name, sql=expr, grouped=True)
        return {name: MeasureColumn(mart, Measure(name=name, function="count_distinct"), column)}
    if aggregation == "sum_boolean":
        return {name: _aggregated(name, "sum", f"case when {expr} then 1 else 0 end", mart)}
    if aggregation == "average":
        total = _aggregated(f"{name}__sum", "sum", expr, mart)
        count = _aggregated(f"{name}__count", "count", expr, mart)
        average = MeasureColumn(mart, Operation(sign="/", left=total.formula, right=count.formula))
        return {f"{name}__sum": total, f"{name}__count": count, name: average}
    if aggregation in _FUNCTIONS:
        return {name: _aggregated(name, aggregation, expr, mart)}
    raise _UnusableError(f"its measure aggregates by {aggregation}, which can't be added up under filters")


def _aggregated(name: str, aggregation: str, expr: str, mart: str) -> MeasureColumn:
    column = SelectedColumn(name=name, sql=f"{aggregation}({expr})", grouped=False)
    return MeasureColumn(mart, Measure(name=name, function=_FUNCTIONS[aggregation]), column)


def _key_column(dimension: Dimension) -> SelectedColumn:
    expr = _end_comment(dimension.expr)
    sql = f"cast({expr} as date)" if dimension.time else expr
    return SelectedColumn(name=dimension.name, sql=sql, grouped=True)


def _end_comment(expr: str) -> str:
    """An expression that more SQL may follow: a comment to the end of the line would swallow it."""
    return f"{expr}\n" if "--" in expr or "//" in expr else expr


def _read_metric(metric: Node, metrics: Mapping[str, Node], models: SemanticModels) -> Metric:
    formula = _read_formula(metric, metrics, models)
    measures = measures_of(formula)
    marts = {models.measures[measure.name].mart for measure in measures}
    if len(marts) != 1:
        raise _UnusableError(f"it reads {len(marts)} marts ({', '.join(sorted(marts))}); a metric needs one")
    meta = {**metric.get("meta", {}), **metric.get("config", {}).get("meta", {})}
    return Metric(
        name=metric["name"],
        label=metric.get("label") or metric["name"],
        description=metric.get("description") or "",
        mart=marts.pop(),
        measures=measures,
        formula=formula,
        form=meta.get("format", "number"),
        goal=meta.get("goal", "up"),
    )


def _read_formula(
    metric: Node,
    metrics: Mapping[str, Node],
    models: SemanticModels,
    depth: int = 0,
) -> Formula:
    params, kind = metric["type_params"], metric["type"]

    def read(reference: Node) -> Formula:
        if any(reference.get(key) for key in ("filter", "offset_window", "offset_to_grain")):
            raise _UnusableError(f"it reads {reference['name']} with a filter or an offset")
        return _read_formula(metrics[reference["name"]], metrics, models, depth + 1)

    if metric.get("filter"):
        raise _UnusableError("it has a filter; put the condition into the measure's expr")
    if depth > MOST_NESTED:
        raise _UnusableError(f"it is made of metrics that are made of metrics, more than {MOST_NESTED} deep")
    if kind == "simple":
        return _read_reference(params["measure"], models)
    if kind == "ratio":
        return Operation(sign="/", left=read(params["numerator"]), right=read(params["denominator"]))
    if kind == "derived":
        inputs = {each.get("alias") or each["name"]: read(each) for each in params["metrics"]}
        return _read_expression(_parse_expression(params["expr"]), inputs)
    raise _UnusableError(f"its type is {kind}; dashboards show simple, ratio and derived metrics")


def _read_reference(reference: Node, models: SemanticModels) -> Formula:
    name = reference["name"]
    if reference.get("filter"):
        raise _UnusableError("its measure has a filter; put the condition into the measure's expr")
    if name in models.faults:
        raise _UnusableError(models.faults[name])
    return models.measures[name].formula


def _parse_expression(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        raise _UnusableError("its expression is more than + - * / over metrics and numbers") from None


def _read_expression(node: ast.expr, inputs: Mapping[str, Formula]) -> Formula:
    """A derived metric's arithmetic; anything but + - * / over metrics and numbers is unusable."""
    match node:
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _SIGNS:
            return Operation(
                sign=_SIGNS[type(sign)],
                left=_read_expression(left, inputs),
                right=_read_expression(right, inputs),
            )
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Operation(sign="-", left=Number(value=0), right=_read_expression(operand, inputs))
        case ast.Name(id=name) if name in inputs:
            return inputs[name]
        case ast.Constant(value=int() | float() as value) if _is_number(value):
            return Number(value=value)
    raise _UnusableError("its expression is more than + - * / over metrics and numbers")


def _is_number(value: int | float) -> bool:
    """False for True, for infinity, and for whole numbers that no float holds."""
    try:
        return not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False
