"""Release schemas: which there are, and dropping them with all they hold. Not here: which ones readers need."""

from __future__ import annotations

from collections.abc import Iterable

from blocks.release_names import RELEASE_PREFIX
from blocks.warehouse.dremio.names import quote_path
from blocks.warehouse.dremio.session import DremioSession
from blocks.warehouse.dremio.settings import DremioSettings


def list_releases(settings: DremioSettings, session: DremioSession) -> list[str]:
    """By their tables, or by their folder of views; sorted."""
    names = settings.names
    roots = {names.tables, names.views}
    like = " or ".join(["TABLE_SCHEMA like ?"] * len(roots))
    rows = session.rows(
        f'select distinct TABLE_SCHEMA from INFORMATION_SCHEMA."TABLES" where {like}',
        [f"{'.'.join(root)}.{RELEASE_PREFIX}%" for root in roots],
    )
    found = {names.find_schema(row[0]) or "" for row in rows}
    if folder := session.rest.find_entity(names.views):
        found |= {child.path[-1] for child in folder.children}
    return sorted(schema for schema in found if schema.startswith(RELEASE_PREFIX))


def drop_releases(settings: DremioSettings, session: DremioSession, schemas: Iterable[str]) -> None:
    """Views, then tables, then the folder, of each schema."""
    names = settings.names
    for schema in sorted(schemas):
        for folder in dict.fromkeys((names.path(schema), names.view_folder(schema))):
            relations = session.list_relations(folder)
            for name, kind in sorted(relations.items(), key=lambda each: each[1] != "VIEW"):
                verb = "drop view" if kind == "VIEW" else "drop table"
                session.rows(f"{verb} if exists {quote_path((*folder, name))}")
        session.rest.delete_folder(names.view_folder(schema))
