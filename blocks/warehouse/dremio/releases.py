"""Release schemas: which there are, and dropping them without taking from readers what they look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from blocks.warehouse.base import RELEASE_PREFIX
from blocks.warehouse.dremio.names import quoted
from blocks.warehouse.dremio.session import DremioSession
from blocks.warehouse.release_marker import read_marker

if TYPE_CHECKING:
    from blocks.warehouse.dremio.warehouse import DremioWarehouse


def list_releases(warehouse: DremioWarehouse) -> list[str]:
    """By their tables, or by their folder of views; sorted."""
    roots = {warehouse.names.tables, warehouse.names.views}
    like = " or ".join(["TABLE_SCHEMA like ?"] * len(roots))
    with warehouse.session() as session:
        rows = session.rows(
            f'select distinct TABLE_SCHEMA from INFORMATION_SCHEMA."TABLES" where {like}',
            [f"{'.'.join(root)}.{RELEASE_PREFIX}%" for root in roots],
        )
        folder = session.rest.entity(warehouse.names.views) or {}
    found = {warehouse.names.schema_of(row[0]) or "" for row in rows}
    found |= {child["path"][-1] for child in folder.get("children", ())}
    return sorted(schema for schema in found if schema.startswith(RELEASE_PREFIX))


def drop_releases(warehouse: DremioWarehouse, schemas: Sequence[str]) -> None:
    """Views, then tables, then the folder, of each schema that no reader's view needs."""
    with warehouse.session() as session:
        for schema in sorted(set(schemas) - _needed(warehouse)):
            for folder in dict.fromkeys((warehouse.names.path(schema), warehouse.names.view_folder(schema))):
                _empty(session, folder)
            session.rest.delete(warehouse.names.view_folder(schema))


def _empty(session: DremioSession, folder: tuple[str, ...]) -> None:
    rows = session.rows(
        'select TABLE_NAME, TABLE_TYPE from INFORMATION_SCHEMA."TABLES" where TABLE_SCHEMA = ?',
        (".".join(folder),),
    )
    for name, kind in sorted(rows, key=lambda row: row[1] != "VIEW"):
        verb = "drop view" if kind == "VIEW" else "drop table"
        session.rows(f"{verb} if exists {quoted((*folder, name))}")


def _needed(warehouse: DremioWarehouse) -> set[str]:
    """Release schemas that readers' views stand on, the idle slot's included: its views are part of theirs."""
    found = [read_marker(warehouse, schema) for schema in (warehouse.serving, *warehouse.slots)]
    return {relation.rsplit(".", 1)[0] for release in found if release for relation in release.marts.values()}
