"""How readers get a release: three ways behind one call, by the block's `publish`. What they see meanwhile:

- `views`: one view after the other; each shows the old release or the new one, and for the fraction of a second
  that the loop takes a join of two marts may mix them. `_release` names the new run once all show it. What
  fails puts the old views back.
- `slot`: two folders of views, blue and green; readers' views ask `_slot` which one counts. The idle one is
  made ready unseen, then one statement flips all. A mart with new columns follows a moment later.
- `branch`: in a Nessie catalogue the views are made on a branch and merged: all at once.

Killed at any point, the journal says `publishing`, and the next run does it all again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from blocks.errors import Misconfigured
from blocks.records import Release
from blocks.warehouse.dremio.names import quoted
from blocks.warehouse.dremio.session import DremioSession
from blocks.warehouse.dremio.slots import flip_slot
from blocks.warehouse.dremio.views import Columns, hide, mark, show

if TYPE_CHECKING:
    from blocks.warehouse.dremio.warehouse import DremioWarehouse

Publisher = Callable[["DremioWarehouse", DremioSession, Release, Columns], None]


def loop_views(
    warehouse: DremioWarehouse, session: DremioSession, release: Release, columns: Columns
) -> None:
    """One view after the other; an error puts back what was there."""
    before = warehouse.served()
    old = before.marts if before else {}
    warehouse.make_schema(session, warehouse.serving)
    try:
        _point(warehouse, session, release, columns, old)
    except Exception:
        for mart, relation in old.items():
            found = warehouse.columns(session, *relation.rsplit(".", 1))
            show(warehouse, session, warehouse.serving, mart, relation, found)
        hide(warehouse, session, warehouse.serving, set(release.marts) - set(old))
        raise


def merge_branch(
    warehouse: DremioWarehouse, session: DremioSession, release: Release, columns: Columns
) -> None:
    """The views on a branch of the catalogue, then one merge."""
    catalogue = warehouse.names.views[0]
    if warehouse.source:
        raise Misconfigured(
            "publish by branch", "tables and views are apart", "Leave `source` empty: one Nessie catalogue."
        )
    before, branch = warehouse.served(), f"publish_{release.run}".replace("-", "_")
    place = quoted([catalogue])
    warehouse.make_schema(session, warehouse.serving)
    session.rows(f'drop branch if exists "{branch}" force in {place}')
    session.rows(f'create branch "{branch}" at branch main in {place}')
    session.branches = {catalogue: branch}
    try:
        _point(warehouse, session, release, columns, before.marts if before else {})
    finally:
        session.branches = {}
    session.rows(f'merge branch "{branch}" into main in {place}')
    session.rows(f'drop branch if exists "{branch}" force in {place}')


def _point(
    warehouse: DremioWarehouse, session: DremioSession, release: Release, columns: Columns, old: Iterable[str]
) -> None:
    for mart, relation in sorted(release.marts.items()):
        show(warehouse, session, warehouse.serving, mart, relation, columns[mart])
    hide(warehouse, session, warehouse.serving, set(old) - set(release.marts))
    mark(warehouse, session, warehouse.serving, release)


PUBLISHERS: dict[str, Publisher] = {"views": loop_views, "slot": flip_slot, "branch": merge_branch}
