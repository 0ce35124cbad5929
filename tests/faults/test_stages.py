"""SIGKILL in every stage of a delivery, then the next one: nothing is lost, doubled, mixed or left.

`make soak` ends each stage at its begin and end, too, and on PostgreSQL; what it does at random is in tests/soak.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.blocks.warehouse.conftest import postgres_server
from tests.faults.faults import KILLED
from tests.faults.ground import Ground, look_in, make_postgres_ground, start_parent, watch_readers
from tests.warm_process import WarmParent

if TYPE_CHECKING:
    from tests.blocks.warehouse.postgres_server import Server

__all__ = ["postgres_server"]
STAGES = ("requirements", "extract_load", "transform", "validate", "promote", "publish", "feedback")
WITHOUT_STATEMENTS = {"requirements", "publish"}
"""Stages that are stood in for."""


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmParent]:
    with closing(start_parent(tmp_path_factory.mktemp("warm"))) as parent:
        yield parent


def kill_in_each(ground: Ground, moments: tuple[str, ...]) -> None:
    """After each kill readers see what they saw, or the new release; after the next run all is in order."""
    with watch_readers(ground) as judge:
        ground.settle()
        for stage in STAGES:
            for moment in moments:
                moment = "end" if moment == "inside" and stage in WITHOUT_STATEMENTS else moment
                ground.write_day()
                before = look_in(str(ground.settings))()
                run = ground.start(KILL_AT=f"{stage} {moment}")
                ground.finish(run, KILLED)
                new = f"1 {run.name} {ground.good[-1]} {ground.good[-1]}"
                may = (
                    {before, new}
                    if stage == "promote"
                    else {new}
                    if stage in {"publish", "feedback"}
                    else {before}
                )
                assert look_in(str(ground.settings))() in may, (stage, moment)
                ground.settle()
                assert judge() == []


def test_killed_in_any_stage_the_next_run_is_as_if_nothing_had_been(
    parent: WarmParent, tmp_path: Path
) -> None:
    kill_in_each(Ground(tmp_path / "ground", parent, 1), ("inside",))


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["duckdb", "postgres"])
def test_killed_at_the_begin_and_end_of_any_stage(
    kind: str, parent: WarmParent, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "duckdb":
        ground = Ground(tmp_path / "ground", parent, 1)
    else:
        server: Server = request.getfixturevalue("postgres_server")
        ground = make_postgres_ground(tmp_path / "ground", parent, 1, server)
    kill_in_each(ground, ("begin", "inside", "end"))
