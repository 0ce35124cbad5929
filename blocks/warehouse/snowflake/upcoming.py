"""The upcoming schema, in which a release is put together before its swap; its name carries a fencing number.

SERVING_NEXT is the administrator's, as set-up makes it; SERVING_NEXT_7 is that of the run that took the lease as
number 7. Taking the lease renames the one that is there, grants and all, so that an earlier run finds none.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager

from blocks.errors import LeaseLost
from blocks.warehouse.lease import lease_number
from blocks.warehouse.settings import WarehouseConnection
from blocks.warehouse.snowflake.names import to_plain
from blocks.warehouse.snowflake.session import SnowflakeSession
from blocks.warehouse.snowflake.settings import SnowflakeSettings


class SnowflakeConnection(SnowflakeSettings, WarehouseConnection):
    """The settings with sessions over them."""

    @abstractmethod
    def session(self) -> AbstractContextManager[SnowflakeSession]:
        """A connection that is closed at the end."""


def claim_upcoming(warehouse: SnowflakeConnection, session: SnowflakeSession, number: int) -> None:
    """Make the upcoming schema this number's, and no other's. Raises LeaseLost if a later number has it.

    Looks again at the end: of two that are here at once the later one wins, whichever was faster.
    """
    mine, plain = _name(warehouse, number), warehouse.next_schema
    found = _list_numbers(warehouse, session)
    _refuse_overtaken(warehouse, found.values(), number)
    source = plain if plain in found else max(found, key=lambda name: found[name], default=None)
    if source is None:
        session.rows(f"create schema {warehouse.quote(mine)}")
    elif source != mine:
        session.rows(f"alter schema {warehouse.quote(source)} rename to {warehouse.quote(mine)}")
    found = _list_numbers(warehouse, session)
    overtaken = max(found.values(), default=number) > number
    for name in sorted(found):
        if (name == mine) if overtaken else (name != mine):
            session.rows(f"drop schema if exists {warehouse.quote(name)}")
    _refuse_overtaken(warehouse, found.values(), number)


def find_upcoming(warehouse: SnowflakeConnection, session: SnowflakeSession) -> str:
    """The schema to fill: this run's own; for work without the lease the one that is there, made if there is none."""
    number = lease_number(warehouse)
    if number is not None:
        return _name(warehouse, number)
    found = _list_numbers(warehouse, session)
    if warehouse.next_schema in found or not found:
        warehouse.make_schema(session, warehouse.next_schema)
        return warehouse.next_schema
    return max(found, key=lambda name: found[name])


def list_schemas(warehouse: SnowflakeConnection, session: SnowflakeSession, prefix: str) -> list[str]:
    """Schemas whose name starts like this."""
    like = warehouse.literal(f"{prefix}%".replace("_", "\\_"))
    rows = session.show(f"show terse schemas like {like} in database {warehouse.quote(warehouse.database)}")
    return [name for row in rows if (name := to_plain(str(row["name"]))).startswith(prefix)]


def _list_numbers(warehouse: SnowflakeConnection, session: SnowflakeSession) -> dict[str, int]:
    """Upcoming schema → its number, 0 for the administrator's."""
    start = f"{warehouse.next_schema}_"
    numbers = {
        name: name.removeprefix(start) for name in list_schemas(warehouse, session, warehouse.next_schema)
    }
    return {
        name: 0 if name == warehouse.next_schema else int(number)
        for name, number in numbers.items()
        if name == warehouse.next_schema or number.isdecimal()
    }


def _refuse_overtaken(warehouse: SnowflakeConnection, numbers: Iterable[int], number: int) -> None:
    later = [each for each in numbers if each > number]
    if later:
        raise LeaseLost(
            f"work on {warehouse.database}",
            f"run number {max(later)} took the lease after this one, number {number}",
            "Nothing more of this run is written; run it again.",
        )


def _name(warehouse: SnowflakeConnection, number: int) -> str:
    return f"{warehouse.next_schema}_{number}"
