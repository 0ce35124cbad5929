"""Reading the manifest's nodes for checks: where one stands, what it is called, its meta as it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from blocks.findings import Finding, make_error, warn
from blocks.manifest import AnyNode, DimensionNode, NodeColumn, NodeConfig

N = TypeVar("N", bound=AnyNode)
_KINDS = {"model": "model", "seed": "seed", "snapshot": "snapshot"}


def list_nodes(section: Mapping[str, N] | None) -> Iterator[N]:
    """The nodes of a section of the manifest: `nodes`, `sources`, `metrics`, `exposures` and the like."""
    yield from (node for node in (section or {}).values() if _is_mapping(node))


def _is_mapping(node: object) -> bool:
    return isinstance(node, Mapping)


def get_place(node: AnyNode) -> str:
    """The file that declares a node: its YAML where it has one, else its SQL."""
    patch = str(node.get("patch_path") or "").partition("://")[2]
    return patch or str(node.get("original_file_path") or node.get("unique_id") or "dbt_project.yml")


def get_name(node: AnyNode) -> str:
    """What people call a node, with its kind."""
    kind = str(node.get("resource_type") or "node")
    if kind == "source":
        return f"source {node.get('source_name')}.{node.get('name')}"
    return f"{_KINDS.get(kind, kind)} {node.get('name')}"


def get_config(node: AnyNode | NodeColumn | DimensionNode) -> NodeConfig:
    """A node's configuration; empty where there is none."""
    config = node.get("config")
    return config if isinstance(config, Mapping) else {}


def get_meta(node: AnyNode | NodeColumn | DimensionNode) -> object:
    """A node's meta: both places in one if they are mappings, else whatever stands there."""
    found = [each for each in (node.get("meta"), get_config(node).get("meta")) if each is not None]
    wrong = [each for each in found if not isinstance(each, Mapping)]
    return wrong[0] if wrong else {key: value for each in found for key, value in each.items()}


def make_node_error(node: AnyNode, problem: str, fix: str) -> Finding:
    """An error of a node, at its place."""
    return make_error(get_name(node), get_place(node), problem, fix)


def warn_about(node: AnyNode, problem: str, fix: str) -> Finding:
    """A warning of a node, at its place."""
    return warn(get_name(node), get_place(node), problem, fix)
