"""Changes to dbt's parsed manifest for one release, in dbt's process, before it builds.

Not here: which models they concern (tasks/building.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, MutableSequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blocks.release_names import is_in_release

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt.contracts.graph.nodes import ManifestNode


PARTS = (
    "nodes",
    "sources",
    "exposures",
    "metrics",
    "semantic_models",
    "saved_queries",
    "unit_tests",
    "functions",
)
"""Parts of a manifest in which dbt has rendered names; files and macros are as they were written."""

_SCHEMA = r"(?:\btarget|\bthis)\s*(?:\.\s*schema\b|\[\s*['\"]schema['\"]\s*\])"
_SAME = r"(?!(?:upper|lower|trim|string)\b)"  # what a name in a name's place is changed by alike
_NAMED = re.compile(rf"\bset\s+(\w+)\s*=\s*{_SCHEMA}")
_APART = (
    r"(?:{name}\s*(?:\[|[<>*]|%(?!\})|\|\s*" + _SAME + r"\w|\.\s*(?!(?:upper|lower|strip)\b)\w)"
    r"|\b(?:in|local_md5\(|length\()\s*{name})"
)


def rename_schema(manifest: Manifest, parsed: str, schema: str) -> None:
    """Let a manifest that was parsed for the schema `parsed` be of another: wherever dbt has rendered its name.

    That is relations, but also configs, hooks and meta that say `target.schema` or `this`.
    """
    words = [(parsed, schema), (parsed.upper(), schema.upper()), (parsed.capitalize(), schema.capitalize())]
    seen: set[int] = set()
    for part in (*(getattr(manifest, name) for name in PARTS), manifest.disabled, manifest.flat_graph):
        _rename(part, words, seen)


def has_edited_schema(manifest: Manifest) -> bool:
    """True if a project's Jinja makes something of the schema's name that another name can't be put in place of.

    A part of it, its length, a hash: then it has to be parsed for the very schema. dbt's own macros do not.
    """
    return any(_edits_schema(code) for code in _list_code(manifest))


def _list_code(manifest: Manifest) -> Iterator[str]:
    own = {"dbt", f"dbt_{manifest.metadata.adapter_type}"}
    for macro in manifest.macros.values():
        if macro.package_name not in own:
            yield macro.macro_sql
    for node in manifest.nodes.values():
        yield getattr(node, "raw_code", "") or ""


def _edits_schema(code: str) -> bool:
    if "schema" not in code:
        return False
    names = [_SCHEMA, *(rf"\b{re.escape(name)}\b" for name in _NAMED.findall(code))]
    return any(re.search(_APART.replace("{name}", name), code) for name in names)


def _rename(value: object, words: list[tuple[str, str]], seen: set[int]) -> object:
    """The value with its names in place of the others; what can be changed is changed as it stands."""
    if isinstance(value, str):
        for old, new in words:
            if old in value:
                value = value.replace(old, new)
        return value
    if isinstance(value, tuple | frozenset | set) and type(value) in (tuple, frozenset, set):
        renamed = type(value)(_rename(each, words, seen) for each in value)
        return value if renamed == value else renamed
    if id(value) in seen or value is None or isinstance(value, int | float | type):
        return value
    seen.add(id(value))
    if isinstance(value, MutableMapping):
        _rename_items(value.__setitem__, value.items(), words, seen)
    elif isinstance(value, MutableSequence):
        _rename_items(value.__setitem__, enumerate(value), words, seen)
    elif hasattr(value, "__dict__"):
        _rename_items(vars(value).__setitem__, vars(value).items(), words, seen)
    return value


def _rename_items(
    put: Callable[..., None],
    items: Iterable[tuple[object, object]],
    words: list[tuple[str, str]],
    seen: set[int],
) -> None:
    for key, before in list(items):
        after = _rename(before, words, seen)
        if after is not before:
            put(key, after)


@contextmanager
def keep_nodes(manifest: Manifest) -> Iterator[None]:
    """Whatever dbt does to a manifest's nodes in here, as it does when it compiles them, is undone at the end."""
    before = {
        key: {name: list(value) if isinstance(value, list) else value for name, value in vars(node).items()}
        for key, node in manifest.nodes.items()
    }
    try:
        yield
    finally:
        for key, values in before.items():
            vars(manifest.nodes[key]).clear()
            vars(manifest.nodes[key]).update(values)


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


def move_snapshots_in(manifest: Manifest, schema: str) -> None:
    """Let snapshots that the project keeps outside of a release be built inside it: see `bring_in`."""
    outside = {
        key: (bring_in(node.schema, schema), node.alias)
        for key, node in manifest.nodes.items()
        if node.resource_type == "snapshot" and not is_in_release(node.schema, schema)
    }
    redirect(manifest, outside)


def bring_in(place: str, schema: str) -> str:
    """The schema inside a release for what its project keeps in a place of its own, as dbt names a custom one.

    There, rows of a refused run would stay in a history for ever, and a rollback would not take them back.
    """
    return f"{schema}_{place}"


def tag_nodes(manifest: Manifest, tag: str, unique_ids: Iterable[str]) -> None:
    """Give these nodes, tests and unit tests a tag, by which dbt selects exactly them."""
    for unique_id in unique_ids:
        unit_test = manifest.unit_tests.get(unique_id)
        if unit_test:
            own = unit_test.config.tags or []
            unit_test.config.tags = [*([own] if isinstance(own, str) else own), tag]
        else:
            manifest.nodes[unique_id].tags = [*manifest.nodes[unique_id].tags, tag]


def _name(node: ManifestNode) -> str:
    return ".".join(f'"{part}"' for part in (node.database, node.schema, node.alias) if part)
