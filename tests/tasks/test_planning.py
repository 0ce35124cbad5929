"""An exposure goes out with the metrics that can be shown, and says which were left out and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from blocks.catalogue import Catalogue
from blocks.records import Release
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from flows.delivery import Delivery
from tasks.planning import list_dashboards, plan_tickets, remove_failed

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
        {
            "name": "usual",
            "agg": "percentile",
            "expr": "minutes",
            "agg_params": {"use_approximate_percentile": True},
        },
    ],
}

DAY = {"name": "day", "type": "time", "type_params": {"time_granularity": "day"}}
TIMED = MODEL | {
    "dimensions": [DAY, *MODEL["dimensions"]],  # type: ignore[misc]
    "defaults": {"agg_time_dimension": "day"},
}


def metric(name: str, measure: str) -> dict[str, Any]:
    return {"name": name, "type": "simple", "type_params": {"measure": {"name": measure}}}


def catalogue(
    dimensions: dict[str, list[str]] | None = None,
    /,
    live: str = "",
    meta: dict[str, dict[str, Any]] | None = None,
    timed: bool = False,
    **exposures: list[str],
) -> Catalogue:
    """Exposures by name with their metrics, scheduled. dimensions: of those that have others than the line.

    live: the one that says that it reads what is served itself. meta: more of their meta, by name; timed: the data have
    a time.
    """
    return Catalogue(
        {
            "sources": {},
            "nodes": {"model.p.calls": NODE},
            "parent_map": {},
            "semantic_models": {"calls": TIMED if timed else MODEL},
            "metrics": {"minutes": metric("minutes", "length"), "median": metric("median", "usual")},
            "exposures": {
                name: {
                    "name": name,
                    "description": "How long.",
                    "depends_on": {"nodes": ["model.p.calls"]},
                    "config": {
                        "meta": {
                            "metrics": metrics,
                            "dimensions": (dimensions or {}).get(name, ["line"]),
                            "schedule": True,
                            "live": name == live,
                            **(meta or {}).get(name, {}),
                        }
                    },
                }
                for name, metrics in exposures.items()
            },
        }
    )


def test_an_exposure_is_shown_without_the_metrics_that_can_not_be() -> None:
    found = catalogue(mixed=["median", "minutes"], lost=["median"])
    (planned,) = plan_tickets([], found, "r1", scheduled=True).dashboards
    (shown,) = list_dashboards(found, Release(run="r1", marts={"calls": "rel.calls"}))
    for dashboard in (planned, shown):
        assert dashboard.name == "mixed"
        assert dashboard.metrics == ("minutes",)
        assert dashboard.description.startswith("How long.\nLeft out: median, because ")
        assert "aggregates by an approximate percentile" in dashboard.description


def test_an_exposure_may_ask_for_live_data_at_every_refresh() -> None:
    found = catalogue(live="now", now=["minutes"], daily=["minutes"])
    release = Release(run="r1", marts={"calls": "rel.calls"})
    for dashboards in (
        plan_tickets([], found, "r1", scheduled=True).dashboards,
        list_dashboards(found, release),
    ):
        assert {each.name: each.live for each in dashboards} == {"now": True, "daily": False}


def test_an_exposure_that_names_what_dbt_does_not_know_holds_up_itself_alone() -> None:
    found = catalogue(good=["minutes"], odd=["minuts"], lost=["median"])
    plan = plan_tickets([], found, "r1", scheduled=True)
    assert [dashboard.name for dashboard in plan.dashboards] == ["good"]
    odd, lost = plan.faults
    assert odd == "odd: unknown metric in its meta: minuts (did you mean minutes?)"
    assert lost.startswith("lost: metric median: ")
    assert remove_failed(plan, found, []).faults == plan.faults
    (shown,) = list_dashboards(found, Release(run="r1", marts={"calls": "rel.calls"}))
    assert shown.name == "good"


def test_a_dimension_that_no_metric_has_is_never_left_out_in_silence() -> None:
    plan = plan_tickets([], catalogue({"good": ["lines"]}, good=["minutes"]), "r1", scheduled=True)
    assert plan.dashboards == ()
    assert plan.faults == ("good: unknown dimension in its meta: lines (did you mean line?)",)


def test_a_run_that_can_not_show_a_scheduled_dashboard_has_not_delivered_everything(tmp_path: Path) -> None:
    delivery = Delivery("r1")
    delivery.plan = plan_tickets([], catalogue(good=["minutes"], odd=["gone"]), "r1", scheduled=True)
    outcome = delivery.outcome(DuckDBWarehouse(database=str(tmp_path / "w.duckdb")))
    assert not outcome.ok
    assert outcome.errors == ("odd: unknown metric in its meta: gone",)
