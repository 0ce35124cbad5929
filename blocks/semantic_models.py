"""dbt's semantic layer read from the manifest: dimensions, measures, and metrics as formulas.

dbt's own query engine is not needed: a dashboard only adds up measures again. What can't be added up
(medians, balances, cumulative metrics) is reported as unusable with its reason, metric by metric: whatever dbt
lets a project say of a measure or a metric is either computed as dbt means it or refused here.

Expressions of a project are SQL that is taken as it stands: they are joined to more SQL and never used as a
template, so that braces, percent signs and comments in them mean what they mean to the warehouse.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain, count
from typing import Any, TypeAlias

from blocks.errors import Misconfigured
from blocks.metrics import Filled, Formula, Function, Measure, Metric, Number, Operation, Sign, measures_of
from blocks.records import GRAINS, Record
from blocks.sql import PORTABLE, parse_expression, quote_identifier

Node: TypeAlias = Mapping[str, Any]  # a part of dbt's manifest.json; its schema has the types
MOST_NESTED = 20  # metrics of metrics; dbt refuses a circle, this refuses to follow one
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
_FINER_THAN_DAYS = {"nanosecond", "microsecond", "millisecond", "second", "minute", "hour"}
_DIMENSION = re.compile(r"""\{\{\s*Dimension\(\s*(['"])(?P<name>\w+)\1\s*\)\s*\}\}""")
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
class RowSource:
    """A mart as one semantic model reads it, by one time dimension, if it has one.

    model: the semantic model's name; dimensions: by name, with this model's own expressions;
    entity: the primary one, by which filters name the dimensions.
    """

    mart: str
    model: str
    time: str | None
    dimensions: Mapping[str, Dimension]
    entity: str


@dataclass(frozen=True)
class MeasureColumn:
    """How a row source's rows become a measure's column; None for one that is made of others.

    declared: the manifest's measure, which a filter makes another column of.
    """

    source: str
    formula: Formula
    column: SelectedColumn | None = None
    declared: Node = field(default_factory=dict)


@dataclass
class SemanticModels:
    """metrics, measures and row sources by name; a mart's first row source has the mart's name.

    unusable, faults: why a metric can't be shown, and why a measure can't be added up again.
    """

    metrics: dict[str, Metric] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    sources: dict[str, RowSource] = field(default_factory=dict)
    measures: dict[str, MeasureColumn] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    dialect: str = PORTABLE

    def columns(self, source: str, keys: list[str], measures: list[str]) -> tuple[SelectedColumn, ...]:
        """The columns of a dataset: keys, then measures."""
        dimensions = self.sources[source].dimensions
        found = [self.measures[name].column for name in measures]
        return (*(_key_column(dimensions[name]) for name in keys), *(column for column in found if column))

    def add_source(self, source: RowSource) -> str:
        """The name of a row source, which is added if it is new."""
        for name, known in self.sources.items():
            if (known.mart, known.model, known.time) == (source.mart, source.model, source.time):
                return name
        wanted = [source.mart, f"{source.mart}_{source.model}", f"{source.mart}_{source.model}_{source.time}"]
        name = next(name for name in chain(wanted, _numbered(wanted[-1])) if name not in self.sources)
        self.sources[name] = source
        return name


def _numbered(name: str) -> Iterator[str]:
    return (f"{name}_{number}" for number in count(2))


def rows_sql(columns: tuple[SelectedColumn, ...], relation: str) -> str:
    """SQL of a dataset's rows over a quoted relation, grouped by the columns that are keys."""
    chosen = ", ".join(f"{column.sql} as {quote_identifier(column.name)}" for column in columns)
    places = ", ".join(str(place) for place, column in enumerate(columns, 1) if column.grouped)
    return f"select {chosen} from {relation}" + (f" group by {places}" if places else "")


def read_semantic_models(manifest: Node) -> SemanticModels:
    """Read every semantic model and metric of a manifest. What can't be understood is a reason, not an error."""
    models = SemanticModels(dialect=(manifest.get("metadata") or {}).get("adapter_type") or PORTABLE)
    for model in (manifest.get("semantic_models") or {}).values():
        try:
            _read_model(model, manifest, models)
        except _MALFORMED as error:
            reason = f"its semantic model {model.get('name')} can't be read: {type(error).__name__} {error}"
            for measure in model.get("measures") or ():
                models.faults.setdefault(str(measure.get("name")), reason)
    metrics = {metric["name"]: metric for metric in (manifest.get("metrics") or {}).values()}
    for name, metric in metrics.items():
        try:
            models.metrics[name] = _read_metric(metric, metrics, models)
        except _UnusableError as reason:
            models.unusable[name] = str(reason)
        except _MALFORMED as error:
            models.unusable[name] = f"its definition can't be read: {type(error).__name__} {error}"
    return models


def _read_model(model: Node, manifest: Node, models: SemanticModels) -> None:
    nodes = [manifest["nodes"][u] for u in model["depends_on"]["nodes"] if u in manifest["nodes"]]
    dimensions = {each["name"]: _read_dimension(each) for each in model.get("dimensions") or ()}
    default = (model.get("defaults") or {}).get("agg_time_dimension")
    for measure in model.get("measures") or ():
        try:
            mart = _read_mart(nodes, model)
            time = _read_time(measure.get("agg_time_dimension") or default, measure, dimensions)
            _refuse_balance(measure)
            columns = _read_measure(measure, str(measure["name"]))
            name, entity = str(model.get("name") or ""), _read_entity(model)
            source = models.add_source(RowSource(mart, name, time, dimensions, entity))
            for key, column in columns.items():
                models.measures[key] = replace(column, source=source, declared=measure)
        except _UnusableError as reason:
            models.faults[measure["name"]] = str(reason)


def _read_mart(nodes: Sequence[Node], model: Node) -> str:
    """The name of the mart that a semantic model is on."""
    if not nodes:
        raise _UnusableError(f"its semantic model {model.get('name')} reads no model that is enabled")
    if nodes[0].get("resource_type", "model") != "model":
        kind = nodes[0]["resource_type"]
        raise _UnusableError(f"its semantic model {model.get('name')} reads a {kind}; a mart is a model")
    return str(nodes[0]["name"])


def _read_entity(model: Node) -> str:
    """The name of a semantic model's primary entity, empty without one."""
    primary = [each["name"] for each in model.get("entities") or () if each.get("type") == "primary"]
    return str(model.get("primary_entity") or next(iter(primary), ""))


def _read_dimension(dimension: Node) -> Dimension:
    name = dimension["name"]
    grain = str((dimension.get("type_params") or {}).get("time_granularity") or "day").lower()
    return Dimension(
        name=name,
        expr=str(dimension.get("expr") or name),
        time=dimension["type"] == "time",
        grain="day" if grain in _FINER_THAN_DAYS else grain,
        label=dimension.get("label") or name.replace("_", " ").capitalize(),
    )


def _read_time(name: str | None, measure: Node, dimensions: Mapping[str, Dimension]) -> str | None:
    """The time dimension that a measure is aggregated by."""
    if name is None:
        return None
    if name not in dimensions or not dimensions[name].time:
        raise _UnusableError(f"its measure {measure['name']} has the time {name}, which is no time dimension")
    if dimensions[name].grain not in GRAINS:
        raise _UnusableError(
            f"its time {name} has the grain {dimensions[name].grain}, which pages don't know"
        )
    return name


def _refuse_balance(measure: Node) -> None:
    balance = measure.get("non_additive_dimension")
    if balance:
        raise _UnusableError(
            f"its measure {measure['name']} is a balance (not additive over {balance.get('name')}):"
            " added up under a page's filters it would count every day again"
        )


def _read_measure(measure: Node, name: str, condition: str = "") -> dict[str, MeasureColumn]:
    """A measure's column under a name; an average's after the two that it is made of.

    condition: SQL; rows that don't meet it count as if they were not there. A measure is null over no rows,
    so a count of filtered rows is a sum that is null where none of them is.
    """
    aggregation = measure["agg"]
    expr = _end_comment(str(measure.get("expr") or measure["name"]))
    chosen = f"case when {condition} then {expr} end" if condition else expr
    if aggregation == "count_distinct":  # carried as its values, which are a key of the rows
        column = SelectedColumn(name=name, sql=chosen, grouped=True)
        return {name: MeasureColumn("", Measure(name=name, function="count_distinct"), column)}
    counted = {"sum_boolean": f"({expr})", "count": f"({expr}) is not null"}.get(aggregation)
    if counted and (condition or aggregation == "sum_boolean"):
        flag = f"case when {counted} then 1 else 0 end"
        return {
            name: _aggregated(name, "sum", f"case when {condition} then {flag} end" if condition else flag)
        }
    if aggregation == "average":
        total = _aggregated(f"{name}__sum", "sum", chosen)
        number = _aggregated(f"{name}__count", "count", chosen)
        average = MeasureColumn("", Operation(sign="/", left=total.formula, right=number.formula))
        return {f"{name}__sum": total, f"{name}__count": number, name: average}
    if aggregation in _FUNCTIONS:
        return {name: _aggregated(name, aggregation, chosen)}
    raise _UnusableError(f"its measure aggregates by {aggregation}, which can't be added up under filters")


def _aggregated(name: str, aggregation: str, expr: str) -> MeasureColumn:
    column = SelectedColumn(name=name, sql=f"{aggregation}({expr})", grouped=False)
    return MeasureColumn("", Measure(name=name, function=_FUNCTIONS[aggregation]), column)


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
    sources = {models.measures[measure.name].source for measure in measures}
    marts = {models.sources[source].mart for source in sources}
    if len(marts) != 1:
        raise _UnusableError(f"it reads {len(marts)} marts ({', '.join(sorted(marts))}); a metric needs one")
    if len(sources) != 1:
        raise _UnusableError(
            "its measures are in several semantic models or have several time dimensions"
            f" ({', '.join(_describe(models.sources[source]) for source in sorted(sources))})"
        )
    meta = {**(metric.get("meta") or {}), **((metric.get("config") or {}).get("meta") or {})}
    return Metric(
        name=metric["name"],
        label=metric.get("label") or metric["name"],
        description=metric.get("description") or "",
        mart=marts.pop(),
        source=sources.pop(),
        measures=measures,
        formula=formula,
        form=meta.get("format", "number"),
        goal=meta.get("goal", "up"),
    )


def _describe(source: RowSource) -> str:
    return f"{source.model} by {source.time or 'no time'}"


def _read_formula(
    metric: Node,
    metrics: Mapping[str, Node],
    models: SemanticModels,
    filters: tuple[str, ...] = (),
    depth: int = 0,
) -> Formula:
    """A metric's formula. filters: those of the metrics that it is a part of; its own are added."""
    params, kind = metric["type_params"], metric["type"]
    filters = (*filters, *_conditions(metric))

    def read(reference: Node) -> Formula:
        if reference.get("offset_window") or reference.get("offset_to_grain"):
            raise _UnusableError(f"it reads {reference['name']} with an offset")
        if reference["name"] not in metrics:
            raise _UnusableError(f"it reads {reference['name']}, which is no metric that is enabled")
        inner = (*filters, *_conditions(reference))
        return _read_formula(metrics[reference["name"]], metrics, models, inner, depth + 1)

    if depth > MOST_NESTED:
        raise _UnusableError(f"it is made of metrics that are made of metrics, more than {MOST_NESTED} deep")
    if kind == "simple":
        return _read_simple(metric, models, filters)
    if kind == "ratio":
        return Operation(sign="/", left=read(params["numerator"]), right=read(params["denominator"]))
    if kind == "derived":
        inputs = {each.get("alias") or each["name"]: read(each) for each in params["metrics"]}
        return _read_expression(_parse_expression(params["expr"]), inputs)
    raise _UnusableError(f"its type is {kind}; dashboards show simple, ratio and derived metrics")


def _conditions(node: Node) -> list[str]:
    """The filters of a metric or of a part of one, as templates of SQL."""
    return [each["where_sql_template"] for each in (node.get("filter") or {}).get("where_filters") or ()]


def _read_simple(metric: Node, models: SemanticModels, filters: tuple[str, ...]) -> Formula:
    params = metric["type_params"]
    reference = params.get("measure")
    if not reference:
        raise _UnusableError("it has no measure: it aggregates by itself, which is not read yet")
    name = reference["name"]
    filters = (*filters, *_conditions(reference))
    for place in (reference, params):
        if place.get("join_to_timespine"):
            raise _UnusableError("it shows days without data (join_to_timespine), which pages leave out")
    if name in models.faults:
        raise _UnusableError(models.faults[name])
    if name not in models.measures:
        raise _UnusableError(f"its measure {name} is in no semantic model that is enabled")
    formula = _read_filtered(models.measures[name], filters, models)
    filling = [
        each for each in (reference.get("fill_nulls_with"), params.get("fill_nulls_with")) if each is not None
    ]
    return Filled(formula=formula, value=filling[0]) if filling else formula


def _read_filtered(found: MeasureColumn, filters: tuple[str, ...], models: SemanticModels) -> Formula:
    """A measure over the rows that meet all the filters."""
    if not filters:
        return found.formula
    parts = (_resolve_filter(each, models.sources[found.source], models.dialect) for each in filters)
    condition = " and ".join(f"({part})" for part in parts)
    # One column for one condition, whichever metrics ask for it.
    filtered = f"{found.declared['name']}__{sha256(condition.encode()).hexdigest()[:8]}"
    for key, column in _read_measure(found.declared, filtered, condition).items():
        models.measures[key] = replace(column, source=found.source, declared=found.declared)
    return models.measures[filtered].formula


def _resolve_filter(template: str, source: RowSource, dialect: str) -> str:
    """A filter as SQL over the mart: comparisons of the row source's own dimensions, anything else is refused."""
    named: dict[str, str] = {}

    def place(found: re.Match[str]) -> str:
        entity, _, name = found["name"].rpartition("__")
        if not entity or entity != source.entity or name not in source.dimensions:
            raise _UnusableError(f"its filter names {found['name']}, no dimension of {source.model} itself")
        dimension = source.dimensions[name]
        if dimension.time and dimension.grain not in GRAINS:
            raise _UnusableError(f"its filter names {found['name']}, with a grain that is not known")
        expr = _end_comment(dimension.expr)
        # As a page groups by it, and as dbt's own engine compares it: by its grain.
        grained = (
            f"cast({expr} as date)"
            if dimension.grain == "day"
            else f"date_trunc('{dimension.grain}', {expr})"
        )
        named[f"dimension_{len(named)}_"] = f"({grained if dimension.time else expr})"
        return f"dimension_{len(named) - 1}_"

    text = _DIMENSION.sub(place, template)
    if "{" in text or "}" in text:
        raise _UnusableError("its filter has more than dimensions in braces")
    _check_comparison(text, frozenset(named), dialect)
    resolved = re.sub(r"dimension_\d+_", lambda found: named.get(found[0], found[0]), text)
    return f"{resolved}\n" if "--" in resolved or "//" in resolved else resolved


def _check_comparison(text: str, names: frozenset[str], dialect: str) -> None:
    """Raises for a filter that reads anything but these names, a row at a time."""
    from sqlglot import exp

    try:
        parsed = parse_expression(text, dialect)
    except Misconfigured:
        raise _UnusableError("its filter is not one expression of SQL") from None
    if parsed.find(exp.Query, exp.AggFunc, exp.Window, exp.Alias):
        raise _UnusableError("its filter is more than a comparison of dimensions")
    others = {column.sql() for column in parsed.find_all(exp.Column)} - names
    if others:
        raise _UnusableError(f"its filter names {', '.join(sorted(others))}, which is no dimension in braces")


def _parse_expression(text: str) -> ast.expr:
    if any(
        mark in text for mark in ("--", "#", "/*")
    ):  # Python reads two minus signs where SQL has a comment
        raise _UnusableError("its expression has a comment, or two minus signs that SQL reads as one")
    try:
        return ast.parse(" ".join(text.split()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
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
