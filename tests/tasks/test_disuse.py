"""A dashboard that nobody opens is asked about, archived, and brought back by one word, on every tracker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from blocks.records import Analysis, Dashboard, Publication
from blocks.site.readback import Readback
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.uses import read_uses
from tasks.disuse import GRACE, UNUSED, list_archived, record_uses, review_uses
from tasks.standing import Occasion
from tests.blocks.tracker.desks import Desk
from tests.tasks.conftest import KilledError

BEGIN = date(2026, 1, 1)
BOARD = Dashboard(
    name="board", analysis=Analysis.kpi, metrics=("m",), dimensions=(), marts=("m",), ticket="AN-7"
)


class CountingSite:
    """What is used of a site that counts."""

    def __init__(self) -> None:
        self.opened: int | None = 3
        self.done: list[str] = []

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()

    def read_use(self, name: str) -> Readback:
        return Readback(opened=self.opened)

    def archive(self, name: str) -> None:
        self.done.append(f"archive {name}")

    def restore(self, name: str) -> None:
        self.done.append(f"restore {name}")


class Stage:
    def __init__(self, desk: Desk, warehouse: DuckDBWarehouse) -> None:
        self.desk, self.warehouse = desk, warehouse
        self.site: Any = CountingSite()
        desk.file("AN-7", "done")
        self.publish(BEGIN)

    def publish(self, day: date, views: int | None = None, **more: Any) -> None:
        out = Publication(dashboard="board", ticket="AN-7", run="r", url="", rows=1, views=views, **more)
        with disable_run_logger():
            record_uses(self.site, self.warehouse, [BOARD], [out], day)

    def review(self, day: date) -> str:
        """What the ticket says of it, by the first line."""
        with disable_run_logger():
            review_uses(self.site, self.desk.tracker, self.warehouse, day)
        found = [each for each in self.desk.comments("AN-7") if each.startswith("###")]
        return found[-1].partition("\n")[0].strip("# ") if found else ""


@pytest.fixture
def stage(desk: Desk, tmp_path: Path) -> Iterator[Stage]:
    warehouse = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    with warehouse.session():
        yield Stage(desk, warehouse)


ASK = BEGIN + UNUSED
LATE = ASK + GRACE


def test_it_is_asked_about_then_archived_and_back_by_one_word(stage: Stage) -> None:
    assert stage.review(ASK - timedelta(days=1)) == ""
    assert stage.review(ASK) == "Does anybody still need this?"
    stage.desk.say("AN-7", "Otto", "2020-01-01T10:00:00+00:00", "Who is that?")
    assert stage.review(LATE - timedelta(days=1)) == "Does anybody still need this?"
    assert list_archived(stage.warehouse) == frozenset()
    assert stage.review(LATE) == "Archived"
    assert stage.site.done == ["archive board"]
    assert list_archived(stage.warehouse) == {"board"}
    wait = Occasion(archived=list_archived(stage.warehouse)).find_wait("board", "daily")
    assert "`back` on its ticket" in wait
    stage.desk.say("AN-7", "Otto", "2020-01-01T10:00:00+00:00", "Back, please")
    assert stage.review(LATE) == "Archived"  # which is no word
    stage.desk.say("AN-7", "Otto", "2020-01-01T10:00:00+00:00", "back")
    assert stage.review(LATE) == "Back"
    assert stage.site.done == ["archive board", "restore board"]
    assert list_archived(stage.warehouse) == frozenset()
    assert stage.review(LATE + UNUSED - timedelta(days=1)) == "Back"


def test_a_look_or_a_word_keeps_it(stage: Stage) -> None:
    stage.site.opened = 4
    stage.review(BEGIN + timedelta(days=50))
    assert stage.review(ASK) == ""
    assert stage.review(ASK + timedelta(days=50)) == "Does anybody still need this?"
    stage.site.opened = 5
    assert stage.review(ASK + timedelta(days=51)) == "Kept"
    late = ASK + timedelta(days=51) + UNUSED
    assert stage.review(late) == "Does anybody still need this?"
    stage.desk.say("AN-7", "Otto", "2020-01-01T10:00:00+00:00", "keep")
    assert stage.review(late) == "Kept"
    assert stage.site.done == []


def test_what_publishing_counts_itself_is_no_look_and_what_people_did_meanwhile_is(stage: Stage) -> None:
    stage.site.opened = 9
    stage.publish(BEGIN + timedelta(days=60), views=0)
    assert stage.review(ASK) == "Does anybody still need this?"
    stage.site.opened = 12
    stage.publish(ASK, views=1)
    assert read_uses(stage.warehouse)["board"].asked_on is None
    stage.site.opened = 20  # opened, and then left as it was published
    stage.publish(ASK + timedelta(days=1), unchanged_since="r")
    stage.review(ASK + timedelta(days=2))
    assert read_uses(stage.warehouse)["board"].used_on == ASK + timedelta(days=2)


def test_where_nothing_is_counted_nothing_is_taken_for_unused(stage: Stage) -> None:
    stage.site.opened = None
    assert stage.review(BEGIN + 4 * UNUSED) == ""
    assert stage.site.done == []


def test_killed_before_it_was_asked_it_is_asked_and_given_all_of_its_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as killed:
        killed.setattr(type(stage.desk.tracker), "comment", die)
        with pytest.raises(KilledError):
            stage.review(ASK)
    assert stage.review(LATE) == "Does anybody still need this?"
    assert stage.site.done == []
    with monkeypatch.context() as killed:
        killed.setattr(type(stage.desk.tracker), "comment", die)
        with pytest.raises(KilledError):
            stage.review(LATE + GRACE)
    assert stage.review(LATE + GRACE) == "Archived"
