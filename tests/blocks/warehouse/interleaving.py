"""Two parents on one warehouse, interleaved at every statement: one is stopped or killed, the other goes first.

A parent is stopped by running the other one inside of its statement, with a lease registry of its own as another
process has. Its lease runs out meanwhile, and the server ends its open transaction, as PostgreSQL does with one that
is idle for as long as a lease lasts. Readers look before and after every statement.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from blocks.errors import PlatformError, Transient, Unavailable
from blocks.records import BuildReport, Check, GateReport, State
from blocks.warehouse import control, lease
from blocks.warehouse.base import Warehouse
from tasks.promotion import promote_release, recover, roll_back

MARTS = ("people", "sales")
Work = Callable[[Warehouse], object]


NO_STEP = (
    "create schema if not",
    "create table if not",
    "select column_name",
    "select table_name",
    "select a.att",
)


class Killed(BaseException):
    """The process is gone: nothing that it still asks reaches the server."""


class Parent:
    """A process. at: the number of the step before which `then` happens; asked: how many it has taken.

    Steps are its statements, without those that make what is there already and those that look for columns.
    number: its fencing number.
    """

    def __init__(self, at: int = 0, then: Callable[[], None] = lambda: None) -> None:
        self.at, self.then, self.asked, self.dead = at, then, 0, False
        self.open: set[int] = set()
        self.number = 0
        self.registry: dict[Any, Any] = {}
        self.locks = (threading.Lock(), threading.RLock())

    def die(self) -> None:
        self.dead = True


class Stage:
    """A warehouse with a spied session class. look: what readers see; expire: let the lease run out on the server."""

    def __init__(
        self,
        warehouse: Any,
        session_class: type,
        look: Callable[[], object],
        expire: Callable[[], None],
        roll_back: Callable[[Any], None] = lambda session: None,
    ) -> None:
        self.warehouse, self.kind = warehouse, session_class
        self.look, self.expire, self.undo = look, expire, roll_back
        self.running: list[Parent] = []
        self.broken: set[int] = set()
        self.sessions: dict[int, Any] = {}
        self.seen: list[object] = []

    @contextmanager
    def spied(self) -> Iterator[None]:
        plain = self.kind.rows  # type: ignore[attr-defined]
        looking = False

        def rows(session: Any, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
            nonlocal looking
            if looking or not self.running:
                return plain(session, sql, parameters)  # type: ignore[no-any-return]
            parent = self.running[-1]
            step = not sql.lower().startswith(NO_STEP)
            parent.asked += step
            if step and parent.asked == parent.at:
                parent.then()
            if parent.dead:
                raise Killed
            if id(session) in self.broken:
                raise Unavailable("query", "the connection is gone")
            self.sessions[id(session)] = session
            word = sql.split()[0].lower()
            answer = plain(session, sql, parameters)
            if word == "begin":
                parent.open.add(id(session))
            elif word in {"commit", "rollback"}:
                parent.open.discard(id(session))
            if not step or word in {"select", "begin"} or parent.open:
                return answer  # type: ignore[no-any-return]
            looking = True
            try:
                found = self.look()
            finally:
                looking = False
            if not self.seen or self.seen[-1] != found:
                self.seen.append(found)
            return answer

        self.kind.rows = rows  # type: ignore[attr-defined]
        try:
            yield
        finally:
            self.kind.rows = plain  # type: ignore[attr-defined]

    def run(self, parent: Parent, work: Work) -> str:
        """Let a process do its work under the lease; how it ended."""
        before = lease._held, lease._guard, lease._writing
        lease._held, (lease._guard, lease._writing) = parent.registry, parent.locks  # type: ignore[assignment]
        self.running.append(parent)
        try:
            with self.warehouse.exclusive():
                parent.number = self.warehouse.lease_number()
                for again in (True, False):
                    try:
                        work(self.warehouse)
                        break
                    except Transient:  # as a task's retry does
                        if not again:
                            raise
        except Killed:
            return "killed"
        except PlatformError as error:
            return type(error).__name__
        else:
            return "done"
        finally:
            self.running.pop()
            lease._held, lease._guard, lease._writing = before

    def stop(self, parent: Parent) -> None:
        """A process stops for longer than its lease: what it has open on the server is rolled back."""
        for session in parent.open:
            self.undo(self.sessions[session])
            self.broken.add(session)
        parent.open.clear()
        running, self.running = self.running, []
        self.expire()
        self.running = running


def build(warehouse: Any, run: str, value: int) -> BuildReport:
    """A release that passed its gate, and is not published."""
    with warehouse.session() as session:
        warehouse.make_schema(session, f"rel_{run}")
        for mart in MARTS:
            table = warehouse.relation(f"rel_{run}.{mart}")
            session.rows(f"create table {table} as select {value} as run_no")
    marts = {mart: f"rel_{run}.{mart}" for mart in MARTS}
    report = BuildReport(run=run, marts=marts, models=2, tests=0, seconds=0)
    control.write_journal(warehouse, run, State.building, report.model_dump_json())
    control.write_journal(warehouse, run, State.validated, gate(run).model_dump_json())
    return report


def gate(run: str) -> GateReport:
    return GateReport(run=run, passed=True, checks=(Check(scope="m", name="x", kind="suite", passed=True),))


def promotion(run: str) -> Work:
    """What a parent does with a release that passed, after it has looked what the one before left."""

    def work(warehouse: Warehouse) -> None:
        recover.fn(warehouse, run)
        marts = {mart: f"rel_{run}.{mart}" for mart in MARTS}
        report = BuildReport(run=run, marts=marts, models=2, tests=0, seconds=0)
        promote_release.fn(warehouse, report, gate(run))

    return work


def rolling_back(warehouse: Warehouse) -> None:
    recover.fn(warehouse, "")
    roll_back.fn(warehouse, None)


def recovery(warehouse: Warehouse) -> None:
    recover.fn(warehouse, "")
