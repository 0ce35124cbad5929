"""Control's list of what each dashboard was last published with, by which a run leaves alone what has not changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from blocks.records import Publication, Record
from blocks.warehouse import control
from blocks.warehouse.settings import WarehouseConnection

TABLE = "publications"
COLUMNS = {
    "dashboard": "varchar",
    "site": "varchar",
    "shown": "varchar",
    "mark": "varchar",
    "run_id": "varchar",
    "published_at": "timestamp",
    "detail": "varchar",
}


class LastPublication(Record):
    """A dashboard on a site. site: which, as a hash; shown: of all that it shows; mark: of what the site then had.

    run: that published it; newest: the newest date in each of its datasets. at: UTC, naive.
    """

    dashboard: str
    site: str
    shown: str
    mark: str
    run: str
    publication: Publication
    newest: tuple[str | None, ...] = ()
    at: datetime | None = None


class _Detail(Record):
    """What of it is one text."""

    publication: Publication
    newest: tuple[str | None, ...] = ()


def read_last_publications(warehouse: WarehouseConnection, site: str) -> dict[str, LastPublication]:
    """Dashboard → its last publication on a site; empty before the first."""
    with warehouse.session() as session:
        if not warehouse.columns(session, warehouse.control, TABLE):
            return {}
        rows = session.rows(
            "select dashboard, shown, mark, run_id, published_at, detail"
            f" from {warehouse.quote(warehouse.control, TABLE)} where site = ?",
            [site],
        )
    found = {}
    for dashboard, shown, mark, run, at, text in rows:
        detail = _Detail.model_validate_json(text)
        found[dashboard] = LastPublication(
            dashboard=dashboard,
            site=site,
            shown=shown,
            mark=mark,
            run=run,
            publication=detail.publication,
            newest=detail.newest,
            at=at,
        )
    return found


def write_last_publications(warehouse: WarehouseConnection, entries: Sequence[LastPublication]) -> None:
    """Write these in place of what was known of the same dashboards on the same sites. Raises LeaseLost.

    One without a time is of now; one whose text is too long to be kept is forgotten.
    """
    if not entries:
        return
    lines = []
    for each in entries:
        detail = _Detail(publication=each.publication, newest=each.newest).model_dump_json()
        if len(detail.encode()) <= control.LONGEST_DETAIL:
            at = each.at or control.now()
            lines.append((each.dashboard, each.site, each.shown, each.mark, each.run, at, detail))
    keys = [(each.dashboard, each.site) for each in entries]
    control.replace_lines(warehouse, TABLE, COLUMNS, keys, lines)
