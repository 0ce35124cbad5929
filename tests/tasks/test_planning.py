"""An exposure goes out with the metrics that can be shown, and says which were left out and why."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.catalogue import Catalogue
from blocks.errors import NotFound
from blocks.records import Release
from tasks.planning import all_dashboards, plan_tickets

NODE = {
    "name": "calls",
    "resource_type": "model",
    "unique_id": "model.p.calls",
    "schema": "s",
    "alias": "calls",
    "config": {},
}
MODEL = {
    "name": "calls",
    "depends_on": {"nodes": ["model.p.calls"]},
    "dimensions": [{"name": "line", "type": "categorical"}],
    "measures": [
        {"name": "length", "agg": "sum", "expr": "minutes"},
        {"name": "usual", "agg": "median", "expr": "minutes"},
    ],
}


def metric(name: str, measure: str) -> dict[str, Any]:
    return {"name": name, "type": "simple", "type_params": {"measure": {"name": measure}}}


def catalogue(**exposures: list[str]) -> Catalogue:
    """Exposures by name with their metrics, scheduled."""
    return Catalogue(
        {
            "sources": {},
            "nodes": {"model.p.calls": NODE},
            "parent_map": {},
            "semantic_models": {"calls": MODEL},
            "metrics": {"minutes": metric("minutes", "length"), "median": metric("median", "usual")},
            "exposures": {
                name: {
                    "name": name,
                    "description": "How long.",
                    "depends_on": {"nodes": ["model.p.calls"]},
                    "config": {"meta": {"metrics": metrics, "dimensions": ["line"], "schedule": True}},
                }
                for name, metrics in exposures.items()
            },
        }
    )


def test_an_exposure_is_shown_without_the_metrics_that_can_not_be() -> None:
    found = catalogue(mixed=["median", "minutes"], lost=["median"])
    (planned,) = plan_tickets([], found, "r1", scheduled=True).dashboards
    (shown,) = all_dashboards(found, Release(run="r1", marts={"calls": "rel.calls"}))
    for dashboard in (planned, shown):
        assert dashboard.name == "mixed"
        assert dashboard.metrics == ("minutes",)
        assert dashboard.description.startswith("How long.\nLeft out: median, because ")
        assert "aggregates by median" in dashboard.description


def test_an_exposure_with_a_name_that_dbt_does_not_know_is_not_silent() -> None:
    with pytest.raises(NotFound, match="gone"):
        plan_tickets([], catalogue(odd=["gone"]), "r1", scheduled=True)
