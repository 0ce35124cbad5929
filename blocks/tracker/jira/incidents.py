"""Incidents as Jira issues: one label marks them, another says what each is about, links lead to the requests."""

from __future__ import annotations

import re
from collections.abc import Sequence

from blocks.errors import BadInput
from blocks.tracker.jira.client import JiraConnection
from blocks.tracker.jira.responses import Created, Issue
from blocks.tracker.jira.settings import JiraSettings

INCIDENT_LABEL, ABOUT_PREFIX = "analytics-incident", "about:"


def open_tickets_jql(settings: JiraSettings) -> str:
    """The JQL of tickets that wait for work: the block's own, or all that are not done; never incidents."""
    again = [settings.statuses[word] for word in ("accepted", "changes_requested", "failed", "incomplete")]
    names = ", ".join(quote_jql(name) for name in again if name)
    default = f"statusCategory != Done OR status in ({names})" if names else "statusCategory != Done"
    return _write_jql(settings, settings.jql or default)


def done_tickets_jql(settings: JiraSettings) -> str:
    """The JQL of tickets that are done and have changed within a month; never incidents."""
    done = f"statusCategory = Done OR status = {quote_jql(settings.statuses['done'])}"
    return _write_jql(
        settings, f"{done if settings.statuses['done'] else 'statusCategory = Done'}) AND (updated >= -30d"
    )


def _write_jql(settings: JiraSettings, which: str) -> str:
    return (
        f"project = {quote_jql(settings.project)} AND ({which}) "
        f"AND (labels is EMPTY OR labels != {quote_jql(INCIDENT_LABEL)}) ORDER BY key ASC"
    )


def quote_jql(text: str) -> str:
    """A text as a JQL string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def list_incidents(settings: JiraSettings, connection: JiraConnection) -> dict[str, str]:
    """What each open incident is about → its key; of two about the same the first one."""
    found = _search_open(settings, connection, INCIDENT_LABEL)
    return {about: issue.key for issue in reversed(found) if (about := _read_about(issue))}


def file_incident(
    settings: JiraSettings,
    connection: JiraConnection,
    about: str,
    title: str,
    body: str,
    requests: Sequence[str],
) -> str:
    """File an incident unless one about the same is open; link it to the requests that exist. Return its key."""
    if not re.fullmatch(r"[\w.:-]{1,200}", about, re.ASCII):
        raise BadInput("file an incident", "what it is about is not a word")
    api = connection.api
    found = _search_open(settings, connection, ABOUT_PREFIX + about)
    linked = _list_linked_keys(found[0]) if found else set()
    key = found[0].key if found else _create(settings, connection, about, title, body)
    wanted = [each for each in requests if each not in linked]
    for request in api.read_issues(wanted, ["summary"]) if wanted else ():
        ends = {"inwardIssue": {"key": key}, "outwardIssue": {"key": request.key}}
        link = {"type": {"name": settings.link_type}, **ends}
        api.session.send(f"link incident {key} to {request.key}", "POST", "issueLink", link)
    return key


def _search_open(settings: JiraSettings, connection: JiraConnection, label: str) -> list[Issue]:
    jql = (
        f"project = {quote_jql(settings.project)} AND labels = {quote_jql(INCIDENT_LABEL)} "
        f"AND labels = {quote_jql(label)} AND statusCategory != Done ORDER BY key ASC"
    )
    return connection.api.search(jql, ["labels", "issuelinks"])


def _create(settings: JiraSettings, connection: JiraConnection, about: str, title: str, body: str) -> str:
    fields = {
        "project": {"key": settings.project},
        "issuetype": {"name": settings.incident_type},
        "summary": title,
        "description": connection.api.to_rich_text(body),
        "labels": [INCIDENT_LABEL, ABOUT_PREFIX + about],
    }
    session = connection.api.session
    return session.read(Created, "file an incident", "POST", "issue", {"fields": fields}).key


def _read_about(issue: Issue) -> str:
    """What an incident is about; empty if no label says it."""
    labels = issue.read_fields().labels or ()
    return next((label.removeprefix(ABOUT_PREFIX) for label in labels if label.startswith(ABOUT_PREFIX)), "")


def _list_linked_keys(issue: Issue) -> set[str]:
    links = issue.read_fields().issuelinks or ()
    return {end.key for link in links for end in (link.inward_issue, link.outward_issue) if end}
