"""One ticket that needs sources of three loaders: dlt reads files, Fivetran and Stitch sync into the warehouse."""

from __future__ import annotations

import os
import shutil
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
from blocks.tracker.files.tracker import FilesTracker
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.blocks.loader.faults import SECRETS
from tests.blocks.loader.fivetran.standin import Connection, Fivetran
from tests.blocks.loader.managed_loaders import FIVETRAN_STAMPS, STITCH_STAMPS, fivetran_loader, stitch_loader
from tests.blocks.loader.standin import Landing
from tests.blocks.loader.stitch.standin import Source, Stitch
from tests.conftest import ROOT

THREE = ROOT / "tests" / "three"
MART = "select order_day::varchar, segment, revenue, visits from serving.segment_days"


@dataclass
class Company:
    """A state folder, the vendors' servers, and what a run needs."""

    state: Path
    fivetran: Fivetran
    stitch: Stitch
    warehouse: DuckDBWarehouse

    def deliver(self, **changes: Any) -> Outcome:
        from flows.deliver import deliver

        dlt = DltLoader(
            locations={"shop": str(self.state / "orders")}, workdir=self.state / "loads", deadline_seconds=60
        )
        return deliver(
            FilesTracker(folder=self.state / "tickets", project="TR"),
            [dlt, fivetran_loader(self.fivetran), stitch_loader(self.stitch)],
            self.warehouse,
            FolderSite(folder=self.state / "site", project="dashboards"),
            DbtProject(folder=THREE / "dbt", state=self.state / "dbt"),
            Suites(folder=THREE / "expectations", docs=self.state / "data_docs"),
            **changes,
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.warehouse.session() as session:
            return session.rows(sql)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Iterator[Company]:
    state = tmp_path_factory.mktemp("three")
    for name in ("tickets", "orders"):
        shutil.copytree(THREE / name, state / name)
    warehouse = DuckDBWarehouse(database=str(state / "warehouse.duckdb"))
    customers = {"customer_id": "integer", "segment": "varchar"}
    visits = {"visit_id": "integer", "customer_id": "integer", "visited_at": "timestamp"}
    people = Landing(warehouse, "raw_crm", "customers", customers, FIVETRAN_STAMPS)
    people.waiting += [(1, "retail"), (2, "wholesale")]
    clicks = Landing(warehouse, "raw_web", "visits", visits, STITCH_STAMPS)
    clicks.waiting += [
        (1, 1, "2026-01-01 08:00:00"),
        (2, 1, "2026-01-01 09:00:00"),
        (3, 2, "2026-01-02 09:00:00"),
    ]
    fivetran = Fivetran(Connection("con_crm", "raw_crm", [people]))
    stitch = Stitch(Source(7, "raw_web", [clicks]))
    yield Company(state, fivetran, stitch, warehouse)
    fivetran.close()
    stitch.close()


def test_one_ticket_is_answered_from_three_loaders(company: Company) -> None:
    """Each brings its source, side by side; one mart joins them; one dashboard shows it."""
    company.stitch.fail("crash", times=1)  # passes: the task tries again
    outcome = company.deliver()
    assert {load.loader: load.rows for load in outcome.loads} == {"dlt": 3, "fivetran": 2, "stitch": 3}
    assert all(load.watermark or load.loader == "dlt" for load in outcome.loads)
    assert company.rows(f"{MART} order by all") == [
        ("2026-01-01", "retail", 10, 2),
        ("2026-01-01", "wholesale", 5.5, 0),
        ("2026-01-02", "retail", 20, 0),
    ]
    assert (company.state / "site" / "dashboards" / "tr_1" / "index.html").is_file()
    assert "status: done" in (company.state / "tickets" / "TR-1.yaml").read_text()
    assert {row[0] for row in company.rows("select source_name from control.loads")} == {"shop", "crm", "web"}


def test_a_vendor_that_says_no_holds_up_what_needs_it(company: Company) -> None:
    """Asked once, not again; the others load; readers keep what they had; the ticket hears why.

    Nowhere is the secret, though the vendor's answer repeats it.
    """
    served, asked = company.warehouse.read_served(), len(company.fivetran.seen)
    company.fivetran.fail("unauthorized")
    (company.state / "orders" / "2026-01-03.csv").write_text(
        "order_id,customer_id,order_day,amount\n4,1,2026-01-03,1\n"
    )
    with pytest.raises(NotDelivered, match="Fivetran answered 401") as caught:
        company.deliver(tickets=["TR-1"], sources=["shop", "crm"], full_refresh=True)
    outcome = caught.value.outcome
    assert isinstance(outcome, Outcome)
    assert {load.source: (load.rows, bool(load.error)) for load in outcome.loads} == {
        "shop": (4, False),
        "crm": (0, True),  # all files again, and the new one
    }
    assert company.rows("select count(*) from raw_shop.orders") == [(4,)]
    assert company.warehouse.read_served() == served
    ticket = (company.state / "tickets" / "TR-1.yaml").read_text()
    assert "Fivetran answered 401" in ticket
    assert len(company.fivetran.seen) == asked + 1
    for folder in (company.state, Path(os.environ["PREFECT_HOME"])):  # Prefect's database too
        for path in folder.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            assert not [secret for secret in SECRETS if secret.encode() in content], path


def test_a_source_that_there_is_not_ends_the_run_before_tickets_are_read(company: Company) -> None:
    """A wrong word on the command line is nothing the requester has to hear of."""
    before = (company.state / "tickets" / "TR-1.yaml").read_text()
    with pytest.raises(NotDelivered, match=r"load source shpo: dbt declares none. Known: crm, shop, web"):
        company.deliver(tickets=["TR-1"], sources=["shpo"])
    assert (company.state / "tickets" / "TR-1.yaml").read_text() == before
