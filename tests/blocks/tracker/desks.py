"""A desk is a tracker with the people around it: what they file and say, and what they find on a ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

from ruamel.yaml import YAML

from blocks.tracker.base import Tracker
from blocks.tracker.files.tracker import FilesTracker
from blocks.tracker.jira.tracker import JiraTracker
from blocks.tracker.rich_text.adf import from_adf
from blocks.tracker.rich_text.wiki import from_wiki
from tests.blocks.tracker.jira.site import EMAIL, TOKEN, JiraSite, now, serve

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

    def edit(self, key: str, title: str, metrics: list[str]) -> None:
        """A person edits the request."""

    def accept(self, key: str, author: str) -> None:
        """A person moves the ticket to the status that accepts."""

    def restrict(self, key: str) -> None:
        """A person makes the ticket one that only some may read."""

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

    def edit(self, key: str, title: str, metrics: list[str]) -> None:
        ticket = {**self._read(key), "title": title, "metrics": metrics}
        with self.path(key).open("w") as stream:
            YAML().dump(ticket, stream)

    def accept(self, key: str, author: str) -> None:
        ticket = {**self._read(key), "status": "accepted", "accepted_by": author}
        with self.path(key).open("w") as stream:
            YAML().dump(ticket, stream)

    def restrict(self, key: str) -> None:
        ticket = {**self._read(key), "security": "Board only"}
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


FIELDS = {
    "analysis": "Analysis Type",
    "metrics": "Required Metrics",
    "dimensions": "Slice By",
    "data_sources": "Data Sources",
    "release": "Shown Release",
    "freshness": "Data Up To",
}
WORDS = {
    "open": "To Do",
    "in_progress": "In Progress",
    "incomplete": "Needs Information",
    "accepted": "Accepted",
    "changes_requested": "Changes Requested",
    "failed": "Failed",
    "done": "Done",
}


class JiraDesk:
    """A Jira of our own, over HTTP. version: of its REST API; Data Center has 2 only."""

    def __init__(self, site: JiraSite, version: Literal["2", "3"], **settings: Any) -> None:
        self.site, self.version = site, version
        self.settings = {
            "project": site.project,
            "server": site.base,
            "token": TOKEN,
            "email": EMAIL if site.cloud else None,
            "api_version": version,
            "fields": FIELDS,
            "statuses": WORDS,
            "timeout_seconds": 10,
            **settings,
        }
        self.tracker: JiraTracker = JiraTracker.model_validate(self.settings)

    def rich(self, text: str) -> Any:
        """A person's text as the editor stores it."""
        paragraphs = [
            {"type": "paragraph", "content": [{"type": "text", "text": part}]} for part in [text] if part
        ]
        return {"type": "doc", "version": 1, "content": paragraphs} if self.version == "3" else text

    def field(self, name: str) -> str:
        return str(next(each["id"] for each in self.site.fields if each["name"] == name))

    def file(self, key: str, status: str = "open", **fields: Any) -> None:
        asked = {**REQUEST, **fields}
        values = {
            "summary": asked["title"],
            "reporter": self.site.user(asked["requester"]),
            "priority": {"id": "2", "name": asked["priority"]},
            "duedate": asked["deadline"],
            "labels": asked.get("labels", []),
            "description": self.rich(asked.get("description", "")) or None,
            self.field("Analysis Type"): {"id": "1", "value": asked["analysis"]},
            self.field("Required Metrics"): ", ".join(asked["metrics"]),
            self.field("Slice By"): [
                {"id": str(n), "value": each} for n, each in enumerate(asked["dimensions"])
            ],
            self.field("Data Sources"): ", ".join(asked["data_sources"]),
        }
        self.site.create(key, values)["fields"]["status"] = self.site.status(WORDS[status])

    def say(self, key: str, author: str, created: str, body: str) -> None:
        self.site.add_comment(key, self.site.user(author), self.rich(body), created, [])

    def edit(self, key: str, title: str, metrics: list[str]) -> None:
        fields = self.site.find(key)["fields"]
        fields.update({"summary": title, self.field("Required Metrics"): ", ".join(metrics)})

    def accept(self, key: str, author: str) -> None:
        self.site.move(key, self.site.user(author), self.site.status(WORDS["accepted"]), now())

    def restrict(self, key: str) -> None:
        level = {"id": "10000", "name": "Board only", "description": ""}
        self.site.find(key)["fields"]["security"] = level

    def comments(self, key: str) -> list[str]:
        read = from_adf if self.version == "3" else from_wiki
        return [read(each["body"]) for each in self.site.comments.get(key, [])]

    def attachments(self, key: str) -> dict[str, bytes]:
        kept = self.site.issues[key]["fields"]["attachment"]
        found = {str(each["filename"]): self.site.content[each["id"]] for each in kept}
        assert len(found) == len(kept)
        return found

    def links(self, key: str) -> dict[str, str]:
        kept = self.site.links.get(key, [])
        found = {str(each["object"]["url"]): str(each["object"]["title"]) for each in kept}
        assert len(found) == len(kept)
        return found

    def status(self, key: str) -> str:
        name = self.site.issues[key]["fields"]["status"]["name"]
        return next(
            (ours for ours, theirs in WORDS.items() if theirs == name), {"Closed": "done"}.get(name, name)
        )

    def requests(self, key: str) -> list[str]:
        ends = [(link["inwardIssue"], link["outwardIssue"]) for link in self.site.links.get("", [])]
        return [other for here, other in ends if here == key]

    def facts(self, key: str) -> dict[str, str]:
        kept = self.site.issues[key]["fields"]
        named = {ours: kept[self.field(FIELDS[ours])] for ours in ("release", "freshness")}
        return {ours: value for ours, value in named.items() if value is not None}

    def state(self) -> object:
        return self.site.state()


@contextmanager
def files_desk(folder: Path) -> Iterator[Desk]:
    yield FilesDesk(folder)


@contextmanager
def jira_desk(
    folder: Path, cloud: bool, version: Literal["2", "3"], project: str = "AN", **settings: Any
) -> Iterator[JiraDesk]:
    site = JiraSite(cloud, project)
    with serve(site):
        yield JiraDesk(site, version, **settings)


DESKS: dict[str, Callable[[Path], Any]] = {
    "files": files_desk,
    "jira-cloud-v2": partial(jira_desk, cloud=True, version="2"),
    "jira-cloud-v3": partial(jira_desk, cloud=True, version="3"),
    "jira-data-center": partial(jira_desk, cloud=False, version="2"),
}
