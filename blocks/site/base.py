"""The BiSite interface: dashboards out, for people to open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import quote

from prefect.blocks.core import Block
from pydantic import Field, field_validator

from blocks.catalogue import Dataset
from blocks.dictionary import Dictionary
from blocks.hidden_input import HIDDEN_INPUT
from blocks.manifest import Manifest
from blocks.records import Comment, Dashboard, GateReport, Publication, Record
from blocks.site.labels import tell_fields_apart
from blocks.site.plan import DashboardPlan, plan_dashboard
from blocks.site.readback import DatasetSummary, Readback
from blocks.site.text import make_checks_anchor
from blocks.time_zone import UTC_ZONE
from blocks.warehouse.bi_connection import LiveSource


class DataAsk(Record):
    """What a site decides by how it gets the rows of a dataset.

    rows: how many; live_wanted: somebody asked for it; arrives: the measured days between two loads that bring new rows
    (None: not known yet); refreshed: the days between two refreshes of its dashboard (None: nothing refreshes it).
    """

    rows: int
    live_wanted: bool = False
    arrives: float | None = None
    refreshed: float | None = 0.0

    @property
    def lags(self) -> bool:
        """True if a copy falls behind: new rows come more often than the dashboard is refreshed."""
        if self.arrives is None:
            return False
        return self.refreshed is None or self.refreshed > SLACK * self.arrives

    @property
    def freshness(self) -> str:
        """How often new rows come, and how often it is refreshed, in words."""
        came = f"new rows came {_write_every(self.arrives)}" if self.arrives is not None else UNMEASURED
        if self.refreshed is None:
            return f"{came}, and nothing refreshes the dashboard by itself"
        often = _write_every(self.refreshed) if self.refreshed else "with each run"
        return f"{came}, and the dashboard is refreshed {often}"


SLACK = 1.5  # times as long: runs do not begin on the second
UNMEASURED = "how often new rows come is not known before three loads"


def _write_every(days: float) -> str:
    """A time between two of something, in days, as `every 2 days`."""
    hours = round(days * 24)
    if hours < 1:
        return "more than once an hour"
    number, unit = (hours, "hour") if hours < 20 else (max(1, round(days)), "day")  # a day, or nearly
    return f"every {unit}" if number == 1 else f"every {number} {unit}s"


class DataChoice(Record):
    """How a site gets the rows of a dataset. live: out of serving itself, not as a copy; reason: of it, for people."""

    live: bool = False
    reason: str = ""


class Card(Record):
    """All a site needs to publish one dashboard.

    No two labels of its datasets are alike (`tell_fields_apart`).
    datasets pair with extracts: Parquet files of the datasets' rows, read from serving; and with summaries:
    what these rows are, for a canary (empty: not known). as_of: the newest date in the data; gate: the checks of
    its marts, from the runs that built them; feedback: people's comments. live: read serving itself by these
    queries, one a dataset; the extracts then have columns and no rows. values: of such a dataset, files of the values
    of dimensions by which the request filters, by the dimension; sizes: of the largest values of each dimension, with
    what they are ranked by (`export_largest_values`). choices: which of the datasets are read so, as
    the site chose (empty: all or none of them, as live says). ends: the last day that each dataset's data
    reach over, as their sources say (None, or none: nothing says so). sources: each dataset's source tables; owner:
    who answers for the dashboard.
    """

    dashboard: Dashboard
    run: str
    datasets: tuple[Dataset, ...]
    extracts: tuple[Path, ...]
    gate: GateReport | None
    as_of: str | None
    ticket_url: str | None = None
    feedback: tuple[Comment, ...] = ()
    summaries: tuple[DatasetSummary, ...] = ()
    live: LiveSource | None = None
    queries: tuple[str, ...] = ()
    values: tuple[Mapping[str, Path], ...] = ()
    sizes: tuple[Mapping[str, Path], ...] = ()
    choices: tuple[DataChoice, ...] = ()
    ends: tuple[date | None, ...] = ()
    sources: tuple[tuple[str, ...], ...] = ()
    owner: str = ""

    @field_validator("datasets")
    @classmethod
    def _tell_apart(cls, datasets: tuple[Dataset, ...]) -> tuple[Dataset, ...]:
        return tell_fields_apart(datasets)

    @property
    def plan(self) -> DashboardPlan:
        """What is shown, in which order, on every site."""
        return plan_dashboard(self.dashboard, self.datasets)

    @property
    def checks_anchor(self) -> str:
        """The part of the address of its page of checks that leads to those of its first mart; empty without one."""
        return make_checks_anchor(self.dashboard.marts[0]) if self.dashboard.marts else ""

    @property
    def time_zone(self) -> str:
        """The project's, in which points in time are shown."""
        return self.datasets[0].time_zone if self.datasets else UTC_ZONE

    def keep_datasets(self, kept: Sequence[int], datasets: Sequence[Dataset]) -> Card:
        """The card with some of its datasets, by their places, as they are given; what pairs with them goes along."""
        found = {name: getattr(self, name) for name in PAIRED}
        paired = {name: tuple(each[place] for place in kept) for name, each in found.items() if each}
        return self.model_copy(update={**paired, "datasets": tuple(datasets)})


