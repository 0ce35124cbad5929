"""Publishing by slot: readers' views ask the view `_slot` which of two folders counts, and one statement flips it.

A mart whose columns are the same in both slots stands on both, and on the slot that `_slot` names; one with new
columns, or new itself, stands on one slot alone and follows a moment after the flip.
"""

from __future__ import annotations

from collections.abc import Iterable

from blocks.warehouse.dremio.publish import Publication, Views
from blocks.warehouse.dremio.session import DremioSession, read_columns
from blocks.warehouse.dremio.settings import DremioSettings
from blocks.warehouse.release_marker import MARKER
from blocks.warehouse.settings import Session

POINTER = "_slot"
MARKER_COLUMNS = ("run", "published_at", "mart", "relation")


def flip_slot(settings: DremioSettings, session: DremioSession, publication: Publication) -> None:
    """Make the idle slot ready, flip, let follow what could not be ready. Safe to repeat at any point."""
    slots, columns = Slots(settings, session), publication.columns
    old, new = set(publication.before), set(publication.release.marts)
    stable = {mart for mart in new if slots.current and slots.columns(slots.current, mart) == columns[mart]}
    at_once = slots.current is not None and stable == new and old <= new
    # readers' views let go of what will change under them; what they show stays the same
    moved = {mart for mart in old if mart not in stable or slots.columns(slots.idle, mart) != columns[mart]}
    for mart in sorted(moved):
        slots.show_one(mart, slots.current, columns=slots.columns(slots.current, mart))
    if not at_once:
        slots.show_one(MARKER, slots.current, MARKER_COLUMNS)
    slots.fill_idle(publication)
    for mart in sorted(stable):
        slots.show_both(mart, columns[mart])
    if at_once:
        slots.show_both(MARKER, MARKER_COLUMNS)
    slots.flip()
    for mart in sorted(new - stable):
        slots.show_one(mart, slots.idle, columns[mart])
    slots.views.drop(settings.serving, old - new)
    if not at_once:
        slots.show_one(MARKER, slots.idle, MARKER_COLUMNS)
    slots.views.drop(slots.idle, slots.list_idle() - new - {MARKER})


def read_slot(settings: DremioSettings, session: Session) -> str | None:
    """The slot that counts; None before the first publication."""
    if not read_columns(session, settings.names.path(settings.serving, POINTER)):
        return None
    return str(session.rows(f"select slot from {settings.quote(settings.serving, POINTER)}")[0][0])


class Slots:
    """The two folders. current: the one that counts, None before the first publication; idle: the other."""

    def __init__(self, settings: DremioSettings, session: DremioSession) -> None:
        self.settings, self.session, self.views = settings, session, Views(settings, session)
        blue, green = settings.slots
        self.current = read_slot(settings, session)
        self.idle = green if self.current == blue else blue
        for schema in (settings.serving, self.idle):
            session.rest.make_folder(settings.names.view_folder(schema))

    def columns(self, slot: str | None, mart: str) -> dict[str, str]:
        """Columns of a slot's view; none if it has no such view."""
        return read_columns(self.session, self.settings.names.path(slot, mart)) if slot else {}

    def fill_idle(self, publication: Publication) -> None:
        """Point the idle slot's views at the release; what else is in it stays for now."""
        self.views.publish(self.idle, publication._replace(before={}))

    def show_one(self, mart: str, slot: str | None, columns: Iterable[str]) -> None:
        """Let a reader's view stand on one slot alone; nothing where there is none yet."""
        if slot and (names := list(columns)):
            self.views.point_view(self.settings.serving, mart, f"{slot}.{mart}", names)

    def show_both(self, mart: str, columns: Iterable[str]) -> None:
        """Let a reader's view stand on the slot that the pointer names."""
        quote, literal = self.settings.quote, self.settings.literal
        names = ", ".join(f"t.{quote(name)}" for name in columns)
        pointer = quote(self.settings.serving, POINTER)
        sides = (
            f"select {names} from {quote(slot, mart)} as t"
            f" inner join {pointer} as p on p.slot = {literal(slot)}"
            for slot in self.settings.slots
        )
        self.views.replace(self.settings.serving, mart, " union all ".join(sides))

    def flip(self) -> None:
        """The one statement that flips: the idle slot counts from here on."""
        query = f"select {self.settings.literal(self.idle)} as slot"
        self.views.replace(self.settings.serving, POINTER, query)

    def list_idle(self) -> set[str]:
        """Names of the idle slot's views."""
        return set(self.session.list_relations(self.settings.names.view_folder(self.idle)))
