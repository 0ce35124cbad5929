"""Branches of Nessie sources: a copy of the view definitions, merged back in one go.

After docs.dremio.com/current/reference/sql/commands/nessie: CREATE BRANCH, MERGE BRANCH, DROP BRANCH.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.dremio.sql import Path, Refused, relation, translate

if TYPE_CHECKING:
    from tests.dremio.engine import Engine


class Branches:
    """View definitions as Dremio's SQL, per source and branch; `main` is what everybody sees."""

    def __init__(self, engine: Engine, sources: tuple[str, ...]) -> None:
        self.engine, self.sources = engine, sources
        self.views: dict[tuple[str, str], dict[Path, str]] = {(source, "main"): {} for source in sources}
        self.bases: dict[tuple[str, str], dict[Path, str]] = {}

    def note(self, path: Path, body: str | None, branches: dict[str, str]) -> None:
        """Remember a view's definition, or that it is gone."""
        key = (path[0], branches.get(path[0], "main"))
        if path[0] in self.sources:
            if body is None:
                self.views[key].pop(path, None)
            else:
                self.views[key][path] = body

    def run(self, sql: str) -> str:
        """CREATE, MERGE or DROP BRANCH."""
        match = re.match(
            r'(create|merge|drop) branch (if (?:not )?exists )?"?([\w-]+)"?(.*?)(?: in "?(\w+)"?)$',
            " ".join(sql.split()),
            re.I,
        )
        if match is None or match[5] not in self.sources:
            raise Refused("VALIDATION ERROR: the source does not support branches")
        verb, quietly, name, source = match[1].lower(), bool(match[2]), match[3], match[5]
        known = (source, name) in self.views
        if verb == "create":
            if known and not quietly:
                raise Refused(f"VALIDATION ERROR: Reference {name} already exists")
            if not known:
                self._open(source, name)
        elif not known:
            if not quietly:
                raise Refused(f"VALIDATION ERROR: Reference {name} not found")
        elif verb == "merge":
            self._merge(source, name)
        else:
            del self.views[source, name]
        return f"{verb}d {name}"

    def _open(self, source: str, name: str) -> None:
        self.views[source, name] = dict(self.views[source, "main"])
        self.bases[source, name] = dict(self.views[source, "main"])
        connection = self.engine.connection
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where starts_with(schema_name, $1)",
            [source + "."],
        ).fetchall()
        for schema, table in tables:  # a branch sees the tables of main; nobody writes them there
            path = (*schema.split("."), table)
            self._view(path, f"select * from {relation(path)}", {source: name})
        for path, body in self.views[source, name].items():
            self._view(path, translate(body, {source: name}), {source: name})

    def _merge(self, source: str, name: str) -> None:
        connection, main = self.engine.connection, self.views[source, "main"]
        base, own = self.bases[source, name], self.views[source, name]
        theirs = {path for path in {*base, *main} if base.get(path) != main.get(path)}
        if theirs & {path for path in {*base, *own} if base.get(path) != own.get(path)}:
            raise Refused("VALIDATION ERROR: The following keys have been changed in conflict: ...")
        connection.execute("begin")
        for path in set(main) - set(self.views[source, name]):
            connection.execute(f"drop view if exists {relation(path)}")
        for path, body in self.views[source, name].items():
            self._view(path, translate(body), {})
        connection.execute("commit")
        self.views[source, "main"] = dict(self.views[source, name])

    def _view(self, path: Path, body: str, branches: dict[str, str]) -> None:
        target = relation(path, branches)
        self.engine.connection.execute(f"create schema if not exists {target[: target.rindex('.')]}")
        self.engine.connection.execute(f"create or replace view {target} as {body}")
