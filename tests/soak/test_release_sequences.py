"""Thousands of random sequences against the model of what readers may see. `SOAK` scales their number (1: all).

The counts are printed: sequences, reads compared, violations. `SOAK_FROM` is the first one's number, for those who play
them in several pieces, side by side.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from blocks.warehouse.base import Warehouse
from tests.blocks.warehouse.postgres_server import Server
from tests.blocks.warehouse.snowflake_account import Account, house_of
from tests.dremio.standin import StandIn
from tests.property.sequences import duckdb_warehouse, play_many

pytestmark = pytest.mark.soak
SCALE = float(os.environ.get("SOAK", "1"))
FIRST = int(os.environ.get("SOAK_FROM", "1000"))


def play(
    name: str, make: Callable[[int], Warehouse], sequences: int, steps: int = 14, mixed: bool = False
) -> None:
    count = max(1, round(sequences * SCALE))
    reads, violations = play_many(make, range(FIRST, FIRST + count), steps, mixed)
    print(f"\n{name}: {count} sequences from {FIRST}, {reads} reads, {len(violations)} violations")
    assert not violations, violations[0]


def test_duckdb(tmp_path: Path) -> None:
    def make(seed: int) -> Warehouse:
        for file in tmp_path.iterdir():
            file.unlink()
        return duckdb_warehouse(tmp_path, seed)

    play("DuckDB", make, 2000)


def test_postgres(postgres_server: Server) -> None:
    play("PostgreSQL", lambda seed: postgres_server.warehouse(keep=2 + seed % 2), 200)


def test_snowflake(snowflake_account: Account) -> None:
    play("Snowflake's stand-in", lambda seed: house_of(snowflake_account, keep=2 + seed % 2), 100)


@pytest.mark.parametrize("publish", ["views", "slot"])
def test_dremio(dremio_server: StandIn, publish: str) -> None:
    def make(seed: int) -> Warehouse:
        return dremio_server.warehouse(
            publish=publish, database=f"w{seed}", keep=2 + seed % 2, flip_seconds=0
        )

    play(f"Dremio's stand-in, {publish}", make, 50, mixed=publish == "views")
