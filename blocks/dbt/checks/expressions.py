"""Columns that semantic models read, against those that their model's YAML declares."""

from __future__ import annotations

import re
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
_OF_NUMBERS = frozenset(("sum", "average", "median", "percentile"))
_TEXT = re.compile(r"n?(var)?char|text|string", re.IGNORECASE)


def check_expressions(manifest: Manifest) -> Iterator[Finding]:
    """What each semantic model reads that its model's YAML does not declare, where that declares any column."""
    nodes = manifest.get("nodes") or {}
    dialect = str((manifest.get("metadata") or {}).get("adapter_type") or "duckdb")
    for semantic in list_nodes(manifest.get("semantic_models")):
        parents = (semantic.get("depends_on") or {}).get("nodes") or ()
        model = next((nodes[key] for key in parents if key in nodes), Node())
        columns = {str(name).lower() for name in model.get("columns") or {}}
        yield from _check_readable(semantic, model, dialect)
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


def _check_readable(semantic: SemanticModelNode, model: Node, dialect: str) -> Iterator[Finding]:
    """Expressions that are none, or that a measure's own aggregation can't be of."""
    from sqlglot import exp

    about, place = f"semantic model {semantic.get('name')}", get_place(semantic)
    types = {
        str(name).lower(): str(each.get("data_type") or "")
        for name, each in (model.get("columns") or {}).items()
    }
    for kind, each in _list_parts(semantic):
        name, text = str(each.get("name")), str(each.get("expr") or each.get("name"))
        try:
            tree = parse_expression(text, dialect)
        except PlatformError as fault:
            problem = f"{kind} {name}: {fault.answer} of SQL"
            yield make_error(
                about, place, problem, "Correct its `expr`: what is made of it can't be computed."
            )
            continue
        if kind != "measure":
            continue
        aggregation = str(each.get("agg"))
        if any(not found.find_ancestor(exp.Window, exp.Subquery) for found in tree.find_all(exp.AggFunc)):
            problem = (
                f"measure {name} aggregates twice: {aggregation} of an expression that aggregates itself"
            )
            yield make_error(about, place, problem, "Let `expr` be of one row, and `agg` aggregate it.")
        kept = types.get(tree.name.lower(), "") if isinstance(tree, exp.Column) else ""
        if aggregation in _OF_NUMBERS and _TEXT.match(kept):
            problem = f"measure {name} takes the {aggregation} of {tree.name}, which is declared as {kept}"
            yield make_error(about, place, problem, "Name a number, or cast it in `expr`.")


def _list_parts(
    semantic: SemanticModelNode,
) -> Iterator[tuple[str, EntityNode | DimensionNode | MeasureNode]]:
    """(kind, part) of all that a semantic model declares."""
    parts: dict[str, Sequence[EntityNode | DimensionNode | MeasureNode] | None] = {
        "entity": semantic.get("entities"),
        "dimension": semantic.get("dimensions"),
        "measure": semantic.get("measures"),
    }
    for kind, listed in parts.items():
        yield from ((kind, each) for each in listed or ())


def _list_columns(semantic: SemanticModelNode) -> Iterator[tuple[str, str, str]]:
    """(kind, name, column in lower case) of all that a semantic model reads, where its SQL can be read."""
    from sqlglot import exp

    for kind, each in _list_parts(semantic):
        name = str(each.get("name"))
        try:
            tree = parse_expression(str(each.get("expr") or name), "duckdb")
        except PlatformError:  # which is said by itself
            continue
        for column in tree.find_all(exp.Column):
            if not column.find_ancestor(exp.Lambda):
                yield kind, name, column.name.lower()
