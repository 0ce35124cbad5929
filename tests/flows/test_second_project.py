"""Any dbt project runs by its folder: a tiny one about bicycles, with tickets nobody wrote an exposure for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import TINY
from tests.flows.conftest import Place

HOSTILE = """key: BK-2
title: "</title><script>alert(1)</script> {{ 7*7 }} '; drop schema serving cascade; -- \\u202e ✈"
status: open
requester: "<img src=x onerror=alert(2)>"
priority: Low
deadline: 2026-03-01
analysis: trend
metrics: [minutes]
dimensions: [station]
data_sources: [bikes]
description: "{% raw %} ../../../etc/passwd $(touch owned) `touch owned` ${HOME}"
"""


@pytest.fixture(scope="module")
def bikes(tmp_path_factory: pytest.TempPathFactory, command_line) -> Place:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("bikes")
    shutil.copytree(TINY / "tickets", folder / "tickets")
    (folder / "tickets" / "BK-2.yaml").write_text(HOSTILE)
    place = Place(folder / "state", command_line)
    done = command_line(
        "--state",
        place.state,
        "--project",
        TINY / "dbt",
        "--tickets-folder",
        folder / "tickets",
        "--source",
        f"bikes={TINY / 'rides'}",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def test_its_marts_are_served(bikes: Place) -> None:
    assert bikes.rows(
        "select station, sum(rides), sum(minutes) from serving.station_days group by 1 order by 1"
    ) == [
        ("North", 3, 47),
        ("South", 2, 29),
    ]


def test_its_exposure_and_the_undeclared_ticket_have_dashboards(bikes: Place) -> None:
    assert bikes.page("stations").is_file()
    assert bikes.page("bk_2").is_file()


def test_hostile_ticket_text_did_no_harm(bikes: Place) -> None:
    page = bikes.page("bk_2").read_text(encoding="utf-8")
    assert "<script>alert(1)</script>" not in page
    assert "alert(1)" in page  # it is shown, as text
    assert not list(bikes.state.rglob("owned"))
    assert not (TINY / "owned").exists()
    index = (bikes.state / "site" / "dashboards" / "index.html").read_text(encoding="utf-8")
    assert "<script>alert(1)</script>" not in index
    assert "7*7" in page
    text = (bikes.state.parent / "tickets" / "BK-2.yaml").read_text(encoding="utf-8")
    assert "status: done" in text


def test_its_folder_stays_clean(bikes: Place) -> None:
    names = {path.name for path in (TINY / "dbt").rglob("*")}
    assert names == {"dbt_project.yml", "models", "station_days.sql", "time_spine.sql", "tiny.yml"}
    assert Path(bikes.state / "dbt" / "target" / "manifest.json").is_file()
