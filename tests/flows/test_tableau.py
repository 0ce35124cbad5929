"""The whole main job with Tableau: delivered, edited by a person, delivered again, rolled back, read live."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from blocks.dbt.project import DbtProject
from blocks.loader.dlt.loader import DltLoader
from blocks.prefect.block_types import load_block
from blocks.quality.suites import Suites
from blocks.records import Outcome
from blocks.site.tableau.site import TableauSite
from blocks.tracker.files.tracker import FilesTracker
from blocks.warehouse.bi_connection import LiveSource
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.blocks.site.harness import TableauWall
from tests.blocks.site.tableau.server import TOKEN
from tests.conftest import TINY

PASSWORD = "s3cr3t-of-the-reader"
MORE = "ride_id,started,station,minutes\n6,2026-01-03 08:00:00,North,11\n7,2026-01-03 09:30:00,East,7\n"
ROWS = "select ride_day, station, sum(rides), sum(minutes) from serving.station_days group by 1, 2"


class Reachable(DuckDBWarehouse):
    """A DuckDB file that says it is Snowflake; the stand-in reads it as that."""

    def describe_live_source(self) -> LiveSource:
        return LiveSource(
            kind="snowflake", server="acme.snowflakecomputing.com", database="D", schema_name="serving"
        )


@dataclass
class Office:
    """A Tableau site, and what a run needs."""

    state: Path
    wall: TableauWall

    @property
    def warehouse(self) -> Reachable:
        return Reachable(database=str(self.state / "warehouse.duckdb"))

    @property
    def tracker(self) -> FilesTracker:
        return FilesTracker(folder=self.state / "tickets", project="BK")

    @property
    def project(self) -> DbtProject:
        return DbtProject(folder=TINY / "dbt", state=self.state / "dbt")

    def deliver(self, site: TableauSite) -> Outcome:
        from flows.deliver import deliver

        rides = {"bikes": str(self.state / "rides")}
        loader = DltLoader(locations=rides, workdir=self.state / "loads", deadline_seconds=60)
        suites = Suites(folder=TINY / "expectations", docs=self.state / "data_docs")
        return deliver(self.tracker, [loader], self.warehouse, site, self.project, suites, ["BK-1"])

    def read_served(self) -> list[tuple[Any, ...]]:
        with self.warehouse.session() as session:
            return sorted(session.rows(ROWS), key=repr)

    def ticket(self) -> str:
        return (self.state / "tickets" / "BK-1.yaml").read_text(encoding="utf-8")


@pytest.fixture
def office(tmp_path: Path, prefect_server: str) -> Iterator[Office]:
    for name in ("tickets", "rides"):
        shutil.copytree(TINY / name, tmp_path / name)
    wall = TableauWall(tmp_path)
    yield Office(tmp_path, wall)
    wall.close()


def test_from_a_ticket_to_a_workbook_and_back(office: Office) -> None:
    from flows.publish import publish
    from flows.rollback import rollback

    wall, server = office.wall, office.wall.server
    wall.site.save("prod", overwrite=True)
    site = load_block("tableau-site/prod")
    assert isinstance(site, TableauSite)

    outcome = office.deliver(site)
    assert outcome.ok
    (publication,) = outcome.publications
    assert server.sign_ins == 1
    assert server.tokens == {}
    first = wall.rows("stations")["Extract"]
    assert first == office.read_served()
    assert publication.canary == f"{len(first)} rows, the newest of 2026-01-02"
    assert publication.url in office.ticket()
    assert f"{len(first)} rows, the newest of 2026-01-02" in office.ticket()
    assert list((office.state / "tickets" / "attachments" / "BK-1").iterdir())

    server.open("stations", 5)
    server.edit("stations")
    edited = server.workbooks()["stations"].data
    (office.state / "rides" / "2026-01-03.csv").write_text(MORE)
    again = office.deliver(site)
    assert again.ok
    assert wall.names() == ["stations", "stations-ours"]
    assert server.workbooks()["stations"].data == edited
    assert wall.rows("stations-ours")["Extract"] == office.read_served()
    assert len(office.read_served()) == len(first) + 2
    assert "stations was edited on the site, so it was left alone" in office.ticket()
    assert "the new version is beside it, as stations-ours" in office.ticket()

    back = rollback(office.tracker, office.warehouse, site, office.project)
    assert back.run == outcome.run
    assert wall.rows("stations-ours")["Extract"] == office.read_served() == first
    assert back.publications[0].canary == publication.canary

    server.live = office.state / "warehouse.duckdb"
    told = {"data": "live", "live_user": "reader", "live_password": SecretStr(PASSWORD)}
    live = site.model_copy(update=told)
    (seen,) = publish(live, office.warehouse, office.project, office.tracker)
    assert seen.error is None
    assert seen.canary == publication.canary
    (source,) = server.sources().values()
    assert (source.kind, source.login) == ("tds", ("reader", PASSWORD))

    for folder in (office.state, Path(os.environ["PREFECT_HOME"])):
        for path in folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert not [s for s in (TOKEN[1], PASSWORD) if s.encode() in content], path
