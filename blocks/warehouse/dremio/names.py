"""Where things are in Dremio: tables below a source, views below a space, both by the one setting `database`.

A warehouse's `schema.table` is a table, or a view where the schema is one that only holds views, or where the
name begins with `~`: a mart that dbt built as a view is known by that mark. With no source, `database` is in a
catalogue that holds tables and views side by side (Open Catalog, Nessie), and there is one namespace.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from blocks.sql import quote_identifier, split_path

VIEW_MARK = "~"


class DremioNames(NamedTuple):
    """Paths of a warehouse.

    tables, views: the folders above every schema of tables, of views. view_schemas: schemas of views only.
    """

    tables: tuple[str, ...]
    views: tuple[str, ...]
    view_schemas: frozenset[str] = frozenset()

    @classmethod
    def from_settings(
        cls, source: str | None, database: str, view_schemas: Iterable[str] = ()
    ) -> DremioNames:
        """Names from a block's settings, which are dotted paths."""
        views = split_path(database)
        return cls((split_path(source) if source else ()) + views, views, frozenset(view_schemas))

    def path(self, schema: str, name: str | None = None) -> tuple[str, ...]:
        """Every part of a schema's or a relation's path."""
        view = schema in self.view_schemas or (name or "").startswith(VIEW_MARK)
        root = self.views if view else self.tables
        last = () if name is None else (name.removeprefix(VIEW_MARK) if view else name,)
        return (*root, *schema.split("."), *last)

    def split_relation(self, relation: str) -> tuple[str, ...]:
        """Every part of the path of a `schema.table`."""
        return self.path(*relation.rsplit(".", 1))

    def view_folder(self, schema: str) -> tuple[str, ...]:
        """The folder of a schema's views."""
        return (*self.views, *schema.split("."))

    def find_schema(self, dotted: str) -> str | None:
        """The schema that a path such as `lake.bucket.analytics.rel_1` is; None if it is not this warehouse's."""
        for root in (self.tables, self.views):
            prefix = ".".join(root) + "."
            if dotted.lower().startswith(prefix.lower()):
                return dotted[len(prefix) :]
        return None

    def name_release(self, schema: str, alias: str, view: bool) -> str:
        """A model of dbt as `schema.table`: without the folders above, a view with its mark."""
        roots = ("".join(f"{part}." for part in root[1:]) for root in (self.tables, self.views))
        above = next((root for root in roots if root and schema.startswith(root)), "")
        mark = VIEW_MARK if view and self.tables != self.views else ""
        return f"{schema.removeprefix(above)}.{mark}{alias}"


def quote_path(path: Iterable[str]) -> str:
    """A path in SQL: every part quoted, joined by dots."""
    return quote_identifier(*path)
