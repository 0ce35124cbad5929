"""Random sequences of all that happens to releases, each step compared with what readers may see.

A step is one person's or scheduler's act: run, retry, kill, roll back, new data, an edit of the project. The flows,
tasks, warehouse and its SQL are the product's; tickets, loaders and dashboards are left out.
"""

from __future__ import annotations

import logging
import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from prefect import Flow, Task

import flows.deliver
import flows.retire
import flows.rollback
from blocks.errors import NotDelivered, NotFound, PlatformError
from blocks.records import Analysis, Check, Dashboard, Plan, State
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from tests.property.project import Model, Project, StandInProject
from tests.property.readers import Readers, Rows, Sight

FLOWS = ("deliver", "transform", "validate", "promote", "retire", "rollback")
LATEST_STATEMENT = 160
AnyHistory = TypeVar("AnyHistory", bound="History")


class Killed(BaseException):
    """The process is gone: nothing that follows reaches the warehouse."""


class Violation(AssertionError):
    """Readers see what they may not, or a refusal that nothing explains."""


class Executioner:
    """Ends the process at a statement, before or after it reaches the server."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.dead = False

    def arm(self, statement: int | None) -> None:
        self.left, self.dead = statement, False

    def wrap(self, rows: Callable[..., Any]) -> Callable[..., Any]:
        def counted(session: Any, sql: str, parameters: Sequence[Any] = ()) -> Any:
            if self.dead:
                raise Killed
            if self.left is None:
                return rows(session, sql, parameters)
            self.left -= 1
            late = self.left % 2
            if self.left <= 0 and not late:
                self.dead = True
                raise Killed
            result = rows(session, sql, parameters)
            if self.left <= 0:
                self.dead = True
                raise Killed
            return result

        return counted


class StandInSuites:
    """Every mart's suite: no v below the project's least."""

    def __init__(self, project: Project | None = None) -> None:
        self._project = project or Project()

    def hash_suite(self, mart: str) -> str:
        return f"least {self._project.least}"

    def hash_repeatable_suite(self, mart: str, dialect: str) -> str:
        return self.hash_suite(mart)

    def read(self, mart: str) -> None:
        pass

    def warm(self) -> None:
        pass

    def evaluate(self, warehouse: Warehouse, marts: dict[str, str], found: object) -> list[Check]:
        checks, least = [], self._project.least
        with warehouse.session() as session:
            for mart, relation in marts.items():
                ((bad,),) = session.rows(
                    f"select count(*) from {warehouse.relation(relation)} where v < {least}"
                )
                checks.append(Check(scope=mart, name=f"no v below {least}", kind="suite", passed=bad == 0))
        return checks


@contextmanager
def without_prefect() -> Iterator[None]:
    """Flows and tasks as plain functions: no server, no records, no retries."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self.fn(*args, **kwargs)

    quiet = logging.getLogger("tests.property")
    quiet.setLevel(logging.CRITICAL + 1)
    with ExitStack() as stack:
        for kind in (Flow, Task):
            stack.enter_context(patch.object(kind, "__call__", call))
        for name in FLOWS:
            stack.enter_context(patch(f"flows.{name}.get_run_logger", lambda: quiet))
        stack.enter_context(patch("tasks.reports.create_markdown_artifact", lambda *_, **__: None))
        stack.enter_context(patch("flows.validate.show_checks", lambda _, gate: gate))
        stack.enter_context(patch("flows.deliver.extract_load", lambda *_, **__: []))
        stack.enter_context(patch("flows.deliver.publish", lambda *_, **__: []))
        stack.enter_context(patch("flows.deliver.read_lessons", lambda *_: []))
        stack.enter_context(patch("flows.deliver.feedback", lambda *_, **__: None))
        stack.enter_context(patch("flows.deliver.requirements", _plan))
        stack.enter_context(patch("flows.rollback.publish", lambda *_, **__: []))
        stack.enter_context(patch("flows.rollback.answer_rollback", lambda *_, **__: None))
        stack.enter_context(patch("blocks.warehouse.lease._is_dead", lambda *_: True))
        yield


def _plan(tracker: Any, project: Any, warehouse: Any, tickets: Any, run: str, *_: Any, **__: Any) -> Plan:
    """The marts to build come as the tickets do."""
    board = Dashboard(
        name="d", analysis=Analysis.kpi, metrics=(), dimensions=(), marts=tuple(tickets), ticket=None
    )
    return Plan(run=run, dashboards=(board,), select=tuple(tickets))


