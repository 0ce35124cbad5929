"""Which failed tests dbt left a node out for, from the manifest alone."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.dbt.release_scope import find_blockers

PARENTS = {
    "model.p.stage": ["source.p.raw.t"],
    "model.p.a": ["model.p.stage"],
    "model.p.b": ["source.p.raw.u"],
}
TESTS = {
    "test.p.of_stage": ["model.p.stage"],
    "test.p.of_a": ["model.p.a"],
    "test.p.of_b": ["model.p.b"],
    "test.p.of_source": ["source.p.raw.t"],
    "test.p.of_both": ["model.p.stage", "model.p.b"],
    "test.p.of_nothing": [],
}
MANIFEST: dict[str, Any] = {
    "nodes": {
        **{name: {"resource_type": "model", "depends_on": {"nodes": up}} for name, up in PARENTS.items()},
        **{name: {"resource_type": "test", "depends_on": {"nodes": up}} for name, up in TESTS.items()},
    },
    "unit_tests": {"unit_test.p.a.u": {"resource_type": "unit_test", "depends_on": {"nodes": ["model.p.a"]}}},
    "parent_map": {**PARENTS, **TESTS},
}
FAILED = [
    "test.p.of_stage",
    "test.p.of_b",
    "test.p.of_source",
    "test.p.of_both",
    "test.p.of_nothing",
    "unit_test.p.a.u",
]


@pytest.mark.parametrize(
    ("skipped", "blockers"),
    [
        ("model.p.a", ["test.p.of_stage", "test.p.of_source", "unit_test.p.a.u"]),
        ("test.p.of_a", ["test.p.of_stage", "test.p.of_source", "unit_test.p.a.u"]),
        ("test.p.of_stage", ["test.p.of_source"]),
        ("unit_test.p.a.u", ["test.p.of_stage", "test.p.of_source", "unit_test.p.a.u"]),
        ("model.p.gone", FAILED),  # the manifest does not tell
    ],
)
def test_a_node_is_left_out_for_the_failed_tests_above_it(skipped: str, blockers: list[str]) -> None:
    assert find_blockers(MANIFEST, skipped, FAILED) == blockers


def test_a_failed_model_blocks_what_is_built_on_it() -> None:
    assert find_blockers(MANIFEST, "model.p.a", ["model.p.stage", "model.p.b"]) == ["model.p.stage"]
