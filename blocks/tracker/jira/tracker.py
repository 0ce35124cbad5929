"""Jira as the tracker: Cloud with an e-mail and an API token, Data Center with a personal access token.

Each verb that takes more than one request has a module of its own beside this one. A key is checked here, before it
becomes part of an address. Add what both editions do alike to `api`, what only one does to `cloud` or `data_center`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from pydantic import PrivateAttr

from blocks.errors import NotFound, PlatformError
from blocks.records import Ticket
from blocks.tracker.base import Tracker, has_news
from blocks.tracker.jira.attachments import attach_file
from blocks.tracker.jira.client import JiraConnection, LazyConnection
from blocks.tracker.jira.comments import shorten_to_fit, write_comment
from blocks.tracker.jira.incidents import done_tickets_jql, file_incident, list_incidents, open_tickets_jql
from blocks.tracker.jira.settings import JiraSettings
from blocks.tracker.jira.ticket_reader import find_account
from blocks.tracker.jira.transitions import move_issue

GATEWAY = "https://api.atlassian.com/"  # of tokens with scopes: for programs, it shows no pages
LONGEST_TITLE = 255  # of summaries and of remote links

_log = logging.getLogger(__name__)


class JiraTracker(JiraSettings, Tracker):
    """A Jira project. Our comments carry a property with their topic, by which they are found again."""

    _block_type_name = "Jira Tracker"
    _block_type_slug = "jira-tracker"

    _lazy_connection: LazyConnection = PrivateAttr(default_factory=LazyConnection)

    def check(self) -> str:
        """Log in, and see that the mapped fields, statuses, issue and link types are there."""
        connection = self._connect()
        fields = ", ".join(f"{ours} in {field.name}" for ours, field in connection.fields.items())
        return f"project {self.project} on {self.server}, as {connection.api.me.display_name}; {fields}"

    def list_open_tickets(self) -> list[Ticket]:
        """Tickets that match the JQL, without incidents and what is done."""
        connection = self._connect()
        found = connection.api.search(open_tickets_jql(self), connection.reader.field_ids)
        return [ticket for ticket in connection.read_tickets(found) if ticket.status != "done"]

    def list_commented_tickets(self) -> list[Ticket]:
        """Those that were changed within a month, with one search."""
        connection = self._connect()
        found = connection.api.search(done_tickets_jql(self), connection.reader.field_ids)
        return [ticket for ticket in connection.read_tickets(found) if has_news(ticket)]

    def read_tickets(self, keys: Sequence[str]) -> list[Ticket]:
        """These tickets, in the order asked for, with one request for a hundred."""
        connection = self._connect()
        keys = [self._check_key(key) for key in dict.fromkeys(keys)]
        found = {each.key: each for each in connection.api.read_issues(keys, connection.reader.field_ids)}
        if missing := [key for key in keys if key not in found]:
            raise NotFound(f"look up {', '.join(missing)}", "Jira has none, or the account may not see it")
        return connection.read_tickets([found[key] for key in keys])

    def comment(self, key: str, topic: str, body: str) -> None:
        """Write our comment with its topic, or put another text in its place."""
        write_comment(self._connect().api, self._check_key(key), topic, body)

    def attach(self, key: str, path: Path) -> None:
        """Attach a file, then delete what we attached before under its name."""
        attach_file(self._connect().api, self._check_key(key), path)

    def link(self, key: str, url: str, title: str) -> None:
        """One remote link for an address, found again by its global id."""
        body = {
            "globalId": f"analytics:{sha256(url.encode()).hexdigest()[:32]}",
            "relationship": "dashboard",
            "object": {"url": url, "title": title[:LONGEST_TITLE]},
        }
        path = f"issue/{self._check_key(key)}/remotelink"
        self._connect().api.session.send(f"link {key}", "POST", path, body)

    def move(self, key: str, status: str | None, facts: Mapping[str, str] | None = None) -> None:
        """Write label and facts, then go to the mapped status by a transition that leads there."""
        move_issue(self, self._connect(), self._check_key(key), status, facts or {})

    def assign(self, key: str, person: str) -> bool:
        """Assign the issue to the one account that may have it and is called so."""
        api = self._connect().api
        account = api.find_assignable(self._check_key(key), person)
        if account is None:
            return False
        api.session.send(f"assign {key}", "PUT", f"issue/{key}/assignee", account)
        return True

    def find_account(self, key: str, person: str) -> str:
        """By the account's id in Cloud, its key or name on Data Center."""
        user = self._connect().api.find_user(self._check_key(key), person) if person else None
        return find_account(user)

    def list_incidents(self) -> dict[str, str]:
        """Open issues with our labels."""
        return list_incidents(self, self._connect())

    def open_incident(self, about: str, title: str, body: str, requests: Sequence[str]) -> str:
        """An issue of the incident type with labels that tell what it is about, linked to requests."""
        known = [key for key in dict.fromkeys(requests) if self._is_key(key)]
        title, body = title[:LONGEST_TITLE], shorten_to_fit(body)
        return file_incident(self, self._connect(), about, title, body, known)

    def make_url(self, key: str) -> str:
        """The issue's page; empty if only Jira knows where its pages are, and does not answer."""
        path = f"/browse/{self._check_key(key)}"
        if not self.server.startswith(GATEWAY):
            return self.server.rstrip("/") + path
        try:
            return self._connect().base_url + path
        except PlatformError as error:
            _log.warning("the address of %s is not known: %s", key, error)
            return ""

    def _connect(self) -> JiraConnection:
        """The connection, made once, which checks the account and the project."""
        return self._lazy_connection.connect(self)

    def _is_key(self, text: str) -> bool:
        return bool(re.fullmatch(f"{self.project}-[1-9][0-9]{{0,8}}", text))

    def _check_key(self, text: str) -> str:
        if not self._is_key(text):
            raise NotFound("look up a ticket", f"its key is not like {self.project}-7")
        return text
