"""What a plan is made on, besides its tickets: the day, what went out when, and what wishes are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from blocks.catalogue import Catalogue
from blocks.records import Ticket
from blocks.site.base import BiSite
from blocks.tracker.base import Tracker
from blocks.warehouse.base import Warehouse
from blocks.warehouse.standing import read_standing
from tasks.proposals import ServedValues, elaborate_tickets
from tasks.standing import Occasion, list_due_tickets, read_again


def make_occasion(
    tracker: Tracker,
    warehouse: Warehouse,
    catalogue: Catalogue,
    tickets: Sequence[Ticket],
    values: ServedValues,
    site: BiSite | None = None,
    whole: bool = False,
) -> Occasion:
    """The present one. tickets: those that were read; of others, what is due is read again; whole: due or not.

    values: of dimensions, as readers see them now.
    """
    occasion = Occasion(
        standing=read_standing(warehouse),
        find_values=values,
        find_groups=site.list_audiences if site else lambda: None,
    )
    read = {each.key for each in tickets}
    every = sorted({each.ticket for each in occasion.standing.values() if each.ticket} - read)
    keys = every if whole else list_due_tickets(occasion, catalogue, read)
    if not keys:
        return occasion
    found = list(read_again(tracker, keys).values())
    elaborated = elaborate_tickets(found, catalogue, warehouse, values, occasion.today)
    return replace(occasion, again={each.key: each for each in elaborated.tickets})
