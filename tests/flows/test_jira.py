"""The whole main job with Jira: a gate that says no opens an incident, the next run delivers and closes it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from blocks.dbt.project import DbtProject
from blocks.errors import NotDelivered
from blocks.loader.dlt.loader import DltLoader
from blocks.quality.suites import Suites
from blocks.records import Outcome
from blocks.site.html.site import FolderSite
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.blocks.tracker.desks import JiraDesk, jira_desk
from tests.blocks.tracker.jira.site import TOKEN
from tests.conftest import TINY

RIDES = "ride_id,started,station,minutes\n1,2026-01-01 08:00:00,North,{}\n2,2026-01-01 09:30:00,South,7\n"
WORDS = "zebra-crossing"  # a person's word, to look for where it should not be


@dataclass
class Office:
    """A Jira with two tickets, and what a run needs."""

    state: Path
    desk: JiraDesk

    def deliver(self) -> Outcome:
        from flows.deliver import deliver

        return deliver(
            self.desk.tracker,
            [
                DltLoader(
                    locations={"bikes": str(self.state / "rides")},
                    workdir=self.state / "loads",
                    deadline_seconds=60,
                )
            ],
            DuckDBWarehouse(database=str(self.state / "warehouse.duckdb")),
            FolderSite(folder=self.state / "site", project="dashboards"),
            DbtProject(folder=TINY / "dbt", state=self.state / "dbt"),
            Suites(folder=TINY / "expectations", docs=self.state / "data_docs"),
        )

    def rides(self, minutes: int) -> None:
        (self.state / "rides").mkdir(exist_ok=True)
        (self.state / "rides" / "2026-01-01.csv").write_text(RIDES.format(minutes))


@pytest.fixture
def office(tmp_path: Path, prefect_server: str) -> Iterator[Office]:
    with jira_desk(tmp_path, cloud=True, version="3", project="BK") as desk:
        asked: dict[str, Any] = {
            "analysis": "comparison",
            "dimensions": ["station"],
            "data_sources": ["bikes"],
        }
        desk.file("BK-1", metrics=["rides", "minutes_per_ride"], title=f"Which {WORDS}?", **asked)
        desk.file("BK-2", metrics=["riders"], description=WORDS, **asked)
        yield Office(tmp_path, desk)


def test_from_a_refusal_to_a_dashboard_on_jira(office: Office) -> None:
    desk, site = office.desk, office.desk.site
    office.rides(-500)
    with pytest.raises(NotDelivered):
        office.deliver()
    assert (desk.status("BK-1"), desk.status("BK-2")) == ("failed", "incomplete")
    (refusal,) = desk.comments("BK-1")
    assert "Not delivered this time" in refusal
    assert "minutes" in refusal
    assert "riders is not known; did you mean rides" in desk.comments("BK-2")[0]
    ((about, bug),) = desk.tracker.list_incidents().items()
    assert about.startswith("station_days:")
    assert desk.requests(bug) == ["BK-1"]

    desk.say("BK-1", "Dana", "2027-01-01T00:00:00.000+0000", f"By week, please, {WORDS}.")
    site.issues["BK-1"]["fields"]["status"] = site.status("Changes Requested")
    office.rides(12)
    site.traffic.clear()
    outcome = office.deliver()

    assert outcome.ok
    assert outcome.plan is not None
    assert [len(each.feedback) for each in outcome.plan.requirements] == [1]
    assert len(desk.comments("BK-1")) == 4  # a refusal, a person's, what became of that, an answer
    assert "Your dashboard is ready" in desk.comments("BK-1")[3]
    assert desk.status("BK-1") == "done"
    assert list(desk.attachments("BK-1")) == ["dashboard.png"]
    assert list(desk.links("BK-1")) == [outcome.publications[0].url]
    assert desk.facts("BK-1") == {"release": outcome.run, "freshness": "2026-01-01"}
    assert desk.tracker.list_incidents() == {}
    assert desk.status(bug) == "done"
    assert f"Passed again in run {outcome.run}" in desk.comments(bug)[0]
    index = (office.state / "site" / "dashboards" / "index.html").read_text()
    assert f"By week, please, {WORDS}." in index
    assert f"{site.base}/browse/BK-1" in index

    per_ticket = Counter(call.path.split("/")[5] for call in site.traffic if "/issue/" in call.path)
    assert per_ticket["BK-2"] == 0  # nothing about it has changed
    assert per_ticket["BK-1"] <= 12
    assert_nothing_leaked(office.state, (TOKEN,))
    assert_nothing_leaked(Path(os.environ["PREFECT_HOME"]), (TOKEN, WORDS))


def assert_nothing_leaked(folder: Path, words: tuple[str, ...]) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [word for word in words if word.encode() in content], path
