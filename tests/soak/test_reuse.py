"""Hundreds of random sequences in which only what changed is built, each beside a twin that builds all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from blocks.warehouse.base import Warehouse
from tests.blocks.warehouse.postgres_server import Server
from tests.blocks.warehouse.snowflake_account import Account, house_of
from tests.dremio.standin import StandIn
from tests.property.reuse import ReuseHistory, play_both
from tests.property.sequences import duckdb_warehouse, play_many
from tests.soak.test_release_sequences import FIRST, SCALE

pytestmark = pytest.mark.soak


def play(name: str, make: Callable[[str], Warehouse], sequences: int, steps: int = 12) -> None:
    count = max(1, round(sequences * SCALE))
    compared, reused, built, differences = play_both(make, range(FIRST, FIRST + count), steps)
    print(
        f"\n{name}: {count} sequences from {FIRST}, {compared} comparisons, {reused} relations shown again,"
        f" {built} built, {len(differences)} differences"
    )
    assert not differences, differences[0]
    assert reused


def test_duckdb(tmp_path: Path) -> None:
    def make(name: str) -> Warehouse:
        if name.endswith("a"):
            for file in tmp_path.iterdir():
                file.unlink()
        return duckdb_warehouse(tmp_path, int(name[:-1]), name)

    play("DuckDB", make, 500)


def test_duckdb_with_kills(tmp_path: Path) -> None:
    def make(seed: int) -> Warehouse:
        for file in tmp_path.iterdir():
            file.unlink()
        return duckdb_warehouse(tmp_path, seed)

    count = max(1, round(500 * SCALE))
    reads, violations = play_many(make, range(FIRST, FIRST + count), 14, kind=ReuseHistory)
    print(f"\nDuckDB, killed at times: {count} sequences, {reads} reads, {len(violations)} violations")
    assert not violations, violations[0]


def test_postgres(postgres_server: Server) -> None:
    play("PostgreSQL", lambda name: postgres_server.warehouse(keep=2 + int(name[:-1]) % 2), 50)


def test_snowflake(snowflake_account: Account) -> None:
    play("Snowflake's stand-in", lambda name: house_of(snowflake_account, keep=2 + int(name[:-1]) % 2), 20)


def test_dremio(dremio_server: StandIn) -> None:
    def make(name: str) -> Warehouse:
        return dremio_server.warehouse(database=f"w{name}", keep=2 + int(name[:-1]) % 2, flip_seconds=0)

    play("Dremio's stand-in", make, 10)
