"""Incidents as Jira issues: a label says that it is one, another what it is about, links whom it holds up."""

from __future__ import annotations

import re
from collections.abc import Sequence

from blocks.errors import BadInput
from blocks.tracker.jira.client import JiraConnection
from blocks.tracker.jira.issue_reader import Raw
from blocks.tracker.jira.settings import JiraSettings

INCIDENT, ABOUT = "analytics-incident", "about:"


def open_tickets_jql(settings: JiraSettings) -> str:
    """The JQL of tickets that wait for work: the block's, or what is not done; never incidents."""
    again = [settings.statuses[ours] for ours in ("changes_requested", "failed", "incomplete")]
    names = ", ".join(quote_jql(name) for name in again if name)
    default = f"statusCategory != Done OR status in ({names})" if names else "statusCategory != Done"
    return (
        f"project = {quote_jql(settings.project)} AND ({settings.jql or default}) "
        f"AND (labels is EMPTY OR labels != {quote_jql(INCIDENT)}) ORDER BY key ASC"
    )


def quote_jql(text: str) -> str:
    """A text as a JQL string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def list_incidents(settings: JiraSettings, connection: JiraConnection) -> dict[str, str]:
    """What each open incident is about → its key; the first one, should there be two."""
    found = _open(settings, connection, INCIDENT)
    return {_about(each): each["key"] for each in reversed(found) if _about(each)}


def file_incident(
    settings: JiraSettings,
    connection: JiraConnection,
    about: str,
    title: str,
    body: str,
    requests: Sequence[str],
) -> str:
    """File an incident unless one about the same is open; link it to those requests that there are."""
    if not re.fullmatch(r"[\w.:-]{1,200}", about, re.ASCII):
        raise BadInput("file an incident", "what it is about is not a word")
    edition = connection.edition
    found = _open(settings, connection, ABOUT + about)
    linked = {end["key"] for each in found[:1] for link in _links(each) for end in link}
    key: str = found[0]["key"] if found else _create(settings, connection, about, title, body)
    wanted = [each for each in requests if each not in linked]
    for issue in edition.by_keys(wanted, ["summary"]) if wanted else ():
        ends = {"inwardIssue": {"key": key}, "outwardIssue": {"key": issue["key"]}}
        body_ = {"type": {"name": settings.link_type}, **ends}
        edition.session.ask(f"link incident {key} to {issue['key']}", "POST", "issueLink", body_)
    return key


def _open(settings: JiraSettings, connection: JiraConnection, label: str) -> list[Raw]:
    jql = (
        f"project = {quote_jql(settings.project)} AND labels = {quote_jql(INCIDENT)} AND labels = {quote_jql(label)} "
        "AND statusCategory != Done ORDER BY key ASC"
    )
    return connection.edition.search(jql, ["labels", "issuelinks"])


def _create(settings: JiraSettings, connection: JiraConnection, about: str, title: str, body: str) -> str:
    fields = {
        "project": {"key": settings.project},
        "issuetype": {"name": settings.incident_type},
        "summary": title,
        "description": connection.edition.write(body),
        "labels": [INCIDENT, ABOUT + about],
    }
    made = connection.edition.session.ask("file an incident", "POST", "issue", {"fields": fields})
    return str(made["key"])


def _about(issue: Raw) -> str:
    labels = issue["fields"].get("labels") or ()
    return next((label.removeprefix(ABOUT) for label in labels if label.startswith(ABOUT)), "")


def _links(issue: Raw) -> list[list[Raw]]:
    ends = ("inwardIssue", "outwardIssue")
    return [[link[end] for end in ends if end in link] for link in issue["fields"].get("issuelinks") or ()]
