"""What people set on readers' views, as a promotion reads, keeps, remembers, puts back and compares it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from blocks.errors import BadAnswer, Misconfigured
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.view_setting import Settings, ViewSetting
from blocks.warehouse.view_settings import (
    choose_settings,
    forget_settings,
    prepare_memory,
    put_settings,
    recall_settings,
    refuse_changed,
    refuse_lost_columns,
    remember_settings,
)

SEEN = ViewSetting("grant", "", "ada", "SELECT")
MASKED = ViewSetting("mask", "salary", "hide", "")
NOTED = ViewSetting("comment", "salary", "", "in euros")
NAMED = ViewSetting("comment", "name", "", "as in the passport")


def test_a_column_that_bears_something_has_to_be_in_the_release() -> None:
    kept = {"staff": frozenset({SEEN, MASKED, NOTED, NAMED}), "gone": frozenset({MASKED})}
    removals = {each: f"unset {each.kind} {each.column}" for each in (MASKED, NOTED, NAMED)}
    refuse_lost_columns("r1", kept, {"staff": {"salary", "name"}, "new": set()}, removals)
    with pytest.raises(Misconfigured) as refused:
        refuse_lost_columns("r1", kept, {"staff": {"name"}, "new": set()}, removals)
    assert refused.value.answer.endswith("something on: column staff.salary (comment, mask)")
    assert "run: unset comment salary; unset mask salary. Readers" in refused.value.remedy


def test_no_more_than_ten_are_named() -> None:
    many = [ViewSetting("mask", f"c{number:02}", "hide", "") for number in range(12)]
    with pytest.raises(Misconfigured) as refused:
        refuse_lost_columns(
            "r1", {"m": frozenset(many)}, {"m": set()}, {each: f"unset {each.column}" for each in many}
        )
    assert refused.value.remedy.count("unset") == 10
    with pytest.raises(BadAnswer) as changed:
        refuse_changed("r1", {"m": frozenset(many)}, {})
    assert changed.value.answer.count("hide") == 10


def test_a_view_that_has_less_or_more_than_it_had_is_named() -> None:
    before = {"staff": frozenset({SEEN, MASKED})}
    refuse_changed("r1", before, {**before, "other": frozenset({SEEN})})
    for after, named in (
        ({"staff": frozenset({SEEN})}, "staff salary mask hide"),
        ({"staff": frozenset({SEEN, MASKED, NAMED})}, "staff name comment"),
        ({}, "staff grant ada, staff salary mask hide"),
    ):
        with pytest.raises(BadAnswer) as changed:
            refuse_changed("r1", before, after)
        assert changed.value.answer.endswith(f"put back: {named}")


def test_what_was_on_a_view_that_comes_back_is_wished_for_columns_that_are_there() -> None:
    kept = {"staff": frozenset({NAMED})}
    recalled = {
        "staff": frozenset({SEEN}),
        "back": frozenset({SEEN, MASKED, NAMED}),
        "away": frozenset({SEEN}),
    }
    columns = {"staff": {"name"}, "back": {"name"}, "new": {"name"}}
    assert choose_settings(kept, recalled, columns) == {**kept, "back": frozenset({SEEN, NAMED})}


def test_what_is_remembered_is_there_until_it_is_forgotten(tmp_path: Path) -> None:
    warehouse = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    first = {"a": frozenset({SEEN, MASKED}), "b": frozenset({NOTED})}
    with warehouse.session() as session:
        assert recall_settings(warehouse, session) == {}
        prepare_memory(warehouse, session)
        remember_settings(warehouse, session, first)
        assert recall_settings(warehouse, session) == first
        remember_settings(warehouse, session, {"a": frozenset({NAMED})})
        assert recall_settings(warehouse, session) == {**first, "a": frozenset({NAMED})}
        forget_settings(warehouse, session, ["a", "never"])
        assert recall_settings(warehouse, session) == {"b": frozenset({NOTED})}


class House:
    """Views whose settings can be put on, so many of them at a time."""

    def __init__(self, views: Settings, at_once: int = 99) -> None:
        self.views, self.at_once, self.asked = dict(views), at_once, 0

    def read_view_settings(self, session: object, schema: str) -> Settings:
        self.asked += 1
        return dict(self.views)

    def change_view_settings(
        self,
        session: object,
        schema: str,
        view: str,
        now: Collection[ViewSetting],
        wanted: Collection[ViewSetting],
    ) -> None:
        assert set(now) == set(self.views.get(view, ()))
        missing = sorted(set(wanted) - set(now))[: self.at_once]
        self.views[view] = frozenset({*(each for each in now if each in wanted), *missing})


def put(house: House, wanted: Settings) -> None:
    put_settings(cast("Any", house), cast("Any", SimpleNamespace()), "r1", "serving", wanted)


def test_settings_are_put_on_and_taken_away_until_views_have_them() -> None:
    wanted = {"a": frozenset({SEEN, MASKED}), "b": frozenset({NOTED})}
    house = House({"a": frozenset({NAMED, SEEN}), "other": frozenset({SEEN})})
    put(house, wanted)
    assert house.views == {**wanted, "other": frozenset({SEEN})}
    asked = house.asked
    put(house, wanted)
    assert house.asked == asked + 1  # nothing had to be done
    put(house, {})
    assert house.asked == asked + 1
    put(House({}, at_once=1), wanted)  # the second time has what the first brought about
    with pytest.raises(BadAnswer, match="could not be put back"):
        put(House({}, at_once=1), {"a": frozenset({SEEN, MASKED, NAMED})})
