"""Changes to dbt's parsed manifest for one release, in dbt's process, before it builds.

Not here: which models they concern (tasks/building.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt.contracts.graph.nodes import ManifestNode


def materialize(manifest: Manifest, unique_ids: Iterable[str]) -> None:
    """Let dbt build these models as tables: what readers see must not change after its audit, as a view does.

    dbt reads a model's materialization from the manifest, so an inline `config()` does not win over this.
    """
    for unique_id in unique_ids:
        node = manifest.nodes[unique_id]
        node.config.materialized = "table"
        node.relation_name = node.relation_name or _name(node)  # an ephemeral model has none


def redirect(manifest: Manifest, relations: Mapping[str, tuple[str, str]]) -> None:
    """Let `ref` of these nodes mean another schema and name: of the release that readers see."""
    for unique_id, (schema, name) in relations.items():
        node = manifest.nodes[unique_id]
        node.schema, node.alias = schema, name
        node.relation_name = _name(node)


def _name(node: ManifestNode) -> str:
    return ".".join(f'"{part}"' for part in (node.database, node.schema, node.alias) if part)