class History:
    """One sequence on one warehouse. `log` says what was done, for whoever has to mend what it finds."""

    loads_often, loads_bad_often = 4, 2

    def __init__(
        self,
        warehouse: Warehouse,
        seed: int,
        executioner: Executioner,
        mixed: bool = False,
        project: Project | None = None,
    ) -> None:
        """mixed: while readers change over, one mart may be new and another old. project: none: the first one."""
        self.warehouse, self.seed, self.executioner, self.mixed = warehouse, seed, executioner, mixed
        self.random = random.Random(seed)
        self.project, self.readers = project or Project(), Readers(warehouse.keep)
        self.raw: Rows = ()
        self.runs: list[tuple[str, list[str], bool]] = []
        self.next_key = 1
        self.removed: list[Model] = []
        self.log: list[str] = []
        self.held = ExitStack()
        self.reads = 0
        self.suites: Any = StandInSuites(self.project)
        self.flow_project: Any = StandInProject(self.project)

    def play(self, steps: int) -> None:
        """Raises Violation with the log."""
        try:
            self._load(good=True)
            for _ in range(steps):
                self._step()
                self.check()
        except Violation as error:
            raise Violation(f"seed {self.seed}: {error}\n" + "\n".join(self.log)) from error

    def step_alive(self) -> None:
        """A step in which nothing is killed."""
        self._step(False)

    def _step(self, kills: bool = True) -> None:
        steps: list[tuple[int, Callable[[], None]]] = [
            (5, self.run),
            (4, self.run_killed),
            (2, self.retry),
            (2, self.retry_killed),
            (2, self.roll_back),
            (1, self.roll_back_killed),
            (2, self.roll_back_to),
            (self.loads_often, lambda: self._load(good=True)),
            (self.loads_bad_often, lambda: self._load(good=False)),
            (3, self.edit),
            (1, self.retire),
        ]
        steps += self.list_more_steps()
        if not kills:
            steps = [(weight, step) for weight, step in steps if not step.__name__.endswith("_killed")]
        self.random.choices([step for _, step in steps], [weight for weight, _ in steps])[0]()

    def list_more_steps(self) -> list[tuple[int, Callable[[], None]]]:
        """Steps of a sequence of another kind, each with how often it comes."""
        return []

    # what happens

    def _load(self, good: bool) -> None:
        """The source keeps its last rows only; some old keys get another value."""
        fresh = [(self.next_key + at, self.random.randrange(100)) for at in range(self.random.randint(1, 3))]
        self.next_key += len(fresh)
        again = {k: self.random.randrange(100) for k, _ in self.raw if self.random.random() < 0.5}
        rows = {**again, **dict(fresh)}
        if not good:
            rows[self.random.choice(list(rows))] = -1000
        self.load(rows)

    def load(self, rows: dict[int, int]) -> None:
        """RAW holds these rows, k → v, and no others."""
        self.raw = tuple(sorted(rows.items()))
        self.log.append(f"load {self.raw}")
        with self.warehouse.session() as session:
            self.warehouse.make_schema(session, "raw")
            self.warehouse.make_table(session, "raw", "t", {"k": "integer", "v": "integer"})
            table = self.warehouse.relation("raw.t")
            session.rows(f"delete from {table}")
            session.rows(f"insert into {table} values {', '.join(f'({k}, {v})' for k, v in self.raw)}")

    def edit(self) -> None:
        """Another commit of the project."""
        names = ("days", "look", "trail", "hist", "kept", "staged")
        what = self.random.choice(["add", "kind", "alias", "schema", "remove", "return"])
        if what == "return":
            self._return_model()
            return
        name = self.random.choice([name for name in names if name in self.project.models])
        model = self.project.models[name]
        if what == "add":
            change: dict[str, Any] = {"add": self.random.randrange(5)}
        elif what == "kind":
            history = ("incremental", "table")
            plain = ("table", "view", "ephemeral")
            kinds = history if "is_incremental" in model.sql else plain
            change = {"kind": self.random.choice(kinds)}
        elif what == "alias":
            change = {"alias": self.random.choice(["", f"{name}_x", f"{name}_y"])}
        elif what == "schema":
            change = {"schema": self.random.choice(["", "marts", "other"])}
        else:
            is_read = any(name in each.parents for each in self.project.models.values())
            if not model.mart or is_read or len(self.project.marts()) < 5:
                return
            self.removed.append(self.project.models.pop(name))
            self.log.append(f"remove {name}")
            return
        self.project.change(name, **change)
        self.log.append(f"edit {name}: {change}")

    def _return_model(self) -> None:
        """A model that was removed is there again, whether readers still see its mart or not."""
        if self.removed:
            model = self.removed.pop(self.random.randrange(len(self.removed)))
            self.project.models[model.name] = model
            self.log.append(f"return {model.name}")

    def _new_run(self) -> tuple[str, list[str], bool]:
        marts = self.project.marts()
        chosen = sorted(self.random.sample(marts, self.random.randint(1, min(4, len(marts)))))
        whole = self.random.random() < 0.2
        run = (f"n{len(self.runs)}", chosen, whole)
        self.runs.append(run)
        return run

    def run(self) -> None:
        self.deliver(*self._new_run())

    def run_killed(self) -> None:
        self.deliver(*self._new_run(), kill=self.random.randint(1, LATEST_STATEMENT))

    def retry(self) -> None:
        self._retry(None)

    def retry_killed(self) -> None:
        self._retry(self.random.randint(1, LATEST_STATEMENT))

    def _retry(self, kill: int | None) -> None:
        if self.runs:
            run, marts, whole = self.runs[-1] if self.random.random() < 0.8 else self.random.choice(self.runs)
            if marts := [mart for mart in marts if mart in self.project.models]:
                self.deliver(run, marts, whole, kill)

    def deliver(self, run: str, marts: list[str], whole: bool, kill: int | None = None) -> None:
        self.log.append(
            f"run {run} of {', '.join(marts)}{', full refresh' if whole else ''}"
            f"{f', killed at {kill}' if kill else ''}"
        )
        self.settle()
        seen_before = self.readers.named(run) is not None
        sight, passes = self.readers.build(self.project, self.raw, marts, run, whole)
        backfill = whole and self.random.random() < 0.5

        def act() -> None:
            flows.deliver.deliver(
                None,
                [],
                self.warehouse,
                _Site(),
                self.flow_project,
                self.suites,
                tickets=marts,
                run=run,
                full_refresh=whole and not backfill,
                since=date(2026, 1, 1) if backfill else None,
            )

        error = self._do(act, kill)
        if isinstance(error, Killed):
            if passes and not seen_before:
                self._adopt(sight, lambda: self.readers.publish(sight))
            return
        published = error is None
        if published != (passes or seen_before):
            raise Violation(f"run {run}: published {published}, expected {passes or seen_before}: {error}")
        if passes and not seen_before:
            self.readers.publish(sight)
        else:
            self.readers.retain()

    def roll_back(self) -> None:
        self.go_back(None, None)

    def roll_back_killed(self) -> None:
        self.go_back(None, self.random.randint(1, 25))

    def roll_back_to(self) -> None:
        if self.readers.published:
            names = [sight.run for sight in self.readers.published[-4:]]
            self.go_back(self.random.choice(names), None)

    def go_back(self, to: str | None, kill: int | None) -> None:
        self.log.append(f"roll back {to or ''}{f', killed at {kill}' if kill else ''}")
        self.settle()
        target = self.readers.back() if to is None else self.readers.named(to)
        if target and self.readers.now and target.run == self.readers.now.run:
            target = None
        kept = target is not None and target.run not in self.readers.lost

        def change() -> None:
            if to is None:
                self.readers.go_back()
            elif target:
                self.readers.go_to(target)

        error = self._do(lambda: flows.rollback.rollback(None, self.warehouse, None, None, to=to), kill)
        if isinstance(error, Killed):
            if target:
                self._adopt(target, change)
        elif error is None:
            if target is None:
                raise Violation("a rollback without anything to go back to was done")
            change()
        elif kept or not isinstance(error, NotFound):
            raise Violation(f"roll back to {target and target.run}: {type(error).__name__}: {error}")

    def retire(self) -> None:
        now = self.readers.now
        gone = sorted(set(now.marts) - set(self.project.models)) if now else []
        if not gone or not now or len(gone) == len(now.marts):
            return
        self.log.append(f"retire {', '.join(gone)}")
        self.settle()
        error = self._do(lambda: flows.retire.retire(self.warehouse, gone), None)
        if error is not None:
            raise Violation(f"retire: {type(error).__name__}: {error}")
        self.readers.seen[-1] = self.readers.retired(gone)

    def _do(self, act: Callable[[], Any], kill: int | None) -> BaseException | None:
        """What it raised, if it did. Anything that is neither expected nor explained goes on."""
        self.executioner.arm(kill)
        try:
            act()
        except Killed as error:
            self.executioner.arm(None)
            self.restart()
            return error
        except PlatformError as error:
            if isinstance(error, NotDelivered) or not self.executioner.dead:
                return error
            raise
        except Exception as error:
            raise Violation("".join(traceback.format_exception(error)[-6:])) from error
        finally:
            self.executioner.arm(None)
        return None

    def restart(self) -> None:
        """What a dead process had open is closed. A connection is held, because opening a file takes time."""
        self.held.close()
        self.held.enter_context(self.warehouse.session())

    # what readers see

    def _adopt(self, sight: Sight, change: Callable[[], None]) -> None:
        """After a kill: the old or the new, at once and after the next run's recovery; then the model follows."""
        old = self.readers.now.marts if self.readers.now else {}
        found = self.look()
        if self.mixed:
            for mart, rows in found.items():
                if rows not in (old.get(mart), sight.marts.get(mart)):
                    raise Violation(f"killed: {mart} shows {rows}")
        elif found not in (dict(old), dict(sight.marts)):
            raise Violation(f"killed: readers see {found}, neither {old} nor {sight.marts}")
        entries = control.read_journal(self.warehouse, details=False)
        promised = bool(entries) and entries[-1].state is State.publishing
        self.settle()
        served = self.warehouse.read_served()
        after = self.look()
        if promised and (after != dict(sight.marts) or not served or served.run != sight.run):
            raise Violation(f"recovered: readers see {after}, though {sight.run} was being published")
        if after == dict(sight.marts) and served and served.run == sight.run:
            change()
        elif after != dict(old) or found == dict(sight.marts) != dict(old):
            raise Violation(f"recovered: readers see {after}, neither {old} nor {sight.marts}")

    def settle(self) -> None:
        """What the next run does first."""
        from tasks.promotion import recover

        with self.warehouse.exclusive():
            recover.fn(self.warehouse, "")

    def look(self) -> dict[str, Rows]:
        """Every mart that readers see, with its rows."""
        served = self.warehouse.read_served()
        found: dict[str, Rows] = {}
        with self.warehouse.session() as session:
            for mart in served.marts if served else ():
                columns = "k, v, closed" if mart == "shots" else "k, v"
                view = self.warehouse.quote(self.warehouse.serving, mart)
                found[mart] = tuple(
                    sorted(
                        tuple(int(x) for x in row) for row in session.rows(f"select {columns} from {view}")
                    )
                )
                self.reads += 1
        return found

    def check(self) -> None:
        """Readers see exactly the rows that passed."""
        now, served = self.readers.now, self.warehouse.read_served()
        if (served.run if served else None) != (now.run if now else None):
            raise Violation(f"_release names {served and served.run}, expected {now and now.run}")
        found, right = self.look(), dict(now.marts) if now else {}
        if found != right:
            wrong = {
                m: (found.get(m), right.get(m)) for m in {*found, *right} if found.get(m) != right.get(m)
            }
            raise Violation(f"readers see (found, right): {wrong}")
        with self.warehouse.session() as session:
            for name in {mart for sight in self.readers.seen for mart in sight.marts} - set(right):
                if self.warehouse.columns(session, self.warehouse.serving, name):
                    raise Violation(f"{name} is still shown")


