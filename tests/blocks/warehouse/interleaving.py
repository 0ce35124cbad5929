"""Two parents on one warehouse, interleaved at every statement: one is stopped or killed, the other goes first.

A parent is stopped by running the other one inside of its statement, with a lease registry of its own as another
process has. Its lease runs out meanwhile, and the server ends its open transaction, as PostgreSQL does with one that
is idle for as long as a lease lasts. Readers look after every statement that changes what they may see.
tests/blocks/warehouse/every_interleaving.py plays all that there are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from blocks.errors import PlatformError, Transient, Unavailable
from blocks.records import BuildReport, Check, GateReport, State
from blocks.warehouse import control, lease
from blocks.warehouse.base import Warehouse
from blocks.warehouse.duckdb.session import DuckDBSession, open_session
from blocks.warehouse.sql_warehouse import SharedWarehouse
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
    """A process. before: what happens before each of its steps, which are numbered from 1; asked: its last one.

    Steps are its statements, without those that make what is there already and those that look for columns.
    number: its fencing number.
    """

    def __init__(self, before: Callable[[int], None] = lambda step: None) -> None:
        self.before, self.asked, self.dead = before, 0, False
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
        self.changes = 0  # how often what is on the server may have become another

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
            if step:
                parent.before(parent.asked)
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
            if word in {"select", "begin"} or parent.open:
                return answer  # type: ignore[no-any-return]
            self.changes += 1
            if not step:
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


class LeasedDuckDB(SharedWarehouse):
    """The template of warehouses on servers, over DuckDB: a lease, transactions, all views in one of them."""

    def check(self) -> str:
        return self.database

    def session(self) -> AbstractContextManager[DuckDBSession]:
        return open_session(Path(self.database), {"threads": 1})

    def holds_lease(self, session: Any, owner: str, number: int, lock: bool = False) -> bool:
        if lock:
            table = self.quote(self.control, "lease")
            session.rows(f"update {table} set owner = owner where owner = ?", (owner,))
        return super().holds_lease(session, owner, number, lock)

    def use_time_zone(self, session: Any, time_zone: str) -> None:
        session.rows(f"set time zone {self.literal(time_zone)}")

    def make_dbt_target(self, schema: str, time_zone: str = "UTC") -> Any:
        raise NotImplementedError

    def make_gx_connection(self) -> Any:
        raise NotImplementedError

    def write_setup(self) -> list[str]:
        return []

    def administration(self) -> Any:
        return self.session()


def expire(warehouse: Any) -> None:
    """On the server, the lease has run out."""
    with warehouse.session() as session:
        table, until = warehouse.quote("control", "lease"), warehouse.quote("until")
        session.rows(f"update {table} set {until} = {warehouse.clock(-1)}")


def look(warehouse: Any) -> tuple[object, ...]:
    """What a reader sees: the run that `_release` names, and each mart."""
    with warehouse.session() as session:
        marts = [f"(select run_no from {warehouse.quote('serving', mart)})" for mart in MARTS]
        marker = f"(select max(run) from {warehouse.quote('serving', '_release')})"
        return session.rows(f"select {', '.join([marker, *marts])}")[0]  # type: ignore[no-any-return]


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


PAIRS = [
    (first, second)
    for first in (("promote", promotion("a")), ("roll back", rolling_back))
    for second in (("promote", promotion("b")), ("roll back", rolling_back), ("recover", recovery))
]


def start(warehouse: Any) -> None:
    with warehouse.session():
        build(warehouse, "y", -1)
        promotion("y")(warehouse)
        build(warehouse, "z", 0)
        promotion("z")(warehouse)
        for value, run in enumerate("abc", 1):
            build(warehouse, run, value)
        with warehouse.exclusive():
            pass


def find_violations(stage: Stage, end: tuple[object, ...], falls_allowed: int) -> list[object]:
    """What readers must never have seen: a mixture, or less than before where nobody rolled back.

    falls_allowed: rollbacks, and a first parent that took the lease after the second one.
    """
    whole = {("y", -1, -1), ("z", 0, 0), ("a", 1, 1), ("b", 2, 2), ("c", 3, 3)}
    wrong: list[object] = [found for found in stage.seen if found not in whole]
    order = [str(found[1]) for found in stage.seen]  # type: ignore[index]
    falls = sum(later < earlier for earlier, later in pairwise(order))
    if falls > falls_allowed:
        wrong.append(("fell", order))
    entries = control.read_journal(stage.warehouse)
    last = {entry.run: entry.state for entry in entries}
    published = [entry.run for entry in entries if entry.state is State.published]
    if State.publishing in last.values() or published[-1] != end[0] or stage.seen[-1] != end:
        wrong.append(("end", end, published, last))
    return wrong
