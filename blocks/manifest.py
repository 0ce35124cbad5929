"""dbt's manifest.json as far as it is read here: the types of its parts, and what a node of it is called.

A key that is read is added to its type, as dbt's schema of the manifest (v12) has it. No key is sure to be there: an
older dbt or another tool may have written the file. Who reads a key that has to be there takes it by `[]`, and a
manifest of another shape is refused where the catalogue is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypedDict

OUTSIDE: Final = "outside"  # our own key of a node: the schema in which its project keeps it
OTHER: Final = (
    "other_database"  # our own key of a node: the database that its project names, which is not used
)
SEED: Final = "seed"  # our own key of a source's table: the id of the seed that makes it
DATABASE: Final = "target_database"  # our own key of its metadata: the database that the profile names
WHOLE_RELEASE = "release"  # what a check is about that is about no mart or source alone
_FILE_NAME = re.compile(r"[\w-]+")


class DependsOn(TypedDict, total=False):
    """What a node is made of. nodes: ids."""

    nodes: list[str]


class Ref(TypedDict, total=False):
    """A `ref` of a node, as it is written: to a model by name, and to one of its versions."""

    name: str
    version: str | float | None


class Owner(TypedDict, total=False):
    """Who answers for a group or an exposure. dbt takes one address or several."""

    name: str | None
    email: str | list[str] | None


class Threshold(TypedDict, total=False):
    """An age, as so many of a period. Both are None where a project declares none."""

    count: int | None
    period: str | None


class Freshness(TypedDict, total=False):
    """How old a source's newest row may be."""

    warn_after: Threshold | None
    error_after: Threshold | None


class Hook(TypedDict, total=False):
    """SQL that runs before or after a model is built."""

    sql: str


_Hooks = TypedDict(
    "_Hooks", {"pre-hook": list[Hook | str] | None, "post-hook": list[Hook | str] | None}, total=False
)


class Contract(TypedDict, total=False):
    """Whether a model's contract is held to."""

    enforced: bool


class Constraint(TypedDict, total=False):
    """What a contract says of columns. to, to_columns: of a foreign key."""

    type: str
    columns: list[str]
    to: str | None
    to_columns: list[str]


class NodeConfig(_Hooks, total=False):
    """A node's configuration, by whatever kinds of nodes it is read."""

    meta: dict[str, object]
    contract: Contract
    enabled: bool
    materialized: str
    database: str | None
    full_refresh: bool | None
    group: str | None
    location: str | None
    persist_docs: dict[str, bool]
    event_time: str | None
    freshness: Freshness | None
    loaded_at_field: str | None
    loaded_at_query: str | None
    severity: str
    where: str | None
    limit: int | None
    fail_calc: str
    warn_if: str
    error_if: str
    unique_key: str | list[str] | None
    incremental_strategy: str | None
    on_schema_change: str | None
    delimiter: str | None
    column_types: dict[str, str]
    store_failures: bool | None


class NodeColumn(TypedDict, total=False):
    """A column as a project declares it."""

    name: str
    description: str
    data_type: str | None
    meta: dict[str, object]
    config: NodeConfig
    constraints: list[Constraint]
    quote: bool | None


class TestMetadata(TypedDict, total=False):
    """A generic test. namespace: the package that its macro is of; None for dbt's own."""

    name: str
    namespace: str | None
    kwargs: dict[str, object]


class Checksum(TypedDict, total=False):
    """How a node's file is told from another one. name: of the method."""

    name: str
    checksum: str


class AnyNode(TypedDict, total=False):
    """What all kinds of nodes have."""

    unique_id: str
    name: str
    resource_type: str
    package_name: str
    description: str
    original_file_path: str
    patch_path: str | None
    config: NodeConfig
    meta: dict[str, object]
    depends_on: DependsOn
    refs: list[Ref]


class Node(AnyNode, total=False):
    """A model, seed, snapshot, test, hook on the start or the end of a run, or a table of a source.

    outside, other_database, seed: our own keys, see OUTSIDE, OTHER and SEED. From source_name on: of sources. From
    attached_node on: of tests.
    """

    database: str | None
    schema: str
    alias: str
    fqn: list[str]
    tags: list[str]
    path: str
    version: str | float | None
    latest_version: str | float | None
    group: str | None
    language: str
    raw_code: str
    columns: dict[str, NodeColumn]
    constraints: list[Constraint]
    checksum: Checksum
    time_spine: dict[str, object] | None
    unrendered_config: dict[str, object]
    outside: str
    other_database: str
    seed: str
    source_name: str
    source_meta: dict[str, object]
    identifier: str
    loader: str
    freshness: Freshness | None
    loaded_at_field: str | None
    loaded_at_query: str | None
    attached_node: str | None
    column_name: str | None
    test_metadata: TestMetadata | None


class UnitTest(AnyNode, total=False):
    """A unit test of a model."""

    given: list[object]
    expect: dict[str, object]
    overrides: dict[str, object] | None
    versions: object
    checksum: str | None


class ExposureNode(AnyNode, total=False):
    """An exposure. type: `dashboard` and the like."""

    type: str
    label: str | None
    owner: Owner


class GroupNode(AnyNode, total=False):
    """A group of models."""

    owner: Owner


class MacroNode(AnyNode, total=False):
    """A macro with its text."""

    macro_sql: str


class DimensionParams(TypedDict, total=False):
    """How fine a time dimension is, and whether it is one end of what a row is valid for."""

    time_granularity: str
    validity_params: dict[str, object] | None


class DimensionNode(TypedDict, total=False):
    """A dimension of a semantic model. type: `categorical` or `time`."""

    name: str
    type: str
    label: str | None
    expr: str | None
    type_params: DimensionParams | None
    meta: dict[str, object]
    config: NodeConfig


