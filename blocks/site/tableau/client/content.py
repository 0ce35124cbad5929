"""Data sources and workbooks on a Tableau site: found, published as jobs, waited for, refreshed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from blocks.deadline import Deadline
from blocks.errors import Busy, NotFound, PlatformError, TimedOut
from blocks.http.polling import Pauses, poll_until
from blocks.site.tableau.client.items import ContentItem, JobItem
from blocks.site.tableau.client.lookup import list_content, pick_named
from blocks.site.tableau.client.session import TableauSession

PAUSES = Pauses(first=1, longest=30, factor=2)
STORED = {"hyper", "dataengine", "sqlproxy"}  # connection types with no origin of their own to refresh from


class Reader(NamedTuple):
    """Who a live source reads the warehouse as."""

    user: str
    password: SecretStr


def find(session: TableauSession, kind: str, name: str, project: str) -> ContentItem | None:
    """A workbook or data source (kind: the client's endpoint) by name in a project; None if there is none."""
    there = [each for each in list_content(session, kind) if each.project_id == project]
    asked = f"Look for {name} among the {kind}"
    return pick_named(asked, name, there, lambda each: each.name, lambda each: each.name)


def publish_source(
    session: TableauSession, project: str, path: Path, deadline: float, reader: Reader | None = None
) -> ContentItem:
    """Publish a data source under its file's name, overwriting it; reader: embedded, on every publishing."""
    import tableauserverclient as client

    asked, name = f"Publish data source {path.stem}", path.stem
    item = client.DatasourceItem(project, name=name)
    login = None
    if reader:
        login = client.ConnectionCredentials(reader.user, reader.password.get_secret_value(), embed=True)
    wait_for_job(
        session,
        asked,
        deadline,
        session.call(
            asked,
            lambda server: server.datasources.publish(
                item, str(path), "Overwrite", connection_credentials=login, as_job=True
            ),
        ),
    )
    return find_published(session, "datasources", name, project)


def change_data(
    session: TableauSession,
    item: ContentItem,
    payload: Path,
    actions: Sequence[dict[str, object]],
    request: str,
    deadline: float,
) -> None:
    """Change the data of a published extract by a .hyper file and what to do with it; wait for the job.

    request: a request of the same id is done once, however often it arrives. A job that is not done by the deadline is
    cancelled, so that it does not change what comes after.
    """
    asked = f"Change the data of {item.name}"
    job: JobItem = session.call(
        asked,
        lambda server: server.datasources.update_hyper_data(
            item, request_id=request, actions=actions, payload=str(payload)
        ),
    )
    try:
        wait_for_job(session, asked, deadline, job)
    except TimedOut:
        with suppress(PlatformError):
            session.call(asked, lambda server: server.jobs.cancel(job.id))
        raise


def stamp_source(session: TableauSession, name: str, project: str) -> str:
    """When the site's copy of a data source was changed last, and which it is; empty if there is none."""
    item = find(session, "datasources", name, project)
    return f"{item.id} {item.updated_at.isoformat()}" if item and item.updated_at else ""


class WorkbookUpload(NamedTuple):
    """A workbook's file on its way. hidden: sheets that are no views; unchecked: its connections are not tried.

    tabs: sheets are shown as tabs.
    """

    name: str
    path: Path
    overwrite: bool
    hidden: Sequence[str]
    description: str
    unchecked: bool
    tabs: bool = False


def publish_workbook(
    session: TableauSession, project: str, upload: WorkbookUpload, deadline: float
) -> ContentItem:
    """Publish a workbook."""
    import tableauserverclient as client

    asked, mode = f"Publish workbook {upload.name}", "Overwrite" if upload.overwrite else "CreateNew"
    item = client.WorkbookItem(project, name=upload.name, show_tabs=upload.tabs)
    item.description = upload.description
    item.hidden_views = list(upload.hidden)
    wait_for_job(
        session,
        asked,
        deadline,
        session.call(
            asked,
            lambda server: server.workbooks.publish(
                item, str(upload.path), mode, as_job=True, skip_connection_check=upload.unchecked
            ),
        ),
    )
    return find_published(session, "workbooks", upload.name, project)


def move_workbooks(session: TableauSession, names: Collection[str], project: str, to: str) -> None:
    """Move the workbooks of these names from one project to another (ids), unless one of the name is there."""
    listed = list_content(session, "workbooks")
    there = {each.name for each in listed if each.project_id == to}
    for item in listed:
        if item.project_id == project and item.name in names and item.name not in there:
            item.project_id = to
            _update_workbook(session, item)


def _update_workbook(session: TableauSession, item: ContentItem) -> None:
    session.call(f"Move workbook {item.name}", lambda server: server.workbooks.update(item))


def find_published(session: TableauSession, kind: str, name: str, project: str) -> ContentItem:
    """What was just published. Raises NotFound if the site does not list it."""
    item = find(session, kind, name, project)
    if item is None:
        raise NotFound(f"Publish {name}", "its job is done, but the site does not list it")
    return item


def wait_for_job(session: TableauSession, asked: str, deadline: float, job: JobItem) -> None:
    """Wait for a job. Raises TimedOut at the deadline (seconds), Rejected if it failed or was cancelled."""
    session.call(asked, lambda server: server.jobs.wait_for_job(job.id, timeout=deadline))


def refresh(session: TableauSession, kind: str, item: ContentItem, seconds: float) -> None:
    """Refresh an extract and wait. One that was queued already is waited out first: it may be too old.

    The server refuses a second refresh (409093) as long as one is queued, which the client turns into None.
    """
    asked = f"Refresh {item.name}"
    deadline = Deadline(asked, seconds)

    def look() -> JobItem:
        job: JobItem | None = session.call(asked, lambda server: getattr(server, kind).refresh(item))
        if job is None:
            raise _AlreadyQueued(
                asked, "an earlier refresh of it is still queued", "Look under Jobs on the site."
            )
        return job

    job = poll_until(look, deadline, PAUSES, retry_on=(_AlreadyQueued,))
    wait_for_job(session, asked, max(deadline.seconds_left, 1), job)


class _AlreadyQueued(Busy):
    """Another refresh is waiting for its turn."""
