"""What people gave a workbook or data source on the site, kept over an overwrite: read before, restored after.

An overwrite may drop tags, views' tags, owner, description and tabs. What was read is written down here first, so that
a run which is cut off in between is made good by the next one. Not given by the REST API, so not here: other people's
favourites. Subscriptions, alerts and custom views hang on the views, whose names stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from blocks.errors import Forbidden, NotFound
from blocks.records import Record
from blocks.site.tableau.client.items import ContentItem, Server
from blocks.site.tableau.client.session import TableauSession
from blocks.site.tableau.client.views import list_views
from blocks.site.text import one_line

Act: TypeAlias = Callable[[Server], object]
FILE = "publishing.json"
OURS = "Release of run "  # in each description that we write


class Keepsake(Record):
    """Of one workbook or data source. tags: without our marks; views: tags by the view's name; tabs: are shown.

    description: people's own; None where it is ours, or there is none.
    """

    tags: tuple[str, ...] = ()
    views: Mapping[str, tuple[str, ...]] = {}
    owner: str | None = None
    description: str | None = None
    tabs: bool | None = None


class Journal:
    """What is on its way, in a file of the folder that stays. digests: of the workbooks that were uploaded last."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            self.digests = [str(each) for each in found["digests"]]
            self._kept = {str(key): Keepsake(**value) for key, value in found["kept"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none yet, or half of one
            self.digests, self._kept = list[str](), dict[str, Keepsake]()

    def add_digest(self, digest: str) -> None:
        """Before a workbook is uploaded."""
        self.digests = [*(each for each in self.digests if each != digest), digest][-3:]
        self._write()

    def keep(self, key: str, found: Keepsake) -> Keepsake:
        """Write down what is there now, with what an earlier run that was cut off had read; both are returned."""
        before = self._kept.get(key, Keepsake())
        views = {
            name: tuple(sorted({*found.views.get(name, ()), *before.views.get(name, ())}))
            for name in {*found.views, *before.views}
        }
        self._kept[key] = Keepsake(
            tags=tuple(sorted({*found.tags, *before.tags})),
            views=views,
            owner=before.owner or found.owner,
            description=before.description or found.description,
            tabs=found.tabs if before.tabs is None else before.tabs,
        )
        self._write()
        return self._kept[key]

    def forget(self, key: str) -> None:
        """Drop what was kept of a workbook, once all of it is on the site again."""
        if self._kept.pop(key, None) is not None:
            self._write()

    def _write(self) -> None:
        kept = {key: value.model_dump(mode="json") for key, value in self._kept.items()}
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps({"digests": self.digests, "kept": kept}), encoding="utf-8")
        part.replace(self._path)


def read_keepsake(session: TableauSession, kind: str, item: ContentItem) -> Keepsake:
    """What people gave a workbook or data source that is about to be overwritten."""
    views = list_views(session, item) if kind == "workbooks" else []
    ours = {each for each in item.tags if each.startswith("ticket-to-dashboard.")}
    theirs = item.description if item.description and OURS not in item.description else None
    return Keepsake(
        tags=tuple(sorted(item.tags - ours)),
        views={each.name: tuple(sorted(each.tags)) for each in views if each.tags},
        owner=item.owner_id,
        description=theirs,
        tabs=item.show_tabs if kind == "workbooks" else None,
    )


def restore_keepsake(
    session: TableauSession, kind: str, item: ContentItem, before: Keepsake
) -> tuple[str, ...]:
    """Give back what the overwrite dropped; returned is what could not be, a sentence each, for the ticket."""
    lost: list[str] = []
    missing = sorted(set(before.tags) - item.tags)
    if missing:
        _try(session, f"Restore the tags of {item.name}", _add_tags(kind, item, missing), lost)
    if before.views:
        lost += _restore_views(session, item, before)
    _restore_fields(session, kind, item, before, lost)
    return tuple(lost)


def _restore_views(session: TableauSession, item: ContentItem, before: Keepsake) -> list[str]:
    lost: list[str] = []
    there = {each.name: each for each in list_views(session, item)}
    for name, tags in before.views.items():
        view = there.get(name)
        if view is None:
            lost.append(
                f"View {one_line(name, 60)} of {item.name} is no more; it had {len(tags)} tags of people."
            )
        elif missing := sorted(set(tags) - view.tags):
            _try(session, f"Restore the tags of view {name}", _add_tags("views", view, missing), lost)
    return lost


def _restore_fields(
    session: TableauSession, kind: str, item: ContentItem, before: Keepsake, lost: list[str]
) -> None:
    """Give it its fields again; the owner last, since who is not the owner may not set the rest."""
    wrong = False
    if before.description and item.description != before.description:
        item.description, wrong = before.description, True
    if kind == "workbooks" and before.tabs is not None and item.show_tabs != before.tabs:
        item.show_tabs, wrong = before.tabs, True
    if before.owner and item.owner_id != before.owner:
        item.owner_id, wrong = before.owner, True
    if wrong:
        asked = f"Restore owner, description and tabs of {item.name}"
        _try(session, asked, lambda server: getattr(server, kind).update(item), lost)


def _add_tags(kind: str, item: object, tags: list[str]) -> Act:
    return lambda server: getattr(server, kind).add_tags(item, tags)


def _try(session: TableauSession, asked: str, act: Act, lost: list[str]) -> None:
    try:
        session.call(asked, act)
    except (Forbidden, NotFound) as error:
        lost.append(f"{one_line(asked, 120)}: not done ({one_line(str(error.answer), 120)}).")
