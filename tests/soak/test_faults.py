"""Runs that are killed, stopped, starved and doubled at random, with a look by others after each. `SOAK` scales them.

The counts are printed: faults, by kind, the reads that were judged, violations. SOAK_SEED begins elsewhere.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.faults import list_faults
from tests.faults.ground import (
    Ground,
    Violation,
    make_postgres_ground,
    open_desk,
    start_parent,
    watch_readers,
)
from tests.warm_process import WarmParent

if TYPE_CHECKING:
    from tests.blocks.tracker.desks import JiraDesk
    from tests.blocks.warehouse.postgres_server import Server

pytestmark = pytest.mark.soak
SCALE = float(os.environ.get("SOAK", "1"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
ROUND = 12
"""Faults on one ground, before a new one is made."""
GROWTH = 1.3


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmParent]:
    with closing(start_parent(tmp_path_factory.mktemp("warm"))) as parent:
        yield parent


Make = Callable[[int, "JiraDesk | None"], Ground]


def play(make: Make, faults: int) -> None:
    """So many faults, a new ground for every few: with ticket files, then with a Jira.

    Each violation is printed with what was done; the test goes on.
    """
    counts, violations, memory, seed = Counter[str](), list[str](), (list[int](), list[int]()), SEED
    while counts.total() < faults:
        with ExitStack() as stack:
            ground = make(seed, stack.enter_context(open_desk()) if seed % 2 else None)
            try:
                play_round(ground, min(ROUND, faults - counts.total()), counts)
            except Violation as error:
                violations.append(f"seed {seed}, in {ground.folder}: {error}\n" + "\n".join(ground.log))
                print(violations[-1], flush=True)
            else:
                shutil.rmtree(ground.folder)
        memory[seed % 2].append(max(ground.largest))
        seed += 1
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
        print(f"{counts.total()} faults ({kinds}), {len(violations)} violations", flush=True)
    for first, *later in filter(None, memory):
        print(f"{first / 2**20:.0f} to {max(later, default=first) / 2**20:.0f} MB")
        assert max(later, default=first) < GROWTH * first
    assert not violations, violations[0]


def play_round(ground: Ground, count: int, counts: Counter[str]) -> None:
    """Faults on one ground, each followed by a look, and some by a run that nothing disturbs."""
    with watch_readers(ground) as judge:
        ground.settle()
        for number in range(count):
            ground.write_day()
            weights, faults = zip(*list_faults(ground), strict=True)
            (fault,) = ground.random.choices(faults, weights)
            ground.log.append(f"{fault.__name__} in run {ground.runs + 1}")
            counts[fault(ground)] += 1
            if ground.random.random() < 0.6 or number == count - 1:
                ground.settle()
            if wrong := judge():
                raise Violation("; ".join(wrong))


def test_duckdb(parent: WarmParent, tmp_path: Path) -> None:
    def make(seed: int, desk: JiraDesk | None) -> Ground:
        return Ground(tmp_path / str(seed), parent, seed, desk=desk)

    play(make, max(1, round(1000 * SCALE)))


def test_postgres(parent: WarmParent, tmp_path: Path, postgres_server: Server) -> None:
    def make(seed: int, desk: JiraDesk | None) -> Ground:
        return make_postgres_ground(tmp_path / str(seed), parent, seed, postgres_server, desk)

    play(make, max(1, round(300 * SCALE)))
