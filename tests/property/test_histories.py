"""Faults that random sequences found, and their like, one short history each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.warehouse.release_history import read_last_relations
from tests.property.sequences import History, Violation, duckdb_warehouse, open_history


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(duckdb_warehouse(tmp_path, 0)) as found:
        found.load({1: 10})
        yield found


def test_a_full_refresh_keeps_snapshots_and_models_that_refuse_it(history: History) -> None:
    history.deliver("a", ["shots", "kept", "trail"], False)
    history.load({1: 11, 2: 20})
    history.deliver("b", ["shots", "kept", "trail"], True)
    history.check()
    found = history.look()
    assert found["shots"] == ((1, 10, 1), (1, 11, 0), (2, 20, 0))
    assert found["kept"] == ((1, 10), (2, 20))
    assert found["trail"] == ((1, 11), (2, 20))


def test_a_model_goes_on_from_the_release_that_was_gone_back_to_by_name(history: History) -> None:
    """`c` was built on rows of `b`, which readers are led away from."""
    history.deliver("a", ["longest"], False)
    history.load({2: 20})
    history.deliver("b", ["days"], False)
    history.load({3: 30})
    history.deliver("c", ["longest"], False)
    history.go_back("a", None)
    history.go_back("b", None)
    history.load({4: 40})
    history.deliver("d", ["longest"], False)
    history.check()
    assert history.look()["longest"] == ((1, 10), (4, 40))


def test_what_an_attempt_left_under_its_name_is_not_gone_on_from(history: History) -> None:
    """Runs `a`, attempt 2, and `ar2` build into schemas of one name."""
    history.load({1: -5})
    history.deliver("ar2", ["longest"], False)
    history.deliver("a", ["days"], False)
    history.load({2: 20})
    history.deliver("a", ["longest"], False)
    history.check()
    assert history.look()["longest"] == ((2, 20),)


def test_relations_of_releases_that_are_not_kept_are_forgotten(history: History) -> None:
    for at in range(5):
        history.load({at: at})
        history.deliver(f"r{at}", ["trail"], False)
    table = history.warehouse.relation("control.relations")
    with history.warehouse.session() as session:
        runs = {row[0] for row in session.rows(f"select distinct run_id from {table}")}
    assert runs == {"r3", "r4"}
    served = history.warehouse.read_served()
    assert served is not None
    assert read_last_relations(history.warehouse, served)["model.small.trail"] == "rel_r4_marts.trail_v"


def test_the_model_of_what_readers_see_notices(history: History) -> None:
    history.deliver("a", ["days"], False)
    with history.warehouse.session() as session:
        session.rows("update rel_a.days set v = -1")
    with pytest.raises(Violation, match="days"):
        history.check()
