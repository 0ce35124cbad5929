"""Ten thousand flips of a DuckDB warehouse while four processes read it. `SOAK` scales them (1: all)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.blocks.warehouse.readers import flip_under_readers

FLIPS = 10_000


@pytest.mark.soak
def test_no_reader_is_refused_and_none_sees_a_mixture(tmp_path: Path) -> None:
    flips = max(1, round(FLIPS * float(os.environ.get("SOAK", "1"))))
    seen = flip_under_readers(DuckDBWarehouse(database=str(tmp_path / "warehouse.duckdb")), flips)
    print(
        f"{flips:,} flips, {seen.reads:,} reads: {seen.refused} refused, {seen.mixed} mixed, {seen.older} older"
    )
    assert (seen.refused, seen.mixed, seen.older) == (0, 0, 0)
