"""The data dictionary of what readers see: marts, their columns, metrics, tests, owners, and where each comes from.

All of it is dbt's manifest and the columns' lineage. Not here: what its page looks like (blocks/site/html).
"""

from __future__ import annotations

from collections.abc import Mapping

from blocks.catalogue import Catalogue
from blocks.column_lineage import ALL, ColumnLineage, ColumnRef
from blocks.manifest import AnyNode, Manifest, Node, NodeColumn, name_model, read_meta
from blocks.records import Record


class DictionaryColumn(Record):
    """A mart's column. made_of: columns of sources and seeds, as `source.table.column`; tests: dbt's, by kind."""

    name: str
    data_type: str = ""
    description: str = ""
    tests: tuple[str, ...] = ()
    made_of: tuple[str, ...] = ()


class DictionaryMetric(Record):
    """A metric that can be shown of a mart."""

    name: str
    label: str
    description: str = ""


class DictionaryMart(Record):
    """A mart that readers see. tests: dbt's that are of no single column; sources: tables beneath it.

    node: its id in dbt. made_of_known: False where no lineage of its columns is known.
    """

    name: str
    node: str = ""
    description: str = ""
    owner: str = ""
    columns: tuple[DictionaryColumn, ...] = ()
    metrics: tuple[DictionaryMetric, ...] = ()
    tests: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    dashboards: tuple[tuple[str, str], ...] = ()
    made_of_known: bool = True


class Dictionary(Record):
    """Everything that a release shows. run: its name."""

    run: str
    marts: tuple[DictionaryMart, ...]


def write_dictionary(
    manifest: Manifest,
    catalogue: Catalogue,
    lineage: ColumnLineage,
    run: str,
    types: Mapping[str, Mapping[str, str]],
) -> Dictionary:
    """The dictionary of these marts. types: mart → its columns as readers see them, with types."""
    marts = [
        _describe_mart(manifest, catalogue, lineage, name, types[name])
        for name in sorted(types)
        if name in catalogue.models
    ]
    return Dictionary(run=run, marts=tuple(marts))


def _describe_mart(
    manifest: Manifest,
    catalogue: Catalogue,
    lineage: ColumnLineage,
    name: str,
    types: Mapping[str, str],
) -> DictionaryMart:
    key = catalogue.models[name].unique_id
    node = manifest["nodes"][key]
    tests = [
        each
        for each in manifest["nodes"].values()
        if each["resource_type"] == "test" and each.get("attached_node") == key
    ]
    traced = (model := lineage.model(key)) is not None and model.understood
    declared = {str(column).lower(): column for column in (node.get("columns") or {})}
    columns = [
        DictionaryColumn(
            name=column,
            data_type=kind.lower(),
            description=_describe(node["columns"][declared[column.lower()]])
            if column.lower() in declared
            else "",
            tests=tuple(_name_test(test) for test in tests if _is_about(test, column)),
            made_of=tuple(_name_ref(manifest, ref) for ref in sorted(lineage.origins(key, column)))
            if traced
            else (),
        )
        for column, kind in types.items()
    ]
    return DictionaryMart(
        name=name,
        node=key,
        description=_describe(node),
        owner=_find_owner(manifest, node),
        columns=tuple(columns),
        metrics=tuple(
            DictionaryMetric(name=each.name, label=each.label, description=each.description)
            for each in map(catalogue.metric, catalogue.metric_names())
            if each.mart == name
        ),
        tests=tuple(_name_test(test) for test in tests if not test.get("column_name")),
        sources=tuple(
            sorted(
                f"{source['source_name']}.{source['name']}"
                for each, source in manifest["sources"].items()
                if each in catalogue.find_lineage(name)
            )
        ),
        dashboards=tuple(
            (each.name, each.title) for each in catalogue.exposures if name in each.marts and each.metrics
        ),
        made_of_known=traced,
    )


def _describe(node: AnyNode | NodeColumn) -> str:
    return str(node.get("description") or "").strip()


def _is_about(test: Node, column: str) -> bool:
    return str(test.get("column_name") or "").strip('"`').lower() == column.lower()


def _name_test(test: Node) -> str:
    """A test's kind with what it allows, or the name of one that is SQL of its own."""
    about = test.get("test_metadata") or {}
    given = about.get("kwargs") or {}
    kind = str(about.get("name") or test["name"]).replace("_", " ")
    if isinstance(values := given.get("values"), list):
        return f"{kind}: {', '.join(map(str, values))}"
    if to := given.get("to"):
        return f"{kind} to {to}"
    return kind


def _name_ref(manifest: Manifest, ref: ColumnRef) -> str:
    key, column = ref
    node = manifest["sources"].get(key) or manifest["nodes"].get(key) or {}
    table = (
        f"{node['source_name']}.{node['name']}"
        if "source_name" in node
        else name_model(node)
        if node
        else key
    )
    return f"{table} (all of it)" if column == ALL else f"{table}.{column}"


def _find_owner(manifest: Manifest, node: Node) -> str:
    """Who answers for a model: its meta's owner, its group's, or that of a dashboard on it."""
    meta = read_meta(node)
    if isinstance(meta.get("owner"), str):
        return str(meta["owner"])
    group = (node.get("config") or {}).get("group") or node.get("group")
    owners = [
        each.get("owner") for each in (manifest.get("groups") or {}).values() if each.get("name") == group
    ]
    owners += [
        each.get("owner")
        for each in manifest["exposures"].values()
        if node["unique_id"] in (each.get("depends_on") or {}).get("nodes", ())
    ]
    found = [owner.get("name") or owner.get("email") for owner in owners if isinstance(owner, Mapping)]
    return next((str(each) for each in found if each), "")
