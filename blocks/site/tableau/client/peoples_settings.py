"""What people gave a workbook or data source on the site, kept over an overwrite: read before, restored after.

An overwrite may drop tags, views' tags, owner, description, tabs, and of a data source certification and warnings of
quality. What was read is written down here first, so that a run which is cut off in between is made good by the next
one. Subscriptions, alerts, custom views and favourites hang on the ids of workbook and views: what of them is gone
afterwards is told by name (followers.py), of favourites, which the REST API shows to their owners only, that a view has
another id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from blocks.errors import Forbidden, NotFound, Rejected
from blocks.records import Record
from blocks.site.tableau.client.endpoints import Server
from blocks.site.tableau.client.followers import Follower, list_followers
from blocks.site.tableau.client.items import ContentItem, WarningItem
from blocks.site.tableau.client.session import TableauSession
from blocks.site.tableau.client.versions import OPTIONAL
from blocks.site.tableau.client.views import list_views
from blocks.site.text import one_line
from blocks.whole_file import write_whole

Act: TypeAlias = Callable[[Server], object]
FILE = "publishing.json"
OURS = "Release of run "  # in each description that we write


class QualityWarning(Record):
    """A warning of quality that people put on a data source."""

    kind: str
    message: str | None
    active: bool
    severe: bool


class PeoplesSettings(Record):
    """Of one workbook or data source. tags: without our marks; views: tags by the view's name; tabs: are shown.

    description: people's own; None where it is ours, or there is none. ids: of the views by name. certified: the note
    of a certification; None without one.
    """

    tags: tuple[str, ...] = ()
    views: Mapping[str, tuple[str, ...]] = {}
    owner: str | None = None
    description: str | None = None
    tabs: bool | None = None
    ids: Mapping[str, str] = {}
    followers: tuple[Follower, ...] = ()
    certified: str | None = None
    warnings: tuple[QualityWarning, ...] = ()


class Journal:
    """What is on its way, in a file of the folder that stays. digests: of the workbooks that were uploaded last."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            self.digests = [str(each) for each in found["digests"]]
            self._kept = {str(key): PeoplesSettings(**value) for key, value in found["kept"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none yet, or half of one
            self.digests, self._kept = list[str](), dict[str, PeoplesSettings]()

    def add_digest(self, digest: str) -> None:
        """Before a workbook is uploaded."""
        self.digests = [*(each for each in self.digests if each != digest), digest][-3:]
        self._write()

    def keep(self, key: str, found: PeoplesSettings) -> PeoplesSettings:
        """Write down what is there now, with what an earlier run that was cut off had read; both are returned."""
        before = self._kept.get(key, PeoplesSettings())
        views = {
            name: tuple(sorted({*found.views.get(name, ()), *before.views.get(name, ())}))
            for name in {*found.views, *before.views}
        }
        self._kept[key] = PeoplesSettings(
            tags=tuple(sorted({*found.tags, *before.tags})),
            views=views,
            owner=before.owner or found.owner,
            description=before.description or found.description,
            tabs=found.tabs if before.tabs is None else before.tabs,
            ids={**found.ids, **before.ids},
            followers=tuple(dict.fromkeys((*before.followers, *found.followers))),
            certified=found.certified if before.certified is None else before.certified,
            warnings=tuple(dict.fromkeys((*before.warnings, *found.warnings))),
        )
        self._write()
        return self._kept[key]

    def forget(self, key: str) -> None:
        """Drop what was kept of a workbook, once all of it is on the site again."""
        if self._kept.pop(key, None) is not None:
            self._write()

    def _write(self) -> None:
        kept = {key: value.model_dump(mode="json") for key, value in self._kept.items()}
        write_whole(self._path, json.dumps({"digests": self.digests, "kept": kept}))


def read_peoples_settings(session: TableauSession, kind: str, item: ContentItem) -> PeoplesSettings:
    """What people gave a workbook or data source that is about to be overwritten."""
    views = list_views(session, item) if kind == "workbooks" else []
    ours = {each for each in item.tags if each.startswith("ticket-to-dashboard.")}
    theirs = item.description if item.description and OURS not in item.description else None
    return PeoplesSettings(
        tags=tuple(sorted(item.tags - ours)),
        views={each.name: tuple(sorted(each.tags)) for each in views if each.tags},
        owner=item.owner_id,
        description=theirs,
        tabs=item.show_tabs if kind == "workbooks" else None,
        ids={each.name: each.id for each in views},
        followers=list_followers(session, item, views) if kind == "workbooks" else (),
        certified=(item.certification_note or "") if kind == "datasources" and item.certified else None,
        warnings=_list_warnings(session, item) if kind == "datasources" else (),
    )


def restore_peoples_settings(
    session: TableauSession, kind: str, item: ContentItem, before: PeoplesSettings
) -> tuple[str, ...]:
    """Give back what the overwrite dropped; returned is what could not be, a sentence each, for the ticket."""
    lost: list[str] = []
    missing = sorted(set(before.tags) - item.tags)
    if missing:
        _try(session, f"Restore the tags of {item.name}", _add_tags(kind, item, missing), lost)
    if before.views or before.ids:
        lost += _restore_views(session, item, before)
    if before.warnings:
        _restore_warnings(session, item, before, lost)
    _restore_fields(session, kind, item, before, lost)
    return tuple(lost)


def _list_warnings(session: TableauSession, item: ContentItem) -> tuple[QualityWarning, ...]:
    """The warnings of quality on a data source, as far as the user may see them."""
    if session.scoped or session.version < OPTIONAL["datasources: warnings of quality"]:
        return ()

    def ask(server: Server) -> list[WarningItem]:
        server.datasources.populate_dqw(item)
        return list(item.dqws)

    try:
        found = session.call(f"Read the warnings of {item.name}", ask)
    except Rejected:  # not for this user, or the site has no data management
        return ()
    return tuple(
        QualityWarning(kind=each.warning_type, message=each.message, active=each.active, severe=each.severe)
        for each in found
    )


def _restore_warnings(
    session: TableauSession, item: ContentItem, before: PeoplesSettings, lost: list[str]
) -> None:
    import tableauserverclient as client

    there = _list_warnings(session, item)
    for each in before.warnings:
        if each not in there:
            made = client.DQWItem(each.kind, each.message, each.active, each.severe)
            asked = f"Restore the warning “{one_line(each.message or each.kind, 60)}” of {item.name}"
            _try(session, asked, _add_warning(item, made), lost)


def _add_warning(item: ContentItem, made: object) -> Act:
    return lambda server: server.datasources.add_dqw(item, made)


def _restore_views(session: TableauSession, item: ContentItem, before: PeoplesSettings) -> list[str]:
    lost: list[str] = []
    views = list_views(session, item)
    there = {each.name: each for each in views}
    lost += [
        f"View {one_line(name, 60)} of {item.name} is another one for the site since it was published again: "
        "people's favourites and links to it are lost."
        for name, identity in before.ids.items()
        if name in there and there[name].id != identity
    ]
    if before.followers:
        left = {each.id for each in list_followers(session, item, views)}
        lost += [
            f"Since {item.name} was published again it has no more {each.words}: whose it was has to make it again."
            for each in before.followers
            if each.id not in left
        ]
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
    session: TableauSession, kind: str, item: ContentItem, before: PeoplesSettings, lost: list[str]
) -> None:
    """Give it its fields again; the owner last, since who is not the owner may not set the rest."""
    wrong = False
    if before.description and item.description != before.description:
        item.description, wrong = before.description, True
    if kind == "workbooks" and before.tabs is not None and item.show_tabs != before.tabs:
        item.show_tabs, wrong = before.tabs, True
    if before.certified is not None and not item.certified:
        item.certified, item.certification_note, wrong = True, before.certified, True
    if before.owner and item.owner_id != before.owner:
        item.owner_id, wrong = before.owner, True
    if wrong:
        what = "description and tabs" if before.certified is None else "description and certification"
        asked = f"Restore owner, {what} of {item.name}"
        _try(session, asked, lambda server: getattr(server, kind).update(item), lost)


def _add_tags(kind: str, item: object, tags: list[str]) -> Act:
    return lambda server: getattr(server, kind).add_tags(item, tags)


def _try(session: TableauSession, asked: str, act: Act, lost: list[str]) -> None:
    try:
        session.call(asked, act)
    except (Forbidden, NotFound) as error:
        lost.append(f"{one_line(asked, 120)}: not done ({one_line(str(error.answer), 120)}).")
