"""Parts of dbt's manifest, and what a node of it is called here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

Node: TypeAlias = Mapping[str, Any]  # a part of dbt's manifest.json; its schema has the types
OUTSIDE = "outside"  # our own key of a snapshot's node: the schema that its project keeps it in
DATABASE = "target_database"  # our own key of its metadata: the database that the profile names
WHOLE_RELEASE = "release"  # what a check is about that is about no mart or source alone
_FILE_NAME = re.compile(r"[\w-]+")


def name_model(node: Node) -> str:
    """What a node of the manifest is called here and served as: its name, or a versioned model's relation's alias.

    All versions of a model have one name, and dbt makes a relation for each. An alias that could be no file's name
    gives way to the name that dbt gives a version by itself.
    """
    version, alias = node.get("version"), str(node.get("alias"))
    if version is None:
        return str(node["name"])
    return alias if node.get("alias") and _FILE_NAME.fullmatch(alias) else f"{node['name']}_v{version}"


def find_lineage(starts: Iterable[str], list_parents: Callable[[str], Iterable[str]]) -> set[str]:
    """Ids of nodes and of all that they are made of. list_parents: of a node's id, what it is made of itself."""
    todo, seen = list(starts), set[str]()
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += list_parents(node)
    return seen


def list_disabled(manifest: Node) -> list[Node]:
    """What a project declares and has switched off (`enabled: false`)."""
    found: list[Node] = []
    for nodes in (manifest.get("disabled") or {}).values():
        found += [nodes] if isinstance(nodes, Mapping) else nodes
    return found
