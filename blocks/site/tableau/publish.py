"""One dashboard onto the site: its data, then its workbook, then what came of it."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile
from typing import Any

from blocks.records import Publication
from blocks.site.base import Card
from blocks.site.tableau.client import content, revisions, views
from blocks.site.tableau.client.connections import connect_and_refresh
from blocks.site.tableau.client.permissions import let_read
from blocks.site.tableau.client.session import Session
from blocks.site.tableau.data_sources import Data
from blocks.site.tableau.naming import Place, place_for
from blocks.site.tableau.settings import Settings
from blocks.site.tableau.workbook.datasource import Source
from blocks.site.tableau.workbook.workbook import make_workbook, pack
from blocks.site.tableau.workbook.xml import shown

UNCHECKED = "Its workbook has no sheet named Release check, so its data was not read back from the site."


class Publishing:
    """A card on its way. work: a folder that is gone afterwards; kept: one that stays."""

    def __init__(self, session: Session, settings: Settings, card: Card, work: Path, kept: Path) -> None:
        self._session, self._settings, self._card = session, settings, card
        self._work, self._kept, self._name = work, kept, card.dashboard.name
        self._data = Data(session, settings, card, work, kept)

    def publish(self) -> Publication:
        """All of it; safe to repeat."""
        sources = self._data.publish()
        own = self._own()
        path, hidden = (own, list[str]()) if own else self._generated(sources)
        place = self._place(path)
        item = content.publish_workbook(
            self._session,
            self._settings.project,
            place.name,
            path,
            self._settings.job_seconds,
            hidden=hidden,
            overwrite=place.item is not None,
            description=self._description(),
            unchecked=own is not None,
        )
        if own:
            connect_and_refresh(self._session, item, self._settings.reader, self._settings.job_seconds)
        let_read(self._session, item, self._settings.groups)
        return self._seen(item, place)

    def _place(self, path: Path) -> Place:
        new = revisions.digest(path)
        place = place_for(self._session, self._settings.project, self._name, new)
        if place.item:  # known as ours even if this ends right after publishing
            revisions.announce(self._session, place.item, revisions.Mark(new, place.views or 0))
        return place

    def _own(self) -> Path | None:
        """The workbook that the project keeps for this dashboard, to be published as it is."""
        folder = self._settings.workbooks
        found = [folder / f"{self._name}{end}" for end in (".twbx", ".twb")] if folder else []
        return next((path for path in found if path.exists()), None)

    def _generated(self, sources: list[Source]) -> tuple[Path, list[str]]:
        workbook, path = make_workbook(self._card, sources), self._work / f"{self._name}.twbx"
        pack(path, workbook, self._data.packed())
        copyfile(path, self._kept / path.name)
        return path, workbook.hidden

    def _description(self) -> str:
        """What the site says below the workbook's name: where it is from, and what the gate said."""
        gate, ticket = self._card.gate, self._card.dashboard.ticket
        said = [shown(self._card.dashboard.title), shown(self._card.dashboard.description, 400)]
        said += [f"Release of run {self._card.run}" + (f", for ticket {shown(ticket, 40)}" if ticket else "")]
        if gate:
            said.append(f"{len(gate.checks) - len(gate.failures)} of {len(gate.checks)} checks passed")
        return ". ".join(part for part in said if part) + "."

    def _seen(self, item: Any, place: Place) -> Publication:
        """Read back, take the picture, count, mark."""
        session, kept, seen = self._session, self._kept, views.views_of(self._session, item)
        canary = views.read_back(session, self._name, seen, self._data.shown(), self._settings.canary_seconds)
        image = views.picture(session, self._name, seen)
        if image:
            (kept / "dashboard.png").write_bytes(image)
        count = views.opened(seen)
        now = views.opened(views.views_of(session, item))  # reading back may count as well
        revisions.mark(session, item, revisions.Mark(revisions.served_digest(session, item), now))
        extracts = self._data.extracts
        return Publication(
            dashboard=self._name,
            ticket=self._card.dashboard.ticket,
            run=self._card.run,
            url=self._url(item, seen),
            rows=sum(self._data.rows),
            image=kept / "dashboard.png" if image else None,
            canary=canary,
            extract=kept / extracts[0].name if extracts else None,
            views=_since(place.views, count),
            notes=place.notes if canary else (*place.notes, UNCHECKED),
        )

    def _url(self, item: Any, seen: list[Any]) -> str:
        view = views.front(seen)
        if view is None:
            return str(item.webpage_url)
        site = f"/site/{self._session.site}" if self._session.site else ""
        return f"{self._session.address}/#{site}/views/{str(view.content_url).replace('/sheets/', '/')}"


def _since(before: int | None, now: int) -> int | None:
    """Views since the last time; None without one. A site that forgot its counts starts from nothing."""
    if before is None:
        return None
    return now - before if now >= before else now
