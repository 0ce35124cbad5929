"""An e-mail file a message, which every mail program opens: for a run on one machine, and for a look before sending."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from blocks.errors import Misconfigured
from blocks.notifier.base import Message, Notifier
from blocks.notifier.mail_text import write_mail
from blocks.whole_file import write_whole


class FolderNotifier(Notifier):
    """Writes each message as an `.eml` file; nothing is sent."""

    _block_type_name = "Folder Notifier"
    _block_type_slug = "folder-notifier"

    sends: ClassVar[bool] = False
    sender: str = "dashboards@localhost"
    folder: Path = Field(description="the folder that the messages are written to")

    def check(self) -> str:
        """Say where messages go."""
        if self.folder.exists() and not self.folder.is_dir():
            raise Misconfigured(f"write messages to {self.folder}", "it is no folder")
        return f"messages are written to {self.folder}, and not sent"

    def find_fault(self, subscriber: str) -> str:
        """Nobody is refused."""
        return ""

    def send(self, message: Message) -> None:
        """Write the file; the same news again replaces it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / f"{message.name}.eml", bytes(write_mail(message, self.sender)))
