"""What a project's sources leave open: who loads them, types, freshness, two that share a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from blocks.catalogue import find_database
from blocks.dbt.checks.nodes import (
    get_config,
    get_meta,
    get_name,
    get_place,
    list_nodes,
    make_node_error,
    warn_about,
)
from blocks.dbt.release_scope import has_threshold
from blocks.findings import Finding, make_error, suggest_column, suggest_name
from blocks.manifest import OTHER, SEED, Manifest, Node
from blocks.release_names import is_in_release

LOADED_AT = "_loaded_at"
HOURS = {"minute": 1 / 60, "hour": 1, "day": 24}
TEXTS = frozenset({"varchar", "text", "string"})
OWN_READING = frozenset({"external_location", "plugin"})
"""Keys of a source's meta by which dbt-duckdb reads its data where they lie, whatever a table of its name holds."""


def check_sources(
    manifest: Manifest,
    built: Collection[str],
    loaders: Collection[str],
    reserved: Collection[str],
    schema: str,
) -> Iterator[Finding]:
    """The sources that the marts are made of. loaders: kinds that there are; reserved: schemas of our own.

    schema: the release's, as the manifest was parsed with.
    """
    places: dict[str, list[Node]] = defaultdict(list)
    usual = find_database(manifest)
    for node in list_nodes(manifest.get("sources")):
        places[f"{node.get('schema')}.{node.get('identifier')}".lower()].append(node)
        if node.get("unique_id") not in built:
            continue
        if seed := node.get(SEED):
            yield from _check_label(node, str(seed), loaders)
            continue
        yield from _check_loader(node, loaders)
        if node.get("loader") in loaders:
            yield from _check_columns(node)
            yield from _check_database(node, usual)
            yield from _check_cursor(node)
        if node.get(OTHER):
            yield warn_about(
                node,
                f"it names database {node[OTHER]}: here it is read in the warehouse's own, {node.get('database')}",
                "Nothing, if its rows are to come from there; else attach that database in the project's profiles.yml.",
            )
        yield from _check_freshness(node)
        if is_in_release(str(node.get("schema")), schema):
            yield make_node_error(
                node,
                "its schema follows target.schema, which is another one in each run: nothing can have been put there",
                f"Give it a schema of its own, as raw_{node.get('source_name')}.",
            )
        if str(node.get("schema")).lower() in reserved:
            yield make_node_error(
                node,
                f"its schema {node.get('schema')} belongs to this workflow, which replaces what is in it",
                "Keep raw data in a schema of their own.",
            )
    for place, nodes in places.items():
        loaded = [node for node in nodes if node.get("loader") and not node.get(SEED)]
        if len(nodes) > 1 and loaded:
            yield make_error(
                get_name(nodes[0]),
                get_place(nodes[0]),
                f"{' and '.join(get_name(node) for node in nodes)} are the same table, {place}",
                "Give each a schema or an identifier of its own: one load would replace the other's rows.",
            )


def _check_loader(node: Node, loaders: Collection[str]) -> Iterator[Finding]:
    loader = str(node.get("loader") or "")
    own = _find_own_reading(node)
    if loader in loaders and own:
        yield make_node_error(
            node,
            f"its {own} has dbt read the data where they lie, past what `{loader}` loads and checks",
            f"Take {own} out of its meta, or `loader` out of the source.",
        )
    if loader in loaders:
        return
    near = suggest_name(loader, loaders, 0.6) if loader else ""
    if near:
        yield make_node_error(node, f"its loader `{loader}` is unknown{near}", "Correct it.")
        return
    reason = f"its loader `{loader}` is none of this workflow" if loader else "it has no loader"
    where = f"where its {own} says" if own else f"in {node.get('schema')}"
    yield warn_about(
        node,
        f"{reason}: it is read as it stands {where}, whoever fills it",
        f"To have it loaded, write `loader:` {', '.join(sorted(loaders))}; else declare its freshness.",
    )


