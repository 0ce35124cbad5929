"""Project paths on a Tableau site: found level by level, and made where they are missing."""

from __future__ import annotations

from blocks.errors import Busy
from blocks.site.tableau.client.items import ProjectItem, Server
from blocks.site.tableau.client.session import TableauSession


def find_or_make_project(session: TableauSession, path: str) -> str:
    """The id of a project by its path, as in Analytics/Delivered. Raises Forbidden where it may not be made."""
    parent: str | None = None
    for name in (part.strip() for part in path.split("/")):
        parent = _find_project(session, name, parent) or _make_project(session, name, parent)
    return str(parent)


def _find_project(session: TableauSession, name: str, parent: str | None) -> str | None:
    """A project of that name directly under that parent; filters of the server match names only."""
    projects = session.call(f"Look for project {name}", lambda server: _named(server, name))
    return next((each.id for each in projects if each.name == name and each.parent_id == parent), None)


def _named(server: Server, name: str) -> list[ProjectItem]:
    import tableauserverclient as client

    options = client.RequestOptions()
    equals = client.RequestOptions.Operator.Equals
    options.filter.add(client.Filter(client.RequestOptions.Field.Name, equals, name))
    return list(client.Pager(server.projects, options))


def _make_project(session: TableauSession, name: str, parent: str | None) -> str:
    import tableauserverclient as client

    item = client.ProjectItem(name, description="Dashboards delivered from tickets", parent_id=parent)
    try:
        return str(session.call(f"Make project {name}", lambda server: server.projects.create(item)).id)
    except Busy:  # another run made it in the meantime
        found = _find_project(session, name, parent)
        if found is None:
            raise
        return found
