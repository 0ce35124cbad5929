"""dbt's own metric engine as the referee: it compiles a question to SQL, DuckDB answers that on the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple

import duckdb

from blocks.catalogue import Catalogue
from blocks.metrics import Metric
from blocks.sql import write_literal
from tests.measurement import leave_unmeasured

Answer = dict[tuple[date | None, str | None], float]  # first day of the bucket, group's label → value


class Question(NamedTuple):
    """One metric, per bucket of a grain or not, by a dimension or not, where another one has a value."""

    metric: str
    grain: str | None = None
    by: str | None = None
    where: tuple[str, str] | None = None


class Referee:
    """MetricFlow over a semantic manifest as dbt writes it. bounds: metric → the first and the last day of its data."""

    def __init__(
        self,
        semantic_manifest: str,
        catalogue: Catalogue,
        connection: Any,
        bounds: Mapping[str, tuple[date, date] | None],
    ) -> None:
        self.manifest, self.catalogue, self.connection = semantic_manifest, catalogue, connection
        self.bounds = bounds

    @cached_property
    def engine(self) -> Any:
        from metricflow.engine.metricflow_engine import MetricFlowEngine
        from metricflow.protocols.sql_client import SqlEngine
        from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
        from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
        from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

        class Compiler:
            sql_engine_type = SqlEngine.DUCKDB
            sql_plan_renderer = DuckDbSqlPlanRenderer()

            def render_bind_parameter_key(self, key: str) -> str:
                return f"${key}"

        lookup = SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(self.manifest))
        return MetricFlowEngine(lookup, Compiler())

    def sql(self, metric: str, groups: Sequence[str], where: Sequence[str]) -> str:
        from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

        request = MetricFlowQueryRequest.create(
            metric_names=[metric], group_by_names=list(groups), where_constraints=list(where)
        )
        return str(leave_unmeasured(self.engine.explain)(request).sql_statement.sql)

    def ask(self, question: Question) -> Answer:
        metric, bounds = self.catalogue.metric(question.metric), self.bounds[question.metric]
        groups = [f"metric_time__{question.grain}"] if question.grain else []
        if question.by:
            groups.append(self._name(question.metric, question.by))
        where = [self._where(question)] if question.where else []
        if self.catalogue.time_of(self.catalogue.source_of(question.metric)):
            grain = self.catalogue.datasets((question.metric,), ())[0].grain
            moment = f"{{{{ TimeDimension('metric_time', '{grain}') }}}}"
            as_of = bounds and not question.grain and is_as_of_a_day(metric)
            # the time spine goes on where the data has ended, pages do not
            nested = any(measure.shift and measure.shift.whole for measure in metric.measures)
            if (
                nested
            ):  # for an offset of metrics of metrics, MetricFlow joins another grain where one is in a filter
                pass
            elif bounds and question.grain and (metric.fills_buckets or not metric.adds_up_rows):
                where.append(f"{moment} between '{bounds[0]}' and '{bounds[1]}'")
            elif as_of and bounds:
                where.append(f"{moment} = '{bounds[1]}'")
                groups.insert(0, f"metric_time__{grain}")
            elif metric.adds_up_rows:  # pages leave undated rows out
                where.append(f"{moment} is not null")
        result = self.connection.execute(self.sql(question.metric, groups, where))
        names = [column[0] for column in result.description]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        return {
            (
                _as_day(row[groups[0]]) if question.grain else None,
                label_of(row[groups[-1]]) if question.by else None,
            ): float(row[question.metric])
            for row in rows
            if row[question.metric] is not None
            if not (bounds and question.grain and _as_day(row[groups[0]]) > bounds[1])
        }

    def _name(self, metric: str, dimension: str) -> str:
        source = self.catalogue._semantic.sources[self.catalogue.source_of(metric)]
        known = source.dimensions[dimension]
        name = dimension if known.joined else f"{source.entity}__{dimension}"
        return name + (f"__{known.grain}" if known.time else "")

    def _where(self, question: Question) -> str:
        assert question.where
        dimension, label = question.where
        source = self.catalogue._semantic.sources[self.catalogue.source_of(question.metric)]
        known = source.dimensions[dimension]
        name = dimension if known.joined else f"{source.entity}__{dimension}"
        *path, entity, short = name.split("__")
        parts = [f"'{entity}__{short}'", *([f"'{known.grain}'"] if known.time else [])]
        parts += [f"entity_path={path}"] if path else []
        name = f"{'TimeDimension' if known.time else 'Dimension'}({', '.join(parts)})"
        text = (
            f"cast(cast({{{{ {name} }}}} as date) as varchar)"
            if known.time
            else f"cast({{{{ {name} }}}} as varchar)"
        )
        return f"{text} is null" if label == "(blank)" else f"{text} = {write_literal(label, 'duckdb')}"


def is_as_of_a_day(metric: Metric) -> bool:
    """True if a metric has no value of all time in MetricFlow, and that of the last day on pages."""
    return any(measure.window and measure.window.grain for measure in metric.measures)


def label_of(value: Any) -> str:
    """A group as a page calls it."""
    if value is None:
        return "(blank)"
    if isinstance(value, bool):
        return str(value).lower()
    return str(_as_day(value)) if hasattr(value, "year") else str(value)


def _as_day(value: Any) -> date:
    return value.date() if hasattr(value, "hour") else value  # type: ignore[no-any-return]


def connect(path: str) -> duckdb.DuckDBPyConnection:
    """A connection on which a division by zero is null, as every warehouse but DuckDB or its caller has it."""
    connection = duckdb.connect(path, read_only=True)
    connection.execute("SET ieee_floating_point_ops = false")
    return connection
