"""What a dashboard's answer says of how its data get to the site, whatever the site is."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from blocks.catalogue import Dataset
from blocks.metrics import Measure, Metric
from blocks.records import Analysis, Dashboard
from blocks.site.base import Card, DataAsk
from blocks.site.html.site import FolderSite
from tasks.publication import publish_card

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
    assert publish_card.fn(site, card).ways == expected
