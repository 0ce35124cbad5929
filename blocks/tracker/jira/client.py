"""A JiraTracker's connection: made and looked over on first use, never pickled or copied."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from blocks.errors import Misconfigured, NotFound, Unauthorized
from blocks.records import Ticket
from blocks.tracker.jira.api import Edition, Raw
from blocks.tracker.jira.cloud import Cloud
from blocks.tracker.jira.data_center import DataCenter
from blocks.tracker.jira.issue_reader import Reader, find_fields
from blocks.tracker.jira.session import Session
from blocks.tracker.jira.settings import JiraSettings


class JiraConnection:
    """An edition of Jira, and what this Jira calls the mapped fields.

    Making it raises Unauthorized, or Misconfigured with what the project lacks.
    """

    def __init__(self, settings: JiraSettings) -> None:
        self.edition = _log_in(settings)
        ask = self.edition.session.ask
        project = ask(f"read project {settings.project}", "GET", f"project/{settings.project}")
        known = [each for each in ask("read the fields", "GET", "field") if _of_project(each, project["id"])]
        self.fields = find_fields(settings.fields, known, settings.project)
        _see_what_is_there(settings, ask)
        self.reader = Reader(
            self.fields, settings.statuses, settings.priorities, settings.labels, self.edition.read
        )

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


class LazyConnection:
    """Connects on first use. Copies and pickles of it start out unconnected."""

    def __init__(self) -> None:
        self._connection: JiraConnection | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[LazyConnection], tuple[()]]:
        return LazyConnection, ()

    def connect(self, settings: JiraSettings) -> JiraConnection:
        """The connection, made if there is none."""
        with self._lock:
            if self._connection is None:
                self._connection = JiraConnection(settings)
            return self._connection


def _log_in(settings: JiraSettings) -> Edition:
    """A session of the edition that the credential is for. Raises Misconfigured for the other edition."""
    token, kind = settings.token.get_secret_value(), Cloud if settings.email else DataCenter
    auth: dict[str, object] = (
        {"basic_auth": (settings.email, token)} if settings.email else {"token_auth": token}
    )
    version = settings.api_version or ("3" if settings.email else "2")
    hint = "An e-mail with the token means Jira Cloud, a token alone Data Center (API version 2)."
    try:
        session = Session(
            settings.server.rstrip("/"), auth, version, settings.timeout_seconds, settings.patience_seconds
        )
    except NotFound:
        session = None
    if session is None:
        raise Misconfigured(f"connect to {settings.server}", f"it has no REST API of version {version}", hint)
    if (session.client.deploymentType == "Cloud") is not bool(settings.email):
        said = session.client.deploymentType or "no edition"
        raise Misconfigured(f"connect to {settings.server}", f"it says it is {said}", hint)
    edition = kind(session, version)
    if not edition.me.get("displayName"):
        raise Unauthorized(f"log in to {settings.server}", "the token was not accepted", "Renew it.")
    return edition


def _of_project(field: Raw, project: str) -> bool:
    """False for a team-managed project's own field, if it is another project's."""
    scope = field.get("scope") or {}
    return str((scope.get("project") or {}).get("id", project)) == str(project)


def _see_what_is_there(settings: JiraSettings, ask: Callable[..., Any]) -> None:
    """Raises Misconfigured with all that the project lacks, and what it has, before any work is done."""
    problems = []
    types = ask(f"read the statuses of {settings.project}", "GET", f"project/{settings.project}/statuses")
    statuses = {each["name"].casefold(): each["name"] for kind in types for each in kind["statuses"]}
    missing = {name for name in settings.statuses.values() if name and name.casefold() not in statuses}
    if missing:
        problems.append(f"no status {_listed(missing)}; it has {_listed(statuses.values())}")
    if settings.incident_type not in {kind["name"] for kind in types}:
        problems.append(
            f"no issue type {settings.incident_type}; it has {_listed(kind['name'] for kind in types)}"
        )
    links = [kind["name"] for kind in ask("read the link types", "GET", "issueLinkType")["issueLinkTypes"]]
    if settings.link_type not in links:
        problems.append(f"no link type {settings.link_type}; it has {_listed(links)}")
    if problems:
        remedy = "Correct the block's statuses, incident_type or link_type, or the project's workflow."
        raise Misconfigured(f"look at project {settings.project}", "; ".join(problems), remedy)


def _listed(names: object) -> str:
    return ", ".join(sorted(map(str, names)))  # type: ignore[call-overload]
