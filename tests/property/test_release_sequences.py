"""A few sequences in every test run; `make soak` plays thousands, on every warehouse."""

from __future__ import annotations

from pathlib import Path

from tests.property.sequences import duckdb_warehouse, play_many


def test_readers_see_only_what_passed(tmp_path: Path) -> None:
    reads, violations = play_many(lambda seed: duckdb_warehouse(tmp_path, seed), range(6), steps=12)
    assert not violations, violations[0]
    assert reads > 50
