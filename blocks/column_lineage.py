"""Which column is made of which, from the SQL that dbt compiled: sqlglot's lineage from model to model.

What can't be read (Python models, SQL of unknown words, `select *` of undeclared columns) is not guessed: such a model
depends on all of what it reads. Not here: what is said about it (tasks/impact.py, the data dictionary).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pydantic import TypeAdapter

from blocks.manifest import Manifest, Node
from blocks.records import Record
from blocks.whole_file import write_whole

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

ColumnRef: TypeAlias = tuple[str, str]  # a node's id in the manifest, and a column in lower case
ALL = "*"
"""In the place of a column: all of its node's, which one is not known."""


class ModelColumns(Record):
    """A model's columns. made_of: column → those of its parents whose values are in it; reads: all that it names.

    understood: False for one whose SQL could not be read; it reads `*` of each parent then.
    """

    made_of: dict[str, frozenset[ColumnRef]]
    reads: frozenset[ColumnRef]
    understood: bool = True


_CACHE = TypeAdapter(dict[str, tuple[str, ModelColumns]])


class ColumnLineage:
    """The columns of a project's models and of the sources beneath them.

    manifest: dbt's; compiled: model's id → the SQL that dbt compiled, with the manifest's relations; dialect:
    sqlglot's name of its own. cache: what was read before, by model, which is used again and added to (`read_cache`);
    release: the schema in the SQL that is another in every release.
    """

    def __init__(
        self,
        manifest: Manifest,
        compiled: Mapping[str, str],
        dialect: str,
        cache: MutableMapping[str, tuple[str, ModelColumns]] | None = None,
        release: str = "",
    ) -> None:
        self._manifest, self._dialect = manifest, dialect
        cache = {} if cache is None else cache
        self._nodes: dict[str, Node] = {**manifest["nodes"], **manifest["sources"]}
        self._places = {
            _locate(node): key
            for key, node in self._nodes.items()
            if node["resource_type"] in {"model", "seed", "snapshot", "source"}
        }
        self._models: dict[str, ModelColumns] = {}
        for key in _sort(manifest):
            sql = compiled.get(key, "")
            sign = self._sign(key, sql.replace(release, "") if release else sql)
            if key not in cache or cache[key][0] != sign:
                cache[key] = sign, self._read(key, sql)
            self._models[key] = cache[key][1]

    def model(self, key: str) -> ModelColumns | None:
        """A model's columns; None for what is none, such as a source or a seed."""
        return self._models.get(key)

    def columns(self, key: str) -> list[str]:
        """The columns of a node, in order as far as they are known: what its SQL makes, else what it declares."""
        if key in self._models and self._models[key].understood:
            return list(self._models[key].made_of)
        return [str(name).lower() for name in self._nodes.get(key, {}).get("columns") or ()]

    def origins(self, key: str, column: str) -> frozenset[ColumnRef]:
        """The columns of sources and seeds that a node's column is made of; (id, `*`) where one is not known."""
        found: set[ColumnRef] = set()
        todo, seen = [(key, column.lower())], set[ColumnRef]()
        while todo:
            ref = todo.pop()
            if ref in seen:
                continue
            seen.add(ref)
            if (model := self._models.get(ref[0])) is None:
                found.add(ref)
            elif ref[1] in model.made_of:
                todo += model.made_of[ref[1]]
            else:
                todo += [(parent, ALL) for parent in self._list_parents(ref[0])]
        return frozenset(found)

    def list_affected(self, changed: Iterable[ColumnRef]) -> dict[ColumnRef, None]:
        """Columns of models that are made of these, directly or not, nearest first; these themselves included."""
        found: dict[ColumnRef, None] = dict.fromkeys((key, column.lower()) for key, column in changed)
        for key, model in self._models.items():  # parents before children
            for column, parts in model.made_of.items():
                if any(_is_in(part, found) for part in parts):
                    found[key, column] = None
            if not model.understood and any(_is_in(part, found) for part in model.reads):
                found[key, ALL] = None
        return found

    def list_readers(self, changed: Iterable[ColumnRef]) -> list[str]:
        """Models whose SQL names one of these columns, or may: they can't be built without it."""
        gone = dict.fromkeys((key, column.lower()) for key, column in changed)
        return [key for key, model in self._models.items() if any(_is_in(part, gone) for part in model.reads)]

    def _list_parents(self, key: str) -> list[str]:
        return [
            parent
            for parent in (self._nodes[key].get("depends_on") or {}).get("nodes") or ()
            if parent in self._nodes
        ]

    def _sign(self, key: str, sql: str) -> str:
        """What a model's columns depend on: its SQL, and what its parents' are."""
        parents = [(parent, self.columns(parent)) for parent in self._list_parents(key)]
        return hashlib.sha256(f"{sql}\0{parents}\0{self._dialect}".encode()).hexdigest()

    def _read(self, key: str, sql: str) -> ModelColumns:
        from sqlglot.errors import SqlglotError

        unknown = ModelColumns(
            made_of={},
            reads=frozenset((parent, ALL) for parent in self._list_parents(key)),
            understood=False,
        )
        if not sql or self._nodes[key].get("language") == "python":
            return unknown
        try:
            return self._trace(sql, key)
        except (SqlglotError, RecursionError, KeyError, ValueError, TypeError, AttributeError):
            return unknown  # a reader of SQL meets every fault there is in SQL

    def _trace(self, sql: str, key: str) -> ModelColumns:
        import sqlglot
        from sqlglot.optimizer.qualify import qualify
        from sqlglot.optimizer.scope import build_scope

        parsed = sqlglot.parse_one(sql, dialect=self._dialect)
        qualified = qualify(
            parsed,
            dialect=self._dialect,
            schema=dict(self._build_schema(key)),
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
        root = build_scope(qualified)
        if root is None:
            raise ValueError(key)
        reads: set[ColumnRef] = set()
        for scope in root.traverse():
            reads |= self._list_read(scope)
        made: dict[str, frozenset[ColumnRef]] = {}
        for name in _select(root).named_selects:
            made[name.lower()] = frozenset(self._follow(root, name, set()))
        if ALL in made:
            raise ValueError(key)
        return ModelColumns(made_of=made, reads=frozenset(reads))

    def _build_schema(self, key: str) -> dict[str, dict[str, dict[str, dict[str, str]]]]:
        """What is known of the parents' columns, as sqlglot nests it: database → schema → table → column → type."""
        nested: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
        for parent in self._list_parents(key):
            if columns := self.columns(parent):
                database, schema, table = _locate(self._nodes[parent])
                place = nested.setdefault(database, {}).setdefault(schema, {})
                place[table] = dict.fromkeys(columns, "text")
        return nested

    def _list_read(self, scope: Scope) -> set[ColumnRef]:
        from sqlglot import exp

        found: set[ColumnRef] = set()
        tables = {
            name: self._find(source)
            for name, (_, source) in scope.selected_sources.items()
            if isinstance(source, exp.Table)
        }
        for column in scope.columns:
            if (table := tables.get(column.table)) is not None:
                found.add((table, column.name.lower()))
            elif not column.table:
                found |= {(table, column.name.lower()) for table in tables.values() if table}
        selects = scope.expression.selects if isinstance(scope.expression, exp.Query) else []
        if any(isinstance(each, exp.Star) or each.is_star for each in selects):
            found |= {(table, ALL) for table in tables.values() if table}
        return found

    def _follow(self, scope: Scope, name: str, seen: set[tuple[int, str]]) -> set[ColumnRef]:
        """The parents' columns that a scope's output is made of, through its CTEs and subqueries."""
        from sqlglot import exp

        if (id(scope), name.lower()) in seen:
            return set()
        seen.add((id(scope), name.lower()))
        if scope.set_operation_scopes:
            at = [each.lower() for each in _select(scope).named_selects].index(name.lower())
            parts: set[ColumnRef] = set()
            for each in scope.set_operation_scopes:
                parts |= self._follow(each, _select(each).named_selects[at], seen)
            return parts
        select = next(each for each in _select(scope).selects if each.alias_or_name.lower() == name.lower())
        found: set[ColumnRef] = set()
        for column in select.find_all(exp.Column):
            found |= self._resolve(scope, column, seen)
        return found

    def _resolve(self, scope: Scope, column: exp.Column, seen: set[tuple[int, str]]) -> set[ColumnRef]:
        from sqlglot import exp

        at: Scope | None = scope
        while at is not None and column.table and column.table not in at.sources:
            at = at.parent  # of a correlated subquery
        sources = (at or scope).sources
        every = [source for _, source in (at or scope).selected_sources.values()]
        chosen = [sources[column.table]] if column.table in sources else every
        found: set[ColumnRef] = set()
        for source in chosen:
            if isinstance(source, exp.Table):
                table = self._find(source)
                found |= {(table, column.name.lower())} if table else set()
            elif column.name.lower() in _list_names(source):
                found |= self._follow(source, column.name, seen)
        return found

    def _find(self, table: exp.Table) -> str | None:
        """The node of a relation in the SQL, by as much of its name as is given."""
        given = (table.catalog.lower(), table.db.lower(), table.name.lower())
        return self._places.get(given) or next(
            (
                key
                for place, key in self._places.items()
                if all(not part or part == own for part, own in zip(given, place, strict=True))
            ),
            None,
        )


def read_cache(path: Path) -> dict[str, tuple[str, ModelColumns]]:
    """What was read of models before; nothing for a file that is not there or can't be read."""
    try:
        return _CACHE.validate_json(path.read_bytes())
    except (OSError, ValueError):
        return {}


def write_cache(path: Path, cache: Mapping[str, tuple[str, ModelColumns]]) -> None:
    """Keep what was read of models, whole or not at all."""
    write_whole(path, _CACHE.dump_json(dict(cache)))


def _select(scope: Scope) -> exp.Query:
    """The query of a scope. Raises TypeError for what is none, such as a function that makes rows."""
    from sqlglot import exp

    if not isinstance(scope.expression, exp.Query):
        raise TypeError("no query")
    return scope.expression


def _list_names(scope: Scope) -> set[str]:
    """What a scope's columns are called, in lower case; nothing for what is no query."""
    from sqlglot import exp

    query = scope.expression
    return {each.lower() for each in query.named_selects} if isinstance(query, exp.Query) else set()


def _is_in(part: ColumnRef, found: Mapping[ColumnRef, None]) -> bool:
    """True if a column is among others; `*` is any of its node's."""
    if part in found or (part[0], ALL) in found:
        return True
    return part[1] == ALL and any(key == part[0] for key, _ in found)


def _locate(node: Node) -> tuple[str, str, str]:
    name = node.get("alias") or node.get("identifier") or node.get("name")
    return str(node.get("database") or "").lower(), str(node.get("schema") or "").lower(), str(name).lower()


def _sort(manifest: Manifest) -> list[str]:
    """Ids of models and snapshots, parents before children."""
    nodes = {
        key: node for key, node in manifest["nodes"].items() if node["resource_type"] in {"model", "snapshot"}
    }
    done: dict[str, None] = {}
    for start in sorted(nodes):
        todo = [start]
        while todo:
            key = todo[-1]
            open_ = [
                parent
                for parent in (nodes[key].get("depends_on") or {}).get("nodes") or ()
                if parent in nodes and parent not in done and parent not in todo
            ]
            if open_ and key not in done:
                todo += open_
            else:
                done[todo.pop()] = None
    return list(done)
