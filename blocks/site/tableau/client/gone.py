"""Data sources of ours whose dashboard is gone from the site: found, marked with the day, removed after a grace.

Ours carry a tag with their dashboard's name. One is gone when no workbook of that name (or beside it) is left in the
project. It is removed only if the server says that no workbook at all reads it, as others may use it too.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta
from typing import NamedTuple

from blocks.errors import Forbidden, NotFound
from blocks.site.tableau.client.items import ContentItem
from blocks.site.tableau.client.lookup import list_content
from blocks.site.tableau.client.naming import is_as_published, list_names
from blocks.site.tableau.client.session import TableauSession

_log = logging.getLogger(__name__)
OURS = re.compile(r"ticket-to-dashboard\.source\.([a-z0-9_-]+)")
GONE = re.compile(r"ticket-to-dashboard\.gone\.(\d{4}-\d{2}-\d{2})")


class GoneSource(NamedTuple):
    """A data source whose dashboard is gone. since: the day when that was first seen; None: now."""

    item: ContentItem
    since: date | None


def mark_source(session: TableauSession, item: ContentItem, dashboard: str) -> None:
    """Tag a data source as ours, of a dashboard that is there."""
    tag = f"ticket-to-dashboard.source.{dashboard}"
    if tag not in item.tags:
        _add_tag(session, item, tag)
    gone = sorted(each for each in item.tags if GONE.fullmatch(each))
    if gone:
        asked = f"Mark data source {item.name}"
        session.call(asked, lambda server: server.datasources.delete_tags(item, gone))


def find_gone(session: TableauSession, project: str, archive: str | None = None) -> list[GoneSource]:
    """Our data sources in a project (its id) whose dashboard is gone, from its archive, too; by name."""
    listed = list_content(session, "workbooks")
    there = {each.name for each in listed if each.project_id in (project, archive)}
    found = []
    for item in list_content(session, "datasources", "connectedWorkbooksCount"):
        dashboard = _read_tag(OURS, item.tags)
        if item.project_id == project and dashboard and there.isdisjoint(list_names(dashboard)):
            since = _read_tag(GONE, item.tags)
            found.append(GoneSource(item, date.fromisoformat(since) if since else None))
    return sorted(found, key=lambda each: each.item.name)


def describe_gone(sources: Iterable[GoneSource], days: int | None) -> str:
    """Which data sources show in no dashboard of ours any more, for people; empty if there is none.

    days: after which they are removed; None: never.
    """
    found = [f"{each.item.name} ({_describe_end(each, days)})" for each in sources]
    return f"data sources whose dashboard is gone: {', '.join(found)}" if found else ""


def _describe_end(source: GoneSource, days: int | None) -> str:
    number = source.item.connected_workbooks_count
    if number is None:
        return "not known who reads it, so it stays"
    if number or days is None or not source.since:
        return f"read by {number} workbooks"
    return f"read by {number} workbooks, removed from {source.since + timedelta(days=days)} on"


def remove_gone(session: TableauSession, sources: Iterable[GoneSource], days: int, today: date) -> None:
    """Mark what is newly gone with today, and remove what has been gone for so many days and nobody reads.

    What the user may not mark or remove stays, with a warning: no dashboard is worse for it.
    """
    for item, since in sources:
        try:
            if since is None:
                _add_tag(session, item, f"ticket-to-dashboard.gone.{today.isoformat()}")
            elif (today - since).days >= days and item.connected_workbooks_count == 0:
                _remove(session, "datasources", item)
                _log.info("removed data source %s, whose dashboard is gone since %s", item.name, since)
        except Forbidden as error:
            _log.warning("data source %s, whose dashboard is gone, stays: %s", item.name, error)


def remove_dashboard(session: TableauSession, project: str, name: str) -> None:
    """Remove a dashboard's workbook from a project (its id), and its data sources that nothing else reads.

    A workbook that somebody edited stays, with its data.
    """
    for item in [each for each in list_content(session, "workbooks") if each.project_id == project]:
        if item.name in list_names(name) and is_as_published(session, item):
            _remove(session, "workbooks", item)
    for source in find_gone(session, project):
        if _read_tag(OURS, source.item.tags) == name and not source.item.connected_workbooks_count:
            _remove(session, "datasources", source.item)


def _add_tag(session: TableauSession, item: ContentItem, tag: str) -> None:
    session.call(f"Mark data source {item.name}", lambda server: server.datasources.add_tags(item, [tag]))


def _remove(session: TableauSession, kind: str, item: ContentItem) -> None:
    with suppress(NotFound):  # somebody else was faster, or the answer before this was lost
        session.call(f"Remove {item.name} of {kind}", lambda server: getattr(server, kind).delete(item.id))


def _read_tag(pattern: re.Pattern[str], tags: Iterable[str]) -> str | None:
    return next((match[1] for match in map(pattern.fullmatch, sorted(tags)) if match), None)
