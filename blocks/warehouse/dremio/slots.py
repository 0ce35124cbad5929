"""Publishing by slot: readers' views ask the view `_slot` which of two folders counts, and one statement flips it.

A mart whose columns are the same in both slots stands on both, and on the slot that `_slot` names; one with new
columns, or new itself, stands on one slot alone and follows a moment after the flip.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from blocks.records import Release
from blocks.warehouse.dremio.session import DremioSession
from blocks.warehouse.dremio.views import Columns, hide, mark, show
from blocks.warehouse.release_marker import MARKER

if TYPE_CHECKING:
    from blocks.warehouse.dremio.warehouse import DremioWarehouse

POINTER = "_slot"
MARKED = ("run", "published_at", "mart", "relation")


def flip_slot(warehouse: DremioWarehouse, session: DremioSession, release: Release, columns: Columns) -> None:
    """Make the idle slot ready, flip, let follow what could not be ready. Safe to repeat at any point."""
    slots = Slots(warehouse, session)
    before = warehouse.served()
    old, new = set(before.marts) if before else set(), set(release.marts)
    stable = {mart for mart in new if slots.now and slots.columns(slots.now, mart) == columns[mart]}
    at_once = slots.now is not None and stable == new and old <= new
    # readers' views let go of what will change under them; what they show stays the same
    moved = {mart for mart in old if mart not in stable or slots.columns(slots.idle, mart) != columns[mart]}
    for mart in sorted(moved):
        slots.show_one(mart, slots.now, columns=slots.columns(slots.now, mart))
    if not at_once:
        slots.show_one(MARKER, slots.now, MARKED)
    for mart, relation in sorted(release.marts.items()):
        show(warehouse, session, slots.idle, mart, relation, columns[mart])
    mark(warehouse, session, slots.idle, release)
    for mart in sorted(stable):
        slots.show_both(mart, columns[mart])
    if at_once:
        slots.show_both(MARKER, MARKED)
    slots.point()
    for mart in sorted(new - stable):
        slots.show_one(mart, slots.idle, columns[mart])
    hide(warehouse, session, warehouse.serving, old - new)
    if not at_once:
        slots.show_one(MARKER, slots.idle, MARKED)
    hide(warehouse, session, slots.idle, slots.views() - new - {MARKER})


class Slots:
    """The two folders. now: the one that counts, None before the first publication; idle: the other."""

    def __init__(self, warehouse: DremioWarehouse, session: DremioSession) -> None:
        self.warehouse, self.session = warehouse, session
        blue, green = warehouse.slots
        self.now: str | None = None
        if warehouse.columns(session, warehouse.serving, POINTER):
            pointer = warehouse.quote(warehouse.serving, POINTER)
            self.now = str(session.rows(f"select slot from {pointer}")[0][0])
        self.idle = green if self.now == blue else blue
        for schema in (warehouse.serving, self.idle):
            warehouse.make_schema(session, schema)

    def columns(self, slot: str | None, mart: str) -> dict[str, str]:
        """Columns of a slot's view; none if it has no such view."""
        return self.warehouse.columns(self.session, slot, mart) if slot else {}

    def show_one(self, mart: str, slot: str | None, columns: Iterable[str]) -> None:
        """Let a reader's view stand on one slot alone; nothing where there is none yet."""
        if slot and (names := list(columns)):
            show(self.warehouse, self.session, self.warehouse.serving, mart, f"{slot}.{mart}", names)

    def show_both(self, mart: str, columns: Iterable[str]) -> None:
        """Let a reader's view stand on the slot that the pointer names."""
        quote = self.warehouse.quote
        names = ", ".join(f"t.{quote(name)}" for name in columns)
        pointer = quote(self.warehouse.serving, POINTER)
        sides = (
            f"select {names} from {quote(slot, mart)} as t"
            f" inner join {pointer} as p on p.slot = {self.warehouse.literal(slot)}"
            for slot in self.warehouse.slots
        )
        view = quote(self.warehouse.serving, mart)
        self.session.rows(f"create or replace view {view} as {' union all '.join(sides)}")

    def point(self) -> None:
        """The one statement that flips: the idle slot counts from here on."""
        pointer = self.warehouse.quote(self.warehouse.serving, POINTER)
        self.session.rows(
            f"create or replace view {pointer} as select {self.warehouse.literal(self.idle)} as slot"
        )

    def views(self) -> set[str]:
        """Names of the idle slot's views."""
        rows = self.session.rows(
            'select TABLE_NAME from INFORMATION_SCHEMA."TABLES" where TABLE_SCHEMA = ?',
            (".".join(self.warehouse.names.view_folder(self.idle)),),
        )
        return {row[0] for row in rows}
