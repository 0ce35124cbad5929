"""Columns that semantic models read, against those that their model's YAML declares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from blocks.dbt.checks.nodes import get_place, list_nodes
from blocks.errors import PlatformError
from blocks.findings import Finding, make_error, suggest_column, warn
from blocks.manifest import (
    DimensionNode,
    EntityNode,
    Manifest,
    MeasureNode,
    Node,
    SemanticModelNode,
    name_model,
)
from blocks.sql import parse_expression

_FIX = "Correct the name, or declare the column."


def check_expressions(manifest: Manifest) -> Iterator[Finding]:
    """What each semantic model reads that its model's YAML does not declare, where that declares any column."""
    nodes = manifest.get("nodes") or {}
    for semantic in list_nodes(manifest.get("semantic_models")):
        parents = (semantic.get("depends_on") or {}).get("nodes") or ()
        model = next((nodes[key] for key in parents if key in nodes), Node())
        columns = {str(name).lower() for name in model.get("columns") or {}}
        if not columns:
            continue
        about, undeclared = f"semantic model {semantic.get('name')}", dict[str, None]()
        read = list(_list_columns(semantic))
        for kind, name, column in read:
            if column in columns:
                continue
            if near := suggest_column(column, columns):
                problem = f"{kind} {name} reads {column}, which the YAML of {name_model(model)} does not declare{near}"
                yield make_error(about, get_place(semantic), problem, _FIX)
            else:
                undeclared[column] = None
        if (
            0 < len(undeclared) * 2 <= len({column for _, _, column in read})
        ):  # else the YAML is of a few columns
            listed = ", ".join(undeclared)
            problem = f"it reads {listed}, which the YAML of {name_model(model)} does not declare"
            yield warn(about, get_place(semantic), problem, _FIX)


def _list_columns(semantic: SemanticModelNode) -> Iterator[tuple[str, str, str]]:
    """(kind, name, column in lower case) of all that a semantic model reads, where its SQL can be read."""
    from sqlglot import exp

    parts: dict[str, Sequence[EntityNode | DimensionNode | MeasureNode] | None] = {
        "entity": semantic.get("entities"),
        "dimension": semantic.get("dimensions"),
        "measure": semantic.get("measures"),
    }
    for kind, listed in parts.items():
        for each in listed or ():
            name = str(each.get("name"))
            try:
                tree = parse_expression(str(each.get("expr") or name), "duckdb")
            except PlatformError:  # of which the metric's own check speaks
                continue
            for column in tree.find_all(exp.Column):
                if not column.find_ancestor(exp.Lambda):
                    yield kind, name, column.name.lower()
