"""Random sequences in which only what changed is built, held to the model of readers and to a twin that builds all.

More happens in them than in others: macros, suites and names of models change, rows arrive that no ledger tells of, and
models read what dbt is not told of, or draw lots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from blocks.records import BuildReport, GateReport, LedgerEntry, State
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from tests.property.project import RAW, Model, Project, first_models
from tests.property.sequences import Executioner, History, Violation, open_history

MORE = (
    Model("sneaky", "select k, v from {{ hidden() }}"),
    Model("dice", "select k, v + cast(floor(random() * 0) as integer) as v from " + RAW),
    Model("cast_on_dice", "select k, v from {{ ref('dice') }}", parents=("dice",)),
    Model("deep", "select k, v + ADD as v from {{ ref('days') }}", parents=("days",)),
    Model("through", "select k, v from {{ ref('look') }}", parents=("look",)),
)

LIKELY = ("days", "look", "staged", "deep", "deeper", "through")
NEVER = {"sneaky", "dice", "cast_on_dice", "snap", "shots"}
"""What nobody can tell the state of, or what goes on from what it held."""


def make_project(reuses: bool) -> Project:
    models = first_models() | {model.name: model for model in MORE}
    return Project(models=models, reuses=reuses)


class ReuseHistory(History):
    """A sequence in which only what changed is built; reused, built: how many relations so far."""

    reuses = True
    loads_often, loads_bad_often = 3, 1

    def __init__(
        self, warehouse: Warehouse, seed: int, executioner: Executioner, mixed: bool = False
    ) -> None:
        super().__init__(warehouse, seed, executioner, mixed, make_project(self.reuses))
        self.reused = self.built = 0
        self.loads = 0

    def _new_run(self) -> tuple[str, list[str], bool]:
        """Of the marts that may be shown again more than of the others, and seldom build all again."""
        run, marts, whole = super()._new_run()
        likely = [name for name in LIKELY if name in self.project.models]
        marts = sorted({*marts[:2], *self.random.sample(likely, min(3, len(likely)))})
        self.runs[-1] = (run, marts, whole and self.random.random() < 0.5)
        return self.runs[-1]

    def list_more_steps(self) -> list[tuple[int, Callable[[], None]]]:
        return [
            (20, self.run),
            (2, self.edit_macro),
            (2, self.edit_suite),
            (1, self.edit_more),
            (1, self.rename),
            (1, self.load_again),
            (1, self.change_by_hand),
        ]

    def load(self, rows: dict[int, int]) -> None:
        """As others do; and the ledger has a line of it."""
        super().load(rows)
        self.loads += 1
        line = LedgerEntry(
            source="raw",
            table="t",
            item="t",
            fingerprint=f"{self.loads}",
            rows=len(rows),
            run=f"l{self.loads}",
        )
        self.warehouse.write_ledger_lines([line])

    def load_again(self) -> None:
        """The same rows, loaded again."""
        self.load(dict(self.raw))

    def change_by_hand(self) -> None:
        """Somebody's own statement: a row less or more in RAW, of which no ledger tells."""
        rows = dict(self.raw)
        if len(rows) > 1:
            del rows[max(rows)]
        else:
            rows[max(rows, default=0) + 1] = self.random.randrange(1, 9)
        super().load(rows)

    def edit_macro(self) -> None:
        self.project.shift = self.random.randrange(3)
        self.log.append(f"shift is {self.project.shift}")

    def edit_suite(self) -> None:
        self.project.least = self.random.choice([0, 0, 0, -2000, 50])
        self.log.append(f"least is {self.project.least}")

    def edit_more(self) -> None:
        if "deep" in self.project.models:
            add = self.random.randrange(3)
            self.project.change("deep", add=add)
            self.log.append(f"deep adds {add}")

    def rename(self) -> None:
        """A mart has another name from now on."""
        old, new = self.random.choice([("deep", "deeper"), ("deeper", "deep")])
        if old in self.project.models and new not in self.project.models:
            self.project.models[new] = replace(self.project.models.pop(old), name=new)
            self.log.append(f"{old} is called {new}")

    def deliver(self, run: str, marts: list[str], whole: bool, kill: int | None = None) -> None:
        super().deliver(run, marts, whole, kill)
        if kill is None:
            self.count_reused(run)

    def count_reused(self, run: str) -> None:
        """What the run built and showed again; its gate's checks are evaluated again, and have to come out alike."""
        detail = control.read_last_detail(self.warehouse, State.building, run)
        build = BuildReport.model_validate_json(detail) if detail else None
        if build is None:
            return
        self.reused += len(build.reused)
        self.built += sum(state.built for state in build.states)
        for state in build.reused:
            if state.name in NEVER:
                raise Violation(f"run {run} shows {state.name} again, which nobody can tell the state of")


class FullHistory(ReuseHistory):
    """The same sequence, and everything is built."""

    reuses = False


def read_verdict(history: History) -> tuple[str, list[tuple[str, str, str, str]]] | None:
    """The newest gate's verdict and each of its checks: what about, which, of which kind, how it came out."""
    found = [
        (entry.seq, entry)
        for state in (State.validated, State.rejected)
        for entry in control.read_journal(history.warehouse, states=[state])
        if entry.detail
    ]
    if not found:
        return None
    gate = GateReport.model_validate_json(max(found)[1].detail)
    return str(gate.passed), sorted((c.scope, c.name, c.kind, c.status) for c in gate.checks)


def play_both(
    make: Callable[[str], Warehouse], seeds: Sequence[int], steps: int
) -> tuple[int, int, int, list[str]]:
    """Play each sequence both ways, without kills, and compare what readers see and each check after every step.

    Returns how often that was done, how many relations were shown again and built, and the differences.
    """
    compared, reused, built, differences = 0, 0, 0, []
    for seed in seeds:
        with _open_both(make, seed) as (one, other):
            try:
                for each in (one, other):
                    each.play(0)
                for _ in range(steps):
                    play_step(one, other)
                    compared += 1
            except Violation as error:
                differences.append(f"seed {seed}: {error}\n" + "\n".join(one.log))
            reused, built = reused + one.reused, built + one.built
    return compared, reused, built, differences


def play_step(one: ReuseHistory, other: ReuseHistory) -> None:
    """The next step of both. Raises Violation where anything differs."""
    for each in (one, other):
        each.step_alive()
        each.check()
    if one.log != other.log:
        raise Violation(f"the sequences are not the same: {one.log[-1]}, {other.log[-1]}")
    if one.look() != other.look():
        raise Violation(f"readers see {one.look()}, and of a full build {other.look()}")
    if read_verdict(one) != read_verdict(other):
        raise Violation(f"the gate says {read_verdict(one)}, and of a full build {read_verdict(other)}")


@contextmanager
def _open_both(make: Callable[[str], Warehouse], seed: int) -> Iterator[tuple[ReuseHistory, ReuseHistory]]:
    with (
        open_history(make(f"{seed}a"), seed, kind=ReuseHistory) as one,
        open_history(make(f"{seed}b"), seed, kind=FullHistory) as other,
    ):
        yield one, other