PAIRED = ("extracts", "summaries", "queries", "values", "sizes", "choices", "ends", "sources")
"""Fields of a card that have one of each dataset, or none at all."""


class Guides(NamedTuple):
    """Where a site explains what dashboards show: the data dictionary, dbt's own documentation; None: nowhere."""

    dictionary: str | None = None
    dbt_docs: str | None = None

    def point_at(self, marts: Sequence[str]) -> Guides:
        """The same, with what the dictionary says of the first of these marts."""
        at = f"#mart-{quote(marts[0])}" if marts else ""
        return self._replace(dictionary=self.dictionary and self.dictionary + at)


CANDIDATES, ARCHIVE = "candidates", "archive"
"""Places below that of the dashboards: of what waits for acceptance, and of what nobody opens."""


def write_candidate_name(dashboard: str, run: str) -> str:
    """What a dashboard's candidate of a run is called."""
    return f"{dashboard}-{run.lower()}"[:100]


def name_candidate(card: Card) -> Card:
    """A card under a name of its own, whose title says that it is not live."""
    dashboard = card.dashboard
    changed = {
        "name": write_candidate_name(dashboard.name, card.run),
        "title": f"Candidate, not live: {dashboard.title}",
        "description": f"It waits for acceptance; readers see another release. {dashboard.description}".strip(),
    }
    return card.model_copy(update={"dashboard": dashboard.model_copy(update=changed)})


class BiSite(Block, ABC):
    """Where dashboards are published. Called only after promotion."""

    model_config = HIDDEN_INPUT

    project: str = Field(description="the site's folder or project path for our dashboards")

    @abstractmethod
    def check(self) -> str:
        """Connect and return a one-line status. Raises a PlatformError that says what to do."""

    @property
    def reads_live(self) -> bool:
        """True if its dashboards may read serving itself, where the warehouse can be reached so."""
        return False

    @property
    def weighs_arrivals(self) -> bool:
        """True if how often new rows come has a say in how their rows are read: it is then measured."""
        return False

    def choose_data(self, asked: DataAsk, live: LiveSource | None) -> DataChoice:
        """Whether a dataset is read out of serving itself. live: where that can be reached; None: nowhere."""
        return DataChoice(
            reason="live data was asked for, but this site has none" if asked.live_wanted else ""
        )

    def list_audiences(self) -> tuple[str, ...] | None:
        """Groups that a ticket may name as those who may read its dashboard; None: nobody can be kept out here."""
        return None

    def session(self) -> AbstractContextManager[None]:
        """One connection for all that is published inside it; outside of it, each call makes its own."""
        return nullcontext()

    def warm(self) -> None:
        """Do what the first publication of a process would wait for; nothing, unless it is worth it."""
        return

    @abstractmethod
    def publish(self, card: Card) -> Publication:
        """Publish or overwrite one dashboard by name, and read it back; safe to repeat."""

    def publish_candidate(self, card: Card) -> Publication:
        """Publish a dashboard that nobody has accepted yet, where only candidates are; it says that it is not live."""
        return self.find_candidates_place().publish(name_candidate(card))

    @abstractmethod
    def remove_candidate(self, dashboard: str, run: str) -> None:
        """Remove a dashboard's candidate of a run, where it is still there; what people have edited stays."""

    def find_candidates_place(self) -> Self:
        """The same site, with a place of its own for candidates, below that of dashboards."""
        return self.model_copy(update={"project": f"{self.project}/{CANDIDATES}"})

    def publish_dictionary(self, dictionary: Dictionary) -> str | None:
        """Publish the data dictionary of what readers see; return its address. None: this site has no place for it."""
        return None

    def publish_dbt_docs(self, manifest: Manifest, dictionary: Dictionary) -> str | None:
        """Publish dbt's own documentation beside the dictionary; return its address, if there is a place for it."""
        return None

    def read_marks(self, names: Sequence[str]) -> dict[str, str]:
        """Dashboard → a mark that changes with every change of what the site has of it; none where it can't be told."""
        return {}

    @property
    def confirms(self) -> bool:
        """True if it can say of a dashboard that was left alone that it was checked again."""
        return False

    def confirm(self, gates: Mapping[str, GateReport | None]) -> None:
        """Say on dashboards, by name, that they passed these gates again and were left as they are; see `confirms`."""
        return

    @abstractmethod
    def read_use(self, name: str) -> Readback:
        """What people did with a dashboard that was published here. Raises NotFound for one that is not there."""

    @abstractmethod
    def archive(self, name: str) -> None:
        """Take a dashboard out of what people find, and keep it; nothing where it is not there. Safe to repeat."""

    @abstractmethod
    def restore(self, name: str) -> None:
        """Bring an archived dashboard back to where it was; nothing where none is archived, or a newer one is there."""

    @abstractmethod
    def index(self, cards: Sequence[Card], publications: Sequence[Publication]) -> str:
        """Publish the page over all dashboards ever published here; return its address."""

    def mark_held(self, dashboards: Sequence[str], reason: str) -> None:
        """Say on these dashboards that newer data is held back, and why, until they are next published.

        Nothing, unless the site can say it without publishing.
        """
        return
