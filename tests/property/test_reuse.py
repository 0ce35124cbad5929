"""Only what changed is built, and nobody sees a difference: a few sequences here, hundreds in `make soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.warehouse import control
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.property.reuse import ReuseHistory, play_both
from tests.property.sequences import duckdb_warehouse, open_history, play_many


def test_readers_and_gate_come_to_the_same_as_if_all_were_built(tmp_path: Path) -> None:
    compared, reused, built, differences = play_both(
        lambda name: duckdb_warehouse(tmp_path, int(name[:-1]), name), range(2), steps=8
    )
    assert not differences, differences[0]
    assert compared == 16
    assert reused
    assert built


def test_a_killed_run_leaves_nothing_that_a_later_one_shows_wrongly(tmp_path: Path) -> None:
    reads, violations = play_many(
        lambda seed: duckdb_warehouse(tmp_path, seed), range(1), steps=12, kind=ReuseHistory
    )
    assert not violations, violations[0]
    assert reads


@pytest.fixture
def history(tmp_path: Path):  # type: ignore[no-untyped-def]
    with open_history(duckdb_warehouse(tmp_path, 0), kind=ReuseHistory) as found:
        found.load({1: 10, 2: 20})
        yield found


def relations(history: ReuseHistory) -> dict[str, str]:
    served = history.warehouse.read_served()
    assert served
    return {mart: relation.split(".")[0] for mart, relation in served.marts.items()}


def test_retention_keeps_what_a_later_release_shows(history: ReuseHistory) -> None:
    """`days` is of run `a` for as long as it is shown, though only two releases are kept."""
    for run in "abcde":
        history.deliver(run, ["days", "sneaky"], False)
        history.check()
    assert relations(history) == {"days": "rel_a", "sneaky": "rel_e"}
    assert set(history.warehouse.list_releases()) == {"rel_a", "rel_d", "rel_e"}
    history.project.change("days", add=1)
    for run in "fgh":
        history.deliver(run, ["days", "sneaky"], False)
        history.check()
    assert "rel_a" not in history.warehouse.list_releases()
    table = history.warehouse.quote(history.warehouse.control, "fingerprints")
    with history.warehouse.session() as session:
        known = {row[0] for row in session.rows(f"select relation from {table}")}
    assert "rel_a.days" not in known


def test_a_suite_that_changed_is_asked_again_and_may_say_no(history: ReuseHistory) -> None:
    history.deliver("a", ["days"], False)
    history.project.least = 15
    history.deliver("b", ["days"], False)
    history.check()
    assert relations(history) == {"days": "rel_a"}
    verdict = [entry.state.value for entry in control.read_journal(history.warehouse, "b")]
    assert verdict[-1] == "rejected"
    history.project.least = 5
    history.deliver("c", ["days"], False)
    served = history.warehouse.read_served()
    assert served
    assert (served.run, served.marts) == ("c", {"days": "rel_a.days"})


def test_code_that_comes_back_shows_the_relation_that_was_built_of_it(history: ReuseHistory) -> None:
    history.deliver("a", ["days"], False)
    history.project.change("days", add=3)
    history.deliver("b", ["days"], False)
    history.project.change("days", add=0)
    history.deliver("c", ["days"], False)
    history.check()
    assert relations(history) == {"days": "rel_a"}


def test_a_full_build_builds_all(history: ReuseHistory) -> None:
    history.deliver("a", ["days"], False)
    history.deliver("b", ["days"], True)
    assert relations(history) == {"days": "rel_b"}


def test_rows_that_somebody_changed_by_hand_are_seen(history: ReuseHistory) -> None:
    history.deliver("a", ["days"], False)
    super(ReuseHistory, history).load({1: 11, 2: 20})
    history.deliver("b", ["days"], False)
    history.check()
    assert relations(history) == {"days": "rel_b"}


def test_the_model_of_what_readers_see_notices_what_is_wrongly_shown_again(
    history: ReuseHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that come past the ledger, and that nothing else tells of: the comparison has to find that out."""
    monkeypatch.setattr(DuckDBWarehouse, "mark_rows", lambda *_: "as before")
    history.deliver("a", ["days"], False)
    super(ReuseHistory, history).load({1: 11})
    history.deliver("b", ["days"], False)
    with pytest.raises(AssertionError, match="days"):
        history.check()