class _Site:
    def warm(self) -> None:
        pass

    def mark_held(self, dashboards: Sequence[str], reason: str) -> None:
        pass


def play_many(
    make: Callable[[int], Warehouse],
    seeds: Sequence[int],
    steps: int,
    mixed: bool = False,
    kind: type[History] = History,
) -> tuple[int, list[str]]:
    """Play a sequence for every seed; the reads that were compared, and the violations."""
    reads, violations = 0, []
    for seed in seeds:
        with open_history(make(seed), seed, mixed, kind) as history:
            try:
                history.play(steps)
            except Violation as error:
                violations.append(str(error))
            reads += history.reads
    return reads, violations


@contextmanager
def open_history(
    warehouse: Warehouse, seed: int = 0, mixed: bool = False, kind: type[AnyHistory] = History
) -> Iterator[AnyHistory]:
    """A sequence that a test plays step by step."""
    executioner, sessions = Executioner(), session_class(warehouse)
    with (
        without_prefect(),
        patch.object(sessions, "rows", executioner.wrap(sessions.rows)),
        ExitStack() as held,
    ):
        history = kind(warehouse, seed, executioner, mixed)
        history.held = held
        history.restart()
        yield history


def session_class(warehouse: Warehouse) -> type[Any]:
    """The class of a warehouse's sessions."""
    with warehouse.session() as session:
        return type(session)


def duckdb_warehouse(folder: Path, seed: int, name: str = "") -> Warehouse:
    from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse

    # one thread: of tiny tables more only wait for each other
    return DuckDBWarehouse(database=str(folder / f"{name or seed}.duckdb"), keep=2 + seed % 2, threads=1)
