"""What there is on a site, by the names that people gave it: every page is read, and names are compared here.

The server's own filters are not used for names: their values can't hold a comma, an ampersand or brackets.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from blocks.errors import Misconfigured
from blocks.site.tableau.client.endpoints import Server
from blocks.site.tableau.client.items import ContentItem, GroupItem, ProjectItem
from blocks.site.tableau.client.session import TableauSession
from blocks.site.text import one_line

T = TypeVar("T")
LARGEST_PAGE = 1000  # the most that the server lists at once


def list_content(session: TableauSession, kind: str, *more: str) -> list[ContentItem]:
    """All workbooks or data sources (kind: the client's endpoint) that the user may see. more: fields to tell too."""
    return cast("list[ContentItem]", list_all(session, kind, *more))


def list_stamps(session: TableauSession, project: str) -> list[tuple[str, str]]:
    """Name and last change of every workbook and data source of a project, in an order of their own."""
    return sorted(
        (item.name, f"{kind} {item.id} {item.updated_at.isoformat() if item.updated_at else '?'}")
        for kind in ("workbooks", "datasources")
        for item in list_content(session, kind)
        if item.project_id == project
    )


def list_projects(session: TableauSession) -> list[ProjectItem]:
    """All projects that the user may see."""
    return cast("list[ProjectItem]", list_all(session, "projects"))


def list_groups(session: TableauSession) -> list[GroupItem]:
    """All groups of the site."""
    return cast("list[GroupItem]", list_all(session, "groups"))


def list_all(session: TableauSession, kind: str, *more: str) -> list[object]:
    """All there is of a kind (the client's endpoint), page by page. more: fields to tell too."""
    import tableauserverclient as client

    def ask(server: Server) -> list[object]:
        options = client.RequestOptions(pagesize=LARGEST_PAGE)
        options.fields = {"_default_", *more} if more else set()
        return list(client.Pager(getattr(server, kind), options))

    return session.call(f"List the {kind}", ask)


def pick_named(
    asked: str, name: str, found: Sequence[T], describe: Callable[[T], str], read: Callable[[T], str]
) -> T | None:
    """The one of that name (read gives an item's); of other upper or lower case, where none has it exactly.

    Raises Misconfigured where more than one has it, with what describe says of each.
    """
    for fold in (_normalize, lambda text: _normalize(text).casefold()):
        same = [each for each in found if fold(read(each)) == fold(name)]
        if len(same) > 1:
            they = ", ".join(sorted(one_line(describe(each), 80) for each in same[:5]))
            raise Misconfigured(
                asked,
                f"{len(same)} have the name {one_line(name, 80)}: {they}",
                "Rename all but one of them.",
            )
        if same:
            return same[0]
    return None


def is_same_name(one: str, other: str) -> bool:
    """True for two names that a person would take for the same."""
    return _normalize(one).casefold() == _normalize(other).casefold()


def _normalize(text: str) -> str:
    return unicodedata.normalize("NFC", text)
