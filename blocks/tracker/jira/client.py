"""A JiraTracker's connection: made and looked over on first use, never pickled or copied."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from blocks.errors import Misconfigured, NotFound, Unauthorized
from blocks.records import Ticket
from blocks.tracker.jira.api import Edition, Raw
from blocks.tracker.jira.cloud import Cloud
from blocks.tracker.jira.data_center import DataCenter
from blocks.tracker.jira.issue_reader import Reader, find_fields
from blocks.tracker.jira.session import Session

if TYPE_CHECKING:
    from blocks.tracker.jira.tracker import JiraTracker


class Connection:
    """An edition of Jira, and what this Jira calls the mapped fields.

    Making it raises Unauthorized, or Misconfigured with what the project lacks.
    """

    def __init__(self, block: JiraTracker) -> None:
        self.edition = _log_in(block)
        ask = self.edition.session.ask
        project = ask(f"read project {block.project}", "GET", f"project/{block.project}")
        known = [each for each in ask("read the fields", "GET", "field") if _of_project(each, project["id"])]
        self.fields = find_fields(block.fields, known, block.project)
        _see_what_is_there(block, ask)
        self.reader = Reader(self.fields, block.statuses, block.priorities, block.labels, self.edition.read)

    def tickets(self, issues: Sequence[Raw]) -> list[Ticket]:
        """Issues as tickets; what is ours among all their comments is asked for at once."""
        comments = {issue["key"]: self._comments(issue) for issue in issues}
        marks = self.edition.marks([c for each in comments.values() for c in each if self.edition.mine(c)])
        return [self.reader.ticket(issue, comments[issue["key"]], marks) for issue in issues]

    def _comments(self, issue: Raw) -> list[Raw]:
        """An issue's comments; a search brings the first ones only where there are many."""
        found: Raw = issue["fields"].get("comment") or {}
        listed: list[Raw] = list(found.get("comments") or ())
        return listed if found.get("total", 0) <= len(listed) else list(self.edition.comments(issue["key"]))


class Line:
    """Holds a block's connection; a copy of it is not connected."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Line], tuple[()]]:
        return Line, ()

    def connected(self, block: JiraTracker) -> Connection:
        """The connection, made if there is none."""
        with self._lock:
            if self._connection is None:
                self._connection = Connection(block)
            return self._connection


def _log_in(block: JiraTracker) -> Edition:
    """A session of the edition that the credential is for. Raises Misconfigured for the other edition."""
    token, kind = block.token.get_secret_value(), Cloud if block.email else DataCenter
    auth: dict[str, object] = {"basic_auth": (block.email, token)} if block.email else {"token_auth": token}
    version = block.api_version or ("3" if block.email else "2")
    hint = "An e-mail with the token means Jira Cloud, a token alone Data Center (API version 2)."
    try:
        session = Session(
            block.server.rstrip("/"), auth, version, block.timeout_seconds, block.patience_seconds
        )
    except NotFound:
        session = None
    if session is None:
        raise Misconfigured(f"connect to {block.server}", f"it has no REST API of version {version}", hint)
    if (session.client.deploymentType == "Cloud") is not bool(block.email):
        said = session.client.deploymentType or "no edition"
        raise Misconfigured(f"connect to {block.server}", f"it says it is {said}", hint)
    edition = kind(session, version)
    if not edition.me.get("displayName"):
        raise Unauthorized(f"log in to {block.server}", "the token was not accepted", "Renew it.")
    return edition


def _of_project(field: Raw, project: str) -> bool:
    """False for a team-managed project's own field, if it is another project's."""
    scope = field.get("scope") or {}
    return str((scope.get("project") or {}).get("id", project)) == str(project)


def _see_what_is_there(block: JiraTracker, ask: Callable[..., Any]) -> None:
    """Raises Misconfigured with all that the project lacks, and what it has, before any work is done."""
    problems = []
    types = ask(f"read the statuses of {block.project}", "GET", f"project/{block.project}/statuses")
    statuses = {each["name"].casefold(): each["name"] for kind in types for each in kind["statuses"]}
    missing = {name for name in block.statuses.values() if name and name.casefold() not in statuses}
    if missing:
        problems.append(f"no status {_listed(missing)}; it has {_listed(statuses.values())}")
    if block.incident_type not in {kind["name"] for kind in types}:
        problems.append(
            f"no issue type {block.incident_type}; it has {_listed(kind['name'] for kind in types)}"
        )
    links = [kind["name"] for kind in ask("read the link types", "GET", "issueLinkType")["issueLinkTypes"]]
    if block.link_type not in links:
        problems.append(f"no link type {block.link_type}; it has {_listed(links)}")
    if problems:
        remedy = "Correct the block's statuses, incident_type or link_type, or the project's workflow."
        raise Misconfigured(f"look at project {block.project}", "; ".join(problems), remedy)


def _listed(names: object) -> str:
    return ", ".join(sorted(map(str, names)))  # type: ignore[call-overload]
