"""What a run reads of the journal, after 1,000 runs of 50 marts: `python -m tests.benchmarks journal`.

In seconds of this process, so that a busy machine measures the same; first as it grew, then as retention leaves it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from blocks.records import Release, State
from blocks.warehouse import control
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.release_history import choose_attempt, list_kept_releases, list_seen_releases

RUNS, MARTS, REPEATS = 1_000, 50, 5


def fill(warehouse: DuckDBWarehouse) -> None:
    """A journal that was never pruned: states and reports of every run, of their usual sizes."""
    control.write_journal(warehouse, "first", State.building)
    lines, seq = [], 1
    check = {
        "scope": "m",
        "name": "a check of some length",
        "passed": True,
        "kind": "suite",
        "observed": "0 rows",
    }
    gate = control._pack(json.dumps({"checks": [check] * MARTS * 6}))
    for at in range(RUNS):
        run = f"r{at}"
        marts = {f"mart_{m}": f"rel_{run}.mart_{m}" for m in range(MARTS)}
        release = Release(run=run, marts=marts, published_at=control.now()).model_dump_json()
        details = (
            (State.building, ""),
            (State.building, json.dumps({"marts": marts})),
            (State.validated, gate),
            (State.publishing, release),
            (State.published, release),
        )
        for state, detail in details:
            seq += 1
            lines.append((run, seq, state.value, control.now(), detail))
    with warehouse.session() as session:
        session.connection.executemany("insert into control.journal values (?, ?, ?, ?, ?)", lines)


def main() -> None:
    """Print milliseconds a call, the best of a few."""
    with TemporaryDirectory() as folder:
        warehouse = DuckDBWarehouse(database=str(Path(folder) / "w.duckdb"))
        fill(warehouse)
        print(f"{RUNS} runs of {MARTS} marts")
        with warehouse.session():
            show(warehouse)
            cut = control.prune_journal(warehouse, control.read_journal(warehouse, details=False), set())
            print(f"after pruning {len(cut)} runs")
            show(warehouse)


def show(warehouse: DuckDBWarehouse) -> None:
    """Measure every way in which a run reads it."""
    last = f"r{RUNS - 7}"
    calls: dict[str, Callable[[], object]] = {
        "the whole journal": lambda: control.read_journal(warehouse),
        "states without reports": lambda: control.read_journal(warehouse, details=False),
        "attempts of a run": lambda: choose_attempt(warehouse, last),
        "the last report": lambda: control.read_last_detail(warehouse, State.validated, last),
        "what may be rolled back to": lambda: list_kept_releases(warehouse),
        "the release before": lambda: list_seen_releases(warehouse, 2),
    }
    for name, call in calls.items():
        best = min(_time(call) for _ in range(REPEATS))
        print(f"  {name:<28} {best * 1000:8.1f} ms")


def _time(call: Callable[[], object]) -> float:
    start = process_time()
    call()
    return process_time() - start


if __name__ == "__main__":
    main()
