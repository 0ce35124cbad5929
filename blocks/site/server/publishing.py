"""One dashboard onto the site: its data sources, then its workbook, then what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any, Literal

from pydantic import SecretStr

from blocks.catalogue import Dataset
from blocks.errors import Misconfigured
from blocks.records import Publication
from blocks.site.base import Card
from blocks.site.canary import Shown
from blocks.site.hyper import hyper_types, write_hyper
from blocks.site.server import content, marks, views
from blocks.site.server.content import Reader
from blocks.site.server.finding import place_for
from blocks.site.server.refreshing import connect_and_refresh
from blocks.site.server.rights import let_read
from blocks.site.server.session import Session
from blocks.site.workbook.book import Workbook, make_workbook, pack, write
from blocks.site.workbook.connections import Connection, Live, Packed, Published
from blocks.site.workbook.source import Source, make_source
from blocks.site.workbook.xml import shown


@dataclass(frozen=True)
class Settings:
    """What a site's block says of every delivery. project: its id; the rest as in TableauSite."""

    project: str
    data: Literal["published", "packed", "live"]
    user: str
    password: SecretStr
    workbooks: Path | None
    readers: tuple[str, ...]
    job_seconds: float
    canary_seconds: float


class Publishing:
    """A card on its way. work: a folder that is gone afterwards; kept: one that stays."""

    def __init__(self, session: Session, settings: Settings, card: Card, work: Path, kept: Path) -> None:
        self.session, self.settings, self.card = session, settings, card
        self.work, self.kept, self.name = work, kept, card.dashboard.name
        self.rows: list[int] = []
        self.extracts: list[Path] = []

    def publish(self) -> Publication:
        """All of it; safe to repeat."""
        sources = [self._source(n, dataset) for n, dataset in enumerate(self.card.datasets)]
        own = self._own()
        path, hidden = (own, []) if own else self._generated(make_workbook(self.card, sources))
        new = marks.digest(path)
        place = place_for(self.session, self.settings.project, self.name, new)
        if place.item:  # known as ours even if this ends right after publishing
            marks.announce(self.session, place.item, marks.Mark(new, place.views or 0))
        item = content.publish_workbook(
            self.session, self.settings.project, place.name, path, self.settings.job_seconds,
            overwrite=place.item is not None, hidden=hidden, description=self._description(), unchecked=own is not None,
        )  # fmt: skip
        if own:
            connect_and_refresh(self.session, item, self._reader(), self.settings.job_seconds)
        let_read(self.session, item, self.settings.readers)
        return self._seen(item, place.views, place.notes)

    def _source(self, place: int, dataset: Dataset) -> Source:
        """A dataset as a data source, published where it is to be."""
        path, name = self.card.extracts[place], f"{self.name}-{dataset.mart}"
        made = {"published": self._published, "packed": self._packed, "live": self._live}
        connection = made[self.settings.data](place, name, dataset)
        return make_source(self.name, dataset, hyper_types(path), connection, name)

    def _published(self, place: int, name: str, dataset: Dataset) -> Connection:
        item = content.publish_source(
            self.session, self.settings.project, self._extract(place, name), self.settings.job_seconds
        )
        return self._proxy(item)

    def _packed(self, place: int, name: str, dataset: Dataset) -> Connection:
        return Packed(f"Data/{self._extract(place, name).name}")

    def _live(self, place: int, name: str, dataset: Dataset) -> Connection:
        reader, live = self._reader(), self.card.live
        if live is None or reader is None:
            missing = "the warehouse can't be read by a BI server" if live is None else "live_user is not set"
            raise Misconfigured(f"Publish {self.name} live", missing, "Or choose data: published.")
        direct = Live(live, self.card.queries[place], reader.user)
        source = make_source(self.name, dataset, hyper_types(self.card.extracts[place]), direct, name)
        path = self.work / f"{name}.tds"
        path.write_bytes(write(source.tds()))
        self.rows.append(self.card.shown[place].rows if self.card.shown else 0)
        job = self.settings.job_seconds
        return self._proxy(content.publish_source(self.session, self.settings.project, path, job, reader))

    def _extract(self, place: int, name: str) -> Path:
        path = self.work / f"{name}.hyper"
        self.rows.append(write_hyper({"Extract": self.card.extracts[place]}, path)["Extract"])
        copyfile(path, self.kept / path.name)
        self.extracts.append(path)
        return path

    def _proxy(self, item: Any) -> Connection:
        return Published(str(item.content_url), item.name, self.session.address, self.session.site)

    def _reader(self) -> Reader | None:
        return Reader(self.settings.user, self.settings.password) if self.settings.user else None

    def _own(self) -> Path | None:
        """The workbook that the project keeps for this dashboard, to be published as it is."""
        folder = self.settings.workbooks
        found = [folder / f"{self.name}{end}" for end in (".twbx", ".twb")] if folder else []
        return next((path for path in found if path.exists()), None)

    def _generated(self, workbook: Workbook) -> tuple[Path, list[str]]:
        path = self.work / f"{self.name}.twbx"
        packed = (
            {f"Data/{each.name}": each for each in self.extracts} if self.settings.data == "packed" else {}
        )
        pack(path, workbook, packed)
        copyfile(path, self.kept / path.name)
        return path, workbook.hidden

    def _description(self) -> str:
        """What the site says below the workbook's name: where it is from, and what the gate said."""
        gate, ticket = self.card.gate, self.card.dashboard.ticket
        said = [shown(self.card.dashboard.title), shown(self.card.dashboard.description, 400)]
        said += [f"Release of run {self.card.run}" + (f", for ticket {shown(ticket, 40)}" if ticket else "")]
        if gate:
            said.append(f"{len(gate.checks) - len(gate.failures)} of {len(gate.checks)} checks passed")
        return ". ".join(part for part in said if part) + "."

    def _seen(self, item: Any, before: int | None, notes: tuple[str, ...]) -> Publication:
        """Read back, take the picture, count, mark."""
        seen = views.views_of(self.session, item)
        canary = views.read_back(
            self.session, self.name, seen, self._expected(), self.settings.canary_seconds
        )
        image = views.picture(self.session, self.name, seen)
        if image:
            (self.kept / "dashboard.png").write_bytes(image)
        count = views.opened(seen)
        now = marks.served_digest(self.session, item)
        marks.mark(self.session, item, marks.Mark(now, views.opened(views.views_of(self.session, item))))
        if canary is None:
            notes = (*notes, "Its workbook has no sheet named Release check, so its data was not read back.")
        return Publication(
            dashboard=self.name, ticket=self.card.dashboard.ticket, run=self.card.run, rows=sum(self.rows),
            url=self._url(item, seen), image=self.kept / "dashboard.png" if image else None, canary=canary,
            extract=self.kept / self.extracts[0].name if self.extracts else None, notes=notes,
            views=None if before is None else count - before if count >= before else count,
        )  # fmt: skip

    def _expected(self) -> tuple[Shown, ...]:
        """What the release has; where the card does not say, what the extracts have."""
        return self.card.shown or tuple(Shown(rows=rows) for rows in self.rows)

    def _url(self, item: Any, seen: list[Any]) -> str:
        view = views.front(seen)
        site = f"/site/{self.session.site}" if self.session.site else ""
        if view is None:
            return str(item.webpage_url)
        return f"{self.session.address}/#{site}/views/{str(view.content_url).replace('/sheets/', '/')}"
