"""Views for readers: one shown, one marked, some hidden. What the ways of publishing (dremio_publish) share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from blocks.errors import NotFound
from blocks.records import Release
from blocks.warehouse.dremio.session import DremioSession
from blocks.warehouse.release_marker import MARKER, marker_sql

if TYPE_CHECKING:
    from blocks.warehouse.dremio.warehouse import DremioWarehouse

Columns = dict[str, dict[str, str]]


def check_relations(warehouse: DremioWarehouse, session: DremioSession, release: Release) -> Columns:
    """Columns of every relation of the release. Raises NotFound before anything changes."""
    columns = {
        mart: warehouse.columns(session, *relation.rsplit(".", 1)) for mart, relation in release.marts.items()
    }
    if missing := sorted(mart for mart, found in columns.items() if not found):
        raise NotFound(
            f"publish {release.run}",
            f"its {', '.join(missing)} does not exist",
            "Readers keep what they have.",
        )
    return columns


def show(
    warehouse: DremioWarehouse,
    session: DremioSession,
    schema: str,
    mart: str,
    relation: str,
    columns: Iterable[str],
) -> None:
    """Point a view of a schema at a relation; one statement, so it is the old one or the new one."""
    names = ", ".join(warehouse.quote(name) for name in columns)
    view, source = warehouse.quote(schema, mart), warehouse.relation(relation)
    session.rows(f"create or replace view {view} as select {names} from {source}")


def mark(warehouse: DremioWarehouse, session: DremioSession, schema: str, release: Release) -> None:
    """Say in a schema's `_release` which release its views show."""
    view = warehouse.quote(schema, MARKER)
    session.rows(f"create or replace view {view} as {marker_sql(warehouse, release)}")


def hide(warehouse: DremioWarehouse, session: DremioSession, schema: str, marts: Iterable[str]) -> None:
    """Take views away."""
    for mart in sorted(marts):
        session.rows(f"drop view if exists {warehouse.quote(schema, mart)}")
