"""One dashboard onto the site: its data, as extracts or the warehouse itself, then its workbook, then what it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Literal

from blocks.catalogue import Dataset
from blocks.errors import Misconfigured
from blocks.records import Publication
from blocks.site.base import Card
from blocks.site.hyper import find_hyper_types
from blocks.site.readback import DatasetSummary
from blocks.site.tableau.client import content, revisions, views
from blocks.site.tableau.client.connections import connect_and_refresh
from blocks.site.tableau.client.content import Reader
from blocks.site.tableau.client.gone import mark_source
from blocks.site.tableau.client.items import ContentItem, ViewItem
from blocks.site.tableau.client.naming import Place, choose_place
from blocks.site.tableau.client.peoples_settings import (
    Journal,
    PeoplesSettings,
    read_peoples_settings,
    restore_peoples_settings,
)
from blocks.site.tableau.client.permissions import Readers, grant_view
from blocks.site.tableau.client.session import TableauSession
from blocks.site.tableau.client.versions import check_version
from blocks.site.tableau.extracts import Extract, ExtractSender, count_open_dates
from blocks.site.tableau.workbook.connections import (
    LiveConnection,
    PackedExtract,
    PublishedSource,
    TableauConnection,
)
from blocks.site.tableau.workbook.datasource import Source, make_source
from blocks.site.tableau.workbook.grammar import OLDEST_API
from blocks.site.tableau.workbook.presets import list_notes_on_wishes
from blocks.site.tableau.workbook.workbook import make_workbook, pack_workbook, to_bytes
from blocks.site.tableau.workbook.xml import as_title

UNCHECKED = "Its workbook has no sheet named Release check, so its data was not read back from the site."


@dataclass(frozen=True)
class PublishSettings:
    """project: its id; reader: whom live data is read as; readers: who is to view; the rest as in TableauSite."""

    project: str
    data: Literal["auto", "published", "packed", "live"]
    large_mb: float
    reader: Reader | None
    workbooks: Path | None
    readers: Readers
    job_seconds: float
    canary_seconds: float


class DataSources:
    """A card's datasets. work: a folder that is gone afterwards; kept: one that stays.

    After `publish`: rows of each dataset, the .hyper files that were made, how the site gets each dataset's rows and
    why, and notes for the ticket.
    """

    def __init__(
        self,
        session: TableauSession,
        settings: PublishSettings,
        card: Card,
        work: Path,
        kept: Path,
        journal: Journal,
    ) -> None:
        self._session, self._settings, self._card = session, settings, card
        self._work, self._name = work, card.dashboard.name
        self.rows: list[int] = []
        self.extracts: list[Path] = []
        self.data_notes: list[str] = []
        self.notes: list[str] = []
        self._journal = journal
        self._sender = ExtractSender(
            session, settings.project, settings.job_seconds, settings.large_mb, work, kept
        )

    def publish(self) -> list[Source]:
        """Each dataset as a data source for the workbook, published where it is to be."""
        made = {"extract": self._publish_extract, "packed": self._pack_extract, "live": self._publish_live}
        found = []
        for place, dataset in enumerate(self._card.datasets):
            name = f"{self._name}-{dataset.name}"
            connection = made[self._choose_delivery(place)](place, name, dataset)
            found.append(self._make_source(place, name, dataset, connection))
        return found

    def remember(self) -> None:
        """Write down what the site has, once it was read back."""
        self._sender.remember()

    def _choose_delivery(self, place: int) -> Literal["extract", "packed", "live"]:
        """How the rows of a dataset get there: as was chosen when they were read, else as the block says."""
        if self._settings.data == "packed":
            return "packed"
        live = self._card.choices[place].live if self._card.choices else self._settings.data == "live"
        return "live" if live else "extract"

    def list_summaries(self) -> tuple[DatasetSummary, ...]:
        """What the release has; where the card does not say, what the extracts have."""
        return self._card.summaries or tuple(DatasetSummary(rows=rows) for rows in self.rows)

    def list_packed_extracts(self) -> dict[str, Path]:
        """The extracts that go into the workbook's package, by their path in it."""
        return (
            {f"Data/{each.name}": each for each in self.extracts} if self._settings.data == "packed" else {}
        )

    def _make_source(self, place: int, name: str, dataset: Dataset, connection: TableauConnection) -> Source:
        return make_source(
            self._name, dataset, find_hyper_types(self._card.extracts[place]), connection, name
        )

    def _publish_extract(self, place: int, name: str, dataset: Dataset) -> TableauConnection:
        extract = Extract(dataset, self._card.extracts[place], name)
        connection = self._send(name, lambda old: self._sender.send(extract, old))
        self._note_data(place, dataset, extract.reason)
        self._count(extract)
        return connection

    def _pack_extract(self, place: int, name: str, dataset: Dataset) -> TableauConnection:
        extract = Extract(dataset, self._card.extracts[place], name)
        path = self._sender.write(extract)
        self._count(extract)
        self._note_data(place, dataset, "an extract inside the workbook, as the block says")
        return PackedExtract(f"Data/{path.name}")

    def _count(self, extract: Extract) -> None:
        self.rows.append(extract.rows)
        self.extracts += [extract.file] if extract.file else []
        if later := count_open_dates(extract.path, extract.dataset):
            self.notes.append(
                f"{later:,} rows of {extract.dataset.name} have a date years ahead, as an open end has: the workbook "
                "counts them, pages leave them out."
            )

    def _note_data(self, place: int, dataset: Dataset, how: str) -> None:
        choices = self._card.choices
        more = f" ({choices[place].reason})" if choices and choices[place].reason else ""
        self.data_notes.append(f"Data of {dataset.name}: {how}{more}.")

    def _publish_live(self, place: int, name: str, dataset: Dataset) -> TableauConnection:
        reader, live = self._settings.reader, self._card.live
        if live is None or reader is None:
            missing = "the warehouse can't be read by a BI server" if live is None else "live_user is not set"
            raise Misconfigured(f"Publish {self._name} live", missing, "Or choose data: published.")
        direct = LiveConnection(live, self._card.queries[place], reader.user)
        path = self._work / f"{name}.tds"
        path.write_bytes(to_bytes(self._make_source(place, name, dataset, direct).tds()))
        self.rows.append(self._card.summaries[place].rows if self._card.summaries else 0)
        self._note_data(place, dataset, "read from the warehouse itself")
        project, seconds = self._settings.project, self._settings.job_seconds
        return self._send(
            name, lambda _: content.publish_source(self._session, project, path, seconds, reader)
        )

    def _send(
        self, name: str, publish: Callable[[ContentItem | None], ContentItem | None]
    ) -> TableauConnection:
        """Publish a data source. publish: given what is there, returns what is there instead; None: the same."""
        settings = self._settings
        old = content.find(self._session, "datasources", name, settings.project)
        key = f"datasources/{name}"
        before = (
            self._journal.keep(key, read_peoples_settings(self._session, "datasources", old)) if old else None
        )
        item = publish(old) or old
        assert item is not None  # noqa: S101  # nothing is left as it is where there is nothing
        mark_source(self._session, item, self._name)
        grant_view(self._session, "datasources", item, settings.readers)
        if before:
            self.notes += restore_peoples_settings(self._session, "datasources", item, before)
            self._journal.forget(key)
        return PublishedSource(str(item.content_url), item.name, self._session.address, self._session.site)


