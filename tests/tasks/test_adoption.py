"""Which marts `init` takes up first: what people look at already comes before what happens to stand at the end."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from blocks.adoption.profile import TableProfile
from blocks.adoption.workbench import FoundTable
from blocks.records import Column, SourceTable
from tasks.adoption import choose_marts, match_tables


def test_marts_of_metrics_and_exposures_come_first() -> None:
    def node(name: str, kind: str = "table") -> dict[str, object]:
        about = {"unique_id": f"model.p.{name}", "name": name, "package_name": "p", "resource_type": "model"}
        return {**about, "config": {"materialized": kind}}

    names = ["a_end", "b_drawn", "c_measured", "d_inlined", "e_between"]
    kinds = {"d_inlined": "ephemeral"}
    manifest = {
        "metadata": {"project_name": "p"},
        "nodes": {f"model.p.{name}": node(name, kinds.get(name, "table")) for name in names},
        "child_map": {"model.p.e_between": ["model.p.a_end"], "model.p.b_drawn": ["model.p.a_end"]},
    }
    catalogue = SimpleNamespace(
        metric_names=lambda: ("m",),
        mart_of=lambda _: "c_measured",
        exposures=[SimpleNamespace(marts=("b_drawn", "d_inlined", "gone"))],
        models={name: SimpleNamespace(materialized=kinds.get(name, "table")) for name in names},
    )
    assert choose_marts(manifest, catalogue) == ["c_measured", "b_drawn", "a_end"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("declared", "found", "places"),
    [
        ({"Orders": []}, {"orders": ["id"]}, {"Orders": "orders"}),
        ({"orders": []}, {"shop": ["id"]}, {"orders": "shop"}),  # files that are called by their days
        ({"orders": ["id", "Sold On"]}, {"shop": ["ID", "sold_on"]}, {"orders": "shop"}),
        ({"orders": ["id", "price"]}, {"shop": ["id"]}, {}),
        ({"orders": [], "items": []}, {"items": [], "x": []}, {"items": "items", "orders": "x"}),
        ({"orders": [], "items": []}, {"x": []}, {}),
        ({"orders": []}, {"x": [], "y": []}, {}),
    ],
)
def test_a_source_is_found_by_its_tables_names_or_as_the_only_one_that_is_left(
    declared: dict[str, list[str]], found: dict[str, list[str]], places: dict[str, str]
) -> None:
    def columns(names: list[str]) -> tuple[Column, ...]:
        return tuple(Column(name=name, origin=name) for name in names)

    about = {"source": "shop", "schema_name": "raw", "loader": "", "meta": {}}
    tables = [
        SourceTable(name=name, identifier=name, columns=columns(names), **about)
        for name, names in declared.items()
    ]
    profile = TableProfile(name="", rows=0, columns=())
    files = [
        FoundTable(source="shop", name=name, meta={}, columns=columns(names), profile=profile)
        for name, names in found.items()
    ]
    assert match_tables(tables, files) == places
