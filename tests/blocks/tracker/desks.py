"""A desk is a tracker with the people around it: what they file and say, and what they find on a ticket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ruamel.yaml import YAML

from blocks.tracker.base import Tracker
from blocks.tracker.files import FilesTracker

REQUEST: dict[str, Any] = {
    "title": "How is revenue going?",
    "requester": "Dana Whitfield",
    "priority": "High",
    "deadline": "2027-02-26",
    "analysis": "trend",
    "metrics": ["net_revenue"],
    "dimensions": ["country"],
    "data_sources": ["erp"],
}


class Desk(Protocol):
    """What the contract asks of every tracker's surroundings. Keys are AN-<number>."""

    tracker: Tracker

    def file(self, key: str, status: str = "open", **fields: Any) -> None:
        """A person files a ticket."""

    def say(self, key: str, author: str, created: str, body: str) -> None:
        """A person comments."""

    def comments(self, key: str) -> list[str]:
        """The bodies of all comments, in the order people see them."""

    def attachments(self, key: str) -> dict[str, bytes]: ...

    def links(self, key: str) -> dict[str, str]: ...

    def status(self, key: str) -> str: ...

    def requests(self, key: str) -> list[str]:
        """The tickets that an incident is linked to."""

    def facts(self, key: str) -> dict[str, str]:
        """What the fields for release and freshness hold."""

    def state(self) -> object:
        """All that is stored; equal before and after a call that changed nothing."""


class FilesDesk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tracker = FilesTracker(folder=folder, project="AN")

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.yaml"

    def file(self, key: str, status: str = "open", **fields: Any) -> None:
        with self.path(key).open("w") as stream:
            YAML().dump({"key": key, "status": status, **REQUEST, **fields}, stream)

    def say(self, key: str, author: str, created: str, body: str) -> None:
        ticket = self._read(key)
        ticket.setdefault("comments", []).append({"author": author, "created": created, "body": body})
        with self.path(key).open("w") as stream:
            YAML().dump(ticket, stream)

    def comments(self, key: str) -> list[str]:
        return [str(each["body"]) for each in self._read(key).get("comments", []) if isinstance(each, dict)]

    def attachments(self, key: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "attachments" / key).iterdir()}

    def links(self, key: str) -> dict[str, str]:
        return {str(link["url"]): str(link["title"]) for link in self._read(key)["links"]}

    def status(self, key: str) -> str:
        return str(self._read(key)["status"])

    def requests(self, key: str) -> list[str]:
        return [str(each) for each in self._read(key)["requests"]]

    def facts(self, key: str) -> dict[str, str]:
        return {
            name: str(self._read(key)[name]) for name in ("release", "freshness") if name in self._read(key)
        }

    def state(self) -> object:
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".lock")
        return {path: (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in files}

    def _read(self, key: str) -> Any:
        return YAML().load(self.path(key))


DESKS: dict[str, Callable[[Path], Desk]] = {"files": FilesDesk}
