"""The catalogue: dbt's manifest read as data sources, metrics, marts and dashboards. No other registry.

Nothing here names a model of any project. SQL comes from the manifest's own expressions only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from difflib import get_close_matches
from typing import TypeVar

from pydantic import Field

from blocks.dimensions import FINER_THAN_DAYS, cut_to_hour_of_day, name_hour
from blocks.entity_joins import Join
from blocks.errors import Misconfigured, NotFound, replace_vendor_errors
from blocks.findings import suggest_name
from blocks.foreign_keys import ForeignKey, read_foreign_keys
from blocks.manifest import (
    DATABASE,
    OUTSIDE,
    SEED,
    AnyNode,
    ExposureNode,
    Manifest,
    Node,
    Ref,
    find_lineage,
    list_disabled,
    name_model,
    read_meta,
)
from blocks.metrics import Measure, Metric, is_additive
from blocks.records import Analysis, Column, Record, SourceTable
from blocks.release_names import is_in_release
from blocks.semantic_models import SelectedColumn, find_read_joins, read_semantic_models, rows_sql
from blocks.sql import parse_expression, quote_identifier
from blocks.time_zone import UTC_ZONE
from blocks.wishes import FIELDS

WISHES = tuple(each for each in FIELDS if each not in ("cadence", "layout"))
"""Keys of an exposure's meta that are written as a ticket's fields."""
N = TypeVar("N", bound=AnyNode)
R = TypeVar("R")
BUILT = {"model", "seed", "snapshot"}
SUITE_TESTS = {"not_null", "unique", "accepted_values", "relationships"}
"""dbt's own tests: what they say, a suite of Great Expectations would say in the same words."""
GUARDS = ("primary_key", "diff_budget", "may_be_empty")
"""Keys of a model's meta by which the gate judges a mart."""


class Dataset(Record):
    """The rows of one mart that a dashboard needs: time and dimensions, and measures to add up.

    Columns of its rows: time (DATE, absent if the mart has none; grain: how fine it is), each dimension (text
    or as typed), each measure. columns: how the mart's rows become these, from the manifest alone.
    source: the mart's row source; a dashboard that reads a mart by two times has a dataset for each.
    time_zone: what the session has to be in that runs its query: points in time become days there.
    joins: other marts that the columns read, too.
    """

    mart: str
    source: str = ""
    time: str | None
    grain: str = "day"
    dimensions: tuple[str, ...]
    labels: dict[str, str]
    metrics: tuple[Metric, ...]
    measures: tuple[Measure, ...]
    columns: tuple[SelectedColumn, ...]
    time_zone: str = UTC_ZONE
    joins: tuple[Join, ...] = ()

    @property
    def marts(self) -> tuple[str, ...]:
        """The marts that it reads, its own first."""
        return tuple(dict.fromkeys((self.mart, *(step.mart for join in self.joins for step in join.steps))))

    @property
    def name(self) -> str:
        """What tells it from a dashboard's other datasets; the mart's name, as a rule."""
        return self.source or self.mart

    def sql(self, relation: str, joined: Mapping[str, str] | None = None) -> str:
        """A query of its rows. relation: the mart's, quoted; joined: those of the other marts, by name.

        Raises NotFound where one that it reads is not among them.
        """
        joins, others = find_read_joins(self.joins, self.columns), {self.mart: relation, **(joined or {})}
        if missing := [step.mart for join in joins for step in join.steps if step.mart not in others]:
            reason = f"{missing[0]}, which its rows are joined with, is not there"
            raise NotFound(f"read mart {self.mart}", reason, f"Build {missing[0]} with it.")
        return rows_sql(self.columns, " ".join([relation, *(join.write(others) for join in joins)]))


class DeclaredColumn(Record):
    """A column that a mart or a source table declares. place: the mart's name, or `source.table`."""

    place: str
    name: str
    description: str
    is_mart: bool


