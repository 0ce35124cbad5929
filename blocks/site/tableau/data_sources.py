"""A dashboard's data onto the site, before its workbook: extracts as data sources, or the warehouse itself."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile
from typing import Any

from blocks.catalogue import Dataset
from blocks.errors import Misconfigured
from blocks.site.base import Card
from blocks.site.hyper import hyper_types, write_hyper
from blocks.site.readback import Shown
from blocks.site.tableau.client import content
from blocks.site.tableau.client.session import Session
from blocks.site.tableau.settings import Settings
from blocks.site.tableau.workbook.connections import Connection, Packed, Published
from blocks.site.tableau.workbook.datasource import Source, make_source
from blocks.site.tableau.workbook.live_source import Live
from blocks.site.tableau.workbook.workbook import write


class Data:
    """A card's datasets. work: a folder that is gone afterwards; kept: one that stays.

    After `publish`: rows of each dataset, and the extracts that were made.
    """

    def __init__(self, session: Session, settings: Settings, card: Card, work: Path, kept: Path) -> None:
        self._session, self._settings, self._card = session, settings, card
        self._work, self._kept, self._name = work, kept, card.dashboard.name
        self.rows: list[int] = []
        self.extracts: list[Path] = []

    def publish(self) -> list[Source]:
        """Each dataset as a data source for the workbook, published where it is to be."""
        made = {"published": self._published, "packed": self._packed, "live": self._live}
        found = []
        for place, dataset in enumerate(self._card.datasets):
            name = f"{self._name}-{dataset.mart}"
            connection = made[self._settings.data](place, name, dataset)
            found.append(self._source(place, name, dataset, connection))
        return found

    def shown(self) -> tuple[Shown, ...]:
        """What the release has; where the card does not say, what the extracts have."""
        return self._card.shown or tuple(Shown(rows=rows) for rows in self.rows)

    def packed(self) -> dict[str, Path]:
        """The extracts that go into the workbook's package, by their path in it."""
        return (
            {f"Data/{each.name}": each for each in self.extracts} if self._settings.data == "packed" else {}
        )

    def _source(self, place: int, name: str, dataset: Dataset, connection: Connection) -> Source:
        return make_source(self._name, dataset, hyper_types(self._card.extracts[place]), connection, name)

    def _published(self, place: int, name: str, dataset: Dataset) -> Connection:
        return self._sent(self._extract(place, name))

    def _packed(self, place: int, name: str, dataset: Dataset) -> Connection:
        return Packed(f"Data/{self._extract(place, name).name}")

    def _live(self, place: int, name: str, dataset: Dataset) -> Connection:
        reader, live = self._settings.reader, self._card.live
        if live is None or reader is None:
            missing = "the warehouse can't be read by a BI server" if live is None else "live_user is not set"
            raise Misconfigured(f"Publish {self._name} live", missing, "Or choose data: published.")
        direct = Live(live, self._card.queries[place], reader.user)
        path = self._work / f"{name}.tds"
        path.write_bytes(write(self._source(place, name, dataset, direct).tds()))
        self.rows.append(self._card.shown[place].rows if self._card.shown else 0)
        return self._sent(path, reader)

    def _extract(self, place: int, name: str) -> Path:
        path = self._work / f"{name}.hyper"
        self.rows.append(write_hyper({"Extract": self._card.extracts[place]}, path)["Extract"])
        copyfile(path, self._kept / path.name)
        self.extracts.append(path)
        return path

    def _sent(self, path: Path, reader: Any = None) -> Connection:
        settings = self._settings
        item = content.publish_source(self._session, settings.project, path, settings.job_seconds, reader)
        return Published(str(item.content_url), item.name, self._session.address, self._session.site)
