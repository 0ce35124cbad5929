"""A JiraTracker's connection: made and checked on first use, never pickled or copied."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from blocks.errors import Misconfigured, NotFound, Unauthorized
from blocks.records import Ticket
from blocks.tracker.base import accept_by_status
from blocks.tracker.jira.api import JiraApi
from blocks.tracker.jira.cloud import CloudApi
from blocks.tracker.jira.data_center import DataCenterApi
from blocks.tracker.jira.responses import (
    Issue,
    IssueComment,
    IssueType,
    JiraField,
    LinkTypes,
    Project,
    read_time,
)
from blocks.tracker.jira.session import JiraLogin, JiraSession
from blocks.tracker.jira.settings import JiraSettings
from blocks.tracker.jira.ticket_reader import IssueReader, find_account, find_fields

START = datetime(1970, 1, 1, tzinfo=UTC)


class JiraConnection:
    """The API of one Jira, and the mapped fields as this Jira describes them (fields: our name → field).

    Making it raises Unauthorized, or Misconfigured with what the project lacks.
    """

    def __init__(self, settings: JiraSettings) -> None:
        self.api = _log_in(settings)
        session, key = self.api.session, settings.project
        self.base_url = session.server.base_url.rstrip("/")
        project = session.read(Project, f"read project {key}", "GET", f"project/{key}")
        fields = session.read(list[JiraField], "read the fields", "GET", "field")
        visible = [field for field in fields if _is_of_project(field, project)]
        self._search_hides_notes = project.project_type_key == "service_desk" and self.api.search_hides_notes
        self.fields = find_fields(settings.fields, visible, key)
        self._accepted = settings.statuses["accepted"]
        _check_project(settings, session)
        self.reader = IssueReader(settings, self.fields, self.api.to_plain_text)

    def read_tickets(self, issues: Sequence[Issue]) -> list[Ticket]:
        """Issues as tickets; the marks of all our comments on them are asked for at once."""
        comments = {issue.key: self._read_comments(issue) for issue in issues}
        own = [each for listed in comments.values() for each in listed if self.api.is_own(each.author)]
        marks = self.api.read_marks(own)
        found = [self.reader.read_ticket(issue, comments[issue.key], marks) for issue in issues]
        return [self._add_acceptance(each) if each.status == "accepted" else each for each in found]

    def _add_acceptance(self, ticket: Ticket) -> Ticket:
        """A ticket in the status that accepts, with who moved it there: one request more."""
        move = self.api.read_last_move(ticket.key)
        if move is None or move[0].casefold() != self._accepted.casefold():
            return ticket.model_copy(update={"accepted": accept_by_status("", "", START)})
        by = move[1].author
        name = (by.display_name or by.name or "") if by else ""
        said = accept_by_status(name, find_account(by), read_time(move[1].created))
        return ticket.model_copy(update={"accepted": said})

    def _read_comments(self, issue: Issue) -> list[IssueComment]:
        """All comments of an issue.

        A search brings only the first ones where there are many, and Data Center's does not say which ones are
        a service desk's internal notes.
        """
        try:
            page = issue.read_fields().comment
        except ValueError:
            return []  # read_ticket says that the issue is unreadable
        comments = page.comments if page else []
        complete = not page or page.total <= len(comments)
        if complete and not (comments and self._search_hides_notes):
            return comments
        return list(self.api.read_comments(issue.key))


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


def _log_in(settings: JiraSettings) -> JiraApi:
    """The API that the credential is for. Raises Misconfigured if the server is the other edition."""
    cloud, token = bool(settings.email), settings.token.get_secret_value()
    login: JiraLogin = {"basic_auth": (settings.email, token)} if settings.email else {"token_auth": token}
    version = settings.api_version or ("3" if cloud else "2")
    hint = "An e-mail with the token means Jira Cloud, a token alone Data Center (API version 2)."
    try:
        session = JiraSession(
            settings.server.rstrip("/"),
            login,
            version,
            settings.timeout_seconds,
            settings.rate_limit_timeout_seconds,
        )
    except NotFound:
        session = None
    if session is None:
        raise Misconfigured(f"connect to {settings.server}", f"it has no REST API of version {version}", hint)
    if (session.server.deployment_type == "Cloud") is not cloud:
        edition = session.server.deployment_type or "no edition"
        raise Misconfigured(f"connect to {settings.server}", f"it says it is {edition}", hint)
    api = (CloudApi if cloud else DataCenterApi)(session, version)
    if not api.me.display_name:
        raise Unauthorized(f"log in to {settings.server}", "the token was not accepted", "Renew it.")
    return api


def _is_of_project(field: JiraField, project: Project) -> bool:
    """False for another team-managed project's own field."""
    return not field.scope or not field.scope.project or field.scope.project.id == project.id


def _check_project(settings: JiraSettings, session: JiraSession) -> None:
    """Raise Misconfigured with all that the project lacks, and what it has, before any work is done."""
    problems, path = [], f"project/{settings.project}/statuses"
    types = session.read(list[IssueType], f"read the statuses of {settings.project}", "GET", path)
    statuses = {status.name.casefold(): status.name for kind in types for status in kind.statuses}
    missing = {name for name in settings.statuses.values() if name and name.casefold() not in statuses}
    if missing:
        problems.append(f"no status {_join_names(missing)}; it has {_join_names(statuses.values())}")
    names = {kind.name for kind in types}
    if settings.incident_type not in names:
        problems.append(f"no issue type {settings.incident_type}; it has {_join_names(names)}")
    kinds = session.read(LinkTypes, "read the link types", "GET", "issueLinkType").issue_link_types
    if settings.link_type not in {kind.name for kind in kinds}:
        problems.append(
            f"no link type {settings.link_type}; it has {_join_names(kind.name for kind in kinds)}"
        )
    if problems:
        remedy = "Correct the block's statuses, incident_type or link_type, or the project's workflow."
        raise Misconfigured(f"look at project {settings.project}", "; ".join(problems), remedy)


def _join_names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
