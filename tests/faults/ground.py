"""A company to break: its data, tickets and warehouse, how its runs are started, and an independent look at them.

The look knows nothing of the product's code but the names of its tables: what it expects comes from the files that
were written here.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from ruamel.yaml import YAML

from tests.blocks.tracker.desks import JiraDesk, jira_desk
from tests.faults.one_delivery import TICKETS, make_warehouse
from tests.warm_process import ROOT, WarmParent

if TYPE_CHECKING:
    from tests.blocks.warehouse.postgres_server import Server

SCRIPT = ("-m", "tests.faults.one_delivery")
READER = """
import sys, time
from tests.faults.ground import look_in
last, ask = None, look_in(sys.argv[1])
print("ready", flush=True)
while True:
    try:
        found = ask()
    except Exception as error:
        found = " ".join(f"refused: {type(error).__name__}: {error}".split())
    if found != last:
        print(found, flush=True)
    last = found
    time.sleep(float(sys.argv[2]))
"""
SEEN = (
    "select (select count(distinct run) from serving._release), (select max(run) from serving._release),"
    " (select count(*) from serving.days), (select sum(v) from serving.days),"
    " (select max(k) from serving.total), (select max(v) from serving.total)"
)
READERS_NAME = "reader of a soak"
"""By which a server tells the connections of readers, which nothing cuts, from those of runs."""
NOTHING_YET = ("does not exist", "CatalogException", "UndefinedTable", "No such file", "no such file")
SECONDS = 300
"""The longest that a run may take, with what it waits for a stopped one that has the file open; more: it hangs."""


def start_parent(folder: Path) -> WarmParent:
    """The process that deliveries are forked from. Where there is a C compiler, CLOCK_SKEW sets their clocks wrong."""
    with pytest.MonkeyPatch.context() as patch:
        if shutil.which("cc"):
            library, source = folder / "clock.so", Path(__file__).with_name("skewed_clock.c")
            subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
            patch.setenv("LD_PRELOAD", str(library))
        patch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
        return WarmParent(folder / "socket", "tests.faults.warm")


class Violation(AssertionError):
    """What may never be, with what was done before."""


def look_in(settings_file: str) -> Callable[[], str]:
    """A reader's question: runs, the run, rows and sum of one mart, rows and sum of the other, as text."""
    settings = json.loads(Path(settings_file).read_text())["warehouse"]
    if "host" in settings:
        import psycopg

        names = {"host", "port", "user", "password"}
        where = {name: settings[name] for name in names}

        def ask_server() -> str:
            with psycopg.connect(
                **where, dbname=settings["database"], application_name=READERS_NAME
            ) as connection:
                found = connection.execute(SEEN.encode()).fetchone()
            return " ".join(map(str, found or ()))

        return ask_server
    import duckdb

    path = str(Path(settings["database"]).with_name("serving.duckdb"))

    def ask_file() -> str:
        with duckdb.connect(path, read_only=True) as file:
            file.execute("set enable_progress_bar = false")  # it would stand among what was read
            return " ".join(map(str, file.execute(SEEN).fetchall()[0]))

    return ask_file


@dataclass
class Run:
    """A process of the product's that works on the ground."""

    name: str
    process: Any
    output: Path
    began: float = field(default_factory=time.monotonic)
    family: dict[int, float] = field(default_factory=dict)
    largest: int = 0

    def watch(self) -> None:
        """Note its children, by when they began, and its memory."""
        try:
            own = psutil.Process(self.process.pid)
            for each in (own, *own.children(recursive=True)):
                self.family[each.pid] = each.create_time()
            self.largest = max(self.largest, own.memory_info().rss)
        except psutil.Error:
            pass

    def wait(self, until: float | None = None) -> int | None:
        """The exit code; None if it is there `until` seconds after its start. Raises Violation if it hangs."""
        while (code := self.process.poll()) is None:
            self.watch()
            if until is not None and time.monotonic() - self.began >= until:
                return None
            if time.monotonic() - self.began > SECONDS:
                raise Violation(f"run {self.name} hangs: {self.output.read_text()[-2000:]}")
            time.sleep(0.02)
        return int(code)

    def list_left(self) -> list[str]:
        """What of its processes is still there, 20 seconds after it ended."""
        left = [each for pid, begun in self.family.items() if (each := _find(pid, begun))]
        _, alive = psutil.wait_procs(left, timeout=20)
        return [" ".join(each.cmdline())[:200] for each in alive]


def _find(pid: int, begun: float) -> psutil.Process | None:
    try:
        found = psutil.Process(pid)
        return found if found.create_time() == begun and found.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


