"""Models of one name: versions, packages, and those that are switched off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blocks.catalogue import Catalogue
from blocks.dbt.checks.tests import check_ambiguous
from blocks.errors import Misconfigured, NotFound
from blocks.quality.suite_check import check_suites
from blocks.quality.suites import Suites
from tests.property.project import NEW_ONLY, RAW, Model, Project

V1, V2 = "model.small.orders.v1", "model.small.orders.v2"


def manifest_with(**other: Any) -> dict[str, Any]:
    """The usual models, and another one called days before and after it in the manifest."""
    manifest = Project().manifest("rel_a")
    for place in ("model.small.days.v1", "model.small.days.v9"):
        manifest["nodes"][place] = {**manifest["nodes"]["model.small.days"], "unique_id": place, **other}
    return manifest


def orders(number: int) -> Model:
    sql = f"select k, v + ADD as v from {RAW} {NEW_ONLY}"
    return Model(
        f"orders_v{number}", sql, "incremental", add=number * 100, version_of="orders", version=number
    )


def versions() -> Project:
    """A model with two versions, and one that is made of the older."""
    late = Model("late", "select k, v from {{ ref('orders_v1') }}", parents=("orders_v1",))
    return Project({model.name: model for model in (orders(1), orders(2), late)})


def shown(*marts: str, **other: Any) -> dict[str, Any]:
    """Their manifest with an exposure, a semantic model and a metric on each of these ids."""
    manifest = versions().manifest("rel_a")
    for at, mart in enumerate(marts):
        manifest["exposures"][f"exposure.small.e{at}"] = {
            "name": f"e{at}",
            "depends_on": {"nodes": [mart]},
            "config": {"meta": {"metrics": [f"total{at}"], "dimensions": ["k"], "schedule": "daily"}},
            **other,
        }
        manifest["semantic_models"][f"semantic_model.small.s{at}"] = {
            "name": f"s{at}",
            "depends_on": {"nodes": [mart]},
            "dimensions": [{"name": "k", "type": "categorical"}],
            "measures": [{"name": f"v{at}", "agg": "sum", "expr": "v"}],
        }
        manifest["metrics"][f"metric.small.total{at}"] = {
            "name": f"total{at}",
            "type": "simple",
            "type_params": {"measure": {"name": f"v{at}"}},
        }
    return manifest


def test_of_a_model_with_versions_the_latest_is_meant() -> None:
    manifest = manifest_with(version=1, latest_version=2)
    for place in ("model.small.days.v1", "model.small.days.v9"):
        manifest["nodes"][place]["alias"] = place
    manifest["nodes"]["model.small.days"] |= {"version": 2, "latest_version": 2, "alias": "days_v2"}
    assert Catalogue(manifest).mart("days").alias == "days_v2"


def test_every_version_is_a_mart_by_its_relations_name() -> None:
    catalogue = Catalogue(versions().manifest("rel_a"))
    assert {name: mart.unique_id for name, mart in catalogue.models.items()} == {
        "orders_v1": V1,
        "orders_v2": V2,
        "late": "model.small.late",
    }
    assert catalogue.mart("orders").name == "orders_v2"
    assert catalogue.mart("orders_v1").selector == "fqn:small.orders.v1"
    assert {V1, V2} & catalogue.find_lineage("late") == {V1}
    assert [mart.name for mart in catalogue.relations_of(["late"])] == ["late", "orders_v1"]


def test_an_alias_is_a_versions_name_where_it_can_be_a_files() -> None:
    manifest = versions().manifest("rel_a")
    manifest["nodes"][V1]["alias"], manifest["nodes"][V2]["alias"] = "orders", "../../orders"
    catalogue = Catalogue(manifest)
    assert catalogue.mart("orders").unique_id == V1  # readers see it as that; v2 is not called so
    assert catalogue.mart("orders_v2").unique_id == V2


def test_what_is_shown_of_a_version_is_its_own() -> None:
    catalogue = Catalogue(shown(V1, V2))
    assert [each.marts for each in catalogue.exposures] == [("orders_v1",), ("orders_v2",)]
    assert not any(each.fault for each in catalogue.exposures)
    assert (catalogue.mart_of("total0"), catalogue.mart_of("total1")) == ("orders_v1", "orders_v2")
    assert [each.mart for each in catalogue.datasets(("total0", "total1"), ("k",))] == [
        "orders_v1",
        "orders_v2",
    ]


def test_a_name_in_two_packages_is_refused_where_it_is_used() -> None:
    catalogue = Catalogue(manifest_with())
    assert catalogue.mart("look").unique_id == "model.small.look"
    with pytest.raises(Misconfigured, match=r"model\.small\.days and model\.small\.days\.v1"):
        catalogue.mart("days")


@pytest.mark.parametrize("alias", ["orders_v2", "ORDERS_V2", "late"])
def test_a_name_that_readers_would_see_twice_is_refused(alias: str) -> None:
    manifest = versions().manifest("rel_a")
    manifest["nodes"][V1] |= {"alias": alias, "schema": "rel_a_old"}
    with pytest.raises(Misconfigured, match=r"model\.small\.orders\.v1.* under one name"):
        Catalogue(manifest).mart(alias)
    (finding,) = check_ambiguous(manifest, {alias})
    assert V1 in finding.problem


def test_a_model_that_is_switched_off_is_said_by_name(tmp_path: Path) -> None:
    manifest = shown(V2, refs=[{"name": "orders", "version": 1, "package": None}])
    manifest["disabled"] = {V1: [manifest["nodes"].pop(V1)]}
    catalogue = Catalogue(manifest)
    with pytest.raises(NotFound, match="orders_v1 is switched off"):
        catalogue.mart("orders_v1")
    (exposure,) = catalogue.exposures
    assert exposure.fault == "it depends on orders_v1, switched off (enabled: false)"
    (tmp_path / "orders_v1.json").write_text(json.dumps({"expectations": []}))
    suites = Suites(folder=tmp_path, docs=tmp_path)
    (finding,) = check_suites(suites, dict.fromkeys(catalogue.models, ()), (), (), catalogue.disabled)
    assert "orders_v1 is switched off" in finding.problem


def test_what_is_not_switched_off_under_the_same_name_is_meant() -> None:
    manifest = shown(V2, refs=[{"name": "orders", "version": None, "package": None}])
    manifest["disabled"] = {V1: [manifest["nodes"].pop(V1)]}
    (exposure,) = Catalogue(manifest).exposures
    assert not exposure.fault
