"""What dbt declares around the models of one release, from the manifest: tests that reach beyond it, freshness.

Not here: what is done about it (tasks/building.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from blocks.manifest import SEED, WHOLE_RELEASE, Manifest, Node, UnitTest, find_lineage, name_id, name_model
from blocks.records import Record

BUILT = {"model", "seed", "snapshot"}


class DbtNode(Record):
    """A node that dbt builds, by its own names in the manifest's schema."""

    unique_id: str
    name: str
    schema_name: str
    alias: str
    materialized: str


class WiderTest(Record):
    """A test of a built model that reads others as well, or one that reads nothing by `ref` or `source`.

    missing: the models that this release does not build.

    about: the model that dbt says it is a test of, where this release does not build that one; else empty. A
    `relationships` test is one of the model with the reference, not of the one that is referred to.
    """

    unique_id: str
    name: str
    scope: str
    selector: str
    missing: tuple[DbtNode, ...]
    about: str = ""


def find_wider_tests(manifest: Manifest, built: Collection[str]) -> list[WiderTest]:
    """Tests that dbt's cautious selection leaves out without a word, though they may test what is built."""
    nodes = manifest["nodes"]
    found = []
    for test in [each for each in nodes.values() if each["resource_type"] == "test"]:
        parents = test["depends_on"]["nodes"]
        inside = [parent for parent in parents if parent in built]
        if parents and (not inside or len(inside) == len(parents)):
            continue  # of others, or dbt takes it
        missing = _find_relations(nodes, [parent for parent in parents if parent not in built], built)
        found.append(
            WiderTest(
                unique_id=test["unique_id"],
                name=test["name"],
                scope=_name_scope(test, inside, nodes),
                selector="fqn:" + ".".join(test["fqn"]),
                missing=tuple(missing),
                about=str(test.get("attached_node") or "") if test.get("attached_node") not in built else "",
            )
        )
    return found


def find_tests(manifest: Manifest, built: Collection[str]) -> list[str]:
    """Ids of the tests that dbt's cautious selection takes with these nodes, and of the unit tests of them."""
    tests: list[Node | UnitTest] = [
        each for each in manifest["nodes"].values() if each["resource_type"] == "test"
    ]
    tests += (manifest.get("unit_tests") or {}).values()
    parents = {each["unique_id"]: each["depends_on"]["nodes"] for each in tests}
    return [key for key, nodes in parents.items() if nodes and all(node in built for node in nodes)]


def find_fresh_sources(manifest: Manifest, built: Collection[str]) -> list[str]:
    """Sources, `source.table`, of a release that declare how fresh they have to be."""
    return sorted(
        f"{source['source_name']}.{source['name']}"
        for unique_id, source in manifest["sources"].items()
        if unique_id in built and has_threshold(source) and not source.get(SEED)
    )


def find_blockers(manifest: Manifest, skipped: str, failed: Collection[str]) -> list[str]:
    """Ids of those failed nodes for which dbt left another out; all of them where the manifest does not tell.

    dbt builds on a model once the tests of it have passed. A test is left out with the model that it is about.
    """
    node = manifest["nodes"].get(skipped) or manifest.get("unit_tests", {}).get(skipped) or {}
    is_test = node.get("resource_type") in {"test", "unit_test"}
    targets = node.get("depends_on", {}).get("nodes", []) if is_test else [skipped]
    above = manifest["parent_map"]
    reach = [
        (target, find_lineage([target], lambda node: above.get(node, ())) - {target}) for target in targets
    ]
    found = [each for each in failed if any(_is_cause(manifest, each, *place) for place in reach)]
    return found or list(failed)


def _is_cause(manifest: Manifest, failed: str, target: str, above: Collection[str]) -> bool:
    if failed in manifest.get("unit_tests", {}):  # runs before its model
        return not {*manifest["unit_tests"][failed]["depends_on"]["nodes"]}.isdisjoint({target, *above})
    node = manifest["nodes"].get(failed) or {}
    if node.get("resource_type") != "test":
        return failed in above
    return bool(parents := {*node["depends_on"]["nodes"]}) and parents <= set(above)


def _find_relations(nodes: Mapping[str, Node], names: list[str], built: Collection[str]) -> list[DbtNode]:
    """The nodes with a relation of their own; for an ephemeral model, those that it is made of."""
    found: dict[str, DbtNode] = {}
    todo = list(names)
    while todo:
        node = nodes.get(todo.pop())
        if node is None or node["unique_id"] in built or node["resource_type"] not in BUILT:
            continue  # a source is there whether it is in this release or not
        kind = node["config"].get("materialized", "table")
        if kind == "ephemeral":
            todo += node["depends_on"]["nodes"]
        else:
            found[node["unique_id"]] = DbtNode(
                unique_id=node["unique_id"],
                name=name_model(node),
                schema_name=node["schema"],
                alias=node["alias"],
                materialized=kind,
            )
    return list(found.values())


def _name_scope(test: Node, inside: list[str], nodes: Mapping[str, Node]) -> str:
    if not inside:
        return WHOLE_RELEASE
    attached = test.get("attached_node")
    about = str(attached if attached in inside else inside[0])
    if about in nodes:
        return name_model(nodes[about])
    return name_id(about)


def has_threshold(source: Node) -> bool:
    """True if a source says how old its newest row may be."""
    rules = [source.get("freshness") or {}, source.get("config", {}).get("freshness") or {}]
    ages = [age for rule in rules for age in (rule.get("warn_after"), rule.get("error_after"))]
    return any((age or {}).get("count") for age in ages)
