"""What the code and config of models and seeds would do wrong, most of it without a word of dbt's."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path

from blocks.dbt.checks.nodes import get_config, get_name, list_nodes, make_node_error, warn_about
from blocks.dbt.macros import JINJA, Macros
from blocks.errors import Misconfigured
from blocks.findings import Finding, suggest_column, suggest_name
from blocks.manifest import Manifest, Node
from blocks.sql import parse_select

SCHEMA_CHANGES = ("ignore", "fail", "append_new_columns", "sync_all_columns")
OWN_KEYS = frozenset(("microbatch", "insert_overwrite"))
"""Strategies of incremental models that replace what they write by something other than a key."""
SYSTEM = frozenset(("information_schema", "pg_catalog", "account_usage", "sys"))
_COMMENTS = re.compile(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*", re.DOTALL)
_PRINTED = "jinja_value"
_MAY_NAME = re.compile(r"\b(?:from|join)\s+\"?\w+\"?\s*\.", re.IGNORECASE)


def check_code(manifest: Manifest, built: Collection[str], folder: Path) -> Iterator[Finding]:
    """Findings of what the marts are made of. built: ids of that; folder: the project's."""
    macros, places = Macros(manifest), _name_places(manifest)
    dialect = str((manifest.get("metadata") or {}).get("adapter_type") or "duckdb")
    own = (manifest.get("metadata") or {}).get("project_name")
    for node in list_nodes(manifest.get("nodes")):
        if node.get("unique_id") not in built:
            continue
        if node.get("resource_type") == "model" and node.get("language", "sql") == "sql":
            yield from _check_incremental(node, macros)
            yield from _check_named(node, places, dialect)
        elif node.get("resource_type") == "seed" and node.get("package_name") == own:
            yield from _check_seed(node, folder)


def _check_incremental(node: Node, macros: Macros) -> Iterator[Finding]:
    config, code = get_config(node), _COMMENTS.sub(" ", str(node.get("raw_code") or ""))
    if config.get("materialized") != "incremental":
        return
    change = config.get("on_schema_change")
    if change and change not in SCHEMA_CHANGES:
        near = suggest_name(str(change), SCHEMA_CHANGES)
        problem = f"its on_schema_change `{change}` is unknown{near}, which dbt reads as `ignore`: new columns stay out"
        yield make_node_error(node, problem, f"Write {', '.join(SCHEMA_CHANGES)}.")
    keys = config.get("unique_key")
    named = [keys] if isinstance(keys, str) else keys if isinstance(keys, list) else []
    columns = {str(name).lower() for name in node.get("columns") or {}}
    for key in named:
        if isinstance(key, str) and key.lower() not in columns and (near := suggest_column(key, columns)):
            yield make_node_error(node, f"its unique_key {key} is no column of it{near}", "Correct it.")
    words = "\n".join([code, *macros.reach(code).values()])
    if not named and config.get("incremental_strategy") not in OWN_KEYS and "is_incremental" not in words:
        yield make_node_error(
            node,
            "it is incremental without a unique_key and without is_incremental(): every run adds all of its rows again",
            "Give it a `unique_key`, or let {% if is_incremental() %} choose the new rows; else make it a table.",
        )


def _check_named(node: Node, places: Mapping[tuple[str, str], str], dialect: str) -> Iterator[Finding]:
    """Relations that a model reads by their names, past `ref` and `source`."""
    for schema, name in _find_named(str(node.get("raw_code") or ""), dialect):
        meant = places.get((schema, name)) or places.get(("", name))
        what = f"it reads {schema}.{name} by its name, past dbt: "
        if meant:
            yield make_node_error(
                node,
                f"{what}that is {meant} as somebody built or filled it before, not as this release has it",
                "Name it by ref() or source().",
            )
        else:
            yield warn_about(
                node,
                f"{what}no load, test, lineage or release knows of it",
                "Declare it as a source, and read it by source().",
            )


def _find_named(code: str, dialect: str) -> list[tuple[str, str]]:
    """(schema, name) in lower case, of relations that a text names itself; none where it can't be read."""
    from sqlglot import exp

    text = _COMMENTS.sub(" ", code)
    if not _MAY_NAME.search(text):
        return []
    text = JINJA.sub(lambda found: f" {_PRINTED} " if found[0].startswith("{{") else " ", text)
    while (text := text.strip()).startswith(_PRINTED):  # `{{ config(...) }}`
        text = text.removeprefix(_PRINTED)
    try:
        query = parse_select(text.rstrip(";"), dialect)
    except (Misconfigured, RecursionError):
        return []
    tables = list(query.find_all(exp.Table))
    known = {each.alias_or_name.lower() for each in (*tables, *query.find_all(exp.CTE))}
    found: dict[tuple[str, str], None] = {}
    for each in tables:
        place = (each.db.lower(), each.name.lower())
        is_plain = isinstance(each.this, exp.Identifier) and _PRINTED not in {*place, each.catalog.lower()}
        if is_plain and place[0] and place[0] not in SYSTEM | (known - {place[1]}):
            found[place] = None
    return list(found)


def _name_places(manifest: Manifest) -> dict[tuple[str, str], str]:
    """(schema, name) in lower case → what stands there; of models and seeds, the name alone, as schemas differ."""
    places: dict[tuple[str, str], str] = {}
    for node in list_nodes(manifest.get("nodes")):
        if node.get("resource_type") in {"model", "seed", "snapshot"}:
            places["", str(node.get("alias") or node.get("name")).lower()] = get_name(node)
    for source in list_nodes(manifest.get("sources")):
        place = str(source.get("schema")).lower(), str(source.get("identifier")).lower()
        places[place] = get_name(source)
    return places


def _check_seed(node: Node, folder: Path) -> Iterator[Finding]:
    """A seed's header: names that stand twice, and column_types of columns that it does not have."""
    config, path = get_config(node), folder / str(node.get("original_file_path"))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = str(config.get("delimiter") or ",")
            header = [name.strip() for name in next(csv.reader(islice(file, 1), delimiter=delimiter), [])]
    except (OSError, ValueError, TypeError, csv.Error):
        return  # dbt says what is wrong with it
    names = [name.lower() for name in header]
    for name in sorted({each for each in names if names.count(each) > 1}):
        yield make_node_error(node, f"column {name} stands twice in its header", "Rename one of both.")
    types = config.get("column_types")
    for column in types if isinstance(types, dict) else ():
        if str(column).lower() not in names:
            near = suggest_column(str(column).lower(), names)
            problem = f"its column_types name {column}, which its header does not have{near}"
            yield make_node_error(
                node, problem, "Correct the name: dbt passes over it, and guesses the type."
            )
