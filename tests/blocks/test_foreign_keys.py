"""Foreign keys as dbt's manifest has them, and what the gate says of those that a copy does not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blocks.catalogue import Catalogue
from blocks.foreign_keys import ForeignKey, read_foreign_keys
from blocks.records import BuildReport
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.gate import check_marts

KEY = {"type": "foreign_key", "to": "ref('ma')", "to_columns": ["k"]}
MA, MB = "model.p.ma", "model.p.mb"


def model(name: str, *parents: str, **more: Any) -> dict[str, Any]:
    config = {"contract": {"enforced": True}}
    named = {
        "unique_id": f"model.p.{name}",
        "name": name,
        "resource_type": "model",
        "schema": "rel",
        "alias": name,
    }
    return named | {"config": config, "depends_on": {"nodes": list(parents)}} | more


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"columns": {"x": {"constraints": [KEY]}}}, (("x",), MA, ("k",))),
        (
            {
                "constraints": [
                    KEY | {"columns": ["x", "y"], "to_columns": ["k", "v"], "to": 'ref("other", "ma")'}
                ]
            },
            (("x", "y"), MA, ("k", "v")),
        ),
        (
            {"constraints": [KEY | {"columns": ["x"], "to": "ref('mv', v=2)"}]},
            (("x",), "model.p.mv.v2", ("k",)),
        ),
        ({"columns": {"x": {"constraints": [{"type": "foreign_key", "expression": "ma (k)"}]}}}, None),
        ({"columns": {"x": {"constraints": [{"type": "not_null"}]}}}, None),
        ({"columns": {"x": {"constraints": [KEY]}}, "config": {}}, None),
    ],
)
def test_a_foreign_key_is_read_where_it_names_its_model(
    more: dict[str, Any], found: tuple[Any, ...] | None
) -> None:
    keys = list(read_foreign_keys(model("mb", MA, "model.p.mv.v1", "model.p.mv.v2", **more)))
    assert keys == ([ForeignKey(columns=found[0], parent=found[1], to_columns=found[2])] if found else [])


def test_a_value_that_its_model_does_not_have_fails_the_gate(tmp_path: Path) -> None:
    """Whatever the table itself holds rows to: of models that are no mart, too."""
    nodes = [model("ma"), model("mb", MA, columns={"k": {"constraints": [KEY]}})]
    manifest: dict[str, Any] = {"metadata": {}, "nodes": {each["unique_id"]: each for each in nodes}}
    empty = ("sources", "exposures", "parent_map", "semantic_models", "metrics")
    catalogue = Catalogue(manifest | {key: {} for key in empty})
    warehouse = DuckDBWarehouse(database=str(tmp_path / "w.duckdb"))
    relations = {MA: "rel.ma", MB: "rel.mb"}
    build = BuildReport(
        run="r", marts={"ma": "rel.ma"}, rows={"ma": 1}, models=2, tests=0, seconds=0, relations=relations
    )
    with warehouse.session() as session:
        session.rows("create schema rel")
        session.rows("create table rel.ma as select 1 as k")
        session.rows("create table rel.mb as select 1 as k")
    assert all(check.passed for check in check_marts.fn(warehouse, catalogue, build))
    with warehouse.session() as session:
        session.rows("insert into rel.mb values (7)")
    (failed,) = [check for check in check_marts.fn(warehouse, catalogue, build) if not check.passed]
    assert (failed.scope, failed.observed, failed.evidence) == ("mb", "1 rows without one", ("7",))
