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
        (["ID"], ["Id", "1"], []),
        (["id"], ["list_transform(id, each -> each + 1)"], []),
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


@pytest.mark.parametrize(
    ("kind", "part", "said"),
    [
        ("measures", {"agg": "sum", "expr": "((("}, "measure it: '(((' is not one expression of SQL"),
        (
            "dimensions",
            {"expr": "case when id then 1"},
            "dimension it: 'case when id then 1' is not one expression",
        ),
        ("measures", {"agg": "sum", "expr": "count(*)"}, "measure it aggregates twice: sum of an expression"),
        ("measures", {"agg": "sum", "expr": "amount / (select max(amount) from t)"}, ""),
        ("measures", {"agg": "sum", "expr": "sum(amount) over ()"}, ""),
        (
            "measures",
            {"agg": "average", "expr": "state"},
            "measure it takes the average of state, which is declared as",
        ),
        ("measures", {"agg": "count_distinct", "expr": "state"}, ""),
        ("measures", {"agg": "sum", "expr": "cast(state as integer)"}, ""),
        ("dimensions", {"expr": "state"}, ""),
    ],
)
def test_what_can_not_be_computed_is_said(kind: str, part: dict[str, str], said: str) -> None:
    columns = {
        name: {"data_type": "varchar" if name == "state" else "integer"} for name in ("id", "amount", "state")
    }
    semantic = {"name": "s", "depends_on": {"nodes": ["model.p.m"]}, kind: [{"name": "it", **part}]}
    manifest = {"nodes": {"model.p.m": {"name": "m", "columns": columns}}, "semantic_models": {"s": semantic}}
    found = [each.problem for each in check_expressions(manifest)]  # type: ignore[arg-type]
    assert len(found) == bool(said)
    assert all(problem.startswith(said) for problem in found)
