"""The data dictionary: what readers see, from dbt's manifest and the columns' lineage; its page trusts no text."""

from __future__ import annotations

import shutil
from pathlib import Path

from blocks.dbt.project import DbtProject
from blocks.dictionary import Dictionary, DictionaryColumn, DictionaryMart, write_dictionary
from blocks.site.html.site import FolderSite
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.conftest import TINY

TYPES = {"ride_day": "DATE", "station": "VARCHAR", "rides": "BIGINT", "minutes": "HUGEINT"}


def test_a_mart_is_described_by_what_dbt_knows_of_it(tmp_path: Path) -> None:
    shutil.copytree(TINY / "dbt", tmp_path / "dbt")
    more = tmp_path / "dbt" / "models" / "more.yml"
    more.write_text("groups:\n  - {name: city, owner: {name: City hall, email: a@b.c}}\n")
    yaml = tmp_path / "dbt" / "models" / "tiny.yml"
    yaml.write_text(
        yaml.read_text().replace(
            "    config:\n      meta:\n        primary_key",
            "    config:\n      group: city\n      meta:\n        primary_key",
        )
    )
    warehouse = DuckDBWarehouse(database=str(tmp_path / "house.duckdb"))
    dbt = DbtProject(folder=tmp_path / "dbt", state=tmp_path / "state").open(warehouse, "rel_d")
    try:
        lineage = dbt.trace_columns()
        unknown = dbt.remember_columns()
        found = write_dictionary(
            dbt.manifest, dbt.catalogue, lineage, "r1", {"station_days": TYPES, "gone": {}}
        )
        untraced = write_dictionary(dbt.manifest, dbt.catalogue, unknown, "r1", {"station_days": TYPES})
    finally:
        dbt.close()
    (mart,) = found.marts
    assert (mart.name, mart.description, mart.owner) == (
        "station_days",
        "Rides per station and day.",
        "City hall",
    )
    assert mart.sources == ("bikes.rides",)
    assert mart.dashboards == (("stations", "Stations"),)
    assert [metric.name for metric in mart.metrics] == ["minutes", "minutes_per_ride", "rides"]
    columns = {column.name: column for column in mart.columns}
    assert columns["ride_day"] == DictionaryColumn(
        name="ride_day",
        data_type="date",
        description="Day.",
        tests=("not null",),
        made_of=("bikes.rides.started",),
    )
    assert columns["rides"].made_of == ()  # a count of rows is made of no column
    assert columns["minutes"].made_of == ("bikes.rides.minutes",)
    assert mart.made_of_known
    assert not untraced.marts[0].made_of_known


def test_the_page_stands_beside_the_index_and_escapes_what_people_wrote(tmp_path: Path) -> None:
    site = FolderSite(folder=tmp_path, project="dashboards")
    hostile = "<script>alert(1)</script>\u202e"
    mart = DictionaryMart(
        name="sales",
        description=hostile,
        owner=hostile,
        columns=(
            DictionaryColumn(name="day", description=hostile, tests=(hostile,), made_of=("a.b.c",) * 20),
        ),
        dashboards=(("board", hostile),),
    )
    assert (
        "Data dictionary" not in (tmp_path / "dashboards").joinpath(Path(site.index([], [])).name).read_text()
    )
    address = site.publish_dictionary(Dictionary(run="r1", marts=(mart,)))
    page = (tmp_path / "dashboards" / "dictionary.html").read_text()
    assert address == (tmp_path / "dashboards" / "dictionary.html").as_uri()
    assert 'id="mart-sales"' in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert page.count("<code>a.b.c</code>") == 12
    assert "and 8 more" in page
    assert 'href="http' not in page
    site.index([], [])
    assert 'href="dictionary.html"' in (tmp_path / "dashboards" / "index.html").read_text()