class Ground:
    """One company, from nothing. warehouse: its settings; desk: a Jira of its own, none for ticket files.

    cut: ends every connection of a run to the warehouse's server; None where there is none.
    """

    def __init__(
        self,
        folder: Path,
        parent: WarmParent,
        seed: int,
        warehouse: dict[str, Any] | None = None,
        desk: JiraDesk | None = None,
        cut: Callable[[], object] | None = None,
    ) -> None:
        self.folder, self.parent, self.random = folder, parent, random.Random(seed)
        self.state, self.data, self.tickets, self.scratch = (
            folder / name for name in ("state", "data", "tickets", "scratch")
        )
        for each in (self.state, self.data, self.tickets, self.scratch):
            each.mkdir(parents=True)
        for key in TICKETS:
            (self.tickets / f"{key}.yaml").write_text(f"key: {key}\ntitle: t\nstatus: open\nrequester: Ada\n")
        settings = {
            "state": str(self.state),
            "data": str(self.data),
            "scratch": str(self.scratch),
            "warehouse": warehouse or {"database": str(self.state / "warehouse.duckdb"), "keep": 2},
            "tracker": desk.settings if desk else {"folder": str(self.tickets), "project": "BK"},
        }
        self.settings = folder / "settings.json"
        self.settings.write_text(json.dumps(settings))
        self.warehouse = make_warehouse(settings["warehouse"])
        self.desk, self.cut = desk, cut
        if desk:
            for key in TICKETS:
                desk.file(key)
        self.rows: dict[str, list[tuple[int, int]]] = {}
        self.good: list[str] = []  # what readers may see, as `rows sum`, in order
        self.log: list[str] = []
        self.runs = self.rollbacks = 0
        self.usual, self.largest = 1.0, [0]

    # what happens

    def write_day(self, bad: bool = False) -> None:
        """One more file of the source; bad: with a value that no mart may hold."""
        name = f"{len(self.rows):04}.csv"
        self.rows[name] = [(len(self.rows) * 10 + at, self.random.randrange(1, 100)) for at in range(3)]
        if bad:
            self.rows[name].append((len(self.rows) * 10 + 9, -100_000))
        self._write(name)

    def correct(self) -> None:
        """Bad values out of every file."""
        for name, rows in self.rows.items():
            if any(v < 0 for _, v in rows):
                self.rows[name] = [row for row in rows if row[1] >= 0]
                self._write(name)

    def _write(self, name: str) -> None:
        text = "k,v\n" + "".join(f"{k},{v}\n" for k, v in self.rows[name])
        (self.data / name).write_text(text)
        every = [row for rows in self.rows.values() for row in rows]
        total = sum(v for _, v in every)
        if all(v >= 0 for _, v in every):
            self.good.append(f"{len(every)} {total}")

    def start(self, name: str = "", **environment: str) -> Run:
        """A delivery, or what `name` says, in a process that is forked for it."""
        self.runs += 1
        name = name or f"n{self.runs}"
        output = self.folder / f"{self.runs:04}-{name}.txt"
        with output.open("w") as file:
            process = self.parent.popen(
                [sys.executable, *SCRIPT, str(self.settings), name],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        return Run(name, process, output)

    def finish(self, run: Run, *codes: int) -> int:
        """Wait for a run's end. Raises Violation for a code that is none of these, a traceback, a process left."""
        code = run.wait()
        message = run.output.read_text()
        if code not in codes or "Traceback" in message:
            raise Violation(f"run {run.name} ended with {code}: {message[-3000:]}")
        if left := run.list_left():
            raise Violation(f"run {run.name} left {left}")
        return int(code or 0)

    def settle(self) -> None:
        """A run that nothing disturbs delivers all there is, and everything is as it should be."""
        self.correct()
        self.write_day()
        run = self.start()
        self.finish(run, 0)
        self.usual = 0.7 * self.usual + 0.3 * (time.monotonic() - run.began)
        self.largest.append(run.largest)
        self.check(run.name)

    # what may never be otherwise

    def check(self, run: str) -> None:
        """Raise Violation for whatever is not as one undisturbed run from the same files would have left it."""
        wrong: list[str] = []
        if (found := look_in(str(self.settings))()) != (right := f"1 {run} {self.good[-1]} {self.good[-1]}"):
            wrong.append(f"readers see {found}, expected {right}")
        wrong += self._look_at_warehouse(run)
        wrong += self._look_at_files()
        wrong += self._look_at_jira(run, self.desk) if self.desk else self._look_at_tickets(run)
        if wrong:
            raise Violation("; ".join(wrong))

    def _look_at_warehouse(self, run: str) -> Iterator[str]:
        every = [row for rows in self.rows.values() for row in rows]
        with self.warehouse.session() as session:
            raw = session.rows("select count(*), count(distinct k), sum(v) from raw.t")[0]
            ledger = session.rows("select count(*), count(distinct item), sum(row_count) from control.loads")[
                0
            ]
            journal = session.rows("select run_id, state from control.journal order by seq")
        right = (len(every), len(every), sum(v for _, v in every))
        if tuple(map(int, raw)) != right:
            yield f"RAW holds {raw}, the files {right}"
        if tuple(map(int, ledger)) != (len(self.rows), len(self.rows), len(every)):
            yield f"the ledger holds {ledger}, the files {len(self.rows)} with {len(every)} rows"
        last = {str(name): str(state) for name, state in journal}
        if last.get(run) != "published" or "publishing" in last.values():
            yield f"the journal ends with {last}"
        schemas = self.warehouse.list_releases()
        if len(schemas) > 4:
            yield f"releases are left: {schemas}"

    def _look_at_files(self) -> Iterator[str]:
        scratch = [path.name for path in self.scratch.iterdir()]
        loads = [path.name for path in (self.state / "loads").iterdir() if path.suffix != ".lock"]
        new = [path.name for place in (self.state, self.tickets) for path in place.rglob("*.new*")]
        if left := scratch + loads + new:
            yield f"files are left: {left}"

    def _look_at_tickets(self, run: str) -> Iterator[str]:
        incidents: Counter[str] = Counter()
        for path in sorted(self.tickets.glob("BK-*.yaml")):
            ticket = YAML(typ="safe").load(path)
            topics = Counter(each["topic"] for each in ticket.get("comments", ()))
            if twice := [topic for topic, count in topics.items() if count > 1]:
                yield f"{path.stem} has comments twice: {twice}"
            if "incident" in ticket:
                incidents[str(ticket["incident"])] += ticket["status"] != "done"
            elif topics[run] != 1 or ticket["status"] != "done":
                yield f"{path.stem} is {ticket['status']} with {topics}"
        if still := {name: count for name, count in incidents.items() if count}:
            yield f"incidents are open after a run that passed: {still}"

    def _look_at_jira(self, run: str, desk: JiraDesk) -> Iterator[str]:
        for key in desk.site.issues:
            marks = [
                str(mark["value"]["topic"])
                for comment in desk.site.comments.get(key, ())
                for mark in comment["properties"]
            ]
            if twice := [topic for topic, count in Counter(marks).items() if count > 1]:
                yield f"{key} has comments twice: {twice}"
            if desk.status(key) != "done" or (key in TICKETS and run not in marks):
                yield f"{key} is {desk.status(key)} with {marks}"
        opened = [label for issue in desk.site.issues.values() for label in issue["fields"]["labels"]]
        if len(desk.site.issues) > len(TICKETS) + sum("about:" in each for each in opened):
            yield f"there are issues that nobody filed: {list(desk.site.issues)}"


@contextmanager
def open_desk() -> Iterator[JiraDesk]:
    """A Jira for a ground, which soon gives up waiting for one that says that it is asked too much."""
    with jira_desk(
        Path(), cloud=True, version="3", project="BK", timeout_seconds=5, rate_limit_timeout_seconds=3
    ) as desk:
        yield desk


def make_postgres_ground(
    folder: Path, parent: WarmParent, seed: int, server: Server, desk: JiraDesk | None = None
) -> Ground:
    """A ground on a database of its own; a lease there lasts two seconds, so that a stopped run loses it."""
    house = server.warehouse(keep=2, lease_seconds=2)
    settings = {**server.arguments, "database": house.database, "sslmode": "disable", "threads": 2}

    def cut() -> None:
        server.run(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            f" where datname = '{house.database}' and application_name <> '{READERS_NAME}'"
        )

    return Ground(folder, parent, seed, {**settings, "keep": 2, "lease_seconds": 2}, desk, cut)


@contextmanager
def watch_readers(ground: Ground, pause: float = 0.25) -> Iterator[Callable[[], list[str]]]:
    """A reader in a process of its own; call what is given for the violations that it has seen since."""
    output = ground.folder / "reader.txt"
    with output.open("w") as file:
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, str(ground.settings), str(pause)],
            cwd=ROOT,
            stdout=file,
            stderr=file,
        )
    read_to = 0

    def judge() -> list[str]:
        nonlocal read_to
        whole, _, _ = output.read_text().rpartition("\n")  # of the last line a part may be there
        lines = whole.splitlines()[1:]
        fresh, read_to = lines[read_to:], len(lines)
        return judge_readings(fresh, ground.good, ground.rollbacks > 0)

    try:
        yield judge
        if reader.poll() is not None:
            raise Violation(f"the reader ended: {output.read_text()[-500:]}")
    finally:
        reader.kill()
        reader.wait()


def judge_readings(lines: list[str], good: list[str], went_back: bool) -> list[str]:
    """What of a reader's lines is a refusal, a mixture, data that never passed, or older than what it saw before."""
    wrong, last = [], -1
    for line in lines:
        if not line.strip() or "elapsed)" in line:  # the progress of a first statement that took seconds
            continue
        if line.startswith("refused"):
            if not any(sign in line for sign in NOTHING_YET):
                wrong.append(line)
            continue
        runs, _, *sums = line.split()
        one, other = " ".join(sums[:2]), " ".join(sums[2:])
        if runs != "1" or one != other:
            wrong.append(f"mixture: {line}")
        elif one not in good:
            wrong.append(f"never passed: {line}")
        else:
            at = good.index(one)
            if at < last and not went_back:
                wrong.append(f"older than before: {line}")
            last = at
    return wrong
