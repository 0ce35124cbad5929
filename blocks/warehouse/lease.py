"""One writer at a time, for warehouses that many machines reach: a row in the control schema that runs out.

Whoever holds it renews it while working; what a dead run held is free when it runs out, and at once for a run
on the same machine that sees the process gone. In portable SQL.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from datetime import timedelta
from uuid import uuid4

from blocks.errors import Busy, PlatformError
from blocks.warehouse.control import now
from blocks.warehouse.settings import WarehouseConnection

_held: dict[tuple[str, str, str], tuple[str, int]] = {}
_guard = threading.Lock()


@contextmanager
def hold_lease(warehouse: WarehouseConnection, seconds: float) -> Iterator[None]:
    """Hold the lease of a warehouse's control schema; nested calls of one process share it. Raises Busy."""
    key = (type(warehouse).__name__, warehouse.database, warehouse.control)
    with _guard:
        owner, users = _held.get(key, ("", 0))
        if not users:
            owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
            _take(warehouse, owner, seconds)
        _held[key] = (owner, users + 1)
    done = threading.Event()
    if not users:
        context = copy_context()  # its queries carry the run's tag
        threading.Thread(
            target=context.run, args=(_renew, warehouse, owner, seconds, done), daemon=True
        ).start()
    try:
        yield
    finally:
        done.set()
        with _guard:
            owner, users = _held.pop(key)
            if users > 1:
                _held[key] = (owner, users - 1)
            else:
                with suppress(PlatformError):  # it runs out by itself
                    _write(warehouse, owner, owner, 0)


def _take(warehouse: WarehouseConnection, owner: str, seconds: float) -> None:
    table = _table(warehouse)
    with warehouse.session() as session:
        warehouse.make_schema(session, warehouse.control)
        columns = {"name": "varchar", "owner": "varchar", "until": "timestamp"}
        warehouse.make_table(session, warehouse.control, "lease", columns)
        held = session.rows(f"select {warehouse.quote('owner')} from {table}")
        if not held:
            session.rows(f"insert into {table} values (?, ?, ?)", ("releases", "", now()))
        for (former,) in held:
            if _is_dead(former):
                _write(warehouse, former, former, 0)
    _write(warehouse, "", owner, seconds)
    with warehouse.session() as session:
        rows = session.rows(f"select {warehouse.quote('owner')}, {warehouse.quote('until')} from {table}")
    for holder, until in rows:
        if holder != owner:
            raise Busy(
                f"work on {warehouse.database}",
                f"another run does ({holder.split(':')[0]})",
                f"Wait for it to end; if it has died, until {until:%H:%M:%S} UTC.",
            )


def _write(warehouse: WarehouseConnection, former: str, owner: str, seconds: float) -> None:
    """Make it `owner`'s for so many seconds, if `former` has it or, for '', if nobody does any more."""
    owner_, until = warehouse.quote("owner"), warehouse.quote("until")
    where, value = (f"{owner_} = ?", former) if former else (f"{until} <= ?", now())
    with warehouse.session() as session:
        session.rows(
            f"update {_table(warehouse)} set {owner_} = ?, {until} = ? where {where}",
            (owner, now() + timedelta(seconds=seconds), value),
        )


def _renew(warehouse: WarehouseConnection, owner: str, seconds: float, done: threading.Event) -> None:
    while not done.wait(seconds / 3):
        with suppress(PlatformError):  # the next try may succeed, well before it runs out
            _write(warehouse, owner, owner, seconds)


def _is_dead(owner: str) -> bool:
    """True if the process was one of this machine and is gone."""
    host, _, rest = owner.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _table(warehouse: WarehouseConnection) -> str:
    return warehouse.quote(warehouse.control, "lease")