def _check_database(node: Node, usual: str) -> Iterator[Finding]:
    """A source that is loaded into the warehouse's database and read in another. usual: the warehouse's."""
    own = str(node.get("database") or "")
    if usual and own and own.casefold() != usual.casefold():
        yield make_node_error(
            node,
            f"its models read it in database {own}, but `{node.get('loader')}` loads it into {usual}",
            "Take `database` out of the source.",
        )


def _find_own_reading(node: Node) -> str:
    """The key by which dbt reads a source's data itself; empty where there is none."""
    meta = get_meta(node)
    return next(
        (
            key
            for key in sorted(OWN_READING)
            if key in get_config(node) or (isinstance(meta, Mapping) and key in meta)
        ),
        "",
    )


def _check_label(node: Node, seed: str, loaders: Collection[str]) -> Iterator[Finding]:
    """A loader's word on a source that a seed makes."""
    if (loader := node.get("loader")) in loaders:
        yield warn_about(
            node,
            f"seed {seed.rpartition('.')[2]} makes it in each release: its loader `{loader}` is a label, and not run",
            f"Take `loader` out of the source; if {loader} fills it, give the seed a schema or alias of its own.",
        )


def _check_columns(node: Node) -> Iterator[Finding]:
    columns = node.get("columns") or {}
    untyped = [name for name, column in columns.items() if not column.get("data_type")]
    if columns and not untyped:
        return
    what = f"{', '.join(untyped[:5])} {'has' if len(untyped) == 1 else 'have'} no type"
    yield warn_about(
        node,
        f"{what if columns else 'it declares no column'}: what has no type is loaded as text",
        "Declare `data_type`; `init` proposes the types that the data have.",
    )


def _check_cursor(node: Node) -> Iterator[Finding]:
    """A cursor that is a text: rows whose text comes before the last one would never be read."""
    meta = get_meta(node)
    cursor = (
        str(meta.get("cursor") or "") if isinstance(meta, Mapping) and meta.get("load") == "merge" else ""
    )
    column = (node.get("columns") or {}).get(cursor)
    if column and str(column.get("data_type") or "text").lower().strip() in TEXTS:
        yield warn_about(
            node,
            f"its cursor {cursor} is a text, in which 10 comes before 9: new rows may be passed over",
            "Declare its `data_type` as timestamp, date or a number, or take another column.",
        )


def _check_freshness(node: Node) -> Iterator[Finding]:
    if not has_threshold(node):
        yield warn_about(
            node,
            "it declares no freshness: old data pass without a word",
            "Declare `freshness` with warn_after or error_after, and `loaded_at_field`.",
        )
    elif not (node.get("loaded_at_field") or node.get("loaded_at_query") or _get_field(node)):
        yield make_node_error(
            node,
            "it declares its freshness but no `loaded_at_field`: the check can't run, and what can't run fails",
            "Declare `loaded_at_field`, `_loaded_at` for what is loaded by dlt here.",
        )
    field = str(node.get("loaded_at_field") or _get_field(node) or "").casefold()
    known = {LOADED_AT, *(str(name).casefold() for name in node.get("columns") or {})}
    near = suggest_column(field, known) if node.get("loader") == "dlt" and field not in known else ""
    if near:
        yield make_node_error(node, f"its `loaded_at_field` {field} is no column of it{near}", "Correct it.")
    limits = node.get("freshness") or get_config(node).get("freshness") or {}
    warned, refused = (_read_hours(limits.get(key)) for key in ("warn_after", "error_after"))
    if warned and refused and refused < warned:
        problem = "its freshness is an error before it is a warning, so that nobody is warned"
        yield warn_about(node, problem, "Let `warn_after` be the shorter of the two.")


def _read_hours(limit: object) -> float:
    """A threshold of freshness in hours; 0 for none."""
    if not isinstance(limit, Mapping) or not isinstance(limit.get("count"), int):
        return 0
    return float(limit["count"] * HOURS.get(str(limit.get("period")), 0))


def _get_field(node: Node) -> object:
    return get_config(node).get("loaded_at_field") or get_config(node).get("loaded_at_query")
