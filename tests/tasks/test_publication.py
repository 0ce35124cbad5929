"""What a dashboard's answer says of how its data get to the site, whatever the site is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from blocks.catalogue import Catalogue, Dataset
from blocks.metrics import Measure, Metric
from blocks.records import Analysis, Dashboard, Priority, Release, Requirement
from blocks.site.base import Card, DataAsk
from blocks.site.html.mock import draw_mock
from blocks.site.html.site import FolderSite
from blocks.site.palette import SERIES
from blocks.site.tableau.site import TableauSite
from blocks.site.tableau.workbook.axes import choose_axis_forms
from blocks.site.tableau.workbook.colours import choose_colours
from blocks.site.tableau.workbook.presets import find_presets
from blocks.warehouse.bi_connection import LiveSource
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.wishes import Cadence, Filter, Wishes
from tasks import proposals
from tasks.publication import find_refresh_days, make_card, publish_card
from tests.blocks.warehouse.test_arrivals import LINES, make_warehouse
from tests.tasks import test_planning

ORDERS = Measure(name="orders", function="sum")


@pytest.mark.parametrize("wanted", [True, False])
def test_a_site_without_live_data_says_so_where_it_was_asked_for(tmp_path: Path, wanted: bool) -> None:
    path, site = tmp_path / "rows.parquet", FolderSite(folder=tmp_path / "bi")
    duckdb.sql(f"COPY (SELECT 3 AS orders) TO '{path}'")
    metric = Metric(
        name="orders", label="Orders", description="", mart="sales", formula=ORDERS, measures=(ORDERS,)
    )
    dataset = Dataset(
        mart="sales", time=None, dimensions=(), metrics=(metric,), measures=(ORDERS,), labels={}, columns=()
    )
    dashboard = Dashboard(
        name="sales", analysis=Analysis.kpi, metrics=("orders",), dimensions=(), marts=("sales",), live=wanted
    )
    chosen = site.choose_data(DataAsk(rows=1, live_wanted=dashboard.live), None)
    card = Card(
        dashboard=dashboard,
        run="r1",
        datasets=(dataset,),
        extracts=(path,),
        gate=None,
        as_of=None,
        choices=(chosen,),
    )
    expected = ("Data of sales: live data was asked for, but this site has none.",) if wanted else ()
    assert publish_card.fn(site, card).data_notes == expected


@pytest.mark.parametrize(
    ("name", "cadence", "days"),
    [
        ("daily", None, 0.0),  # scheduled, with no time that is read: each run
        ("none", None, None),
        ("none", Cadence(every="day"), 1.0),
        ("none", Cadence(every="week", day=1), 7.0),
        ("daily", Cadence(every="month"), 30.0),
        ("daily", Cadence(every="run"), 0.0),
        ("daily", Cadence(every="once"), None),
    ],
)
def test_how_often_a_dashboard_is_refreshed(name: str, cadence: Cadence | None, days: float | None) -> None:
    wishes = Wishes(cadence=cadence)
    dashboard = Dashboard(
        name=name, analysis=Analysis.kpi, metrics=("minutes",), dimensions=(), marts=("calls",), wishes=wishes
    )
    assert find_refresh_days(dashboard, test_planning.catalogue(daily=["minutes"])) == days


@pytest.mark.parametrize("name", ["daily", "alone"])
def test_a_copy_that_falls_behind_is_read_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """By what the ledger says of the mart's tables, and by what refreshes the dashboard."""
    house = make_warehouse(tmp_path, [("erp.lines", 5, float(day)) for day in range(4)])
    with house.session() as session:
        session.rows("create schema serving")
        session.rows(
            "create table serving.calls as from (values ('a', 30_000), ('b', 40_000)) t(line, minutes)"
        )
    monkeypatch.setattr(Catalogue, "tables_beneath", lambda *_: (LINES,))
    site = TableauSite(server="https://bi.example.com", live_user="reader", folder=tmp_path)
    dashboard = Dashboard(
        name=name,
        analysis=Analysis.kpi,
        metrics=("minutes",),
        dimensions=("line",),
        marts=("calls",),
        wishes=Wishes(filters=(Filter(dimension="line", values=("A",)),)),
    )
    live = LiveSource(kind="postgres", server="db", port=5432, database="d", schema_name="serving")
    release = Release(run="r1", marts={"calls": "rel_r1.calls"})
    project = test_planning.catalogue(daily=["minutes"])
    card = make_card.fn(site, house, project, dashboard, release, None, tmp_path, None, (), live)
    (choice,) = card.choices
    assert choice.live == (name == "alone")
    assert choice.reason.startswith("new rows came every day, and ")
    assert card.summaries[0].rows == 2
    exported = duckdb.sql(f"SELECT count(*) FROM read_parquet('{card.extracts[0]}')").fetchall()
    assert exported == [(0 if choice.live else 2,)]
    assert find_presets(card, 0).members == {"line": ('"a"',)}
    assert bool(card.sizes[0]) == choice.live
    colours = choose_colours(card.extracts[0], card.datasets[0], ["line"], card.sizes[0])
    assert colours == {"line": {"b": SERIES[0], "a": SERIES[1]}}  # the largest first, live or not
    axes = choose_axis_forms(card.extracts[0], card.datasets[0], [], card.sizes[0])
    assert axes == {"Calculation_minutes": "n#,##0,.0K;-#,##0,.0K"}


def test_a_proposal_is_drawn_of_what_readers_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house, project = DuckDBWarehouse(database=str(tmp_path / "w.duckdb")), test_planning.catalogue()
    with house.session() as session:
        session.rows("create schema serving")
        session.rows("create table serving.calls as from (values ('a', 3), ('b', 4)) t(line, minutes)")
    wanted = Requirement(
        key="AN-1",
        title="Calls",
        requester="Dana",
        analysis=Analysis.comparison,
        metrics=("minutes",),
        dimensions=("line",),
        sources=(),
        deadline=date(2026, 12, 1),
        priority=Priority.medium,
    )
    release = Release(run="r1", marts={"calls": "rel_r1.calls"})
    card = proposals._make_mock_card(wanted, project, house, release, tmp_path)
    assert card
    assert (card.dashboard.title, card.run) == ("Proposed for AN-1, not published", "r1")
    assert [each.rows for each in card.summaries] == [2]
    assert draw_mock(card).startswith(b"\x89PNG")
    monkeypatch.setattr(proposals, "MOST_ROWS", 1)
    assert proposals._make_mock_card(wanted, project, house, release, tmp_path) is None
