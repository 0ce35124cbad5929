"""One writer at a time, for warehouses that many machines reach: a row in the control schema that runs out.

Each taking of the lease gets a fencing number, one more than the last. Whatever a run writes into the control
schema or shows to readers asks in the same transaction (`fence_writes`) whether it still holds the lease under that
number, so that a run that was stopped until its lease ran out is refused when it goes on. All times are the
server's. What a dead run held is free when it runs out, and at once for a run that sees the process gone: on
the same machine, since its start, in the same PID namespace.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from uuid import uuid4

from blocks.errors import Busy, LeaseLost, PlatformError
from blocks.warehouse.settings import Session, WarehouseConnection

TABLE = "lease"
COLUMNS = {"name": "varchar", "owner": "varchar", "until": "timestamp", "number": "bigint"}
_RENEWALS = 3  # in the time of a lease
_PROC = Path("/proc")
_log = logging.getLogger(__name__)


@dataclass
class Lease:
    """What this process holds. renewed: when it last asked for time and got it, on the monotonic clock."""

    owner: str
    number: int
    renewed: float
    users: int = 0
    lost: str = ""


_held: dict[tuple[str, ...], Lease] = {}
_guard = threading.Lock()
_writing = threading.RLock()  # of this process's threads one at a time writes under the lease, or renews it


@contextmanager
def hold_lease(warehouse: WarehouseConnection, seconds: float) -> Iterator[None]:
    """Hold the lease of a warehouse's control schema; nested calls of one process share it.

    Raises Busy if another run has it, LeaseLost at the end if it was lost meanwhile.
    """
    key = warehouse.lease_key
    with _guard:
        lease = _held.get(key)
        if lease is None:
            lease = _held[key] = _take(warehouse, seconds)
        lease.users += 1
    done = threading.Event()
    if lease.users == 1:
        context = copy_context()  # its queries carry the run's tag
        threading.Thread(
            target=context.run, args=(_renew, warehouse, lease, seconds, done), daemon=True
        ).start()
    try:
        yield
    finally:
        with _guard:
            lease.users -= 1
            last = not lease.users
            if last:
                done.set()
                _held.pop(key)
        if last and not lease.lost:
            with suppress(PlatformError), _writing:  # it runs out by itself
                _extend(warehouse, lease, 0)
    _raise_if_lost(warehouse, lease)


def lease_number(warehouse: WarehouseConnection) -> int | None:
    """The fencing number under which this process holds the lease; None where it holds none."""
    lease = _held.get(warehouse.lease_key)
    return lease.number if lease else None


def check_lease(warehouse: WarehouseConnection) -> None:
    """Raise LeaseLost if this process held the lease and knows that it has lost it; asks nobody."""
    if lease := _held.get(warehouse.lease_key):
        _raise_if_lost(warehouse, lease)


def fence(warehouse: WarehouseConnection, session: Session, lock: bool = False) -> None:
    """Raise LeaseLost unless the lease is still this process's; nothing where it holds none.

    lock: nobody else can take it before the transaction ends. For brief transactions, one at a time (`fence_writes`).
    """
    lease = _held.get(warehouse.lease_key)
    if lease is None:
        return
    _raise_if_lost(warehouse, lease)
    if not warehouse.holds_lease(session, lease.owner, lease.number, lock):
        lease.lost = lease.lost or "another run has taken it since"
        _raise_if_lost(warehouse, lease)


@contextmanager
def fence_writes(warehouse: WarehouseConnection, session: Session) -> Iterator[None]:
    """A transaction under the lease: all that is written inside, or nothing of it. Raises LeaseLost.

    Without transactions the lease is asked before and after.
    """
    with _writing, warehouse.transaction(session):
        fence(warehouse, session, lock=True)
        yield
        if not warehouse.transactional:
            fence(warehouse, session)


def _raise_if_lost(warehouse: WarehouseConnection, lease: Lease) -> None:
    if lease.lost:
        raise LeaseLost(
            f"work on {warehouse.database}",
            f"this run no longer has the right to write: {lease.lost}",
            "It was stopped or cut off for longer than its lease lasts. Nothing more of it is written; run it again.",
        )


def _take(warehouse: WarehouseConnection, seconds: float) -> Lease:
    """Take the lease, if nobody has it any more. Raises Busy."""
    owner, started = _identify_process(), monotonic()
    table, quote = _name_table(warehouse), warehouse.quote
    with warehouse.session() as session:
        _prepare(warehouse, session)
        for former in {row[0] for row in session.rows(f"select {quote('owner')} from {table}")}:
            if _is_dead(former):
                _end_lease(warehouse, session, former)
        with _writing:
            session.rows(
                f"update {table} set {quote('owner')} = ?, {quote('number')} = {quote('number')} + 1,"
                f" {quote('until')} = {warehouse.clock(seconds)} where {quote('until')} <= {warehouse.clock()}",
                (owner,),
            )
        rows = session.rows(
            f"select {quote('owner')}, {quote('until')}, {quote('number')}, {warehouse.clock()} from {table}"
        )
        others = [row for row in rows if row[0] != owner]
        if others or not rows:  # two that made the table at once each have a line: who came second gives way
            session.rows(f"delete from {table} where {quote('owner')} = ?", (owner,))
            holder, until, _, now = others[0] if others else ("another run", None, 0, None)
            left = f" That is in {(until - now).total_seconds():.0f} s." if until and now else ""
            raise Busy(
                f"work on {warehouse.database}",
                f"another run does ({holder.split(':')[0]})",
                f"Wait for it to end; if it has died, until {until:%H:%M:%S} UTC by the server's clock.{left}"
                if until
                else "Run it again.",
            )
    lease = Lease(owner, max(int(row[2]) for row in rows), started)
    try:
        warehouse.claim_flip(lease.number)
    except BaseException:
        with suppress(PlatformError), warehouse.session() as session:
            _end_lease(warehouse, session, owner)
        raise
    return lease


def _prepare(warehouse: WarehouseConnection, session: Session) -> None:
    """Make the table and its line, also in place of one that has no numbers yet. Raises Busy."""
    table = _name_table(warehouse)
    known = {name.lower() for name in warehouse.columns(session, warehouse.control, TABLE)}
    if known and "number" not in known:
        until = f"{warehouse.quote('until')} > {warehouse.clock()}"
        if session.rows(f"select 1 as held from {table} where {until}"):
            raise Busy(f"work on {warehouse.database}", "a run of an older version does", "Wait for its end.")
        session.rows(f"drop table {table}")
    if "number" not in known:
        warehouse.make_schema(session, warehouse.control)
        warehouse.make_table(session, warehouse.control, TABLE, COLUMNS)
    if not session.rows(f"select 1 as there from {table}"):
        session.rows(f"insert into {table} select ?, ?, {warehouse.clock()}, 0", ("releases", ""))


def _extend(warehouse: WarehouseConnection, lease: Lease, seconds: float) -> bool:
    """Make it last so many seconds from now; False if it is another's."""
    with warehouse.session() as session:
        session.rows(
            f"update {_name_table(warehouse)} set {warehouse.quote('until')} = {warehouse.clock(seconds)}"
            f" where {warehouse.quote('owner')} = ?",
            (lease.owner,),
        )
        return warehouse.holds_lease(session, lease.owner, lease.number)


