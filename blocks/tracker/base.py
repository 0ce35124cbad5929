"""The Tracker interface: requests in, answers out."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field

from blocks.hashing import hash_text
from blocks.hidden_input import HIDDEN_INPUT
from blocks.records import Comment, Ticket

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\.[A-Za-z0-9]{1,9}){1,2}")
"""Names of files that can be attached: no path, not hidden, nothing that reads backwards."""

PROJECT_KEY = "[A-Z][A-Z0-9_]{1,19}"
"""Keys of projects, as in AN-7's AN."""

GAPS = "requirements"
"""Topic of our comment on what a ticket lacks, and what is proposed to it."""
NOT_BEGUN = "not_begun"
"""Topic of our comment on what keeps runs from beginning."""
CHANGE = "change"
"""Topic of our comment on what people said of a dashboard that they have."""
USE = "use"
"""Topic of our comment on a dashboard that nobody opens."""
NO_ANSWERS = frozenset({GAPS, "refresh", NOT_BEGUN, CHANGE, USE})
"""Topics of our comments that don't answer how a run ended for a ticket that asked."""


def compute_fingerprint(body: str) -> str:
    """What tells one comment's text from another, whatever a tracker does to blanks and line ends."""
    return hash_text(" ".join(body.split()))


def accept_by_status(author: str, account: str, created: datetime) -> Comment:
    """The status `accepted` as the comment that it stands for."""
    return Comment(author=author, account=account, created=created, body="accept")


def has_news(ticket: Ticket) -> bool:
    """True if a ticket is done, and people said something since we last answered it."""
    answered = ticket.answered
    return (
        ticket.status == "done"
        and answered is not None
        and any(each.created > answered for each in ticket.comments)
    )


class Tracker(Block, ABC):
    """Where people ask and are answered. Everything read from it is untrusted."""

    model_config = HIDDEN_INPUT

    project: str = Field(description="key of the project whose tickets are served, as in AN-7's AN")

    @abstractmethod
    def check(self) -> str:
        """Connect and return a one-line status. Raises a PlatformError that says what to do."""

    def check_answers(self) -> None:
        """Ask, where that is cheap, whether tickets can be answered. Raises Misconfigured before any work is done."""
        return None

    @abstractmethod
    def list_open_tickets(self) -> list[Ticket]:
        """Tickets that wait for work: open, in progress, accepted, or sent back as changes requested; no incidents."""

    def list_misnamed(self) -> list[str]:
        """Names of what stands where tickets do and is likely meant as one, but is read by nobody."""
        return []

    @abstractmethod
    def list_commented_tickets(self) -> list[Ticket]:
        """Tickets that are done, and on which people commented since our last answer of a run, of the last weeks."""

    @abstractmethod
    def read_tickets(self, keys: Sequence[str]) -> list[Ticket]:
        """These tickets, whatever their status; unknown keys raise NotFound."""

    @abstractmethod
    def comment(self, key: str, topic: str, body: str) -> None:
        """Write or update our one comment on a topic (`requirements`, or a run). body: Markdown."""

    @abstractmethod
    def attach(self, key: str, path: Path) -> None:
        """Attach a file once: the same name and content again changes nothing; new content replaces."""

    @abstractmethod
    def link(self, key: str, url: str, title: str) -> None:
        """Link the ticket to a page; the same url again updates its title."""

    @abstractmethod
    def move(self, key: str, status: str | None, facts: Mapping[str, str] | None = None) -> None:
        """Move to `in_progress`, `incomplete`, `done` or `failed` (mapped to the project's names); None: stay.

        `incomplete` shows as a status or a label. facts: `release` and `freshness` (the newest date in the
        data), written where the project keeps them.
        """

    @abstractmethod
    def assign(self, key: str, person: str) -> bool:
        """Make a person the ticket's assignee, by name or e-mail address; False where there is no one such person."""

    def find_account(self, key: str, person: str) -> str:
        """What this tracker knows the one account by that may have a ticket and is called so; empty for none."""
        return ""

    @abstractmethod
    def list_incidents(self) -> dict[str, str]:
        """Our open incidents: what each is about → its key. comment() and move() work on them too."""

    @abstractmethod
    def open_incident(self, about: str, title: str, body: str, requests: Sequence[str]) -> str:
        """File a bug, linked to the tickets that need what is broken; unknown ones are passed over.

        about: a word that tells it from others. While one about the same is open none is filed. Return its key.
        """

    @abstractmethod
    def make_url(self, key: str) -> str:
        """Where a person opens the ticket."""
