"""Runs that are killed, stopped, starved and doubled at random, with a look by others after each. `SOAK` scales them.

The counts are printed: faults, by kind, the reads that were judged, violations. SOAK_SEED begins elsewhere.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.faults import FAULTS
from tests.faults.ground import Ground, Violation, make_postgres_ground, start_parent, watch_readers
from tests.warm_process import WarmParent

if TYPE_CHECKING:
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


def play(make: Callable[[int], Ground], faults: int) -> None:
    """So many faults, a new ground for every few. Each violation is printed with what was done; the test goes on."""
    counts, violations, last, first, done, seed = Counter[str](), [], 0, 0, 0, SEED
    while done < faults:
        ground = make(seed)
        try:
            done += play_round(ground, min(ROUND, faults - done), counts)
        except Violation as error:
            violations.append(f"seed {seed}, in {ground.folder}: {error}\n" + "\n".join(ground.log))
            print(violations[-1], flush=True)
            done += 1
        else:
            shutil.rmtree(ground.folder)
        first, last = first or max(ground.largest), max(ground.largest)
        seed += 1
        if seed % 5 == 0:
            print(f"{done} faults so far, {len(violations)} violations", flush=True)
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
    print(
        f"{done} faults ({kinds}), {len(violations)} violations; {first / 2**20:.0f} to {last / 2**20:.0f} MB"
    )
    assert not violations, violations[0]
    assert last < GROWTH * first


def play_round(ground: Ground, faults: int, counts: Counter[str]) -> int:
    """Faults on one ground, each followed by a look, and some by a run that nothing disturbs."""
    with watch_readers(ground) as judge:
        ground.settle()
        for number in range(faults):
            ground.write_day()
            (fault,) = ground.random.choices([each for _, each in FAULTS], [weight for weight, _ in FAULTS])
            ground.log.append(f"{fault.__name__} in run {ground.runs + 1}")
            counts[fault(ground)] += 1
            if ground.random.random() < 0.6 or number == faults - 1:
                ground.settle()
            if wrong := judge():
                raise Violation("; ".join(wrong))
    return faults


def test_duckdb(parent: WarmParent, tmp_path: Path) -> None:
    play(lambda seed: Ground(tmp_path / str(seed), parent, seed), max(1, round(1000 * SCALE)))


def test_postgres(parent: WarmParent, tmp_path: Path, postgres_server: Server) -> None:
    def make(seed: int) -> Ground:
        return make_postgres_ground(tmp_path / str(seed), parent, seed, postgres_server)

    play(make, max(1, round(300 * SCALE)))