def _end_lease(warehouse: WarehouseConnection, session: Session, owner: str) -> None:
    """Let a dead process's lease end now."""
    session.rows(
        f"update {_name_table(warehouse)} set {warehouse.quote('until')} = {warehouse.clock()}"
        f" where {warehouse.quote('owner')} = ?",
        (owner,),
    )


def _renew(warehouse: WarehouseConnection, lease: Lease, seconds: float, done: threading.Event) -> None:
    """Renew until done. What can't be renewed in the time that it lasts is lost."""
    pause = seconds / _RENEWALS
    while not done.wait(pause):
        asked = monotonic()
        try:
            with _writing:
                if done.is_set():
                    return
                if not _extend(warehouse, lease, seconds):
                    lease.lost = lease.lost or "another run has taken it since"
                    return
            lease.renewed, pause = asked, seconds / _RENEWALS
        except Exception as error:
            reason = str(error) if isinstance(error, PlatformError) else type(error).__name__
            _log.warning("the lease on %s was not renewed: %s", warehouse.database, reason)
            pause = seconds / (_RENEWALS * 4)
            if monotonic() - lease.renewed > seconds:
                lease.lost = f"it could not be renewed for {seconds:g} s ({reason})"
                return


def _identify_process() -> str:
    """host:boot:namespace:pid:start:random; empty parts where the system does not say."""
    pid = os.getpid()
    return ":".join(
        (socket.gethostname(), *_identify_machine(), str(pid), _read_start_time(pid) or "", uuid4().hex[:8])
    )


def _is_dead(owner: str) -> bool:
    """True if the process was one of this very machine and PID namespace, and is gone; False where in doubt."""
    parts = owner.split(":")
    if len(parts) != 6 or not all(parts) or (parts[1], parts[2]) != _identify_machine():
        return False
    return _read_start_time(int(parts[3])) != parts[4]


def _identify_machine() -> tuple[str, str]:
    """This machine since its start, and this process's PID namespace: a container's is not its host's."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return boot, str((_PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        return "", ""


def _read_start_time(pid: int) -> str | None:
    """When a process started, in ticks since the machine did; None if it is gone or has ended."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _name_table(warehouse: WarehouseConnection) -> str:
    return warehouse.quote(warehouse.control, TABLE)
