"""Where a workbook may go: over the one that was published before, or beside one that people have edited."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from blocks.errors import Rejected
from blocks.site.tableau.client import content, revisions
from blocks.site.tableau.client.items import ContentItem
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
        candidate = name if number == 0 else f"{name}-ours" if number == 1 else f"{name}-ours-{number}"
        item = content.find(session, "workbooks", candidate, project)
        if item is None:
            return Place(candidate, notes=_notes(edited, candidate))
        known = revisions.read_marks(item.tags)
        served = revisions.read_served(session, item)
        same = served.is_as_signed or served.digest in {*digests, *(each.digest for each in known)}
        if same or ((known or served.signature) and revisions.was_saved_by_us(session, item)):
            views = max((each.views for each in known), default=None)
            return Place(candidate, item=item, views=views, notes=_notes(edited, candidate))
        edited.append(candidate)
    raise Rejected(
        f"Publish {name}", f"people have edited {len(edited)} workbooks of that name", "Remove some."
    )


def _notes(edited: list[str], ours: str) -> tuple[str, ...]:
    if not edited:
        return ()
    left = " and ".join(edited)
    return (
        f"Workbook {left} was edited on the site, so it was left alone; the new version is beside it, as {ours}.",
    )
