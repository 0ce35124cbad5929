"""Where a workbook may go: over the one that was published before, or beside one that people have edited."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from blocks.errors import NotFound, Rejected
from blocks.site.tableau.client import content, revisions, views
from blocks.site.tableau.client.items import ContentItem
from blocks.site.tableau.client.lookup import list_content
from blocks.site.tableau.client.session import TableauSession

MOST_BESIDE = 20


class Place(NamedTuple):
    """item: the workbook that is there. views: counted when it was last published; notes: for the ticket."""

    name: str
    item: ContentItem | None = None
    views: int | None = None
    notes: tuple[str, ...] = ()


def choose_place(session: TableauSession, project: str, name: str, digests: Collection[str]) -> Place:
    """Where to publish a workbook. digests: of what is to be published, and of what a run before sent.

    Raises Rejected if people edited every one there is.
    """
    edited: list[str] = []
    for number in range(MOST_BESIDE):
        candidate = _name_beside(name, number)
        item = content.find(session, "workbooks", candidate, project)
        if item is None:
            return Place(candidate, notes=_write_notes(edited, candidate))
        if is_as_published(session, item, digests):
            known = revisions.read_marks(item.tags)
            seen = max((each.views for each in known), default=None)
            return Place(candidate, item=item, views=seen, notes=_write_notes(edited, candidate))
        edited.append(candidate)
    raise Rejected(
        f"Publish {name}", f"people have edited {len(edited)} workbooks of that name", "Remove some."
    )


def is_as_published(session: TableauSession, item: ContentItem, digests: Collection[str] = ()) -> bool:
    """True for a workbook of ours that nobody has edited since. digests: of others that are ours."""
    known = revisions.read_marks(item.tags)
    served = revisions.read_served(session, item)
    if served.is_as_signed or served.digest in {*digests, *(each.digest for each in known)}:
        return True
    return bool(known or served.signature) and revisions.is_saved_by_us(session, item)


def count_uses(session: TableauSession, project: str, name: str) -> int:
    """How often a dashboard's workbooks were opened, ever. Raises NotFound if there is none."""
    names = list_names(name)
    listed = list_content(session, "workbooks")
    found = [each for each in listed if each.project_id == project and each.name in names]
    if not found:
        raise NotFound(f"Read how {name} is used", "no such workbook is there")
    return sum(views.count_opened(views.list_views(session, item)) for item in found)


def list_names(name: str) -> set[str]:
    """All names that a dashboard's workbook may have."""
    return {_name_beside(name, number) for number in range(MOST_BESIDE)}


def _name_beside(name: str, number: int) -> str:
    return name if number == 0 else f"{name}-ours" if number == 1 else f"{name}-ours-{number}"


def _write_notes(edited: list[str], ours: str) -> tuple[str, ...]:
    if not edited:
        return ()
    left = " and ".join(edited)
    return (
        f"Workbook {left} was edited on the site, so it was left alone; the new version is beside it, as {ours}.",
    )
