"""Where things are in Dremio: tables below a source, views below a space, both by the one setting `database`.

A warehouse's `schema.table` is a table, or a view where the schema is one that only holds views, or where the
name begins with `~`: a mart that dbt built as a view is known by that mark. With no source, `database` is in a
catalogue that holds tables and views side by side (Open Catalog, Nessie), and there is one namespace.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

VIEW = "~"


class Names(NamedTuple):
    """Paths of a warehouse. tables, views: the folders above every schema; of_views: schemas of views only."""

    tables: tuple[str, ...]
    views: tuple[str, ...]
    of_views: frozenset[str] = frozenset()

    @classmethod
    def of(cls, source: str | None, database: str, of_views: Iterable[str] = ()) -> Names:
        """Names from a block's settings, which are dotted paths."""
        views = split(database)
        return cls((split(source) if source else ()) + views, views, frozenset(of_views))

    def path(self, schema: str, name: str | None = None) -> tuple[str, ...]:
        """Every part of a schema's or a relation's path."""
        view = schema in self.of_views or (name or "").startswith(VIEW)
        root = self.views if view else self.tables
        last = () if name is None else (name.removeprefix(VIEW) if view else name,)
        return (*root, *schema.split("."), *last)

    def view_folder(self, schema: str) -> tuple[str, ...]:
        """The folder of a schema's views."""
        return (*self.views, *schema.split("."))

    def schema_of(self, dotted: str) -> str | None:
        """The schema that a path such as `lake.bucket.analytics.rel_1` is; None if it is not ours."""
        for root in (self.tables, self.views):
            prefix = ".".join(root) + "."
            if dotted.lower().startswith(prefix.lower()):
                return dotted[len(prefix) :]
        return None

    def released(self, schema: str, alias: str, view: bool) -> str:
        """A model of dbt as `schema.table`: without the folders above, a view with its mark."""
        above = next(
            (
                p
                for root in self[:2]
                if (p := "".join(f"{part}." for part in root[1:])) and schema.startswith(p)
            ),
            "",
        )
        return f"{schema.removeprefix(above)}.{VIEW if view and self.tables != self.views else ''}{alias}"


def split(dotted: str) -> tuple[str, ...]:
    """The parts of a dotted path; a part with dots in it stands in double quotes."""
    parts, inside, now = [], False, ""
    for character in dotted:
        if character == '"':
            inside = not inside
        elif character == "." and not inside:
            parts.append(now)
            now = ""
        else:
            now += character
    return (*parts, now)


def quoted(path: Iterable[str]) -> str:
    """A path in SQL."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in path)
