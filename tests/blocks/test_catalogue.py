"""What people write into `meta`, which dbt does not judge: read as it is meant, or refused by the node's name."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.catalogue import Catalogue
from blocks.errors import Misconfigured


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
def test_anything_else_is_refused_by_name(value: object) -> None:
    for given, said in (
        (({"metrics": value}, None), "exposure board"),
        (({"dimensions": value}, None), "exposure board"),
        ((None, {"primary_key": value}), "model sales"),
    ):
        with pytest.raises(Misconfigured, match=said):
            catalogue(*given)
