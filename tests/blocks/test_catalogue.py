"""What people write into `meta`, which dbt does not judge: read as it is meant, or refused by the node's name."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from blocks.catalogue import Catalogue
from blocks.errors import PlatformError


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


@pytest.mark.parametrize("key", ["diff_budgt", "diff-budget", "primary_keys", "Primary_Key", "may_be_emtpy"])
def test_a_guard_of_the_gate_that_is_misspelt_is_a_fault_of_its_mart(key: str) -> None:
    assert (
        catalogue(None, {key: True})
        .mart("sales")
        .fault.startswith(f"{key} in its meta is no key that is read")
    )


@pytest.mark.parametrize("key", ["owners", "budget", "key", "contains_pii", "primary_owner", "dagster"])
def test_a_key_of_somebody_elses_is_none(key: str) -> None:
    assert catalogue(None, {key: True}).mart("sales").fault == ""


def test_nor_is_one_beside_the_key_that_it_is_like() -> None:
    assert catalogue(None, {"primary_keys": ["id"], "primary_key": ["id"]}).mart("sales").fault == ""


@pytest.mark.parametrize("value", ["pie", 5, ["kpi"], {"kpi": 1}])
def test_an_unknown_analysis_is_a_fault_of_its_exposure(value: object) -> None:
    (exposure,) = catalogue({"analysis": value}).exposures
    assert "analysis is none of kpi, trend" in exposure.fault


MANIFEST: dict[str, Any] = {
    "sources": {
        "source.p.bikes.rides": {
            "source_name": "bikes",
            "name": "rides",
            "schema": "raw",
            "identifier": "rides",
            "loader": "dlt",
            "source_meta": {"a": 1},
            "config": {"meta": {}},
            "columns": {"id": {"data_type": "bigint", "meta": {"origin": "ID", "required": True}}},
        }
    },
    "nodes": {
        "model.p.sales": {
            "name": "sales",
            "resource_type": "model",
            "unique_id": "model.p.sales",
            "schema": "rel",
            "alias": "sales",
            "depends_on": {"nodes": ["source.p.bikes.rides"]},
            "config": {"materialized": "table", "meta": {"primary_key": ["day"], "diff_budget": {"rows": 1}}},
            "columns": {},
        }
    },
    "exposures": {
        "exposure.p.board": {
            "name": "board",
            "label": "Board",
            "description": "",
            "depends_on": {"nodes": ["model.p.sales"]},
            "config": {
                "meta": {"metrics": ["revenue"], "dimensions": ["shop"], "analysis": "trend", "ticket": "A-1"}
            },
        }
    },
    "semantic_models": {
        "semantic_model.p.sales": {
            "name": "sales",
            "model": "ref('sales')",
            "node_relation": {"alias": "sales", "schema_name": "rel"},
            "depends_on": {"nodes": ["model.p.sales"]},
            "defaults": {"agg_time_dimension": "day"},
            "entities": [{"name": "sale", "type": "primary", "expr": "id"}],
            "dimensions": [
                {"name": "day", "type": "time", "type_params": {"time_granularity": "day"}},
                {"name": "shop", "type": "categorical", "expr": "shop"},
            ],
            "measures": [{"name": "amount", "agg": "sum", "expr": "amount"}],
        }
    },
    "metrics": {
        "metric.p.revenue": {
            "name": "revenue",
            "label": "Revenue",
            "type": "simple",
            "type_params": {"measure": {"name": "amount", "filter": None}},
            "filter": {"where_filters": [{"where_sql_template": "{{ Dimension('sale__shop') }} = 'x'"}]},
            "depends_on": {"nodes": ["semantic_model.p.sales"]},
        }
    },
}
PARENTS = {"model.p.sales": ["source.p.bikes.rides"]}
ODD: list[Any] = [
    None,
    [],
    {},
    "",
    "x",
    5,
    -1,
    10**40,
    1e308,
    True,
    [None],
    {"x": None},
    [[1]],
    [{}],
    {"name": []},
]


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a manifest below its top."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def test_the_manifest_that_is_mutated_is_a_good_one() -> None:
    found = Catalogue(MANIFEST)
    assert found.metric_names() == ("revenue",)
    assert [(each.name, each.fault) for each in found.exposures] == [("board", "")]


@pytest.mark.parametrize("seed", range(4))
def test_no_shape_of_a_manifest_ends_in_a_traceback(seed: int) -> None:
    """A node of another shape is held up, or refused with one error that says where."""
    choose, every = random.Random(seed), list(places(MANIFEST))
    for place in every:
        manifest = json.loads(json.dumps(MANIFEST))
        parent: Any = manifest
        for key in place[:-1]:
            parent = parent[key]
        if choose.random() < 0.2:
            del parent[place[-1]]
            value: Any = "(deleted)"
        else:
            value = parent[place[-1]] = choose.choice(ODD)
        try:
            found = Catalogue({**manifest, "parent_map": PARENTS})
            found.metric_labels()
            found.dimension_labels()
            for mart in found.models:
                found.sources_of(mart)
        except PlatformError:
            continue
        except Exception as error:
            raise AssertionError(f"{place} = {value!r}") from error


def test_a_shape_that_dbt_does_not_write_is_refused_by_the_nodes_name() -> None:
    manifest = json.loads(json.dumps(MANIFEST))
    manifest["exposures"]["exposure.p.board"]["depends_on"] = []
    with pytest.raises(PlatformError, match=r"exposure\.p\.board: it has another shape than dbt writes"):
        Catalogue(manifest)
