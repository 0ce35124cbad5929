"""Changes to dbt's parsed manifest for one release, in dbt's process, before it builds.

Not here: which models they concern (tasks/building.py).
"""

from __future__ import annotations

import re
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    Sequence,
)
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

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

MOVED = frozenset(("model", "seed", "snapshot", "test"))

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


def move_in(manifest: Manifest, schema: str, kinds: Collection[str], home: Home) -> dict[str, str]:
    """Let what the project keeps outside of a release be built inside it; `plan_seeds` of it. See `plan_moves`."""
    for key in plan_readings(_list_sources(manifest), home):
        table = manifest.sources[key]
        table.database = home.database
        table.relation_name = _quote(table.database, table.schema, table.identifier)
    places = {
        key: Place(str(node.resource_type), node.schema, node.alias, node.database)
        for key, node in manifest.nodes.items()
    }
    moves = plan_moves(places, schema, kinds, home.database)
    seeds = plan_seeds(_list_sources(manifest), places, home)
    for each in manifest.nodes.values():
        if needed := add_seeds(each.depends_on_nodes, seeds):
            each.depends_on.nodes = needed
    for key, moved in moves.items():
        node = manifest.nodes[key]
        had_relation = node.relation_name
        node.database = home.database or node.database
        redirect(manifest, {key: (moved, node.alias)})
        node.relation_name = node.relation_name if had_relation else None  # as of an ephemeral model
    redirect_sources(manifest, seeds)
    return seeds


def _list_sources(manifest: Manifest) -> dict[str, Place]:
    return {
        key: Place(node.loader, node.schema, node.identifier, node.database)
        for key, node in manifest.sources.items()
    }


def redirect_sources(manifest: Manifest, seeds: Mapping[str, str]) -> None:
    """Let `source` of tables that seeds make mean where those are. seeds: as `plan_seeds` gives them."""
    for source, seed in seeds.items():
        table, made = manifest.sources[source], manifest.nodes[seed]
        table.schema, table.identifier = made.schema, made.alias
        table.relation_name = _name(made)


class Place(NamedTuple):
    """Where a node's relation is, as dbt says it. kind: its resource type; of a source, its loader."""

    kind: str
    schema: str
    alias: str
    database: str | None = None


class Home(NamedTuple):
    """The database of releases, as the profile names it, and those that dbt reads there; None: whatever it may see."""

    database: str = ""
    others: tuple[str, ...] | None = None

    def holds(self, database: str | None) -> bool:
        """True for its own database, and where nothing names one."""
        return not self.database or (database or self.database).casefold() == self.database.casefold()

    def find(self, database: str | None) -> str | None:
        """The database that one's name means here: its own, where there is no other of that name."""
        if self.others is None or (database or "").casefold() in {each.casefold() for each in self.others}:
            return database
        return self.database


def list_moved(target: str, schema: str) -> Collection[str]:
    """Kinds of nodes that can be moved. target: dbt's target.schema, parsed for `schema`.

    Where that is in folders (Dremio), a place of tables is another than one of views, and only snapshots are.
    """
    return MOVED if target.casefold() == schema.casefold() else MOVED & {"snapshot"}


def plan_moves(
    places: Mapping[str, Place], schema: str, kinds: Collection[str] = MOVED, database: str = ""
) -> dict[str, str]:
    """Id → the schema inside a release for what its project keeps in a place of its own, of these kinds.

    Such are snapshots with a `target_schema`, everything with a custom schema where `generate_schema_name` uses that
    as it is, tests that keep their failures, and everything that a `database` puts into another than the releases',
    whose name the schema then has as well. The schema is named as dbt names a custom one. Outside, readers would
    see rows before they are checked, and a rollback would not take them back. What would meet another relation of its
    name is left where it is, and is refused (tasks/building.py).
    """
    home = Home(database)
    inside = {
        (each.schema.casefold(), each.alias.casefold())
        for each in places.values()
        if is_in_release(each.schema, schema) and home.holds(each.database)
    }
    moves: dict[str, str] = {}
    for key, each in places.items():
        is_inside, is_home = is_in_release(each.schema, schema), home.holds(each.database)
        if each.kind not in kinds or (is_inside and is_home):
            continue
        own = each.schema[len(schema) :].strip("_") if is_inside else each.schema
        moved = "_".join(part for part in (schema, "" if is_home else _spell(each.database), own) if part)
        taken = (moved.casefold(), each.alias.casefold())
        if taken not in inside:
            moves[key] = moved
            inside.add(taken)
    return moves


def _spell(database: str | None) -> str:
    """A database's name as a part of a schema's, which quotes are not needed for."""
    return re.sub(r"\W+", "_", database or "").strip("_").lower()


def plan_readings(sources: Mapping[str, Place], home: Home) -> list[str]:
    """Sources that are read in the releases' database whichever they name: loaded there, or there is no other."""
    return [
        key
        for key, each in sources.items()
        if not home.holds(each.database) and (each.kind == "dlt" or home.holds(home.find(each.database)))
    ]


def plan_seeds(
    sources: Mapping[str, Place], places: Mapping[str, Place], home: Home | None = None
) -> dict[str, str]:
    """Id of a source's table → the seed that makes it: that of its very relation, if dlt does not load it here.

    By hand `dbt seed` comes before `dbt run` in such a project. In a release its seeds are part of what reads them. The
    word of a service in `loader:` is a label then: what it fills, a seed would write over.
    """

    def name_relation(place: Place) -> tuple[str, ...]:
        database = home.find(place.database) if home else place.database
        return tuple(str(each or "").casefold() for each in (database, place.schema, place.alias))

    seeds = {name_relation(each): key for key, each in places.items() if each.kind == "seed"}
    return {
        key: seeds[name_relation(each)]
        for key, each in sources.items()
        if each.kind != "dlt" and name_relation(each) in seeds
    }


def add_seeds(needed: Sequence[str], seeds: Mapping[str, str]) -> list[str]:
    """What a node needs, with the seeds that make its sources' tables; empty where that is nothing more."""
    more = [seeds[each] for each in needed if each in seeds and seeds[each] not in needed]
    return [*needed, *dict.fromkeys(more)] if more else []


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
    return _quote(node.database, node.schema, node.alias)


def _quote(*parts: str | None) -> str:
    return ".".join(f'"{part}"' for part in parts if part)
