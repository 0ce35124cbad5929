"""Project paths on a Tableau site: found level by level, and made where they are missing."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import Busy, Forbidden, Misconfigured
from blocks.site.tableau.client.items import ProjectItem
from blocks.site.tableau.client.lookup import is_same_name, list_projects, pick_named
from blocks.site.tableau.client.session import TableauSession


def find_or_make_project(session: TableauSession, path: str) -> str:
    """The id of a project by its path, as in Analytics/Delivered.

    What is missing is created. Raises Misconfigured where two projects have the name, or where it may not be created
    and a project of that name is elsewhere; Forbidden where it may not be created.
    """
    parent: str | None = None
    for name in (part.strip() for part in path.split("/")):
        parent = _find_project(session, name, parent) or _make_project(session, name, parent)
    return str(parent)


def find_project(session: TableauSession, path: str) -> str | None:
    """The id of a project by its path; None where a part of it is not there."""
    parent: str | None = None
    for name in (part.strip() for part in path.split("/")):
        parent = _find_project(session, name, parent)
        if parent is None:
            return None
    return parent


def _find_project(session: TableauSession, name: str, parent: str | None) -> str | None:
    """A project of that name directly under that parent."""
    listed = list_projects(session)
    found = pick_named(
        f"Look for project {name}",
        name,
        [each for each in listed if each.parent_id == parent],
        lambda each: _describe_path(each, listed),
        lambda each: each.name,
    )
    return found.id if found else None


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
    except Forbidden as error:
        forbidden = error
    listed = list_projects(session)
    elsewhere = sorted(_describe_path(each, listed) for each in listed if is_same_name(each.name, name))
    if elsewhere:
        raise Misconfigured(
            f"Make project {name}",
            f"it is not there, and the user may not make it; of that name there are: {', '.join(elsewhere[:5])}",
            "Give the project of the block as one of these paths.",
        )
    raise forbidden


def _describe_path(item: ProjectItem, listed: Sequence[ProjectItem]) -> str:
    """A project's path; what is above it and may not be seen is left out."""
    by_id, names, at = {each.id: each for each in listed}, list[str](), item
    for _ in listed:
        names.insert(0, at.name)
        above = by_id.get(at.parent_id or "")
        if above is None:
            break
        at = above
    return "/".join(names)
