"""Columns that semantic models read, against those that their model's YAML declares."""

from __future__ import annotations

from collections.abc import Iterator

from blocks.dbt.checks.nodes import get_place, list_nodes
from blocks.errors import PlatformError
from blocks.findings import Finding, make_error, suggest_column, warn
from blocks.manifest import Node, name_model
from blocks.sql import parse_expression

_PARTS = {"entities": "entity", "dimensions": "dimension", "measures": "measure"}
_FIX = "Correct the name, or declare the column."


def check_expressions(manifest: Node) -> Iterator[Finding]:
    """What each semantic model reads that its model's YAML does not declare, where that declares any column."""
    nodes = manifest.get("nodes") or {}
    for semantic in list_nodes(manifest, "semantic_models"):
        model: Node = next(
            (nodes[key] for key in (semantic.get("depends_on") or {}).get("nodes") or () if key in nodes), {}
        )
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


def _list_columns(semantic: Node) -> Iterator[tuple[str, str, str]]:
    """(kind, name, column in lower case) of all that a semantic model reads, where its SQL can be read."""
    from sqlglot import exp

    for part, kind in _PARTS.items():
        for each in semantic.get(part) or ():
            name = str(each.get("name"))
            try:
                tree = parse_expression(str(each.get("expr") or name), "duckdb")
            except PlatformError:  # of which the metric's own check speaks
                continue
            for column in tree.find_all(exp.Column):
                if not column.find_ancestor(exp.Lambda):
                    yield kind, name, column.name.lower()
