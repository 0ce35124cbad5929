"""Columns of semantic models against those that a model's YAML declares."""

from __future__ import annotations

import pytest

from blocks.dbt.checks.expressions import check_expressions


@pytest.mark.parametrize(
    ("declared", "read", "found"),
    [
        (["id", "amount"], ["amuont"], [("error", "amuont")]),
        (["id", "amount", "day"], ["id", "amount", "street"], [("warning", "street")]),
        (["id", "amount"], ["id", "sum(amount) over ()", "case when x then 1 end"], [("warning", "x")]),
        (["id"], ["id", "amount", "street"], []),  # a YAML that declares its key alone
        ([], ["amount"], []),
        (["ID"], ["Id", "1", "count(*)"], []),
        (["id"], ["list_transform(id, each -> each + 1)"], []),
        (["id"], ["((("], []),  # of which its metric's own check speaks
    ],
)
def test_what_a_model_does_not_declare_is_doubted(
    declared: list[str], read: list[str], found: list[tuple[str, str]]
) -> None:
    manifest = {
        "nodes": {"model.p.m": {"name": "m", "columns": {key: {} for key in declared}}},
        "semantic_models": {
            "s": {
                "name": "s",
                "depends_on": {"nodes": ["model.p.m"]},
                "measures": [{"name": f"measure_{place}", "expr": sql} for place, sql in enumerate(read)],
            }
        },
    }
    said = list(check_expressions(manifest))
    assert [(each.severity, word) for each, (_, word) in zip(said, found, strict=True)] == found
    assert all(f"reads {word}," in each.problem for each, (_, word) in zip(said, found, strict=True))
