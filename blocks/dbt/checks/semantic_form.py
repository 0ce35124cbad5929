"""Semantic models in the newer form of YAML, beside their models: dbt before 1.12 leaves them out without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from blocks.dbt.checks.nodes import get_place, list_nodes
from blocks.findings import Finding, make_error
from blocks.manifest import Manifest

READ_FROM = (1, 12)
_NEWER = re.compile(r"^\s+(?:-\s+)?semantic_model\s*:", re.MULTILINE)


def check_semantic_form(manifest: Manifest, folder: Path) -> Iterator[Finding]:
    """Files of the project's models that declare what this dbt does not read. folder: the project's."""
    version = str((manifest.get("metadata") or {}).get("dbt_version"))
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) >= READ_FROM:
        return
    own = (manifest.get("metadata") or {}).get("project_name")
    nodes = [node for node in list_nodes(manifest.get("nodes")) if node.get("package_name") == own]
    for place in sorted({get_place(node) for node in nodes if node.get("patch_path")}):
        path = folder / place
        if path.is_file() and _NEWER.search(path.read_text(encoding="utf-8", errors="replace")):
            yield make_error(
                "semantic layer",
                place,
                f"it declares `semantic_model` beside a model, the newer form, which dbt {version} leaves out",
                "Write it as `semantic_models:` with measures, or run with dbt 1.12.",
            )
