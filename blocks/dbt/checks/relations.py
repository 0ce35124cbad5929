"""What a build makes and runs beside the marts in their release: other schemas, snapshots, hooks, external writers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from blocks.catalogue import BUILT, find_database, is_elsewhere
from blocks.dbt.checks.nodes import get_config, get_name, get_place, list_nodes, make_node_error, warn_about
from blocks.dbt.hooks import runs_statements
from blocks.dbt.macros import Macros
from blocks.findings import Finding, suggest_name, warn
from blocks.manifest import OTHER, OUTSIDE, Manifest, Node, list_hooks, name_model
from blocks.release_names import is_in_release

MOVED_KINDS = {"model", "seed"}
_OWN = {"table", "view", "incremental", "ephemeral", "snapshot", "seed", "materialized_view", "dynamic_table"}


def check_relations(manifest: Manifest, built: Collection[str], schema: str) -> Iterator[Finding]:
    """What is built for the marts and is not, or not only, in the release. built: ids of all that they are made of.

    schema: the release's, as the manifest was parsed with.
    """
    usual, macros, known = find_database(manifest), Macros(manifest), _list_materializations(manifest)
    for node in list_nodes(manifest.get("nodes")):
        if node.get("unique_id") in built and node.get("resource_type") in BUILT:
            yield from _check_place(node, schema, usual)
            yield from _check_writer(node, known)
            yield from _check_hooks(node)
            if runs_statements(node, macros):
                yield warn_about(
                    node,
                    "its code, or a macro that it calls, may write as it is compiled, in every attempt, checked or not",
                    "Let it write nothing, or only to `this`; dbt's tests are asked again after it.",
                )
    yield from _check_moved(manifest, built)
    yield from _check_operations(manifest)


def _check_moved(manifest: Manifest, built: Collection[str]) -> Iterator[Finding]:
    """One warning for all models and seeds that are built in the release in place of the project's own schemas.

    Another one for those that are built in its database in place of the project's own.
    """
    nodes = [
        node
        for node in list_nodes(manifest.get("nodes"))
        if node.get("unique_id") in built and node.get("resource_type") in MOVED_KINDS
    ]
    moved = [node for node in nodes if node.get(OUTSIDE) and not node.get(OTHER)]
    if moved:
        yield _warn_of_moved(
            moved,
            "generate_schema_name",
            f"kept in schema {_join_all(node.get(OUTSIDE) for node in moved)} by generate_schema_name: here they are "
            "built in a schema of each release's own, so who reads that schema sees nothing new",
        )
    if apart := [node for node in nodes if node.get(OTHER)]:
        yield _warn_of_moved(
            apart,
            "database",
            f"kept in database {_join_all(node.get(OTHER) for node in apart)} by the project: here they are built in "
            "each release, in the warehouse's own database, so who reads that one sees nothing new",
        )


def _warn_of_moved(nodes: Sequence[Node], about: str, problem: str) -> Finding:
    names = ", ".join(sorted(name_model(node) for node in nodes)[:5])
    several = f"{len(nodes)} models and seeds ({names}) are" if len(nodes) > 1 else "it is"
    return warn(
        about if len(nodes) > 1 else get_name(nodes[0]),
        get_place(nodes[0]),
        f"{several} {problem}",
        "Nothing, if readers look where this workflow publishes; else let them read that.",
    )


def _join_all(names: Iterable[object]) -> str:
    return ", ".join(sorted({str(each) for each in names}))


def _check_place(node: Node, schema: str, usual: str) -> Iterator[Finding]:
    config, kind = get_config(node), node.get("resource_type")
    if config.get("materialized") == "ephemeral":
        return
    if is_elsewhere(node, usual):
        yield make_node_error(
            node,
            f"it is built in another database, {config['database']}: outside of the release",
            "Take `database` out of its config: places of this warehouse are folders, and none is put for another.",
        )
    if kind == "snapshot" and node.get(OTHER):
        schema_name = node.get(OUTSIDE) or f"history_of_{node.get('name')}"
        yield warn_about(
            node,
            f"its config keeps it in database {node[OTHER]}: here its history begins anew and is carried from release "
            "to release, in the warehouse's own database",
            f"To begin with what it holds, copy its table into schema {schema_name} of the warehouse's own database "
            "before the first run, and let its config keep it there (`target_schema`), without a database.",
        )
    elif kind == "snapshot" and node.get(OUTSIDE):
        yield warn_about(
            node,
            f"its config keeps it in schema {node[OUTSIDE]}: its history begins with what stands there and is then "
            "carried from release to release, so who reads that schema sees nothing new",
            "Take `target_schema` or `schema` out of its config, once a release holds it.",
        )
    if not is_in_release(str(node.get("schema")), schema):
        yield make_node_error(
            node,
            f"it is built in schema {node.get('schema')}, where readers may see it before it is checked",
            "Let generate_schema_name begin with target.schema, as dbt's own does, or give it an alias of its own, if "
            "another relation in the release has its name.",
        )


def _list_materializations(manifest: Manifest) -> set[str]:
    """The materializations that dbt, the adapter, the project and its packages have macros for; none of none."""
    names = [str(each.get("name")) for each in (manifest.get("macros") or {}).values()]
    begin = "materialization_"
    return {name.removeprefix(begin).rpartition("_")[0] for name in names if name.startswith(begin)}


def _check_writer(node: Node, known: Collection[str]) -> Iterator[Finding]:
    """known: the materializations that there are; empty: nobody knows."""
    config = get_config(node)
    kind = str(config.get("materialized") or "table")
    if kind == "external" or config.get("location"):
        yield warn_about(
            node,
            "it writes files as it is built, before anything is checked, and a rollback does not take them back",
            "Write files from a published mart, or know that they may be of a refused release.",
        )
    elif known and kind not in _OWN | set(known):
        near = suggest_name(kind, _OWN | set(known))
        yield make_node_error(
            node, f"its materialization `{kind}` is unknown{near}: it can't be built", "Correct it."
        )
    elif kind not in _OWN:
        yield warn_about(
            node,
            f"its materialization `{kind}` is the project's own: what it writes is not known here",
            "Let it write only to `this`.",
        )


def _check_hooks(node: Node) -> Iterator[Finding]:
    for name, when in (("pre-hook", "before"), ("post-hook", "after")):
        hooks = list_hooks(get_config(node), before=when == "before")
        if any(hook.strip() for hook in hooks):
            yield warn_about(
                node,
                f"its {name} runs {when} it is built, in every attempt, checked or not",
                "Let it touch nothing but `this`.",
            )


def _check_operations(manifest: Manifest) -> Iterator[Finding]:
    for node in list_nodes(manifest.get("nodes")):
        if node.get("resource_type") == "operation":
            yield warn(
                f"hook {node.get('name')}",
                get_place(node),
                "it runs with every build, in every attempt, whether the release is published or not",
                "Let it be harmless when it runs for a release that is refused.",
            )