class Exposure(Record):
    """A dbt exposure: what its `config.meta` says of the dashboard, where it says it.

    fault: why it can't be shown as its meta has it; "" for one that can, or that asks for no dashboard. live: it is to
    read what is served itself, where a site can. schedule: when it is refreshed, as written; "" for each run, or never.
    wishes: how it opens and for whom, as a ticket's fields have it, unread. approval: who accepts its definition before
    readers see it, `requester`, `owner` or `none`.
    """

    name: str
    title: str
    description: str
    marts: tuple[str, ...]
    ticket: str | None
    scheduled: bool
    analysis: Analysis | None
    metrics: tuple[str, ...]
    dimensions: tuple[str, ...]
    fault: str = ""
    owner: str = ""
    live: bool = False
    schedule: str = ""
    approval: str = "none"
    wishes: dict[str, object] = Field(default_factory=dict)


class Mart(Record):
    """A dbt model that dashboards read.

    name: what it is served as, and its suite's; of a model with versions, its relation's alias. selector: dbt's.
    budget: largest share of live keys `removed` or `changed`, as its meta has it. may_be_empty: without rows it
    is right, too. keeps_rows: a full refresh does not build it whole. outside: the schema in which a snapshot's project
    keeps it, if that is none of the release's: where its history began. fault: what its meta has that can't be read.
    foreign_keys: those of its contract.
    """

    name: str
    unique_id: str
    schema_name: str
    alias: str
    selector: str = ""
    materialized: str = "table"
    primary_key: tuple[str, ...] = ()
    budget: dict[str, object] = Field(default_factory=dict)
    may_be_empty: bool = False
    keeps_rows: bool = False
    outside: str = ""
    fault: str = ""
    foreign_keys: tuple[ForeignKey, ...] = ()


