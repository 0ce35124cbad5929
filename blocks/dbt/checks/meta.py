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
from blocks.manifest import AnyNode, Manifest

_FIX = "Correct it; `check --schema` prints a JSON Schema for editors."


def check_meta(manifest: Manifest) -> Iterator[Finding]:
    """Every key of meta that is misspelt or of the wrong kind."""
    for exposure in list_nodes(manifest.get("exposures")):
        yield from _check_node(ExposureMeta, exposure)
    for metric in list_nodes(manifest.get("metrics")):
        yield from _check_node(MetricMeta, metric)
    for semantic in list_nodes(manifest.get("semantic_models")):
        for dimension in semantic.get("dimensions") or ():
            about = f"dimension {dimension.get('name')} of {semantic.get('name')}"
            yield from _check_meta(DimensionMeta, get_meta(dimension), about, get_place(semantic))
    for node in list_nodes(manifest.get("nodes")):
        if node.get("resource_type") == "model":
            yield from _check_node(MartMeta, node)
    for source in list_nodes(manifest.get("sources")):
        yield from _check_node(SourceTableMeta, source)
        for name, column in (source.get("columns") or {}).items():
            about = f"{get_name(source)}.{name}"
            yield from _check_meta(SourceColumnMeta, get_meta(column), about, get_place(source))


def _check_node(model: type[Meta], node: AnyNode) -> Iterator[Finding]:
    return _check_meta(model, get_meta(node), get_name(node), get_place(node))


def _check_meta(model: type[Meta], meta: object, about: str, place: str) -> Iterator[Finding]:
    for key, problem in find_meta_faults(model, meta):
        what = f"`{key}` in its meta" if key else "its meta"
        yield make_error(about, place, f"{what} {problem}", _FIX)