class EntityNode(TypedDict, total=False):
    """An entity of a semantic model. type: `primary`, `unique`, `natural` or `foreign`."""

    name: str
    type: str
    expr: str | None


class NonAdditiveDimension(TypedDict, total=False):
    """The time of which a measure counts the first or the last moment only. window_choice: `min` or `max`."""

    name: str
    window_choice: str
    window_groupings: list[str]


class AggregationParams(TypedDict, total=False):
    """Which percentile a measure is."""

    percentile: float | None
    use_discrete_percentile: bool
    use_approximate_percentile: bool


class MeasureNode(TypedDict, total=False):
    """A measure of a semantic model, or of a metric that aggregates by itself: then of the model that it names."""

    name: str
    agg: str
    expr: str | None
    agg_params: AggregationParams | None
    agg_time_dimension: str | None
    non_additive_dimension: NonAdditiveDimension | None
    semantic_model: str


class SemanticDefaults(TypedDict, total=False):
    """What holds for measures that don't say it themselves."""

    agg_time_dimension: str | None


class SemanticModelNode(AnyNode, total=False):
    """A semantic model. model: the `ref` that it is on, as it is written."""

    model: str
    primary_entity: str | None
    defaults: SemanticDefaults | None
    entities: list[EntityNode]
    dimensions: list[DimensionNode]
    measures: list[MeasureNode]


class WhereFilter(TypedDict):
    """A filter, a template of SQL."""

    where_sql_template: str


class Filters(TypedDict, total=False):
    """The filters of a metric, or of a part of one."""

    where_filters: list[WhereFilter]


class TimeReach(TypedDict):
    """So many of a grain of time."""

    count: int
    granularity: str


class MetricInput(TypedDict, total=False):
    """A metric or a measure as a metric reads it."""

    name: str
    alias: str | None
    filter: Filters | None
    offset_window: TimeReach | None
    offset_to_grain: str | None
    join_to_timespine: bool
    fill_nulls_with: float | None


class CumulativeParams(TypedDict, total=False):
    """Over what a cumulative metric adds up. period_agg: `first`, `last` or `average`."""

    window: TimeReach | None
    grain_to_date: str | None
    period_agg: str
    metric: MetricInput | None


class MetricParams(TypedDict, total=False):
    """What a metric is computed of. Which of these it has goes by its type: numerator to expr may be null, too."""

    measure: MetricInput | None
    metric_aggregation_params: MeasureNode | None
    numerator: MetricInput
    denominator: MetricInput
    metrics: list[MetricInput]
    expr: str
    window: TimeReach | None
    grain_to_date: str | None
    cumulative_type_params: CumulativeParams | None
    join_to_timespine: bool
    fill_nulls_with: float | None


class MetricNode(AnyNode, total=False):
    """A metric. type: `simple`, `ratio`, `derived`, `cumulative` or `conversion`."""

    type: str
    label: str | None
    type_params: MetricParams
    filter: Filters | None


class Metadata(TypedDict, total=False):
    """What wrote the manifest, of which project. target_database: our own key, see DATABASE."""

    dbt_version: str
    project_name: str | None
    adapter_type: str | None
    target_database: str | None


class Manifest(TypedDict, total=False):
    """A whole manifest; parts by id. parent_map, child_map: id → ids. disabled: what is switched off."""

    metadata: Metadata
    nodes: dict[str, Node]
    sources: dict[str, Node]
    exposures: dict[str, ExposureNode]
    metrics: dict[str, MetricNode]
    semantic_models: dict[str, SemanticModelNode]
    unit_tests: dict[str, UnitTest]
    groups: dict[str, GroupNode]
    macros: dict[str, MacroNode]
    disabled: dict[str, Node | list[Node]]
    parent_map: dict[str, list[str]]
    child_map: dict[str, list[str]]


def read_meta(node: AnyNode | NodeColumn | DimensionNode) -> dict[str, object]:
    """A node's meta: dbt keeps it under config, older projects beside it."""
    return {**(node.get("meta") or {}), **((node.get("config") or {}).get("meta") or {})}


def list_hooks(config: NodeConfig, before: bool) -> list[str]:
    """The SQL of the hooks that run before a model is built, or after it."""
    hooks = config.get("pre-hook") if before else config.get("post-hook")
    return [str(hook.get("sql") if isinstance(hook, Mapping) else hook) for hook in hooks or ()]


def name_model(node: Node) -> str:
    """What a node of the manifest is called here and served as: its name, or a versioned model's relation's alias.

    All versions of a model have one name, and dbt makes a relation for each. An alias that could be no file's name
    gives way to the name that dbt gives a version by itself.
    """
    version, alias = node.get("version"), str(node.get("alias"))
    if version is None:
        return str(node["name"])
    return alias if node.get("alias") and _FILE_NAME.fullmatch(alias) else f"{node['name']}_v{version}"


def name_id(unique_id: str) -> str:
    """What a node is called of which only the id is known: a source's `source.table`, a model without its version."""
    kind, _, *names = unique_id.split(".")
    return ".".join(names) if kind == "source" else names[0]


def find_lineage(starts: Iterable[str], list_parents: Callable[[str], Iterable[str]]) -> set[str]:
    """Ids of nodes and of all that they are made of. list_parents: of a node's id, what it is made of itself."""
    todo, seen = list(starts), set[str]()
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += list_parents(node)
    return seen


def list_disabled(manifest: Manifest) -> list[Node]:
    """What a project declares and has switched off (`enabled: false`)."""
    found: list[Node] = []
    for nodes in (manifest.get("disabled") or {}).values():
        found += [nodes] if isinstance(nodes, Mapping) else nodes
    return found