class Catalogue:
    """A manifest, answered from. manifest: the content of dbt's manifest.json (schema v12).

    time_zone: the project's, in which points in time become days; holidays: the countries whose holidays it keeps.
    """

    def __init__(self, manifest: Manifest, time_zone: str = UTC_ZONE, holidays: tuple[str, ...] = ()) -> None:
        self._manifest, self.time_zone, self.holidays = manifest, time_zone, holidays
        with _refuse_shape("its semantic models and metrics"):
            self._semantic = read_semantic_models(manifest)
        with _refuse_shape("its sources, models and exposures"):
            self.tables = tuple(_read(key, _make_table, node) for key, node in manifest["sources"].items())
            self.models, self._ambiguous = _map_models(manifest)
            self._latest = _find_latest_versions(manifest)
            self.disabled = _list_disabled_models(manifest)
            exposures = manifest["exposures"].items()
            found = [_read(key, lambda node: _make_exposure(node, manifest), node) for key, node in exposures]
        with _refuse_shape("the names of its metrics and dimensions"):
            self.exposures = tuple(self._look_over(exposure) for exposure in found)

    def _look_over(self, exposure: Exposure) -> Exposure:
        """The exposure, with its fault if it names what dbt does not declare, or nothing that can be shown."""
        if exposure.fault or not exposure.metrics:
            return exposure
        unusable, fault = self.list_unusable(), ""
        usable = [name for name in exposure.metrics if name in self._semantic.metrics]
        sources = {self.source_of(name) for name in usable}
        known = {name for source in sources for name in self.dimensions_of(source)}
        if unknown := [name for name in exposure.metrics if name not in usable and name not in unusable]:
            fault = _say_unknown("metric", unknown, {*self._semantic.metrics, *unusable})
        elif not usable:
            fault = "; ".join(f"metric {name}: {unusable[name]}" for name in exposure.metrics)
        elif unknown := [name for name in exposure.dimensions if name not in known]:
            fault = _say_unknown("dimension", unknown, known)
        return exposure.model_copy(update={"fault": fault})

    def metric_names(self) -> tuple[str, ...]:
        """Every metric a dashboard can show."""
        return tuple(sorted(self._semantic.metrics))

    def list_unusable(self) -> dict[str, str]:
        """Metrics that dbt declares but a dashboard can't show, and why."""
        return dict(self._semantic.unusable)

    def metric(self, name: str) -> Metric:
        """A metric by name; NotFound if a dashboard can't show it."""
        if name not in self._semantic.metrics:
            raise NotFound(
                f"look up metric {name}", self.list_unusable().get(name, "dbt declares no such metric")
            )
        return self._semantic.metrics[name]

    def unusable_labels(self) -> dict[str, str]:
        """Metrics that are declared but can't be shown → their labels."""
        declared = self._semantic.declared
        return {name: str(declared[name].get("label") or name) for name in self._semantic.unusable}

    def metric_labels(self) -> dict[str, str]:
        """Metric → the label that dashboards show."""
        return {name: metric.label for name, metric in self._semantic.metrics.items()}

    def dimension_labels(self) -> dict[str, tuple[str, ...]]:
        """Dimension → the labels that dashboards show, which marts may call differently."""
        labels: dict[str, dict[str, None]] = {}
        for source in self._semantic.sources.values():
            for name, each in source.dimensions.items():
                labels.setdefault(name, {})[each.label] = None
        return {name: tuple(each) for name, each in labels.items()}

    def metric_descriptions(self) -> dict[str, str]:
        """Metric → what its project says of it."""
        return {name: metric.description for name, metric in self._semantic.metrics.items()}

    def metric_synonyms(self) -> dict[str, tuple[str, ...]]:
        """Metric → what else people call it (`meta.synonyms`)."""
        return {name: _read_texts(self.metric_meta(name), "synonyms") for name in self._semantic.metrics}

    def dimension_synonyms(self) -> dict[str, tuple[str, ...]]:
        """Dimension → what else people call it (`meta.synonyms`), in any semantic model."""
        found: dict[str, tuple[str, ...]] = {}
        for model in (self._manifest.get("semantic_models") or {}).values():
            for each in model.get("dimensions") or ():
                if words := _read_texts(read_meta(each), "synonyms"):
                    found[each["name"]] = tuple(dict.fromkeys((*found.get(each["name"], ()), *words)))
        return found

    def mart_of(self, metric: str) -> str:
        """The mart a metric is computed on."""
        return self.metric(metric).mart

    def marts_of(self, metrics: Iterable[str], dimensions: Iterable[str]) -> tuple[str, ...]:
        """The marts that these metrics are computed on, and those that they or these dimensions are joined with."""
        names, wanted = tuple(metrics), tuple(dimensions)
        joined = (step.mart for join in self.joins_of(names, wanted) for step in join.steps)
        return tuple(dict.fromkeys((*(self.mart_of(name) for name in names), *joined)))

    def joins_of(self, metrics: Iterable[str], dimensions: Iterable[str]) -> tuple[Join, ...]:
        """How other marts are joined for these metrics and dimensions."""
        found: list[Join] = []
        wanted = tuple(dimensions)
        for metric in map(self.metric, metrics):
            source = self._semantic.sources[metric.source]
            keys = [name for name in wanted if name in source.dimensions]
            measures = [each.base.name for each in metric.measures]
            columns = self._semantic.columns(metric.source, keys, measures)
            found += [each for each in find_read_joins(source.joined.joins, columns) if each not in found]
        return tuple(found)

    def source_of(self, metric: str) -> str:
        """The row source of a metric: its mart, as one semantic model reads it by one time."""
        return self.metric(metric).source

    def dimensions_of(self, source: str) -> tuple[str, ...]:
        """The dimensions of a row source, time and those of other semantic models included."""
        return tuple(self._semantic.sources[source].dimensions) if source in self._semantic.sources else ()

    def is_own(self, source: str, dimension: str) -> bool:
        """False for a dimension of another semantic model, which a row source is joined with."""
        return not self._semantic.sources[source].dimensions[dimension].joined

    def categories_of(self, source: str) -> tuple[str, ...]:
        """The dimensions of a row source's own that are no times."""
        known = self._semantic.sources[source].dimensions if source in self._semantic.sources else {}
        return tuple(name for name, each in known.items() if not each.time and not each.joined)

    def metric_meta(self, name: str) -> Mapping[str, object]:
        """The meta of a metric; empty without one."""
        declared = (self._manifest.get("metrics") or {}).values()
        return next((read_meta(node) for node in declared if node.get("name") == name), {})

    def time_of(self, source: str) -> str | None:
        """The dimension that is a row source's time, if it has one."""
        return self._semantic.sources[source].time if source in self._semantic.sources else None

    def grain_of(self, source: str) -> str:
        """The finest grain of a row source's time."""
        time = self.time_of(source)
        return self._semantic.sources[source].dimensions[time].grain if time else "day"

    def adds_up(self, metric: str) -> bool:
        """True if the parts of a metric add up to its whole."""
        return is_additive(self.metric(metric).formula)

    def form_of(self, metric: str) -> str:
        """How a metric is shown: `number`, `percent`, or a currency as `currency:GBP`."""
        return self.metric(metric).form

    def source_names(self) -> tuple[str, ...]:
        """Data sources that a loader brings, by dbt's name."""
        return tuple(sorted({table.source for table in self.tables if table.is_loaded}))

    def list_source_names(self) -> tuple[str, ...]:
        """Every data source, those that other tools fill among them."""
        return tuple(sorted({table.source for table in self.tables}))

    def source_tables(self, source: str) -> tuple[SourceTable, ...]:
        """The tables of a data source that its loader brings."""
        tables = (t for t in self.tables if t.source == source and not t.seed)
        return tuple(t for t in tables if "quarantine_of" not in t.meta)

    def sources_of(self, mart: str) -> tuple[str, ...]:
        """Data sources in a mart's lineage that a loader brings."""
        return tuple(name for name in self.sources_beneath(mart) if name in self.source_names())

    def sources_beneath(self, mart: str) -> tuple[str, ...]:
        """Data sources in a mart's lineage, whoever fills them."""
        declared = self._manifest["sources"]
        return tuple(
            sorted({declared[node]["source_name"] for node in self.find_lineage(mart) if node in declared})
        )

    def owner_of(self, exposure: str) -> str:
        """Who answers for an exposure: a name, else an e-mail address; "" for a dashboard that dbt does not declare."""
        for node in self._manifest["exposures"].values():
            if node["name"] == exposure:
                owner = node.get("owner") or {}
                return str(owner.get("name") or owner.get("email") or "")
        return ""

    def list_owners(self, metrics: Iterable[str]) -> tuple[str, ...]:
        """Who answers for metrics (`meta.owner`): as the metrics say it, else as their marts do, else their sources."""
        names = tuple(metrics)
        sources = {source for name in names for source in self.sources_feeding(name)}
        return (
            _list_owners(self.metric_meta(name) for name in names)
            or _list_owners(read_meta(self._mart_node(mart)) for mart in self.marts_of(names, ()))
            or self.list_source_owners(sources)
        )

    def list_columns(self) -> Iterator[DeclaredColumn]:
        """Every declared column of marts that metrics are on, then of source tables."""
        marts = dict.fromkeys(self.mart_of(name) for name in self._semantic.metrics)
        for mart in marts:
            for name, column in (self._mart_node(mart).get("columns") or {}).items():
                yield DeclaredColumn(
                    place=mart, name=name, description=str(column.get("description") or ""), is_mart=True
                )
        for node in self._manifest["sources"].values():
            place = f"{node['source_name']}.{node['name']}"
            for name, column in (node.get("columns") or {}).items():
                yield DeclaredColumn(
                    place=place, name=name, description=str(column.get("description") or ""), is_mart=False
                )

    def list_source_owners(self, sources: Collection[str]) -> tuple[str, ...]:
        """Who answers for data sources (`meta.owner`)."""
        nodes = self._manifest["sources"].values()
        return _list_owners(_read_source_meta(node) for node in nodes if node["source_name"] in sources)

    def owner_of_mart(self, mart: str) -> str:
        """Who answers for a mart: its `meta.owner`, else the owner of an exposure that reads it, if there is one."""
        own = _read_texts(read_meta(self._mart_node(mart)), "owner")
        shown = (self.owner_of(each.name) for each in self.exposures if mart in each.marts and each.owner)
        return next(iter((*own, *shown)), "")

    def _mart_node(self, mart: str) -> Node:
        return self._manifest["nodes"][self.mart(mart).unique_id]

    def tables_beneath(self, mart: str) -> tuple[SourceTable, ...]:
        """Source tables in a mart's lineage, whoever fills them."""
        declared = self._manifest["sources"]
        nodes = [declared[node] for node in self.find_lineage(mart) if node in declared]
        names = {(node["source_name"], node["name"]) for node in nodes}
        return tuple(table for table in self.tables if (table.source, table.name) in names)

    def sources_feeding(self, metric: str) -> tuple[str, ...]:
        """Data sources that a metric is computed from, whoever fills them."""
        marts = self.marts_of((metric,), ())
        return tuple(sorted({source for mart in marts for source in self.sources_beneath(mart)}))

    def relations_of(self, marts: Iterable[str]) -> tuple[Mart, ...]:
        """The models, snapshots and seeds that dbt makes a relation of, in these marts' lineage."""
        nodes = self._manifest["nodes"]
        lineage = {node for mart in marts for node in self.find_lineage(mart)} & nodes.keys()
        built = (_make_mart(nodes[node]) for node in sorted(lineage) if nodes[node]["resource_type"] in BUILT)
        return tuple(each for each in built if each.materialized != "ephemeral")

    def list_stateful(self, marts: Iterable[str], schema: str) -> tuple[Mart, ...]:
        """Those that dbt builds on top of what they held before: incremental models and snapshots of this release."""
        return tuple(
            each
            for each in self.relations_of(marts)
            if each.materialized in {"incremental", "snapshot"} and is_in_release(each.schema_name, schema)
        )

    def list_outside(self, marts: Iterable[str], schema: str) -> tuple[Mart, ...]:
        """Models and seeds that the project puts out of the release, where readers may look: a schema, a database."""
        nodes, usual = self._manifest["nodes"], find_database(self._manifest)
        return tuple(
            each
            for each in self.relations_of(marts)
            if not is_in_release(each.schema_name, schema) or is_elsewhere(nodes[each.unique_id], usual)
        )

    def find_suite_tests(self, marts: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Mart → names of the dbt tests of it that say what a suite would; marts without one are left out."""
        marts_by_id = {self.mart(name).unique_id: name for name in marts if name in self.models}
        found: dict[str, list[str]] = {}
        for node in self._manifest["nodes"].values():
            about = node.get("test_metadata") or {}
            own = not about.get("namespace") and about.get("name") in SUITE_TESTS
            mart = marts_by_id.get(node.get("attached_node") or "")
            if node["resource_type"] == "test" and own and mart:
                found.setdefault(mart, []).append(node["name"])
        return {mart: tuple(names) for mart, names in found.items()}

    def find_lineage(self, mart: str) -> set[str]:
        """Ids of a mart and of all it is made of."""
        parents = self._manifest["parent_map"]
        return find_lineage([self.mart(mart).unique_id], lambda node: parents.get(node, ()))

    def source_id(self, table: str) -> str:
        """The id of a source's table by `source.table`. Raises NotFound."""
        for key, node in self._manifest["sources"].items():
            if f"{node['source_name']}.{node['name']}".casefold() == table.casefold():
                return str(key)
        near = get_close_matches(table, [each.full_name for each in self.tables], 1)
        raise NotFound(f"look up source {table}", f"there is none{f'; is it {near[0]}?' if near else ''}")

    def list_dependents(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Ids of models and snapshots that are made of these, themselves included."""
        todo, seen = list(keys), dict[str, None]()
        while todo:
            key = todo.pop(0)
            if key not in seen:
                seen[key] = None
                todo += [
                    child
                    for child in self._manifest["child_map"].get(key, ())
                    if child.startswith(("model.", "snapshot."))
                ]
        return tuple(key for key in seen if key.startswith(("model.", "snapshot.")))

    def list_columns_read(
        self, metrics: tuple[str, ...], dimensions: tuple[str, ...]
    ) -> set[tuple[str, str]]:
        """(mart, column in lower case) of all that these metrics and dimensions are computed from."""
        from sqlglot import exp

        found = set()
        for dataset in self.datasets(
            tuple(name for name in metrics if name in self._semantic.metrics), dimensions
        ):
            parts = [(dataset.mart, column.sql) for column in dataset.columns]
            read = " ".join(sql for _, sql in parts)
            for join in dataset.joins:
                reader = dataset.mart
                for step in join.steps:
                    parts += [(reader, step.on), (step.mart, step.key)]
                    parts += [(step.mart, step.where)] if step.where else []
                    parts += [
                        (step.mart, sql)
                        for name, sql in step.columns.items()
                        if quote_identifier(name) in read
                    ]
                    reader = step.mart
            for mart, sql in parts:
                columns = parse_expression(sql, "duckdb").find_all(exp.Column)
                found |= {(mart, each.name.lower()) for each in columns}
        return found

    def mart(self, name: str) -> Mart:
        """A model by the name that it is served as, or the latest version of a model by its own, as `ref` means it.

        Raises NotFound if there is none or it is switched off, Misconfigured for a name that can't be served.
        """
        found = self.models.get(name) or self.models.get(self._latest.get(name, ""))
        asked = f"look up mart {name}"
        if not found and name in self.disabled:
            raise NotFound(asked, f"the model {name} is switched off (enabled: false)", "Switch it on.")
        if not found:
            raise NotFound(asked, "the dbt project has no such model")
        if several := self._ambiguous.get(found.name):
            reason = f"it is {' and '.join(several)}, which readers would see under one name"
            raise Misconfigured(
                asked, reason, "Rename one of the two, or give a version an alias of its own."
            )
        return found

    def hour_of(self, source: str) -> SelectedColumn | None:
        """The hour of the day of a row source's time, as a column of its rows; None for one that knows no hours."""
        rows = self._semantic.sources[source]
        time = rows.dimensions[rows.time] if rows.time else None
        if time is None or time.declared not in FINER_THAN_DAYS or name_hour(time.name) in rows.dimensions:
            return None
        return SelectedColumn(name=name_hour(time.name), sql=cut_to_hour_of_day(time), grouped=True)

    def datasets(self, metrics: tuple[str, ...], dimensions: tuple[str, ...]) -> tuple[Dataset, ...]:
        """What a dashboard reads: one dataset a row source, with the metrics and dimensions it has."""
        chosen = [self.metric(name) for name in metrics]
        return tuple(
            self._make_dataset(source, tuple(m for m in chosen if m.source == source), dimensions)
            for source in dict.fromkeys(metric.source for metric in chosen)
        )

    def _make_dataset(self, source: str, metrics: tuple[Metric, ...], dimensions: tuple[str, ...]) -> Dataset:
        rows = self._semantic.sources[source]
        mart, known, time = rows.mart, rows.dimensions, rows.time
        names = tuple(name for name in dimensions if name in known and name != time)
        measures: dict[str, Measure] = {}
        for measure in (each.base for metric in metrics for each in metric.measures):
            if not (
                measure.name in measures and measure.filtered
            ):  # of two of a name the one that fits any metric
                measures[measure.name] = measure
        if clash := measures.keys() & {*names, time}:
            raise Misconfigured(
                f"read mart {mart}",
                f"{', '.join(sorted(clash))} is both a measure and a dimension",
                "Rename the measure in the semantic model.",
            )
        keys = ([time] if time else []) + list(names)
        columns = self._semantic.columns(source, keys, list(measures))
        return Dataset(
            mart=mart,
            source=source,
            time=time,
            dimensions=names,
            metrics=metrics,
            measures=tuple(measures.values()),
            grain=known[time].grain if time else "day",
            labels={name: known[name].label for name in keys},
            columns=columns,
            joins=find_read_joins(rows.joined.joins, columns),
            time_zone=self.time_zone,
        )


def _read(key: str, reader: Callable[[N], R], node: N) -> R:
    """What a reader makes of a node. Raises Misconfigured, and names the node, if it has another shape."""
    with _refuse_shape(key):
        return reader(node)


def _refuse_shape(what: str) -> AbstractContextManager[None]:
    """Raise Misconfigured for a part of a manifest that has another shape than dbt writes."""

    def translate(error: BaseException) -> Misconfigured:
        reason = type(error).__name__  # its text may hold anything, and as much of it as there is
        return Misconfigured(
            f"read dbt's manifest, {what}",
            f"it has another shape than dbt writes ({reason})",
            "Run `dbt parse` with the version of dbt that is installed here, and mend what it says of it.",
        )

    kinds = (LookupError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)
    return replace_vendor_errors(kinds, translate)


def _make_table(node: Node) -> SourceTable:
    columns = (
        Column(
            name=name,
            data_type=column.get("data_type"),
            origin=str(read_meta(column).get("origin", name)),
            required=bool(read_meta(column).get("required", False)),
            meta=read_meta(column),
        )
        for name, column in node["columns"].items()
    )
    return SourceTable(
        source=node["source_name"],
        name=node["name"],
        schema_name=node["schema"],
        identifier=node["identifier"],
        loader=node.get("loader") or "",
        meta=_read_source_meta(node),
        columns=tuple(columns),
        event_time=str((node.get("config") or {}).get("event_time") or ""),
        loaded_at=str(node.get("loaded_at_field") or (node.get("config") or {}).get("loaded_at_field") or ""),
        seed=str(node.get(SEED) or ""),
    )


def _make_mart(node: Node) -> Mart:
    meta = read_meta(node)
    primary_key, fault = _read_names(meta, "primary_key")
    budget = meta.get("diff_budget") or {}
    versioned = node.get("version") is not None
    return Mart(
        name=name_model(node),
        selector=f"fqn:{'.'.join(node['fqn'])}" if versioned and node.get("fqn") else node["name"],
        unique_id=node["unique_id"],
        schema_name=node["schema"],
        alias=node["alias"],
        materialized=node["config"].get("materialized", "table"),
        primary_key=primary_key,
        fault=fault or _find_misspelt_guard(meta),
        budget=budget if isinstance(budget, dict) else {"diff_budget": budget},
        may_be_empty=meta.get("may_be_empty") is True,
        keeps_rows=node["resource_type"] == "snapshot" or node["config"].get("full_refresh") is False,
        outside=str(node.get(OUTSIDE) or "") if node["resource_type"] == "snapshot" else "",
        foreign_keys=tuple(read_foreign_keys(node)),
    )


def find_database(manifest: Manifest) -> str:
    """The database that the profile names: that of most nodes which say none of their own, if there are any."""
    names = [
        str(node.get("database") or "")
        for node in manifest["nodes"].values()
        if not (node.get("config") or {}).get("database")
    ]
    return (
        Counter(names).most_common(1)[0][0]
        if names
        else str((manifest.get("metadata") or {}).get(DATABASE, ""))
    )


def is_elsewhere(node: Node, database: str) -> bool:
    """True for a node whose configured database is another than the profile's."""
    own = (node.get("config") or {}).get("database")
    return bool(own and database) and str(node.get("database")).casefold() != database.casefold()


def _map_models(manifest: Manifest) -> tuple[dict[str, Mart], dict[str, list[str]]]:
    """Name → model, each version by its own; and the ids of those whose names are one to a warehouse."""
    found: dict[str, Mart] = {}
    places: dict[str, list[Mart]] = {}
    for key, node in manifest["nodes"].items():
        if node["resource_type"] == "model":
            mart = _read(key, _make_mart, node)
            found[mart.name] = mart
            places.setdefault(mart.name.casefold(), []).append(mart)
    several = [marts for marts in places.values() if len(marts) > 1]
    return found, {mart.name: [each.unique_id for each in marts] for marts in several for mart in marts}


def _find_latest_versions(manifest: Manifest) -> dict[str, str]:
    """Name of a model with versions → what its latest version is called here."""
    return {
        node["name"]: name_model(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node.get("version") is not None
        and str(node["version"]) == str(node.get("latest_version"))
    }


def _list_disabled_models(manifest: Manifest) -> frozenset[str]:
    """Names of models that are switched off; a version's own, too."""
    models = [node for node in list_disabled(manifest) if node.get("resource_type") == "model"]
    return frozenset(name for node in models for name in (node["name"], name_model(node)))


def _find_disabled_refs(node: AnyNode, manifest: Manifest) -> list[str]:
    """Names of disabled models that a node refers to, where no enabled one has the same name."""
    found = []
    for ref in node.get("refs") or ():
        off = [each for each in list_disabled(manifest) if _is_meant(ref, each)]
        if off and not any(_is_meant(ref, each) for each in manifest["nodes"].values()):
            found.append(name_model(off[0]))
    return found


def _is_meant(ref: Ref, node: Node) -> bool:
    """True if a ref's name, and its version if it has one, are a node's."""
    versions = ref.get("version") is None or str(ref["version"]) == str(node.get("version"))
    return node["resource_type"] in BUILT and ref["name"] == node["name"] and versions


def _make_exposure(node: ExposureNode, manifest: Manifest) -> Exposure:
    meta, models = read_meta(node), manifest["nodes"]
    metrics, metrics_fault = _read_names(meta, "metrics")
    dimensions, dimensions_fault = _read_names(meta, "dimensions")
    fault, asked = metrics_fault or dimensions_fault, meta.get("analysis")
    analysis = Analysis(asked) if isinstance(asked, str) and asked in list(Analysis) else None
    if asked is not None and analysis is None:
        fault = fault or f"its meta's analysis is none of {', '.join(Analysis)}"
    if off := _find_disabled_refs(node, manifest):
        fault = fault or f"it depends on {', '.join(off)}, switched off (enabled: false)"
    return Exposure(
        name=node["name"],
        title=node.get("label") or node["name"],
        description=node.get("description", ""),
        marts=tuple(name_model(models[u]) for u in node["depends_on"]["nodes"] if u in models),
        ticket=None if meta.get("ticket") is None else str(meta["ticket"]),
        scheduled=bool(meta.get("schedule")),
        analysis=analysis,
        metrics=metrics,
        dimensions=dimensions,
        fault=fault,
        owner=_read_owner(node),
        live=meta.get("live") is True,
        approval=str(meta.get("approval") or "none"),
        schedule=schedule if isinstance(schedule := meta.get("schedule"), str) else "",
        wishes={name: meta[name] for name in WISHES if meta.get(name) is not None},
    )


def _read_owner(node: ExposureNode) -> str:
    """Who an exposure says owns it: a name, an address, or both."""
    owner = node.get("owner") or {}
    names = owner.get("email"), owner.get("name")
    email, name = (", ".join(each) if isinstance(each, list) else str(each or "") for each in names)
    return f"{name} ({email})" if name and email else name or email


def _read_names(meta: Mapping[str, object], key: str) -> tuple[tuple[str, ...], str]:
    """Names that a node's meta gives, as one or as a list; and what is wrong with anything else."""
    value = meta.get(key)
    names = [value] if isinstance(value, str) else value or []
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return (), f"{key} in its meta is no list of names: write [one, other]"
    return tuple(names), ""


def _find_misspelt_guard(meta: Mapping[str, object]) -> str:
    """What is wrong with a key that is nearly one by which the gate judges a mart; empty for other people's keys."""
    missing = [guard for guard in GUARDS if guard not in meta]
    for key in map(str, meta):
        if key not in GUARDS and (near := suggest_name(key, missing, 0.8)):
            return f"{key} in its meta is no key that is read{near}"
    return ""


def _read_texts(meta: Mapping[str, object], key: str) -> tuple[str, ...]:
    """The texts that a meta has under a key; what is no text is passed over, as a check of the project says so."""
    value = meta.get(key)
    words = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(word for word in words if isinstance(word, str))


def _say_unknown(kind: str, names: list[str], known: set[str]) -> str:
    """Which names of an exposure's meta are unknown, each with the nearest that is known."""
    faults = []
    for name in names:
        near = get_close_matches(name, sorted(known), 1)
        faults.append(f"{name} (did you mean {near[0]}?)" if near else name)
    return f"unknown {kind} in its meta: {', '.join(faults)}"


def _read_source_meta(node: Node) -> dict[str, object]:
    """A source table's meta, with that of its source."""
    return {**(node.get("source_meta") or {}), **read_meta(node)}


def _list_owners(metas: Iterable[Mapping[str, object]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(owner for meta in metas for owner in _read_texts(meta, "owner")))
