"""TableauSite: dashboards on Tableau Server or Tableau Cloud, published, read back, never over people's edits.

The client of its server is in client/, what a workbook is made of in workbook/.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import Field, PrivateAttr, SecretStr

from blocks.errors import BadInput, Misconfigured
from blocks.hashing import hash_value
from blocks.http.address import Address
from blocks.records import Publication
from blocks.site.base import ARCHIVE, CANDIDATES, BiSite, Card, DataAsk, DataChoice, write_candidate_name
from blocks.site.readback import Readback
from blocks.site.tableau.client.content import Reader, move_workbooks
from blocks.site.tableau.client.credentials import AccessToken, ConnectedApp
from blocks.site.tableau.client.gone import (
    GoneSource,
    describe_gone,
    find_gone,
    remove_dashboard,
    remove_gone,
)
from blocks.site.tableau.client.lookup import list_stamps
from blocks.site.tableau.client.naming import count_uses, list_names
from blocks.site.tableau.client.permissions import Readers, find_readers
from blocks.site.tableau.client.projects import find_or_make_project, find_project
from blocks.site.tableau.client.session import TableauSession
from blocks.site.tableau.publish import DashboardPublisher, PublishSettings
from blocks.site.tableau.workbook.left_out import leave_out
from blocks.site.text import check_slug
from blocks.warehouse.bi_connection import LiveSource

NO_COMMENTS = "Tableau's REST API gives no comments on views: they are read on the site only."


class TableauSite(BiSite):
    """Dashboards as workbooks in a project of a Tableau site, each on published data sources or on its own data."""

    _block_type_name = "Tableau Site"
    _block_type_slug = "tableau-site"
    _description = "Publishes dashboards as workbooks on Tableau Server or Tableau Cloud."

    project: str = Field("Delivered dashboards", description="project path, as in Analytics/Delivered")
    server: Address = Field(
        pattern=r"^https?://[^/\s@?#]+/?$", description="the server's address, as in https://bi.example.com"
    )
    site: str = Field("", description="the site's content URL; empty for Tableau Server's default site")
    token: AccessToken | None = Field(None, description="a personal access token to sign in with, or")
    app: ConnectedApp | None = Field(None, description="a connected app to sign in with")
    data: Literal["auto", "published", "packed", "live"] = Field(
        "auto",
        description="extracts as data sources of the site (published) or in the workbooks (packed), the warehouse "
        "itself (live), or what pays for each dataset (auto)",
    )
    live_rows: int = Field(
        20_000_000, ge=0, description="auto: a dataset of more rows is read from the warehouse itself"
    )
    large_mb: float = Field(
        64, ge=0, description="of an extract of this size or more only the days that changed are sent"
    )
    live_user: str = Field("", description="live: whom Tableau reads the warehouse as")
    live_password: SecretStr = Field(SecretStr(""), description="live: that user's password; embedded")
    workbooks: Path | None = Field(
        None, description="a folder with <dashboard>.twbx files to publish instead of generated ones"
    )
    readers: tuple[str, ...] = Field(
        (), description="groups that may view; empty: permissions stay as they are"
    )
    audiences: tuple[str, ...] = Field(
        (), description="groups besides readers that a ticket may name as its audience"
    )
    gone_days: int | None = Field(
        90,
        ge=1,
        description="days after which data sources whose dashboard is gone, and which no workbook reads, are removed; "
        "null: never",
    )
    folder: Path = Field(Path(".local/tableau"), description="where pictures and extracts are kept")
    request_seconds: float = Field(120, gt=0, description="longest wait for one answer")
    job_seconds: float = Field(1800, gt=0, description="longest wait for one publish or refresh job")
    canary_seconds: float = Field(90, ge=0, description="how long views may take to show the release")

    _session: TableauSession | None = PrivateAttr(None)

    @property
    def reads_live(self) -> bool:
        """True if its data is the warehouse itself, or may be."""
        return self.data == "live" or (self.data == "auto" and bool(self.live_user))

    @property
    def weighs_arrivals(self) -> bool:
        """True unless the block has decided."""
        return self.data == "auto"

    def choose_data(self, asked: DataAsk, live: LiveSource | None) -> DataChoice:
        """As the block says; `auto`: live where somebody asked for it, or a copy would be too large or fall behind."""
        if self.data != "auto":
            return DataChoice(live=self.data == "live", reason="as the block says")
        pays = f"{asked.rows:,} rows are more than {self.live_rows:,}" if asked.rows > self.live_rows else ""
        pays = pays or (asked.freshness if asked.lags else "")
        wish = "live data was asked for" if asked.live_wanted else pays
        if not wish:
            return DataChoice(reason=asked.freshness)
        missing = "live_user is not set" if not self.live_user else "a BI server can't read this warehouse"
        if not self.live_user or live is None:
            return DataChoice(reason=f"{wish}, but {missing}")
        return DataChoice(live=True, reason=wish)

    def list_audiences(self) -> tuple[str, ...]:
        """The groups that the block names: a ticket's text alone lets nobody in."""
        return tuple(dict.fromkeys((*self.readers, *self.audiences)))

    def check(self) -> str:
        """Sign in and find the project, or make it."""
        with self._connect() as session:
            project = find_or_make_project(session, self._check_path())
            gone = describe_gone(self._find_gone(session, project), self.gone_days)
            told = [self._find_readers(session, project).description, gone]
        where = f"{self._check_path()} on {self._describe_site()}"
        signed = f"publishes into {where}, signed in {self._make_credentials().description}"
        return "; ".join((signed, *filter(None, told)))

    @contextmanager
    def session(self) -> Iterator[None]:
        """One sign-in for all that is published inside, made when it is first needed."""
        with self._connect():
            yield

    @contextmanager
    def _connect(self) -> Iterator[TableauSession]:
        """The session that is open, or one that is closed at the end."""
        if self._session is not None:
            yield self._session
            return
        self._session = TableauSession(
            self.server.rstrip("/"), self.site, self._make_credentials(), self.request_seconds
        )
        try:
            yield self._session
        finally:
            session, self._session = self._session, None
            session.close()

    def warm(self) -> None:
        """Load the client, which takes a second."""
        for module in ("lxml.etree", "tableauserverclient"):
            import_module(module)

    def publish(self, card: Card) -> Publication:
        """Publish a dashboard's data, then its workbook; read it back; keep its files here."""
        begun, name = time.monotonic(), check_slug(card.dashboard.name)
        _check_complete(card)
        card, left_out = leave_out(card)
        with self._connect() as session, TemporaryDirectory(prefix="tableau-") as work:
            publishing = DashboardPublisher(
                session,
                self._make_settings(session, card.dashboard.wishes.audience),
                card,
                Path(work),
                self._make_kept_folder(name),
            )
            publication = publishing.publish()
        notes = (*publication.notes, *left_out)
        return publication.model_copy(update={"notes": notes, "seconds": round(time.monotonic() - begun, 3)})

    def remove_candidate(self, dashboard: str, run: str) -> None:
        """Its workbook, unless somebody edited it, and its data sources, unless another workbook reads them."""
        path, name = f"{self._check_path()}/{CANDIDATES}", check_slug(write_candidate_name(dashboard, run))
        with self._connect() as session:
            if project := find_project(session, path):
                remove_dashboard(session, project, name)
        shutil.rmtree(self.folder.expanduser().resolve() / name, ignore_errors=True)

    def read_use(self, name: str) -> Readback:
        """How often the workbook's views were opened, ever; that which lies beside an edited one counts too."""
        with self._connect() as session:
            project = find_or_make_project(session, self._check_path())
            opened = count_uses(session, project, check_slug(name))
        return Readback(opened=opened, missing=NO_COMMENTS)

    def read_marks(self, names: Sequence[str]) -> dict[str, str]:
        """When a dashboard's workbooks and data sources were changed last; nothing where live data may be read.

        An embedded password may be another one then, which nobody could tell.
        """
        if self.reads_live:
            return {}
        with self._connect() as session:
            project = find_or_make_project(session, self._check_path())
            stamps = list_stamps(session, project)
        own = {name: [stamp for key, stamp in stamps if key.startswith(f"{name}-")] for name in names}
        books = {name: [stamp for key, stamp in stamps if key == name] for name in names}
        files = {name: self._stamp_own_workbook(name) for name in names}
        return {name: hash_value(books[name], own[name], files[name]) for name in names if books[name]}

    def _stamp_own_workbook(self, name: str) -> list[object]:
        paths = [self.workbooks / f"{name}{end}" for end in (".twbx", ".twb")] if self.workbooks else []
        return [(path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.exists()]

    def archive(self, name: str) -> None:
        """Its workbooks, into the project's `archive`; its data sources stay, which they read."""
        with self._connect() as session:
            if project := find_project(session, self._check_path()):
                archive = find_or_make_project(session, f"{self._check_path()}/{ARCHIVE}")
                move_workbooks(session, list_names(check_slug(name)), project, archive)

    def restore(self, name: str) -> None:
        """Its workbooks, out of the project's `archive`."""
        with self._connect() as session:
            project = find_or_make_project(session, self._check_path())
            if archive := find_project(session, f"{self._check_path()}/{ARCHIVE}"):
                move_workbooks(session, list_names(check_slug(name)), archive, project)

    def index(self, cards: Sequence[Card], publications: Sequence[Publication]) -> str:
        """The site's own list of content, which needs no publishing.

        Before it, where something was published, data sources that were left alone for long are removed.
        """
        if self.gone_days is not None and cards:
            with self._connect() as session:
                project = find_or_make_project(session, self._check_path())
                gone = self._find_gone(session, project)
                remove_gone(session, gone, self.gone_days, datetime.now(UTC).date())
        place = f"/site/{self.site}" if self.site else ""
        return f"{self.server.rstrip('/')}/#{place}/explore"

    def _find_gone(self, session: TableauSession, project: str) -> list[GoneSource]:
        return find_gone(session, project, find_project(session, f"{self._check_path()}/{ARCHIVE}"))

    def _make_settings(self, session: TableauSession, audience: tuple[str, ...]) -> PublishSettings:
        project = find_or_make_project(session, self._check_path())
        return PublishSettings(
            project=project,
            data=self.data,
            large_mb=self.large_mb,
            reader=Reader(self.live_user, self.live_password) if self.live_user else None,
            workbooks=self.workbooks,
            readers=self._find_readers(session, project, self._check_audience(audience)),
            job_seconds=self.job_seconds,
            canary_seconds=self.canary_seconds,
        )

    def _check_audience(self, audience: tuple[str, ...]) -> tuple[str, ...]:
        """Raises Misconfigured for a group that a ticket may not name: the block decides, whoever asked."""
        allowed = {name.casefold() for name in self.list_audiences()}
        if unknown := [name for name in audience if name.casefold() not in allowed]:
            raise Misconfigured(
                "Publish for an audience",
                f"{len(unknown)} of its groups are none that the block names",
                "Name groups of the block's readers or audiences, or add them there.",
            )
        return audience

    def _find_readers(self, session: TableauSession, project: str, audience: tuple[str, ...] = ()) -> Readers:
        kinds = ("workbooks",) if self.data == "packed" else ("workbooks", "datasources")
        return find_readers(session, project, audience or self.readers, kinds, alone=bool(audience))

    def _make_credentials(self) -> AccessToken | ConnectedApp:
        given = [each for each in (self.token, self.app) if each]
        if len(given) != 1:
            raise Misconfigured(
                f"Sign in to {self._describe_site()}",
                "it needs a token or a connected app, and one of them only",
                "Set token or app of the block.",
            )
        return given[0]

    def _describe_site(self) -> str:
        return f"{self.server.rstrip('/')}, site {self.site or 'Default'}"

    def _check_path(self) -> str:
        parts = [part.strip() for part in self.project.split("/")]
        if not all(parts):
            raise Misconfigured("Publish on Tableau", "the project path has an empty part", "As in A/B.")
        return "/".join(parts)

    def _make_kept_folder(self, name: str) -> Path:
        place = self.folder.expanduser().resolve() / name
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError:
            raise Misconfigured(f"Write into {place}", "it can't be made", "Give another folder.") from None
        return place


def _check_complete(card: Card) -> None:
    """Raises BadInput for a card that no dashboard can be made of."""
    asked, marts = f"Publish {card.dashboard.name}", [dataset.name for dataset in card.datasets]
    if len(set(marts)) != len(marts) or len(marts) != len(card.extracts):
        raise BadInput(asked, "its datasets and extracts don't pair", "Give one of each a mart.")
    if not marts or not all(dataset.metrics for dataset in card.datasets):
        raise BadInput(asked, "a dataset of it has no metric", "Give it one.")
