"""The Notifier interface: news of a dashboard for one subscriber at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field

from blocks.hidden_input import HIDDEN_INPUT
from blocks.records import Record


class Message(Record):
    """News for one subscriber: an e-mail address, or the name of a channel.

    name: the same for the same news to the same subscriber, so that twice sent is recognised. lines: paragraphs, plain
    text out of data; foot: the last, smaller. url: of the dashboard. picture: a PNG; None where it is not for everybody
    who might see it.
    """

    name: str
    subscriber: str
    subject: str
    lines: tuple[str, ...]
    foot: str
    url: str
    picture: Path | None = None


class Notifier(Block, ABC):
    """How subscribers are told. What they are called comes from tickets, and is untrusted."""

    model_config = HIDDEN_INPUT

    sends: ClassVar[bool] = True
    """False where messages are only kept."""

    # required, as Prefect takes a block without required fields for any object, its own references too
    sender: str = Field(description="the address that messages come from", pattern=r"^[^@\s<>]+@[^@\s<>]+$")

    @abstractmethod
    def check(self) -> str:
        """Connect and return a one-line status. Raises a PlatformError that says what to do."""

    @abstractmethod
    def find_fault(self, subscriber: str) -> str:
        """Why nobody is told under this name, for the ticket; empty if somebody can be."""

    @abstractmethod
    def send(self, message: Message) -> None:
        """Tell the subscriber. Errors name no address: they are for logs."""


def is_address(subscriber: str) -> bool:
    """True for an e-mail address, false for the name of a channel."""
    return "@" in subscriber
