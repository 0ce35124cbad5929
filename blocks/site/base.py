"""The BiSite interface: dashboards out, for people to open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field

from blocks.catalogue import Dataset
from blocks.records import Comment, Dashboard, GateReport, Publication, Record


class Card(Record):
    """All a site needs to publish one dashboard.

    datasets pair with extracts: Parquet files of the datasets' rows, read from serving.
    as_of: the newest date in the data; gate: the report of the release; feedback: people's comments.
    """

    dashboard: Dashboard
    run: str
    datasets: tuple[Dataset, ...]
    extracts: tuple[Path, ...]
    gate: GateReport | None
    as_of: str | None
    ticket_url: str | None = None
    feedback: tuple[Comment, ...] = ()


class BiSite(Block, ABC):
    """Where dashboards are published. Called only after promotion."""

    project: str = Field(description="the site's folder or project path for our dashboards")

    @abstractmethod
    def check(self) -> str:
        """Connect and return one line for a person. Raises a PlatformError that says what to do."""

    @abstractmethod
    def publish(self, card: Card) -> Publication:
        """Publish or overwrite one dashboard by name; safe to repeat."""

    @abstractmethod
    def index(self, cards: Sequence[Card], publications: Sequence[Publication]) -> str:
        """Publish the page over all dashboards ever published here; return its address."""
