"""Only what changed is built, on every warehouse: the same runs, and what is kept of them in control."""

from __future__ import annotations

import pytest

from blocks.records import LedgerEntry, RelationState, Release, SourceTable, State
from blocks.warehouse import control
from blocks.warehouse.base import Warehouse
from blocks.warehouse.relation_states import forget_states, read_judges, read_states, record_states
from blocks.warehouse.release_history import forget_relations, record_relations
from blocks.warehouse.source_states import read_source_states
from tests.blocks.warehouse.test_mart_diff_contract import EVERY, everywhere, fill
from tests.blocks.warehouse.test_mart_diff_contract import warehouse as warehouse
from tests.property.reuse import ReuseHistory
from tests.property.sequences import open_history

SLOW = {"snowflake"}
"""Stand-ins of which a run takes half a minute."""


@everywhere
def test_what_kept_relations_are_made_of_is_kept_while_they_are(warehouse: Warehouse) -> None:
    house = warehouse.model_copy(update={"control": "control_r"})
    assert read_states(house) == []
    assert read_judges(house, ["rel_a.m"]) == set()
    forget_states(house)
    for run in ("a", "b"):
        release = Release(run=run, marts={"m": "rel_a.m"}, published_at=control.now())
        record_relations(house, run, {"model.p.m": "rel_a.m", f"model.p.{run}": f"rel_{run}.x"}, None)
        states = [
            RelationState(
                unique_id="model.p.m", relation="rel_a.m", fingerprint="{}", limited="2026-01-01", rows=3
            ),
            RelationState(unique_id=f"model.p.{run}", relation=f"rel_{run}.x", fingerprint="{}"),
            RelationState(unique_id="model.p.view", fingerprint="{}"),
            RelationState(unique_id="model.p.history", relation="rel_a.h"),
        ]
        record_states(house, run, states)
        control.write_journal(house, run, State.published, release.model_dump_json())
    known = {state.relation: state for state in read_states(house)}
    assert set(known) == {"rel_a.m", "rel_a.x", "rel_b.x"}
    shown = known["rel_a.m"]
    assert (shown.unique_id, shown.limited, shown.rows, shown.judged_by) == (
        "model.p.m",
        "2026-01-01",
        3,
        "b",
    )
    assert known["rel_b.x"].rows is None
    assert read_judges(house, ["rel_a.m", "rel_a.x", "rel_c.m"]) == {"a", "b"}
    forget_relations(house, ["b"])
    forget_states(house)
    assert {state.relation for state in read_states(house)} == {"rel_a.m", "rel_b.x"}


@everywhere
def test_rows_of_a_source_that_somebody_changed_are_seen(warehouse: Warehouse) -> None:
    table = SourceTable(source="s", name="m", schema_name="raw_s", identifier="m", loader="dlt", meta={})

    def read() -> str:
        return read_source_states(warehouse, [table])["s.m"]

    def change(statement: str) -> str:
        with warehouse.session() as session:
            session.rows(statement.format(warehouse.relation("raw_s.m")))
        return read()

    line = LedgerEntry(source="s", table="m", item="i", fingerprint="1", rows=2, run="a")
    fill(warehouse, "raw_s", [("1", "1"), ("2", "2")])
    assert read() == ""  # of which the ledger tells nothing
    warehouse.write_ledger_lines([line])
    first = read()
    assert first
    assert read() == first
    loaded = line.model_copy(update={"run": "b"})
    warehouse.write_ledger_lines([loaded])
    known = {first, read()}
    assert len(known) == 2
    known.add(change("delete from {} where k = 2"))
    assert len(known) == 3
    if warehouse.dialect in {"duckdb", "postgres"}:  # elsewhere their number is all that is cheap to see
        known.add(change("update {} set v = 3"))
        assert len(known) == 4
        known.add(change("alter table {} rename column v to w"))
        assert len(known) == 5
    assert change("drop table {}") == ""


@pytest.mark.parametrize(
    "warehouse",
    [pytest.param(name, marks=pytest.mark.soak if name in SLOW else ()) for name in EVERY],
    indirect=True,
)
def test_what_has_not_changed_is_shown_again_and_what_has_is_built(warehouse: Warehouse) -> None:
    marts = ["days", "deep"]
    with open_history(warehouse, kind=ReuseHistory) as history:
        history.load({1: 10, 2: 20})
        history.deliver("a", marts, False)
        history.project.change("deep", add=1)
        history.deliver("b", marts, False)
        history.check()
        assert read_shown(warehouse) == {"days": "a", "deep": "b"}
        known = {state.unique_id: state for state in read_states(warehouse)}
        assert known["model.small.days"].judged_by == "b"
        assert known["model.small.days"].rows == 2
        history.load({3: 30})
        history.deliver("c", marts, False)
        history.check()
        assert read_shown(warehouse) == {"days": "c", "deep": "c"}


def read_shown(warehouse: Warehouse) -> dict[str, str]:
    """Mart → the run that built what readers see of it."""
    served = warehouse.read_served()
    assert served
    return {mart: relation.split("rel_")[1][0] for mart, relation in served.marts.items()}
