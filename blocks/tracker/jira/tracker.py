"""Jira as the tracker: Cloud with an e-mail and an API token, Data Center with a personal access token.

Reading is in jira_reading.py, what editions do differently in jira_cloud.py and jira_data_center.py, asking in
jira_session.py, and each verb that takes more than one request in a file of its own. A key is checked before it
becomes part of an address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator

from blocks.errors import NotFound
from blocks.records import Ticket
from blocks.tracker.base import Tracker
from blocks.tracker.jira import attachments, comments, incidents, transitions
from blocks.tracker.jira.client import Connection, Line
from blocks.tracker.jira.issue_reader import READ, WRITTEN

Names = dict[str, str]
LONGEST_TITLE = 255  # of summaries and of remote links
DEFAULTS: dict[str, Names] = {
    "fields": {"deadline": "duedate"},
    "statuses": {
        "open": "To Do",
        "in_progress": "In Progress",
        "incomplete": "",
        "changes_requested": "",
        "failed": "",
        "done": "Done",
    },
    "labels": {"incomplete": "incomplete-request", "failed": "failed-request"},
    "priorities": {
        "Blocker": "highest",
        "Critical": "high",
        "Major": "medium",
        "Minor": "low",
        "Trivial": "lowest",
    },
}


class JiraTracker(Tracker):
    """A Jira project. Our comments carry a property with their topic, by which they are found again."""

    _block_type_name = "Jira Tracker"
    _block_type_slug = "jira-tracker"

    project: str = Field(description="key of the project, as in AN-7's AN", pattern="^[A-Z][A-Z0-9_]{1,19}$")
    server: str = Field(description="address of Jira, with its context path", pattern=r"^https?://[^\s@?#]+$")
    email: str | None = Field(None, description="the account's e-mail: Jira Cloud; none: Data Center")
    token: SecretStr = Field(description="API token (Cloud) or personal access token (Data Center)")
    jql: str = Field("", description="which tickets wait for work; empty: those not done")
    fields: Names = Field(
        {}, description=f"to the name or id of Jira's: {', '.join(READ + WRITTEN)}", validate_default=True
    )
    statuses: Names = Field({}, description="ours to Jira's; empty: leave it there", validate_default=True)
    priorities: Names = Field({}, description="Jira's, to highest, high, … lowest", validate_default=True)
    incident_type: str = Field("Bug", description="issue type of incidents")
    link_type: str = Field("Relates", description="link between an incident and the requests it holds up")
    labels: Names = Field({}, description="labels of incomplete and failed tickets", validate_default=True)
    api_version: Literal["2", "3"] | None = Field(None, description="none: 3 for Cloud, 2 for Data Center")
    timeout_seconds: float = Field(30, gt=0, description="for an answer")
    patience_seconds: float = Field(120, ge=0, description="how long to wait while Jira says 429")
    _line: Line = PrivateAttr(default_factory=Line)

    @field_validator("fields", "statuses", "labels", "priorities")
    @classmethod
    def _completed(cls, value: Names, info: ValidationInfo) -> Names:
        name = info.field_name or ""
        known = READ + WRITTEN if name == "fields" else tuple(DEFAULTS[name])
        if name != "priorities" and (unknown := set(value) - set(known)):
            raise ValueError(f"no {', '.join(sorted(unknown))}; known: {', '.join(known)}")
        return {**DEFAULTS[name], **value}

    @field_validator("jql")
    @classmethod
    def _unordered(cls, value: str) -> str:
        if re.search(r"\border\s+by\b", value, re.IGNORECASE):
            raise ValueError("leave `order by` out; tickets are ranked by priority and deadline")
        return value

    def check(self) -> str:
        """Log in, and see that the mapped fields, statuses, issue and link types are there."""
        connection = self._connection()
        fields = ", ".join(f"{ours} in {field['name']}" for ours, field in connection.fields.items())
        return f"project {self.project} on {self.server}, as {connection.edition.me['displayName']}; {fields}"

    def open_tickets(self) -> list[Ticket]:
        """Tickets that match the JQL, without incidents and what is done."""
        connection = self._connection()
        found = connection.edition.search(incidents.waiting(self), connection.reader.asked)
        return [ticket for ticket in connection.tickets(found) if ticket.status != "done"]

    def tickets(self, keys: Sequence[str]) -> list[Ticket]:
        """These tickets, in the order asked for, with one request for a hundred."""
        connection = self._connection()
        keys = [self._key(key) for key in dict.fromkeys(keys)]
        found = {each["key"]: each for each in connection.edition.by_keys(keys, connection.reader.asked)}
        if missing := [key for key in keys if key not in found]:
            raise NotFound(f"look up {', '.join(missing)}", "Jira has none, or the account may not see it")
        return connection.tickets([found[key] for key in keys])

    def comment(self, key: str, topic: str, body: str) -> None:
        """Write our comment with its topic, or put another text in its place."""
        comments.write(self._connection().edition, self._key(key), topic, body)

    def attach(self, key: str, path: Path) -> None:
        """Attach a file, then delete what we attached before under its name."""
        attachments.attach(self._connection().edition, self._key(key), path)

    def link(self, key: str, url: str, title: str) -> None:
        """One remote link for an address, found again by its global id."""
        body = {
            "globalId": f"analytics:{sha256(url.encode()).hexdigest()[:32]}",
            "relationship": "dashboard",
            "object": {"url": url, "title": title[:LONGEST_TITLE]},
        }
        path = f"issue/{self._key(key)}/remotelink"
        self._connection().edition.session.ask(f"link {key}", "POST", path, body)

    def move(self, key: str, status: str | None, facts: Mapping[str, str] | None = None) -> None:
        """Write label and facts, then go to the mapped status by a transition that leads there."""
        transitions.move(self, self._connection(), self._key(key), status, facts or {})

    def incidents(self) -> dict[str, str]:
        """Open issues with our labels."""
        return incidents.incidents(self, self._connection())

    def open_incident(self, about: str, title: str, body: str, requests: Sequence[str]) -> str:
        """An issue of the incident type with labels that tell what it is about, linked to requests."""
        known = [key for key in dict.fromkeys(requests) if self._is_key(key)]
        title, body = title[:LONGEST_TITLE], comments.fitting(body)
        return incidents.file(self, self._connection(), about, title, body, known)

    def url(self, key: str) -> str:
        """The issue's page."""
        return f"{self.server.rstrip('/')}/browse/{self._key(key)}"

    def _connection(self) -> Connection:
        """The connection, made once, which checks the account and the project."""
        return self._line.connected(self)

    def _is_key(self, text: str) -> bool:
        return bool(re.fullmatch(f"{self.project}-[1-9][0-9]{{0,8}}", text))

    def _key(self, text: str) -> str:
        if not self._is_key(text):
            raise NotFound("look up a ticket", f"its key is not like {self.project}-7")
        return text
