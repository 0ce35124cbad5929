"""How readers get a release, by the block's `publish`. What they see meanwhile:

- `views`: one view after the other; each shows the old release or the new one, and for the fraction of a second
  that the loop takes a join of two marts may mix them. `_release` names the new run once all show it. What
  fails puts the old views back.
- `branch`: in a Nessie catalogue the views are made on a branch and merged: all at once.
- `slot`: see slots.py.

Killed at any point, the journal says `publishing`, and the next run does it all again.

No statement of Dremio's can change a view and ask for the lease at once, so the lease is asked right before each.
What is left: a run that is stopped between the question and its one statement for longer than its lease lasts
sends that statement late. `views` and `slot` then show that one view of an older release until the next run, which
compares the definitions and leads readers back; by `branch` the merge is refused, since main has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from blocks.errors import Misconfigured, NotFound
from blocks.records import Release
from blocks.warehouse.dremio.names import quote_path
from blocks.warehouse.dremio.session import DremioSession, read_columns
from blocks.warehouse.dremio.settings import DremioSettings
from blocks.warehouse.release_marker import MARKER

Columns = dict[str, dict[str, str]]


class Publication(NamedTuple):
    """A release on its way to readers.

    columns: mart → column → type. marker: the query of `_release`. before: mart → relation that readers see now.
    """

    release: Release
    columns: Columns
    marker: str
    before: dict[str, str]


class Views:
    """Views of marts, each replaced in one statement, so that a reader has the old one or the new one."""

    def __init__(self, settings: DremioSettings, session: DremioSession) -> None:
        self.settings, self.session = settings, session

    def point_view(self, schema: str, mart: str, relation: str, columns: Iterable[str]) -> None:
        """Point a schema's view at a relation."""
        names = ", ".join(self.settings.quote(name) for name in columns)
        self.replace(schema, mart, f"select {names} from {self.settings.relation(relation)}")

    def replace(self, schema: str, view: str, query: str) -> None:
        """Create a view, or give it another query."""
        self.session.rows(f"create or replace view {self.settings.quote(schema, view)} as {query}")

    def drop(self, schema: str, marts: Iterable[str]) -> None:
        """Drop views; absent ones are no error."""
        for mart in sorted(marts):
            self.session.rows(f"drop view if exists {self.settings.quote(schema, mart)}")

    def publish(self, schema: str, publication: Publication) -> None:
        """Point every view of a schema at the release, drop the others, then its `_release`."""
        marts = publication.release.marts
        for mart, relation in sorted(marts.items()):
            self.point_view(schema, mart, relation, publication.columns[mart])
        self.drop(schema, set(publication.before) - set(marts))
        self.replace(schema, MARKER, publication.marker)


def check_relations(settings: DremioSettings, session: DremioSession, release: Release) -> Columns:
    """Columns of every relation of the release. Raises NotFound before anything changes."""
    paths = {mart: settings.names.split_relation(relation) for mart, relation in release.marts.items()}
    columns = {mart: read_columns(session, path) for mart, path in paths.items()}
    if missing := sorted(mart for mart, found in columns.items() if not found):
        raise NotFound(
            f"publish {release.run}",
            f"its {', '.join(missing)} does not exist",
            "Readers keep what they have.",
        )
    return columns


def check_catalogue(settings: DremioSettings) -> None:
    """Raise Misconfigured where branches can't be used."""
    if settings.source:
        raise Misconfigured(
            "publish by branch", "tables and views are apart", "Leave `source` empty: one Nessie catalogue."
        )


def replace_views(settings: DremioSettings, session: DremioSession, publication: Publication) -> None:
    """One view after the other; an error puts back what was there."""
    views, before = Views(settings, session), publication.before
    session.rest.make_folder(settings.names.view_folder(settings.serving))
    try:
        views.publish(settings.serving, publication)
    except Exception:
        for mart, relation in before.items():
            columns = read_columns(session, settings.names.split_relation(relation))
            views.point_view(settings.serving, mart, relation, columns)
        views.drop(settings.serving, set(publication.release.marts) - set(before))
        raise


def merge_branch(settings: DremioSettings, session: DremioSession, publication: Publication) -> None:
    """Point the views on a branch of the catalogue, then merge it once."""
    catalogue = settings.names.views[0]
    check_catalogue(settings)
    branch = quote_path([f"publish_{publication.release.run}".replace("-", "_")])
    place = quote_path([catalogue])
    session.rest.make_folder(settings.names.view_folder(settings.serving))
    session.rows(f"drop branch if exists {branch} force in {place}")
    session.rows(f"create branch {branch} at branch main in {place}")
    session.branches = {catalogue: branch.strip('"')}
    try:
        Views(settings, session).publish(settings.serving, publication)
    finally:
        session.branches = {}
    session.rows(f"merge branch {branch} into main in {place}")
    session.rows(f"drop branch if exists {branch} force in {place}")
