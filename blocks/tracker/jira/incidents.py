"""Incidents as Jira issues: a label says that it is one, another what it is about, links whom it holds up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from blocks.errors import BadInput
from blocks.tracker.jira.issue_reader import Raw

if TYPE_CHECKING:
    from blocks.tracker.jira.client import Connection
    from blocks.tracker.jira.tracker import JiraTracker

INCIDENT, ABOUT = "analytics-incident", "about:"


def waiting(block: JiraTracker) -> str:
    """The JQL of tickets that wait for work: the block's, or what is not done; never incidents."""
    again = [block.statuses[ours] for ours in ("changes_requested", "failed", "incomplete")]
    names = ", ".join(quoted(name) for name in again if name)
    default = f"statusCategory != Done OR status in ({names})" if names else "statusCategory != Done"
    return (
        f"project = {quoted(block.project)} AND ({block.jql or default}) "
        f"AND (labels is EMPTY OR labels != {quoted(INCIDENT)}) ORDER BY key ASC"
    )


def quoted(text: str) -> str:
    """A text as a JQL string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def incidents(block: JiraTracker, connection: Connection) -> dict[str, str]:
    """What each open incident is about → its key; the first one, should there be two."""
    found = _open(block, connection, INCIDENT)
    return {_about(each): each["key"] for each in reversed(found) if _about(each)}


def file(
    block: JiraTracker, connection: Connection, about: str, title: str, body: str, requests: Sequence[str]
) -> str:
    """File an incident unless one about the same is open; link it to those requests that there are."""
    if not re.fullmatch(r"[\w.:-]{1,200}", about, re.ASCII):
        raise BadInput("file an incident", "what it is about is not a word")
    edition = connection.edition
    found = _open(block, connection, ABOUT + about)
    linked = {end["key"] for each in found[:1] for link in _links(each) for end in link}
    key: str = found[0]["key"] if found else _create(block, connection, about, title, body)
    wanted = [each for each in requests if each not in linked]
    for issue in edition.by_keys(wanted, ["summary"]) if wanted else ():
        ends = {"inwardIssue": {"key": key}, "outwardIssue": {"key": issue["key"]}}
        body_ = {"type": {"name": block.link_type}, **ends}
        edition.session.ask(f"link incident {key} to {issue['key']}", "POST", "issueLink", body_)
    return key


def _open(block: JiraTracker, connection: Connection, label: str) -> list[Raw]:
    jql = (
        f"project = {quoted(block.project)} AND labels = {quoted(INCIDENT)} AND labels = {quoted(label)} "
        "AND statusCategory != Done ORDER BY key ASC"
    )
    return connection.edition.search(jql, ["labels", "issuelinks"])


def _create(block: JiraTracker, connection: Connection, about: str, title: str, body: str) -> str:
    fields = {
        "project": {"key": block.project},
        "issuetype": {"name": block.incident_type},
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
