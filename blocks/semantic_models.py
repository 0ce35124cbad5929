"""dbt's semantic layer read from the manifest: dimensions, measures, and metrics as formulas.

dbt's own query engine is not needed: a dashboard only adds up measures again, or has all their values (distinct
counts, medians). What can't be computed of them is reported as unusable with its reason, metric by metric: whatever
dbt lets a project say of a measure or a metric is either computed as dbt means it or refused here.

Expressions of a project are SQL that is taken as it stands: they are joined to more SQL and never used as a
template, so that braces, percent signs and comments in them mean what they mean to the warehouse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256
from itertools import chain, count

from blocks.dimensions import (
    ALL_GRAINS,
    Dimension,
    UnusableError,
    cut_time,
    end_comment,
    read_dimension,
    read_entity,
    read_keys,
    read_mart,
)
from blocks.entity_joins import EntityJoins, Join, find_joins
from blocks.errors import Misconfigured
from blocks.manifest import (
    CumulativeParams,
    Manifest,
    MeasureNode,
    MetricInput,
    MetricNode,
    SemanticModelNode,
    TimeReach,
    read_meta,
)
from blocks.metric_expression import NotAFormulaError, read_expression
from blocks.metrics import (
    Balance,
    Filled,
    Formula,
    Function,
    Measure,
    Metric,
    Operation,
    Percentile,
    Shift,
    Window,
    measures_of,
    rename_balance,
    replace_measures,
)
from blocks.records import GRAINS, Record
from blocks.sql import PORTABLE, parse_expression, quote_identifier

LONGEST_REACH = 10_000  # of a window or an offset, in buckets
MOST_NESTED = 20  # metrics of metrics; dbt refuses a circle, this refuses to follow one
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
_NAMED = re.compile(
    r"""\{\{\s*(?P<kind>Dimension|TimeDimension|Entity)\(\s*(['"])(?P<name>\w+)\2\s*"""
    r"""(?:,\s*(?:time_granularity_name\s*=\s*)?(['"])(?P<grain>\w+)\4\s*)?"""
    r"""(?:,\s*(?:entity_path\s*=\s*)?[\[(]\s*(['"])(?P<path>\w+)\6\s*,?\s*[\])]\s*)?\)\s*\}\}"""
)
_NAMED_METRIC = re.compile(
    r"""\{\{\s*Metric\(\s*(['"])(?P<name>\w+)\1\s*,\s*(?:group_by\s*=\s*)?"""
    r"""[\[(]\s*(['"])(?P<entity>\w+)\3\s*,?\s*[\])]\s*\)\s*\}\}"""
)
_ANY_METRIC = re.compile(r"\{\{\s*Metric\(")
_OF_GROUPS = {
    "sum": "sum({})",
    "min": "min({})",
    "max": "max({})",
    "average": "avg({})",
    "count": "count({})",
    "count_distinct": "count(distinct {})",
    "sum_boolean": "sum(case when {} then 1 else 0 end)",
}
"""How a measure is aggregated over the rows of one entity, in portable SQL."""
_FUNCTIONS: dict[str, Function] = {"sum": "sum", "count": "sum", "min": "min", "max": "max"}


class SelectedColumn(Record):
    """A column of a dataset's query. sql: the project's expression, aggregated unless it is grouped by."""

    name: str
    sql: str
    grouped: bool


@dataclass(frozen=True)
class RowSource:
    """A mart as one semantic model reads it, by one time dimension, if it has one.

    model: the semantic model's name; dimensions: by name, with this model's own expressions, and those of others that
    it is joined with; entity: the primary one, by which filters name the dimensions; entities: every one's own
    expression.
    """

    mart: str
    model: str
    time: str | None
    dimensions: Mapping[str, Dimension]
    entity: str
    entities: Mapping[str, str] = field(default_factory=dict)
    joined: EntityJoins = field(default_factory=EntityJoins)


@dataclass(frozen=True)
class _BalanceColumns:
    """When a balance counts, and the columns that tell."""

    when: Balance
    columns: tuple[SelectedColumn, ...]


@dataclass(frozen=True)
class MeasureColumn:
    """How a row source's rows become a measure's column; None for one that is made of others.

    declared: the manifest's measure, which a filter makes another column of; besides: columns that it needs, too.
    timed: its filter names a time.
    """

    source: str
    formula: Formula
    column: SelectedColumn | None = None
    besides: tuple[SelectedColumn, ...] = ()
    balance: _BalanceColumns | None = None
    declared: MeasureNode = field(default_factory=MeasureNode)
    timed: bool = False


@dataclass
class SemanticModels:
    """metrics, measures and row sources by name; a mart's first row source has the mart's name.

    unusable, faults: why a metric can't be shown, and why a measure can't be added up again. declared: the manifest's
    metrics.
    """

    metrics: dict[str, Metric] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    sources: dict[str, RowSource] = field(default_factory=dict)
    measures: dict[str, MeasureColumn] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    dialect: str = PORTABLE
    declared: Mapping[str, MetricNode] = field(default_factory=dict)

    def columns(self, source: str, keys: list[str], measures: list[str]) -> tuple[SelectedColumn, ...]:
        """The columns of a dataset: keys, then measures."""
        dimensions = self.sources[source].dimensions
        found = [_make_key_column(dimensions[name]) for name in keys]
        for measure in (self.measures[name] for name in measures):
            found += [*([measure.column] if measure.column else []), *measure.besides]
        return tuple(dict.fromkeys(found))

    def add_source(self, source: RowSource) -> str:
        """The name of a row source, which is added if it is new."""
        for name, known in self.sources.items():
            if (known.mart, known.model, known.time) == (source.mart, source.model, source.time):
                return name
        wanted = [source.mart, f"{source.mart}_{source.model}", f"{source.mart}_{source.model}_{source.time}"]
        name = next(name for name in chain(wanted, _number_names(wanted[-1])) if name not in self.sources)
        self.sources[name] = source
        return name


def _number_names(name: str) -> Iterator[str]:
    return (f"{name}_{number}" for number in count(2))


_ROWS = SelectedColumn(name="@rows", sql="count(*)", grouped=False)  # how many of the mart's are behind a row


def find_read_joins(joins: Iterable[Join], columns: Iterable[SelectedColumn]) -> tuple[Join, ...]:
    """Those of some joins that columns are computed from."""
    sql = " ".join(column.sql for column in columns)
    return tuple(join for join in joins if join.is_read_by(sql))


def rows_sql(columns: tuple[SelectedColumn, ...], relation: str) -> str:
    """SQL of a dataset's rows over a quoted relation, grouped by the columns that are keys."""
    chosen = ", ".join(f"{column.sql} as {quote_identifier(column.name)}" for column in columns)
    places = ", ".join(str(place) for place, column in enumerate(columns, 1) if column.grouped)
    return f"select {chosen} from {relation}" + (f" group by {places}" if places else "")


def read_semantic_models(manifest: Manifest) -> SemanticModels:
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
    models.declared = metrics
    for name, metric in metrics.items():
        try:
            models.metrics[name] = _read_metric(metric, metrics, models)
        except UnusableError as reason:
            models.unusable[name] = str(reason)
        except _MALFORMED as error:
            models.unusable[name] = f"its definition can't be read: {type(error).__name__} {error}"
    return models


def _read_model(model: SemanticModelNode, manifest: Manifest, models: SemanticModels) -> None:
    nodes = [manifest["nodes"][u] for u in model["depends_on"]["nodes"] if u in manifest["nodes"]]
    dimensions = {each["name"]: read_dimension(each) for each in model.get("dimensions") or ()}
    joined = find_joins(model, manifest["semantic_models"].values(), manifest["nodes"])
    for measure in (*(model.get("measures") or ()), *_find_inline_measures(model, manifest)):
        try:
            _add_measure(measure, model, read_mart(nodes, model), dimensions, joined, models)
        except UnusableError as reason:
            models.faults[measure["name"]] = str(reason)


def _find_inline_measures(model: SemanticModelNode, manifest: Manifest) -> Iterator[MeasureNode]:
    """The measures of simple metrics that aggregate by themselves, as newer projects write them beside a model."""
    for metric in (manifest.get("metrics") or {}).values():
        params = metric.get("type_params") or {}
        own = params.get("metric_aggregation_params")
        if own and own.get("semantic_model") == model.get("name"):
            expr = params.get("expr") or own.get("expr") or metric["name"]
            yield {**own, "name": _name_inline(metric), "expr": expr}


def _name_inline(metric: MetricNode) -> str:
    return f"{metric['name']}__own"


def _add_measure(
    measure: MeasureNode,
    model: SemanticModelNode,
    mart: str,
    dimensions: Mapping[str, Dimension],
    joined: EntityJoins,
    models: SemanticModels,
) -> None:
    default = (model.get("defaults") or {}).get("agg_time_dimension")
    time = _read_time(measure.get("agg_time_dimension") or default, measure, dimensions)
    balance = _read_balance(measure, time, model, dimensions)
    columns = _read_measure(measure, str(measure["name"]), balance)
    name, entity = str(model.get("name") or ""), read_entity(model)
    every = {**joined.dimensions, **dimensions}
    source = models.add_source(RowSource(mart, name, time, every, entity, read_keys(model), joined))
    for key, column in columns.items():
        models.measures[key] = replace(column, source=source, declared=measure, balance=balance)


def _read_time(name: str | None, measure: MeasureNode, dimensions: Mapping[str, Dimension]) -> str | None:
    """The time dimension that a measure is aggregated by."""
    if name is None:
        return None
    if name not in dimensions or not dimensions[name].time:
        raise UnusableError(f"its measure {measure['name']} has the time {name}, which is no time dimension")
    if dimensions[name].grain not in GRAINS:
        raise UnusableError(f"its time {name} has the grain {dimensions[name].grain}, which pages don't know")
    return name


def _read_balance(
    measure: MeasureNode, time: str | None, model: SemanticModelNode, dimensions: Mapping[str, Dimension]
) -> _BalanceColumns | None:
    """When a measure counts, and the columns that say so; None for one that counts always."""
    declared = measure.get("non_additive_dimension")
    if not declared:
        return None
    name = declared.get("name")
    if name != time or not time:
        raise UnusableError(
            f"its measure {measure['name']} is a balance over {name} and aggregated by {time}: with another time"
            " than its own dashboards can't tell which moment is the last"
        )
    if measure["agg"] in ("count_distinct", "median", "percentile"):
        raise UnusableError(f"its measure {measure['name']} is a balance that aggregates by {measure['agg']}")
    known = read_keys(model)
    known |= {each.name: each.expr for each in dimensions.values() if not each.time}
    groupings = declared.get("window_groupings") or ()
    if unknown := [each for each in groupings if each not in known]:
        raise UnusableError(
            f"its measure {measure['name']} is a balance within {', '.join(unknown)}, not known"
        )
    moment = SelectedColumn(
        name=f"{time}__moment", sql=cut_time(dimensions[time], dimensions[time].declared), grouped=True
    )
    within = tuple(
        SelectedColumn(name=f"{each}__within", sql=end_comment(known[each]), grouped=True)
        for each in groupings
    )
    last = str(declared.get("window_choice") or "min").lower() == "max"
    names = tuple(column.name for column in within)
    return _BalanceColumns(Balance(moment=moment.name, last=last, within=names), (moment, *within))


def _read_measure(
    measure: MeasureNode, name: str, balance: _BalanceColumns | None = None, condition: str = ""
) -> dict[str, MeasureColumn]:
    """A measure's columns under a name, as they are added up, or at the moment of a balance only.

    condition: SQL; rows that don't meet it count as if they were not there.
    """
    found = _read_added(measure, name, condition)
    if not balance:
        return found
    rows, besides, when = "", balance.columns, balance.when
    if condition:
        counted = _count_rows(name, condition)
        rows = counted.name
        besides, when = (*besides, counted), when.model_copy(update={"rows": rows})
    timed: dict[str, Formula] = {
        each.formula.name: each.formula.model_copy(update={"balance": when})
        for each in found.values()
        if isinstance(each.formula, Measure)
    }
    return {
        key: replace(
            each, formula=replace_measures(each.formula, timed), besides=besides if each.column else ()
        )
        for key, each in found.items()
    }


def _count_rows(name: str, condition: str) -> SelectedColumn:
    """A column that counts, for each row of a dataset, the mart's rows that meet a measure's condition."""
    sql = f"sum(case when {condition} then 1 else 0 end)"
    return SelectedColumn(name=f"{name}__rows", sql=sql, grouped=False)


def _read_added(measure: MeasureNode, name: str, condition: str) -> dict[str, MeasureColumn]:
    """A measure's column under a name; an average's after the two that it is made of.

    A measure is null over no rows, so a count of filtered rows is a sum that is null where none of them is.
    """
    aggregation = measure["agg"]
    expr = end_comment(str(measure.get("expr") or measure["name"]))
    chosen = f"case when {condition} then {expr} end" if condition else expr
    if aggregation == "count_distinct":  # carried as its values, which are a key of the rows
        column = SelectedColumn(name=name, sql=chosen, grouped=True)
        counted = Measure(name=name, function="count_distinct", filtered=bool(condition))
        return {name: MeasureColumn("", counted, column)}
    flags = {"sum_boolean": f"({expr})", "count": f"({expr}) is not null"}.get(aggregation)
    if flags and (condition or aggregation == "sum_boolean"):
        flag = f"case when {flags} then 1 else 0 end"
        return {
            name: _make_measure_column(
                name, "sum", f"case when {condition} then {flag} end" if condition else flag
            )
        }
    if aggregation == "average":
        total = _make_measure_column(f"{name}__sum", "sum", chosen)
        number = _make_measure_column(f"{name}__count", "count", chosen)
        average = MeasureColumn("", Operation(sign="/", left=total.formula, right=number.formula))
        return {f"{name}__sum": total, f"{name}__count": number, name: average}
    if aggregation in _FUNCTIONS:
        return {name: _make_measure_column(name, aggregation, chosen)}
    if aggregation in ("median", "percentile"):  # carried as its values, too, and how many rows have each
        value = Measure(name=name, function="percentile", percentile=_read_percentile(measure))
        column = SelectedColumn(name=name, sql=chosen, grouped=True)
        return {name: MeasureColumn("", value, column, besides=(_ROWS,))}
    raise UnusableError(f"its measure aggregates by {aggregation}, which can't be added up under filters")


def _read_percentile(measure: MeasureNode) -> Percentile:
    params = measure.get("agg_params") or {}
    if params.get("use_approximate_percentile"):
        raise UnusableError(
            "its measure aggregates by an approximate percentile, which every warehouse approximates otherwise;"
            " an exact one is computed"
        )
    at = 0.5 if measure["agg"] == "median" else params.get("percentile")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at <= 1:
        raise UnusableError(f"its measure aggregates by the percentile {at!r}, which is no share from 0 to 1")
    return Percentile(at=at, rows=_ROWS.name, discrete=bool(params.get("use_discrete_percentile")))


def _make_measure_column(name: str, aggregation: str, expr: str) -> MeasureColumn:
    column = SelectedColumn(name=name, sql=f"{aggregation}({expr})", grouped=False)
    return MeasureColumn("", Measure(name=name, function=_FUNCTIONS[aggregation]), column)


def _make_key_column(dimension: Dimension) -> SelectedColumn:
    expr = end_comment(dimension.expr)
    sql = f"cast({cut_time(dimension, dimension.grain)} as date)" if dimension.time else expr
    return SelectedColumn(name=dimension.name, sql=sql, grouped=True)


def _read_metric(metric: MetricNode, metrics: Mapping[str, MetricNode], models: SemanticModels) -> Metric:
    formula = _count_own_rows(_read_formula(metric, metrics, models))
    measures = measures_of(formula)
    sources = {models.measures[measure.base.name].source for measure in measures}
    marts = {models.sources[source].mart for source in sources}
    if len(marts) != 1:
        raise UnusableError(f"it reads {len(marts)} marts ({', '.join(sorted(marts))}); a metric needs one")
    if len(sources) != 1:
        raise UnusableError(
            "its measures are in several semantic models or have several time dimensions"
            f" ({', '.join(_describe(models.sources[source]) for source in sorted(sources))})"
        )
    timed = models.sources[next(iter(sources))].time is not None
    if not timed and any(measure.mark for measure in measures):
        raise UnusableError(
            "it is of several times (cumulative, or with an offset) and its measures have none"
        )
    meta = read_meta(metric)
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
        maturity_days=_read_maturity(meta.get("maturity")),
        grows=meta.get("maturity") == "grows",
        target=_read_target(meta.get("target")),
        events=tuple(_read_events(meta.get("events"))),
        fills_buckets=timed and _fills_buckets(metric, metrics),
    )


def _read_events(declared: object) -> Iterator[tuple[date, str]]:
    """The first day and the name of each of a metric's `meta.events`; one that can't be read is told by `check`."""
    for event in declared if isinstance(declared, list) else ():
        first = event.get("on") or event.get("from") if isinstance(event, Mapping) else None
        with suppress(ValueError):
            yield date.fromisoformat(str(first)[:10]), " ".join(str(event.get("name") or "").split())[:120]


def _read_target(declared: object) -> float | None:
    """The figure of a metric's `meta.target`."""
    if declared is None or (isinstance(declared, int | float) and not isinstance(declared, bool)):
        return declared
    raise UnusableError(f"its meta has target {str(declared)[:40]!r}, which is no number")


def _read_maturity(declared: object) -> int:
    """Days until a figure is final, of a metric's `meta.maturity`."""
    if declared in (None, "grows"):
        return 0
    if isinstance(declared, int) and not isinstance(declared, bool) and 0 <= declared <= 3660:
        return declared
    raise UnusableError(f"its meta has maturity {str(declared)[:40]!r}: give days, as in 90, or grows")


def _count_own_rows(formula: Formula) -> Formula:
    """Of a formula over several times: a distinct count is null where its own time has no rows, as all measures are."""
    measures = measures_of(formula)
    if not any(measure.mark for measure in measures):
        return formula
    counts = [measure for measure in measures if measure.function == "count_distinct"]
    return replace_measures(formula, {m.name: m.model_copy(update={"filtered": True}) for m in counts})


def _fills_buckets(metric: MetricNode, metrics: Mapping[str, MetricNode]) -> bool:
    """True if a metric, or one that it is made of, is joined to the time spine."""
    params = metric["type_params"]
    places = (params, params.get("measure") or {})
    inputs = [params.get("numerator"), params.get("denominator"), *(params.get("metrics") or ())]
    parts = (metrics[each["name"]] for each in inputs if each)
    joined = any(place.get("join_to_timespine") for place in places)
    return joined or any(_fills_buckets(part, metrics) for part in parts)


def _describe(source: RowSource) -> str:
    return f"{source.model} by {source.time or 'no time'}"


def _read_formula(
    metric: MetricNode,
    metrics: Mapping[str, MetricNode],
    models: SemanticModels,
    filters: tuple[str, ...] = (),
    depth: int = 0,
) -> Formula:
    """A metric's formula. filters: those of the metrics that it is a part of; its own are added."""
    params, kind = metric["type_params"], metric["type"]
    filters = (*filters, *_list_conditions(metric))

    def read(reference: MetricInput) -> Formula:
        if reference["name"] not in metrics:
            raise UnusableError(f"it reads {reference['name']}, which is no metric that is enabled")
        inner = (*filters, *_list_conditions(reference))
        found = _read_formula(metrics[reference["name"]], metrics, models, inner, depth + 1)
        shift = _read_shift(reference, metrics[reference["name"]]["type"] != "simple")
        return _shift_measures(found, shift, reference["name"], models) if shift else found

    if depth > MOST_NESTED:
        raise UnusableError(f"it is made of metrics that are made of metrics, more than {MOST_NESTED} deep")
    if kind == "simple":
        return _read_simple(metric, models, filters)
    if kind == "ratio":
        return Operation(sign="/", left=read(params["numerator"]), right=read(params["denominator"]))
    if kind == "derived":
        inputs = {each.get("alias") or each["name"]: read(each) for each in params["metrics"]}
        try:
            return read_expression(params["expr"], inputs, models.dialect)
        except NotAFormulaError as reason:
            raise UnusableError(str(reason)) from None
    if kind == "cumulative":
        return _read_cumulative(metric, metrics, models, filters)
    raise UnusableError(f"its type is {kind}; dashboards show simple, ratio, derived and cumulative metrics")


def _read_shift(reference: MetricInput, whole: bool) -> Shift | None:
    """The offset with which a derived metric reads another one. whole: as in Shift."""
    window, to_grain = reference.get("offset_window"), reference.get("offset_to_grain")
    if window:
        count, grain = _read_reach(window, f"the offset of {reference['name']}")
        return Shift(count=count, grain=grain, whole=whole)
    if not to_grain:
        return None
    if whole:
        raise UnusableError(
            f"it reads {reference['name']} with an offset to a grain, and that is no simple metric"
        )
    return Shift(count=0, grain=_check_grain(to_grain, f"the offset of {reference['name']}"))


def _read_reach(window: TimeReach, what: str) -> tuple[int, str]:
    """How many of which grain."""
    count = window["count"]
    if not isinstance(count, int) or not 0 < count < LONGEST_REACH:
        raise UnusableError(f"{what} is of {count!r}, which is no number of buckets of time")
    return count, _check_grain(window["granularity"], what)


def _check_grain(grain: object, what: str) -> str:
    found = str(grain).lower()
    if found not in GRAINS:
        raise UnusableError(f"{what} is by {found}, which pages don't know: they have {', '.join(GRAINS)}")
    return found


def _shift_measures(formula: Formula, shift: Shift, name: str, models: SemanticModels) -> Formula:
    """A formula over the same measures of another bucket of time."""
    instead: dict[str, Formula] = {}
    for measure in measures_of(formula):
        if measure.mark:
            other = "cumulative" if measure.window else "of another time"
            raise UnusableError(f"it reads {name} with an offset, and that is {other} itself")
        if models.measures[measure.name].timed:
            raise UnusableError(
                f"it reads {name} with an offset, and that has a filter on time, which moves with it"
            )
        moved = measure.model_copy(update={"shift": shift})
        update: dict[str, object] = {"name": f"{measure.name}{moved.mark}"}
        if measure.balance:
            mark = moved.mark
            update["balance"] = rename_balance(measure.balance, lambda column, mark=mark: f"{column}{mark}")  # type: ignore[misc]
        instead[measure.name] = moved.model_copy(update=update)
    return replace_measures(formula, instead)


def _read_cumulative(
    metric: MetricNode, metrics: Mapping[str, MetricNode], models: SemanticModels, filters: tuple[str, ...]
) -> Formula:
    """A metric that adds up a window of days to each day; where it is asked for by more, one day stands for all."""
    params = metric["type_params"]
    own: CumulativeParams = params.get("cumulative_type_params") or {}
    reach = own.get("window") or params.get("window")  # beside it in older projects
    to_date = own.get("grain_to_date") or params.get("grain_to_date")
    period = str(own.get("period_agg") or "first").lower()
    if period not in ("first", "last"):
        raise UnusableError(f"it is cumulative with period_agg {period}; first and last are computed")
    if reach and to_date:
        raise UnusableError("it is cumulative over a window and to date at once")
    window = Window(last=period == "last")
    if reach:
        count, grain = _read_reach(reach, "its window")
        window = window.model_copy(update={"count": count, "grain": grain})
    elif to_date:
        window = window.model_copy(update={"grain": _check_grain(to_date, "its grain to date")})
    if inner := own.get("metric"):
        if inner["name"] not in metrics:
            raise UnusableError(f"it reads {inner['name']}, which is no metric that is enabled")
        metric, filters = (
            metrics[inner["name"]],
            (*filters, *_list_conditions(inner), *_list_conditions(metrics[inner["name"]])),
        )
        if metric["type"] != "simple":
            raise UnusableError(
                f"it is cumulative over {inner['name']}, which is {metric['type']}; simple ones are computed"
            )
    if _fills_buckets(metric, metrics):
        raise UnusableError(
            "it is cumulative and joined to the time spine (join_to_timespine): days without rows, which would"
            " count as the first or the last of a bucket, are not computed"
        )
    return _read_simple(metric, models, filters, window)


def _widen_measures(formula: Formula, window: Window) -> Formula:
    """A formula over the same measures in a window of days."""
    instead: dict[str, Formula] = {}
    for measure in measures_of(formula):
        if measure.balance:
            raise UnusableError("it is cumulative over a balance, which does not add up over days")
        if measure.percentile:
            raise UnusableError(
                f"it is cumulative over a {measure.percentile}, which is not computed of windows"
            )
        wide = measure.model_copy(update={"window": window})
        balance = Balance(moment=f"{measure.name}{wide.mark}, on", last=window.last, grouped=True)
        instead[measure.name] = wide.model_copy(
            update={"name": f"{measure.name}{wide.mark}", "balance": balance}
        )
    return replace_measures(formula, instead)


def _list_conditions(node: MetricNode | MetricInput) -> list[str]:
    """The filters of a metric or of a part of one, as templates of SQL."""
    return [each["where_sql_template"] for each in (node.get("filter") or {}).get("where_filters") or ()]


def _read_simple(
    metric: MetricNode, models: SemanticModels, filters: tuple[str, ...], window: Window | None = None
) -> Formula:
    """A measure, with the metric's filters, as it is or over a window."""
    found, own, filling = _find_measure(metric, models)
    formula = _read_filtered(found, (*filters, *own), models, window)
    return formula if filling is None else Filled(formula=formula, value=filling)


def _find_measure(
    metric: MetricNode, models: SemanticModels
) -> tuple[MeasureColumn, list[str], float | None]:
    """A simple metric's measure, the filters beside it, and what stands for its nulls, if anything does."""
    params = metric["type_params"]
    reference = params.get("measure")
    if not reference and params.get("metric_aggregation_params"):
        reference = {"name": _name_inline(metric)}
    if not reference:
        raise UnusableError("it has no measure, and no aggregation of its own")
    name = reference["name"]
    if name in models.faults:
        raise UnusableError(models.faults[name])
    if name not in models.measures:
        raise UnusableError(f"its measure {name} is in no semantic model that is enabled")
    filling = [
        each for each in (reference.get("fill_nulls_with"), params.get("fill_nulls_with")) if each is not None
    ]
    return models.measures[name], _list_conditions(reference), filling[0] if filling else None


def _read_filtered(
    found: MeasureColumn, filters: tuple[str, ...], models: SemanticModels, window: Window | None = None
) -> Formula:
    """A measure over the rows that meet all the filters, and that are in a window if there is one."""
    if not filters:
        return _widen_measures(found.formula, window) if window else found.formula
    parts = [_resolve_filter(each, found.source, models) for each in filters]
    condition = " and ".join(f"({part})" for part in parts)
    # One column for one condition, whichever metrics ask for it.
    filtered = f"{found.declared['name']}__{sha256(condition.encode()).hexdigest()[:8]}"
    counted: tuple[SelectedColumn, ...] = ()
    if window:  # a day without a row that meets the filters is no day of the window
        counted = (_count_rows(filtered, condition),)
        window = window.model_copy(update={"rows": counted[0].name})
    for key, column in _read_measure(found.declared, filtered, found.balance, condition).items():
        besides = (*column.besides, *counted) if column.column else ()
        known = models.measures[key].besides if key in models.measures else ()
        models.measures[key] = replace(
            column,
            source=found.source,
            declared=found.declared,
            balance=found.balance,
            besides=tuple(dict.fromkeys((*known, *besides))),
            timed=any(_has_time(each, models.sources[found.source]) for each in filters),
        )
    formula = models.measures[filtered].formula
    return _widen_measures(formula, window) if window else formula


def _resolve_filter(template: str, source_name: str, models: SemanticModels) -> str:
    """A filter as SQL over the mart: comparisons of dimensions, and of metrics by an entity; all else is refused."""
    named: dict[str, str] = {}
    source = models.sources[source_name]

    def place(found: re.Match[str]) -> str:
        named[f"dimension_{len(named)}_"] = f"({_resolve_name(found, source)})"
        return f"dimension_{len(named) - 1}_"

    def place_metric(found: re.Match[str]) -> str:
        named[f"dimension_{len(named)}_"] = _join_metric(found["name"], found["entity"], source_name, models)
        return f"dimension_{len(named) - 1}_"

    text = _NAMED_METRIC.sub(place_metric, _NAMED.sub(place, template))
    if _ANY_METRIC.search(text):
        raise UnusableError(
            "its filter goes by a metric that is not grouped by one entity, as in ['customer']"
        )
    if "{" in text or "}" in text:
        raise UnusableError("its filter has more than dimensions in braces")
    _check_comparison(text, frozenset(named), models.dialect)
    resolved = re.sub(r"dimension_\d+_", lambda found: named.get(found[0], found[0]), text)
    return f"{resolved}\n" if "--" in resolved or "//" in resolved else resolved


def _join_metric(name: str, entity: str, source_name: str, models: SemanticModels) -> str:
    """The column with a metric's value of each row's entity, which the row source is joined with; null for none."""
    source = models.sources[source_name]
    asked = f"its filter goes by {name}"
    metric = models.declared.get(name)
    if metric is None or metric["type"] != "simple":
        kind = f"{metric['type']}; simple ones are computed" if metric else "no metric that is enabled"
        raise UnusableError(f"{asked}, which is {kind}")
    found, own, filling = _find_measure(metric, models)
    inner, measure = models.sources[found.source], found.declared
    for place in (source, inner):
        if entity not in place.entities:
            raise UnusableError(f"{asked} of each {entity}, which is no entity of {place.model} itself")
    aggregated = _OF_GROUPS.get(measure["agg"])
    if found.balance or aggregated is None:
        kind = "a balance" if found.balance else f"a {measure['agg']}"
        raise UnusableError(f"{asked}, which is {kind} and not computed in a filter")
    filters = (*_list_conditions(metric), *own)
    nested = any(map(_ANY_METRIC.search, filters))
    conditions = [] if nested else [_resolve_filter(each, found.source, models) for each in filters]
    where = " and ".join(f"({each})" for each in conditions)
    if nested or any(join.is_read_by(where) for join in inner.joined.joins):
        raise UnusableError(f"{asked}, which has a filter on another semantic model or metric itself")
    sql = aggregated.format(end_comment(str(measure.get("expr") or measure["name"])))
    column = f"@{entity}__{name} (metric)"
    join = Join(
        entity=entity,
        mart=inner.mart,
        on=end_comment(source.entities[entity]),
        key=end_comment(inner.entities[entity]),
        columns={column: sql if filling is None else f"coalesce({sql}, {filling!r})"},
        grouped=True,
        where=where,
    )
    if join not in source.joined.joins:
        joined = replace(source.joined, joins=(*source.joined.joins, join))
        models.sources[source_name] = replace(source, joined=joined)
    return quote_identifier(column)


def _has_time(template: str, source: RowSource) -> bool:
    """True if a filter that is resolved names a time."""
    times = {name for name, each in source.dimensions.items() if each.time}
    names = map(_read_name, _NAMED.finditer(template))
    return any(name == "metric_time" or {name, name.rpartition("__")[2]} & times for name in names)


def _read_name(found: re.Match[str]) -> str:
    """What a filter names in braces, with the entity that leads there."""
    return f"{found['path']}__{found['name']}" if found["path"] else str(found["name"])


def _resolve_name(found: re.Match[str], source: RowSource) -> str:
    """SQL of what a filter names in braces: a dimension or an entity of the row source's own."""
    name, kind, grain = _read_name(found), found["kind"], found["grain"]
    if kind == "Entity":
        if name not in source.entities or grain:
            raise UnusableError(f"its filter names entity {name}, none of {source.model} itself")
        return end_comment(source.entities[name])
    entity, _, short = name.rpartition("__")
    if kind == "TimeDimension" and name == "metric_time" and source.time:
        entity, short = source.entity, source.time
    is_own = entity == source.entity and (entity or name == "metric_time")
    dimension = source.dimensions.get(short if is_own else name)
    if is_own and dimension is None:  # of another model of the same entity
        dimension = source.dimensions.get(name)
    if dimension is None or not (is_own or dimension.joined):
        raise UnusableError(f"its filter names {name}, {_say_not_joined(name, source)}")
    if not dimension.time:
        if kind == "TimeDimension" or grain:
            raise UnusableError(f"its filter names {name} as a time, which it is not")
        return end_comment(dimension.expr)
    wanted = (grain or dimension.declared).lower()
    if dimension.declared not in ALL_GRAINS or wanted not in ALL_GRAINS:
        raise UnusableError(f"its filter names {name}, with a grain that is not known")
    if ALL_GRAINS.index(wanted) < ALL_GRAINS.index(dimension.declared):
        raise UnusableError(f"its filter names {name} by {wanted}, finer than its grain {dimension.declared}")
    return cut_time(dimension, wanted)


def _say_not_joined(name: str, source: RowSource) -> str:
    """Why a row source has no dimension that a filter names."""
    if reason := source.joined.faults.get(name):
        return f"which can't be joined: {reason}"
    if name.count("__") > 2 and name.split("__")[0] in source.entities:
        return "which is more than two joins away"
    return f"no dimension of {source.model} itself, nor of a semantic model that it has an entity of"


def _check_comparison(text: str, names: frozenset[str], dialect: str) -> None:
    """Raises for a filter that reads anything but these names, a row at a time."""
    from sqlglot import exp

    try:
        parsed = parse_expression(text, dialect)
    except Misconfigured:
        raise UnusableError("its filter is not one expression of SQL") from None
    if parsed.find(exp.Query, exp.AggFunc, exp.Window, exp.Alias):
        raise UnusableError("its filter is more than a comparison of dimensions")
    others = {column.sql() for column in parsed.find_all(exp.Column)} - names
    if others:
        raise UnusableError(f"its filter names {', '.join(sorted(others))}, which is no dimension in braces")