class DashboardPublisher:
    """A card on its way. work: a folder that is gone afterwards; kept: one that stays."""

    def __init__(
        self, session: TableauSession, settings: PublishSettings, card: Card, work: Path, kept: Path
    ) -> None:
        self._session, self._settings, self._card = session, settings, card
        self._work, self._kept, self._name = work, kept, card.dashboard.name
        self._journal = Journal(kept)
        self._data = DataSources(session, settings, card, work, kept, self._journal)

    def publish(self) -> Publication:
        """All of it; safe to repeat."""
        own = self._find_own_workbook()
        if not own:
            asked, needs = f"Publish {self._name}", "a generated workbook, whose form is that of 2025.1,"
            check_version(asked, self._session.version, OLDEST_API, needs)
        sources = self._data.publish()
        path, hidden = (own, list[str]()) if own else self._generate_workbook(sources)
        place = self._place(path)
        before = self._keep(place.item)
        upload = content.WorkbookUpload(
            name=place.name,
            path=path,
            overwrite=place.item is not None,
            hidden=hidden,
            description=(before.description if before else None) or self._write_description(),
            unchecked=own is not None,
            tabs=bool(before and before.tabs),
        )
        settings = self._settings
        item = content.publish_workbook(self._session, settings.project, upload, settings.job_seconds)
        digest = revisions.read_served(self._session, item).digest
        revisions.replace_mark(self._session, item, item.tags, revisions.Mark(digest, place.views or 0))
        if own:
            connect_and_refresh(self._session, item, self._settings.reader, self._settings.job_seconds)
        grant_view(self._session, "workbooks", item, settings.readers)
        lost = restore_peoples_settings(self._session, "workbooks", item, before) if before else ()
        self._journal.forget(f"workbooks/{item.name}")
        return self._read_back(item, place, digest, lost)

    def _place(self, path: Path) -> Place:
        new = revisions.digest_workbook(path)
        digests = {new, *self._journal.digests}
        place = choose_place(self._session, self._settings.project, self._name, digests)
        self._journal.add_digest(new)
        if place.item:  # known as ours even if this ends right after publishing
            revisions.add_mark(self._session, place.item, revisions.Mark(new, place.views or 0))
        return place

    def _keep(self, item: ContentItem | None) -> PeoplesSettings | None:
        """Read, and write down, what people gave the workbook that is about to be overwritten."""
        if item is None:
            return None
        return self._journal.keep(
            f"workbooks/{item.name}", read_peoples_settings(self._session, "workbooks", item)
        )

    def _find_own_workbook(self) -> Path | None:
        """The workbook that the project keeps for this dashboard, to be published as it is."""
        folder = self._settings.workbooks
        found = [folder / f"{self._name}{end}" for end in (".twbx", ".twb")] if folder else []
        return next((path for path in found if path.exists()), None)

    def _generate_workbook(self, sources: list[Source]) -> tuple[Path, list[str]]:
        workbook, path = make_workbook(self._card, sources), self._work / f"{self._name}.twbx"
        pack_workbook(path, workbook, self._data.list_packed_extracts(), revisions.sign_workbook)
        copyfile(path, self._kept / path.name)
        return path, workbook.hidden

    def _write_description(self) -> str:
        """What the site says below the workbook's name: where it is from, and how the gate ended."""
        gate, ticket = self._card.gate, self._card.dashboard.ticket
        parts = [as_title(self._card.dashboard.title), as_title(self._card.dashboard.description, 400)]
        parts += [
            f"Release of run {self._card.run}" + (f", for ticket {as_title(ticket, 40)}" if ticket else "")
        ]
        if gate:
            parts.append(f"{len(gate.checks) - len(gate.failures)} of {len(gate.checks)} checks passed")
        return " ".join(part if part.endswith((".", "!", "?", "…")) else f"{part}." for part in parts if part)

    def _read_back(self, item: ContentItem, place: Place, digest: str, lost: tuple[str, ...]) -> Publication:
        """Read back, take the picture, count, mark."""
        session, kept, seen = self._session, self._kept, views.list_views(self._session, item)
        canary = views.read_back(
            session, self._name, seen, self._data.list_summaries(), self._settings.canary_seconds
        )
        image = views.take_picture(session, self._name, seen)
        if image:
            (kept / "dashboard.png").write_bytes(image)
        count = views.count_opened(seen)
        now = views.count_opened(views.list_views(session, item))  # reading back may count as well
        first = revisions.Mark(digest, place.views or 0)
        revisions.replace_mark(session, item, [first.tag], revisions.Mark(digest, now))
        self._data.remember()
        extracts = self._data.extracts
        return Publication(
            dashboard=self._name,
            ticket=self._card.dashboard.ticket,
            run=self._card.run,
            url=self._make_url(item, seen),
            rows=sum(self._data.rows),
            image=kept / "dashboard.png" if image else None,
            canary=canary,
            extract=extracts[0] if extracts else None,
            views=_count_since(place.views, count),
            notes=(*self._list_notes(place, canary), *self._data.notes, *lost),
            data_notes=tuple(self._data.data_notes),
            asked=tuple(list_notes_on_wishes(self._card)),
        )

    def _list_notes(self, place: Place, canary: str | None) -> tuple[str, ...]:
        readers = self._settings.readers
        unseen = (f"Not known is who sees it: {readers.description}.",) if readers.unseen else ()
        return (*place.notes, *(() if canary else (UNCHECKED,)), *unseen)

    def _make_url(self, item: ContentItem, seen: list[ViewItem]) -> str:
        view = views.find_main_view(seen)
        if view is None:
            return str(item.webpage_url)
        site = f"/site/{self._session.site}" if self._session.site else ""
        return f"{self._session.address}/#{site}/views/{str(view.content_url).replace('/sheets/', '/')}"


def _count_since(before: int | None, now: int) -> int | None:
    """Views since the last time; None without one. A site that forgot its counts starts from nothing."""
    if before is None:
        return None
    return now - before if now >= before else now
