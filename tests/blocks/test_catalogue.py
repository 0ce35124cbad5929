"""What people write into `meta`, which dbt does not judge: read as it is meant, or refused by the node's name."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.catalogue import Catalogue


def catalogue(exposure: dict[str, Any] | None = None, mart: dict[str, Any] | None = None) -> Catalogue:
    model = {
        "name": "sales",
        "resource_type": "model",
        "unique_id": "model.p.sales",
        "schema": "rel",
        "alias": "sales",
        "config": {"meta": mart},
    }
    shown = {
        "name": "board",
        "depends_on": {"nodes": ["model.p.sales"]},
        "config": {"meta": exposure},
    }
    return Catalogue({"sources": {}, "nodes": {"model.p.sales": model}, "exposures": {"e": shown}})


@pytest.mark.parametrize(
    ("value", "names"), [("revenue", ("revenue",)), (["a", "b"], ("a", "b")), (None, ()), ([], ())]
)
def test_names_are_one_or_a_list(value: object, names: tuple[str, ...]) -> None:
    found = catalogue({"metrics": value, "dimensions": value, "ticket": 12}, {"primary_key": value})
    (exposure,) = found.exposures
    assert (exposure.metrics, exposure.dimensions, exposure.ticket) == (names, names, "12")
    assert found.mart("sales").primary_key == names


@pytest.mark.parametrize("value", [5, True, {"a": 1}, [1], [["a"]], [None]])
def test_anything_else_is_a_fault_of_that_node_alone(value: object) -> None:
    for key in ("metrics", "dimensions"):
        (exposure,) = catalogue({key: value}).exposures
        assert exposure.fault.startswith(f"{key} in its meta is no list of names")
    found = catalogue(None, {"primary_key": value})
    assert found.mart("sales").fault.startswith("primary_key in its meta is no list of names")
    assert found.exposures[0].fault == ""


@pytest.mark.parametrize("value", ["pie", 5, ["kpi"], {"kpi": 1}])
def test_an_unknown_analysis_is_a_fault_of_its_exposure(value: object) -> None:
    (exposure,) = catalogue({"analysis": value}).exposures
    assert "analysis is none of kpi, trend" in exposure.fault
