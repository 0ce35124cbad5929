"""The meta of every node that this workflow reads, against blocks/dbt/meta_models.py."""

from __future__ import annotations

from collections.abc import Iterator

from blocks.dbt.checks.nodes import get_meta, get_name, get_place, list_nodes
from blocks.dbt.meta_models import (
    DimensionMeta,
    ExposureMeta,
    MartMeta,
    Meta,
    MetricMeta,
    SourceColumnMeta,
    SourceTableMeta,
    find_meta_faults,
)
from blocks.findings import Finding, make_error
from blocks.manifest import Node

_FIX = "Correct it; `check --schema` prints a JSON Schema for editors."


def check_meta(manifest: Node) -> Iterator[Finding]:
    """Every key of meta that is misspelt or of the wrong kind."""
    for section, model in (("exposures", ExposureMeta), ("metrics", MetricMeta)):
        for node in list_nodes(manifest, section):
            yield from _check_node(model, node)
    for node in list_nodes(manifest, "semantic_models"):
        for dimension in node.get("dimensions") or ():
            about = f"dimension {dimension.get('name')} of {node.get('name')}"
            yield from _check_node(DimensionMeta, dimension, about, get_place(node))
    for node in list_nodes(manifest, "nodes"):
        if node.get("resource_type") == "model":
            yield from _check_node(MartMeta, node)
    for node in list_nodes(manifest, "sources"):
        yield from _check_node(SourceTableMeta, node)
        for name, column in (node.get("columns") or {}).items():
            yield from _check_node(SourceColumnMeta, column, f"{get_name(node)}.{name}", get_place(node))


def _check_node(model: type[Meta], node: Node, about: str = "", place: str = "") -> Iterator[Finding]:
    for key, problem in find_meta_faults(model, get_meta(node)):
        what = f"`{key}` in its meta" if key else "its meta"
        yield make_error(about or get_name(node), place or get_place(node), f"{what} {problem}", _FIX)
