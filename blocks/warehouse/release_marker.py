"""The view `_release` in serving: which release readers see, as data. In portable SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping

from blocks.records import Release
from blocks.warehouse.settings import Session, WarehouseConnection, WarehouseSettings

MARKER = "_release"


def write_marker_sql(warehouse: WarehouseSettings, release: Release) -> str:
    """The query of the view: one row a mart with run, time and relation."""
    stamp = f"{warehouse.literal(release.run)} as run, "
    at = release.published_at.isoformat(" ", "milliseconds") if release.published_at else None
    stamp += f"cast({warehouse.literal(at)} as timestamp) as published_at"
    rows = (
        f"select {stamp}, {warehouse.literal(mart)} as mart, {warehouse.literal(relation)} as relation"
        for mart, relation in sorted(release.marts.items())
    )
    return " union all ".join(rows)


def find_wrong_views(release: Release, views: Mapping[str, str]) -> list[str]:
    """Marts whose view is missing or does not stand on the release's relation, and views that it does not have.

    views: name → definition.
    """
    missing = [
        mart for mart, relation in release.marts.items() if not is_defined_on(views.get(mart, ""), relation)
    ]
    return sorted([*missing, *(views.keys() - release.marts.keys() - {MARKER})])


def is_defined_on(definition: str, relation: str) -> bool:
    """True if a view's definition, which every server writes in its own way, names a relation (dotted)."""
    return (
        re.search(rf"(?<![\w$]){re.escape(_strip_quotes(relation))}(?![\w$])", _strip_quotes(definition))
        is not None
    )


def _strip_quotes(text: str) -> str:
    """Names without quotes, in lower case."""
    return text.replace('"', "").lower()


def read_marker(warehouse: WarehouseConnection, schema: str) -> Release | None:
    """The release a schema's views show, over a session of its own; None if it has no marker."""
    with warehouse.session() as session:
        return parse_marker(warehouse, session, schema)


def parse_marker(warehouse: WarehouseConnection, session: Session, schema: str) -> Release | None:
    """The release a schema's views show; None if it has no marker."""
    if not warehouse.columns(session, schema, MARKER):
        return None
    return read_marker_rows(session, warehouse.quote(schema, MARKER))


def read_marker_rows(session: Session, relation: str) -> Release:
    """The release that a marker's view or table (quoted) names."""
    rows = session.rows(f"select run, published_at, mart, relation from {relation}")
    return Release(run=rows[0][0], published_at=rows[0][1], marts={row[2]: row[3] for row in rows})
