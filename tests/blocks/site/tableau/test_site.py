"""TableauSite against the stand-in: sessions, order, jobs, people's edits, faults, interruptions, secrets.

The real client speaks HTTP to server.py, which opens what it is sent.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import duckdb
import pytest
from lxml import etree
from pydantic import ValidationError

from blocks.errors import (
    BadAnswer,
    BadInput,
    Busy,
    Forbidden,
    Misconfigured,
    NotFound,
    PlatformError,
    RateLimited,
    Rejected,
    TimedOut,
    Unauthorized,
    Unavailable,
)
from blocks.http import reach
from blocks.http.polling import Pauses
from blocks.metrics import Balance, Metric
from blocks.site.base import UNMEASURED, Card, DataAsk, DataChoice
from blocks.site.hyper import write_hyper
from blocks.site.readback import DatasetSummary
from blocks.site.tableau import extracts
from blocks.site.tableau import site as tableau_site
from blocks.site.tableau.client import content, projects, uploads, views
from blocks.site.tableau.client.codes import CODES
from blocks.site.tableau.client.versions import APP as APP_CALL
from blocks.site.tableau.client.versions import CALLS as CALLS_OF
from blocks.site.tableau.client.versions import OLDEST, TABLEAU
from blocks.site.tableau.site import TableauSite
from blocks.site.tableau.workbook.grammar import OLDEST_API
from blocks.warehouse.bi_connection import LiveSource
from blocks.wishes import Wishes
from tests.blocks.site.conftest import CUSTOMERS, MEASURES, ORDERS, export
from tests.blocks.site.harness import TableauWall, hyper_rows
from tests.blocks.site.tableau import files, test_site_live
from tests.blocks.site.tableau.server import APP, TOKEN, Fault, Hanger, Item

Make = Callable[..., Card]
READER, PASSWORD = "bi_reader", "s3cr3t-of-the-reader"


@pytest.fixture
def wall(tmp_path: Path) -> Iterator[TableauWall]:
    wall = TableauWall(tmp_path)
    yield wall
    wall.close()


@pytest.fixture
def site(wall: TableauWall) -> TableauSite:
    return wall.site


@pytest.fixture
def card(make_card: Make) -> Card:
    return make_card(metrics=(ORDERS,), dimensions=("country",))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses short enough for a test; how often is asked stays the same."""
    monkeypatch.setattr(content, "PAUSES", Pauses(0.01, 0.01))
    monkeypatch.setattr(views, "PAUSES", Pauses(0.01, 0.01))
    monkeypatch.setattr(uploads, "PAUSES", Pauses(0.01, 0.01))


SET = ("server", "site", "token", "project", "folder", "canary_seconds", "job_seconds", "request_seconds")
BUILT: dict[str, tuple[dict[str, int], bytes]] = {}


def changed(base: TableauSite, **fields: Any) -> TableauSite:
    return TableauSite(**{name: getattr(base, name) for name in SET} | fields)


@pytest.fixture(autouse=True)
def built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows make the same extract: it is built once for all these tests, and copied."""

    def write_once(tables: dict[str, Path], target: Path, time_zone: str) -> dict[str, int]:
        rows = b"".join(path.read_bytes() for path in tables.values())
        key = hashlib.sha256(rows + time_zone.encode()).hexdigest()
        if key not in BUILT:
            BUILT[key] = (write_hyper(tables, target, time_zone=time_zone), target.read_bytes())
        target.write_bytes(BUILT[key][1])
        return BUILT[key][0]

    monkeypatch.setattr(extracts, "write_hyper", write_once)


# what Tableau can't compute


def make_closing(name: str) -> Metric:
    """A balance that ends with each segment, which no calculation of Tableau is."""
    measure = MEASURES["orders"].model_copy(update={"balance": Balance(moment="day", within=("segment",))})
    return ORDERS.model_copy(update={"name": name, "label": name, "measures": (measure,), "formula": measure})


def test_a_metric_that_tableau_can_not_compute_is_left_out_alone_and_said(
    wall: TableauWall, site: TableauSite, make_card: Make
) -> None:
    publication = site.publish(make_card(metrics=(ORDERS, make_closing("closing")), dimensions=("country",)))
    assert publication.rows
    (note,) = publication.notes
    assert note.startswith("closing is not in the workbook: ")
    assert "window_groupings" in note
    with pytest.raises(Misconfigured, match=r"can compute none of its metrics.*window_groupings"):
        site.publish(make_card(metrics=(make_closing("closing"),), dimensions=("country",)))


# signing in


def test_one_sign_in_serves_a_whole_run_and_is_ended(
    wall: TableauWall, site: TableauSite, make_card: Make
) -> None:
    with site.session():
        for name in ("one", "two"):
            site.publish(make_card(name=name, metrics=(ORDERS,), dimensions=()))
        site.index([], [])
        assert len(wall.server.tokens) == 1
    assert wall.server.sign_ins == 1
    assert wall.server.tokens == {}


def test_nothing_is_asked_of_the_site_before_something_is_published(
    wall: TableauWall, site: TableauSite
) -> None:
    with site.session():
        assert site.index([], []) == f"{wall.server.address}/#/site/acme/explore"
    assert wall.server.requests == []


def test_a_server_that_is_too_old_is_refused_at_sign_in_with_the_version_that_is_needed(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    wall.server.version, wall.server.product = "3.5", "2019.3"
    with pytest.raises(Misconfigured, match=r"is 3.5, and publishing needs 3.6. Use Tableau Server 2019.4"):
        site.check()
    wall.server.version = "3.16"
    with pytest.raises(Misconfigured, match=r"connected app needs 3.17. Use Tableau Server 2022.3"):
        changed(site, token=None, app=APP).check()
    wall.server.version = "3.24"
    assert site.check()
    with pytest.raises(
        Misconfigured, match=r"a generated workbook, .* needs 3.25. Use Tableau Server 2025.1"
    ):
        site.publish(card)
    assert wall.server.items == {"workbooks": {}, "datasources": {}}
    for needed in (*CALLS_OF.values(), OLDEST_API):
        assert needed <= max(TABLEAU)
    assert {OLDEST, CALLS_OF[APP_CALL], OLDEST_API} <= TABLEAU.keys()


def test_a_connected_app_signs_in_as_its_user(wall: TableauWall, site: TableauSite, card: Card) -> None:
    app = changed(site, token=None, app=APP)
    assert "as bot" in app.check()
    with app.session():
        app.publish(card)
        other = changed(app, token=None, app=APP)
        other.publish(card)  # a second session beside the first
        app.publish(card)
    assert wall.server.sign_ins == 3
    assert wall.names() == ["kpi_page"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": {"name": TOKEN[0], "secret": "wrong"}},
        {"site": "other"},
        {"token": None, "app": {**APP, "secret": "wrong" * 10}},
        {"token": None, "app": {**APP, "user": "root"}},
    ],
)
def test_a_sign_in_that_is_refused_says_what_to_check(site: TableauSite, wrong: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized, match="Check name, secret, site and expiry"):
        changed(site, **wrong).check()


def test_a_block_without_credentials_or_with_two_is_refused(site: TableauSite) -> None:
    for given in ({"token": None}, {"app": APP}):
        with pytest.raises(Misconfigured, match="one of them only"):
            changed(site, **given).check()


def test_a_session_that_ends_in_mid_run_is_opened_again(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    wall.server.faults = [Fault("POST /workbooks$", "end session"), Fault("GET /views/", "end session")]
    with site.session():
        published = site.publish(card)
    assert published.canary
    assert wall.server.sign_ins == 3
    assert wall.names() == ["kpi_page"]


def test_two_runs_that_share_a_token_are_told_so(wall: TableauWall, site: TableauSite, card: Card) -> None:
    wall.server.faults = [Fault("POST /datasources$", "end session", times=2)]
    with pytest.raises(Busy, match="a token of its own"):
        site.publish(card)


# places and rights


def test_a_project_path_is_made_once_and_found_among_others_of_that_name(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    before = len(wall.server.projects)
    for path in ("Delivered/Sales/Weekly", "Delivered/Sales/Weekly", "dashboards", "dashboards"):
        changed(site, project=path).publish(card)
    made = sorted(wall.server.path(each) for each in list(wall.server.projects)[before:])
    assert made == ["Delivered/Sales", "Delivered/Sales/Weekly", "dashboards"]
    assert list(wall.server.workbooks("Delivered/Sales/Weekly")) == ["kpi_page"]
    assert wall.server.workbooks("Somebody else's/dashboards") == {}


def test_a_project_that_another_run_makes_at_the_same_time_is_used(
    wall: TableauWall, site: TableauSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = projects._find_project
    late = [lambda *_: None]  # we look, and the other run makes it before we do
    monkeypatch.setattr(
        projects, "_find_project", lambda *asked: late.pop()(*asked) if late else found(*asked)
    )
    team = wall.server.add_project("Team", None)
    assert "Team/dashboards" in site.check()
    assert [wall.server.path(each) for each, (name, _) in wall.server.projects.items() if name == "Team"] == [
        "Team"
    ]
    assert wall.server.projects[team] == ("Team", None)


ODD = (
    "Sales, EMEA & more",
    "R&D [2025]",
    'Say "yes"',
    "It's <ours>",
    "100% | #1?",
    "Zürich – 東京",
    "a,name:eq:b",
)


@pytest.mark.parametrize("name", ODD)
def test_projects_and_groups_may_have_any_name(
    wall: TableauWall, site: TableauSite, card: Card, name: str
) -> None:
    wall.server.groups[name] = "group-of-odd-name"
    above = wall.server.add_project(name, None)
    for _ in range(2):
        changed(site, project=f"{name}/Weekly, {name}", readers=(name,)).publish(card)
    assert set(wall.server.workbooks(f"{name}/Weekly, {name}")["kpi_page"].rights) == {"group-of-odd-name"}
    assert [each for each, of in wall.server.projects.items() if of == (name, None)] == [above]


def test_the_default_project_is_found_in_any_case_and_an_exact_name_wins(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    changed(site, project="Default").publish(card)
    assert list(wall.server.workbooks("default")) == ["kpi_page"]
    wall.server.add_project("Default", None)
    changed(site, project="Default").publish(card)
    assert list(wall.server.workbooks("Default")) == ["kpi_page"]
    with pytest.raises(Misconfigured, match="2 have the name DEFAULT: Default, default"):
        changed(site, project="DEFAULT").publish(card)


def test_a_project_that_may_not_be_made_is_looked_for_elsewhere(wall: TableauWall, site: TableauSite) -> None:
    wall.server.faults = [Fault("POST /projects", "403004", times=2)]
    with pytest.raises(
        Misconfigured, match="there are: Finance/dashboards, Old/dashboards, Sales/dashboards"
    ):
        changed(site, project="Dashboards").check()
    with pytest.raises(Forbidden):
        changed(site, project="Nowhere").check()


def test_a_group_of_two_domains_is_refused_until_the_domain_is_named(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    wall.server.groups["corp.example.com\\Sales"] = "group-of-the-directory"
    with pytest.raises(Misconfigured, match=r"2 have the name Sales: corp.example.com\\Sales, local\\Sales"):
        changed(site, readers=("Sales",)).publish(card)
    assert wall.names() == []
    changed(site, readers=("corp.example.com\\Sales",)).publish(card)
    wall.server.groups["local\\R\\D"] = "group-with-a-stroke"
    assert "viewed by R\\D" in changed(site, readers=("R\\D",)).check()
    assert wall.server.workbooks()["kpi_page"].rights == ["group-of-the-directory"]


def test_a_workbook_of_the_same_name_in_another_case_is_not_taken_for_ours(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    site.publish(card)
    item = wall.server.workbooks()["kpi_page"]
    item.name = "KPI_Page"
    wall.server.edit("KPI_Page")
    assert "as kpi_page-ours" in site.publish(card).notes[0]


@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.google.internal", "[fd00:ec2::254]"])
def test_the_client_never_asks_a_metadata_service(site: TableauSite, host: str) -> None:
    with pytest.raises(Misconfigured, match="metadata service"):
        changed(site, server=f"http://{host}").check()


def test_a_name_that_leads_to_a_link_local_address_is_left_before_a_word_is_said(
    wall: TableauWall, site: TableauSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ip_network("127.0.0.1/32")
    assert isinstance(here, IPv4Network)
    monkeypatch.setattr(reach, "FORBIDDEN_NETWORKS", (here,))
    with pytest.raises(Misconfigured, match="link-local"):
        changed(site, server=site.server.replace("127.0.0.1", "localhost")).check()
    assert wall.server.requests == []


def test_permissions_stay_as_they_are_unless_asked(wall: TableauWall, site: TableauSite, card: Card) -> None:
    site.publish(card)
    assert not [each for each in wall.server.requests if "permissions" in each]
    changed(site, readers=("Sales",)).publish(card)
    assert wall.server.workbooks()["kpi_page"].rights == [wall.server.groups["Sales"]]
    wall.server.requests.clear()
    with pytest.raises(Misconfigured, match="no such group"):
        changed(site, readers=("Nobody",)).publish(card)
    assert not [each for each in wall.server.requests if each.startswith(("POST /data", "POST /work"))]


@pytest.mark.parametrize("data", ["published", "packed"])
def test_readers_may_connect_to_the_data_that_their_workbook_shows(
    wall: TableauWall, site: TableauSite, card: Card, data: str
) -> None:
    changed(site, readers=("Sales",), data=data).publish(card)
    assert wall.server.can_view("Sales", "kpi_page")
    assert not wall.server.can_view("Sales 2", "kpi_page")
    wall.server.requests.clear()
    changed(site, readers=("Sales",), data=data).publish(card)
    assert not [each for each in wall.server.requests if each.startswith("PUT") and "permissions" in each]


@pytest.mark.parametrize(("kind", "word"), [("workbooks", "Read"), ("datasources", "Connect")])
def test_what_people_denied_stays_denied_and_is_said(
    wall: TableauWall, site: TableauSite, card: Card, kind: str, word: str
) -> None:
    site.publish(card)
    (item,) = wall.server.items[kind].values()
    item.rules[wall.server.groups["All Users"]] = {word: "Deny"}
    with pytest.raises(Misconfigured, match=f"do not give group Sales {word} on"):
        changed(site, readers=("Sales",)).publish(card)
    (item,) = wall.server.items["workbooks"].values()
    assert not wall.server.can_view("Sales", "kpi_page")
    item.rules[wall.server.groups["All Users"]] = {"ExportData": "Deny"}
    for source in wall.server.items["datasources"].values():
        source.rules.clear()
    assert changed(site, readers=("Sales",)).publish(card).notes == ()
    assert wall.server.can_view("Sales", "kpi_page")


def test_an_audience_reads_and_nobody_else_does(wall: TableauWall, site: TableauSite, card: Card) -> None:
    mine = changed(site, readers=("Sales",), audiences=("Sales 2",))
    mine.publish(card)
    everybody = wall.server.groups["All Users"]
    (workbook,), sources = wall.server.items["workbooks"].values(), wall.server.items["datasources"].values()
    workbook.rules[everybody] = {"Read": "Allow", "ExportData": "Deny"}
    for source in sources:
        source.rules[everybody] = {"Read": "Allow", "Connect": "Allow"}
    dashboard = card.dashboard.model_copy(update={"wishes": Wishes(audience=("Sales 2",))})
    asked = card.model_copy(update={"dashboard": dashboard})
    assert mine.publish(asked).asked == ("Opens as asked for, with audience Sales 2.",)
    assert wall.server.can_view("Sales 2", "kpi_page")
    assert not wall.server.can_view("Sales", "kpi_page")
    assert workbook.rules[everybody] == {"ExportData": "Deny"}  # what people denied stays
    assert all(not source.rules[everybody] for source in sources)
    foreign = dashboard.model_copy(update={"wishes": Wishes(audience=("All Users",))})
    with pytest.raises(Misconfigured, match="none that the block names"):
        mine.publish(card.model_copy(update={"dashboard": foreign}))
    assert mine.list_audiences() == ("Sales", "Sales 2")


def test_a_locked_project_that_lets_others_in_is_not_published_into_for_an_audience(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    site.check()
    at = next(each for each in wall.server.projects if wall.server.path(each) == "Team")
    wall.server.locks[at] = "LockedToProject"
    allowed = {"Read": "Allow", "Connect": "Allow"}
    rules = {wall.server.groups[name]: allowed for name in ("Sales", "Sales 2")}
    wall.server.defaults = {(at, kind): rules for kind in ("workbooks", "datasources")}
    dashboard = card.dashboard.model_copy(update={"wishes": Wishes(audience=("Sales",))})
    with pytest.raises(Misconfigured, match="it is for Sales alone, and Sales 2 may view what is there"):
        changed(site, readers=("Sales",)).publish(card.model_copy(update={"dashboard": dashboard}))
    assert wall.server.items["workbooks"] == {}


LOCKS = [("Team", "LockedToProject"), ("Team/dashboards", "LockedToProjectWithoutNested")]


@pytest.mark.parametrize(("locked", "lock"), LOCKS)
def test_a_locked_project_decides_who_views_and_is_looked_at_before_publishing(
    wall: TableauWall, site: TableauSite, card: Card, locked: str, lock: str
) -> None:
    site.check()  # makes the project
    at = next(each for each in wall.server.projects if wall.server.path(each) == locked)
    wall.server.locks[at] = lock
    mine = changed(site, readers=("Sales",))
    group = wall.server.groups["Sales"]
    allowed = {"Read": "Allow", "Connect": "Allow"}
    wrong = [{}, {"workbooks": {group: allowed}}]
    wrong += [{"workbooks": {group: allowed}, "datasources": {group: {"Read": "Allow"}}}]
    for rules in wrong:
        wall.server.defaults = {(at, kind): each for kind, each in rules.items()}
        with pytest.raises(Misconfigured, match="are locked, and do not give group Sales"):
            mine.publish(card)
        with pytest.raises(Misconfigured, match="are locked"):
            mine.check()
        assert wall.server.items == {"workbooks": {}, "datasources": {}}
    everybody = wall.server.groups["All Users"]
    wall.server.defaults = {(at, "workbooks"): {group: allowed}, (at, "datasources"): {everybody: allowed}}
    assert "viewed by Sales, as the project's locked permissions say" in mine.check()
    for _ in range(2):
        assert mine.publish(card).notes == ()
    assert wall.server.can_view("Sales", "kpi_page")
    assert wall.names() == ["kpi_page"]


def test_a_locked_project_whose_permissions_may_not_be_read_is_published_into_and_said(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    site.check()
    at = next(each for each in wall.server.projects if wall.server.path(each) == "Team/dashboards")
    wall.server.locks[at] = "LockedToProject"
    wall.server.faults = [Fault("GET .*/default-permissions", "403004", times=9)]
    mine = changed(site, readers=("Sales",))
    assert "may not read whether Sales may view" in mine.check()
    (note,) = mine.publish(card).notes
    assert "may not read whether Sales may view" in note


def test_a_workbook_beside_a_project_that_is_locked_without_its_nested_ones_gets_its_own(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    site.check()
    at = next(each for each in wall.server.projects if wall.server.path(each) == "Team")
    wall.server.locks[at] = "LockedToProjectWithoutNested"
    changed(site, readers=("Sales",)).publish(card)
    assert wall.server.can_view("Sales", "kpi_page")


# data and workbooks


def test_data_goes_before_the_workbook_and_both_as_jobs(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    wall.server.plans = ["slow", "slow"]
    published = site.publish(card)
    asked = [
        each for each in wall.server.requests if each.startswith(("POST /data", "POST /work", "GET /jobs"))
    ]
    assert [each.split("/")[1] for each in asked] == [
        "datasources",
        "jobs",
        "jobs",
        "workbooks",
        "jobs",
        "jobs",
    ]
    assert [job["kind"] for job in wall.server.jobs.values()] == ["PublishDatasource", "PublishWorkbook"]
    assert published.url == f"{wall.server.address}/#/site/acme/views/kpi_page/Dashboard"
    item = wall.server.workbooks()["kpi_page"]
    assert list(item.views) == ["Dashboard", "Release check"]
    assert item.description == "Sales. Release of run r1, for ticket AN-1. 7 of 7 checks passed."


def test_a_description_has_one_full_stop_a_sentence(
    wall: TableauWall, site: TableauSite, make_card: Make
) -> None:
    told = {"title": "Up or down?", "description": "Sales by day."}
    site.publish(make_card(metrics=(ORDERS,), dimensions=(), **told))
    message = wall.server.workbooks()["kpi_page"].description
    assert message.startswith("Up or down? Sales by day. Release of run r1, for ticket AN-1. ")


def test_an_extract_may_travel_inside_the_workbook(wall: TableauWall, site: TableauSite, card: Card) -> None:
    published = changed(site, data="packed").publish(card)
    assert wall.server.sources() == {}
    (inner,) = wall.server.twb("kpi_page").iter("named-connection")
    assert inner.find("connection").get("dbname") == "Data/kpi_page-sales.hyper"
    rows = duckdb.sql(f"SELECT * FROM read_parquet('{card.extracts[0]}')").fetchall()
    assert hyper_rows(published.extract)["Extract"] == sorted(rows, key=repr)
    assert f"{len(rows):,} rows, the newest of 2025-11-30" == published.canary


@pytest.fixture
def warehouse(tmp_path: Path, sales: duckdb.DuckDBPyConnection) -> Path:
    """A DuckDB file that plays Snowflake: schema SERVING with the orders."""
    path = tmp_path / "warehouse.duckdb"
    sales.execute(
        f"ATTACH '{path}' AS wh; CREATE SCHEMA wh.serving; CREATE TABLE wh.serving.sales AS FROM orders"
    )
    sales.execute("DETACH wh")
    return path


LIVE = LiveSource(kind="snowflake", server="acme.snowflakecomputing.com", database="A", schema_name="SERVING")
QUERY = (
    'select day as "day", country as "country", count(*) as "orders" from "serving"."sales" '
    "where amount > 0 and amount <> -1 group by 1, 2"
)


@pytest.fixture
def live_card(card: Card, sales: duckdb.DuckDBPyConnection, tmp_path: Path) -> Card:
    """What the flow makes of a card for a site that reads live: columns, no rows."""
    rows = sales.execute("SELECT count(DISTINCT (day, country)) FROM orders").fetchone()
    empty = export(sales, card.datasets[0], tmp_path / "empty.parquet", "false")
    told = {"live": LIVE, "queries": (QUERY,), "extracts": (empty,)}
    return card.model_copy(update={**told, "summaries": (DatasetSummary(rows=rows[0], newest="2025-11-30"),)})


def test_a_live_source_reads_the_warehouse_with_embedded_credentials(
    wall: TableauWall, site: TableauSite, live_card: Card, warehouse: Path
) -> None:
    wall.server.live = warehouse
    live = changed(site, data="live", live_user=READER, live_password=PASSWORD)
    assert live.reads_live
    published = live.publish(live_card)
    (source,) = wall.server.sources().values()
    assert source.kind == "tds"
    assert source.login == (READER, PASSWORD)
    assert PASSWORD.encode() not in source.data
    assert published.canary == f"{live_card.summaries[0].rows:,} rows, the newest of 2025-11-30"
    assert published.rows == live_card.summaries[0].rows
    assert published.extract is None
    source.login = None  # as overwriting does where nothing is embedded again
    assert live.publish(live_card).canary
    assert next(iter(wall.server.sources().values())).login == (READER, PASSWORD)


def test_live_needs_a_reader_and_a_warehouse_that_can_be_reached(
    site: TableauSite, card: Card, live_card: Card
) -> None:
    with pytest.raises(Misconfigured, match="can't be read by a BI server"):
        changed(site, data="live", live_user=READER).publish(card)
    with pytest.raises(Misconfigured, match="live_user"):
        changed(site, data="live").publish(live_card)


def test_rows_with_an_open_end_for_a_date_are_told(
    wall: TableauWall, site: TableauSite, card: Card, tmp_path: Path
) -> None:
    """Pages leave them out, so that the two would show different totals without a word."""
    rows = f"FROM read_parquet('{card.extracts[0]}') UNION ALL SELECT DATE '9999-12-31', 'Spain', 5"
    duckdb.sql(f"COPY ({rows}) TO '{tmp_path / 'open.parquet'}'")
    (note,) = site.publish(card.model_copy(update={"extracts": (tmp_path / "open.parquet",)})).notes
    assert note.startswith("1 rows of sales have a date years ahead")


NOTHING = "and nothing refreshes the dashboard by itself"
SMALL, HUGE = DataAsk(rows=9), DataAsk(rows=11)
WANTED = DataAsk(rows=9, live_wanted=True)
DAILY, FILED = DataAsk(rows=9, arrives=1.02, refreshed=1), DataAsk(rows=9, arrives=1.02, refreshed=7)
ONCE, HOURLY = DataAsk(rows=9, arrives=7.1, refreshed=None), DataAsk(rows=9, arrives=0.04)


@pytest.mark.parametrize(
    ("fields", "asked", "reached", "live", "reason"),
    [
        ({}, SMALL, True, False, f"{UNMEASURED}, and the dashboard is refreshed with each run"),
        ({}, DAILY, True, False, "new rows came every day, and the dashboard is refreshed every day"),
        ({}, HOURLY, True, False, "new rows came every hour, and the dashboard is refreshed with each run"),
        ({}, FILED, True, True, "new rows came every day, and the dashboard is refreshed every 7 days"),
        ({}, ONCE, True, True, f"new rows came every 7 days, {NOTHING}"),
        (
            {"live_user": ""},
            ONCE,
            True,
            False,
            f"new rows came every 7 days, {NOTHING}, but live_user is not set",
        ),
        ({}, HUGE, True, True, "11 rows are more than 10"),
        ({}, WANTED, True, True, "live data was asked for"),
        ({}, WANTED, False, False, "live data was asked for, but a BI server can't read this warehouse"),
        ({"live_user": ""}, HUGE, True, False, "11 rows are more than 10, but live_user is not set"),
        ({"data": "published"}, WANTED, True, False, "as the block says"),
        ({"data": "live"}, SMALL, True, True, "as the block says"),
    ],
)
def test_how_a_dataset_is_read_is_chosen_by_size_freshness_and_what_was_asked(
    site: TableauSite, fields: dict[str, Any], asked: DataAsk, reached: bool, live: bool, reason: str
) -> None:
    found = changed(site, **({"live_rows": 10, "live_user": READER} | fields)).choose_data(
        asked, LIVE if reached else None
    )
    assert found == DataChoice(live=live, reason=reason)


def test_one_dataset_may_be_read_live_and_another_as_an_extract(
    wall: TableauWall, site: TableauSite, live_card: Card, warehouse: Path, make_card: Make
) -> None:
    wall.server.live = warehouse
    other = make_card(metrics=(CUSTOMERS,), dimensions=("segment",))
    people = other.datasets[0].model_copy(update={"mart": "people"})
    both = live_card.model_copy(
        update={
            "datasets": (live_card.datasets[0], people),
            "extracts": (live_card.extracts[0], other.extracts[0]),
            "queries": (QUERY, "select 1"),
            "summaries": (
                live_card.summaries[0],
                DatasetSummary(rows=len(wall_rows(other)), newest="2025-11-30"),
            ),
            "choices": (DataChoice(live=True, reason="live data was asked for"), DataChoice(reason="why")),
        }
    )
    published = changed(site, live_user=READER, live_password=PASSWORD).publish(both)
    kinds = {name: source.kind for name, source in wall.server.sources().items()}
    assert kinds == {"kpi_page-sales": "tds", "kpi_page-people": "hyper"}
    assert published.canary
    assert published.data_notes == (
        "Data of sales: read from the warehouse itself (live data was asked for).",
        "Data of people: an extract, all of it: 0.1 MB are sent as a whole at once (why).",
    )


# people


def test_a_workbook_that_people_edited_is_left_alone_and_ours_is_beside_it(
    wall: TableauWall, site: TableauSite, make_card: Make
) -> None:
    first = site.publish(make_card(metrics=(ORDERS,), dimensions=("country",)))
    assert first.notes == ()
    wall.server.edit("kpi_page")
    edited = wall.server.workbooks()["kpi_page"].data
    for title in ("Second", "Third"):
        published = site.publish(make_card(title=title, metrics=(ORDERS,), dimensions=("country",)))
        assert wall.names() == ["kpi_page", "kpi_page-ours"]
        assert published.notes == (
            "Workbook kpi_page was edited on the site, so it was left alone; the new version is beside it, as "
            "kpi_page-ours.",
        )
        assert published.url.endswith("/views/kpi_page-ours/Dashboard".replace("-", ""))
        assert title in wall.says("kpi_page-ours")
    assert wall.server.workbooks()["kpi_page"].data == edited
    assert list(wall.server.sources()) == ["kpi_page-sales"]


def test_a_workbook_that_was_never_ours_is_left_alone(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    site.publish(card)
    wall.server.edit("kpi_page")
    wall.server.workbooks()["kpi_page"].tags.clear()
    site.publish(card)
    wall.server.edit("kpi_page-ours")
    assert site.publish(card).notes[0].startswith("Workbook kpi_page and kpi_page-ours was")
    assert wall.names() == ["kpi_page", "kpi_page-ours", "kpi_page-ours-2"]


def test_a_workbook_of_that_name_in_another_project_is_another(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    changed(site, project="Somebody else's/dashboards").publish(card)
    wall.server.workbooks("Somebody else's/dashboards")["kpi_page"].tags.clear()
    before = list(wall.server.workbooks("Somebody else's/dashboards")["kpi_page"].saved_by)
    assert site.publish(card).notes == ()
    assert wall.names() == ["kpi_page"]
    theirs = wall.server.workbooks("Somebody else's/dashboards")["kpi_page"]
    assert (theirs.saved_by, theirs.tags) == (before, set())


def test_what_was_published_but_not_marked_any_more_is_still_ours(
    wall: TableauWall, site: TableauSite, make_card: Make
) -> None:
    cards = [
        make_card(title=title, metrics=(ORDERS,), dimensions=()) for title in ("First", "Second", "Third")
    ]
    packed = changed(site, data="packed")  # so that the workbook's job is the only one
    packed.publish(cards[0])
    wall.server.faults = [Fault("GET /jobs", "drop")]
    with pytest.raises(Unavailable):
        packed.publish(cards[1])
    assert "Second" in wall.says("kpi_page")
    assert packed.publish(cards[2]).notes == ()
    assert wall.names() == ["kpi_page"]


def test_what_the_server_rewrites_is_no_edit(wall: TableauWall, site: TableauSite, make_card: Make) -> None:
    wall.server.rewrites = True
    for title in ("First", "Second", "Third"):
        assert site.publish(make_card(title=title, metrics=(ORDERS,), dimensions=())).notes == ()
    assert wall.names() == ["kpi_page"]


def test_a_server_whose_files_are_never_twice_the_same_tells_who_saved_them(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    wall.server.restless = True
    for _ in range(3):
        assert site.publish(card).notes == ()
    assert wall.names() == ["kpi_page"]
    wall.server.edit("kpi_page")
    assert site.publish(card).notes
    wall.server.faults = [Fault("GET .*/revisions", "403000", times=9)]  # no history is kept
    assert "kpi_page-ours-2" in site.publish(card).notes[0]


def test_a_workbook_keeps_other_tags_and_one_mark(wall: TableauWall, site: TableauSite, card: Card) -> None:
    site.publish(card)
    item = wall.server.workbooks()["kpi_page"]
    item.tags.add("certified")
    site.publish(card)
    assert "certified" in item.tags
    assert len(item.tags) == 2


def give(wall: TableauWall) -> None:
    """What people give our workbook and its data source on the site."""
    item, source = wall.server.workbooks()["kpi_page"], wall.server.sources()["kpi_page-sales"]
    item.tags |= {"certified", "Board, Q4 & more"}
    item.views["Dashboard"]["tags"].add("monthly")
    source.tags.add("finance")
    for each in (item, source):
        each.owner, each.description = "maria", "Ask Maria."
    item.tabs = True
    source.certified, source.note = True, "Checked by finance"
    source.warnings = [WARNING, {**WARNING, "id": "w2", "type": "STALE", "message": "Not since May"}]
    view = item.views["Dashboard"]["id"]
    for kind, hangers in wall.server.hangers.items():
        hangers.append(Hanger(f"{kind}-1", f"My {kind}", item.id, view))
        hangers.append(Hanger(f"{kind}-2", f"Other {kind}", "another", "another"))


WARNING = {
    "id": "w1",
    "type": "WARNING",
    "message": "Half of May is missing",
    "isActive": "true",
    "isSevere": "true",
}


def list_given(wall: TableauWall) -> list[object]:
    item, source = wall.server.workbooks()["kpi_page"], wall.server.sources()["kpi_page-sales"]
    told = [item.tags - {each for each in item.tags if each.startswith("ticket-to-")}, item.tabs]
    told += [item.views["Dashboard"]["tags"], source.tags - {"ticket-to-dashboard.source.kpi_page"}]
    told += [*((each.owner, each.description) for each in (item, source))]
    warnings = sorted((each["type"], each["message"], each["isSevere"]) for each in source.warnings)
    return [*told, (source.certified, source.note), warnings]


GIVEN = [
    {"certified", "Board, Q4 & more"},
    True,
    {"monthly"},
    {"finance"},
    ("maria", "Ask Maria."),
    ("maria", "Ask Maria."),
    (True, "Checked by finance"),
    [("STALE", "Not since May", "true"), ("WARNING", "Half of May is missing", "true")],
]


@pytest.mark.parametrize("forgets", [True, False])
def test_what_people_gave_a_workbook_survives_an_overwrite(
    wall: TableauWall, site: TableauSite, make_card: Make, forgets: bool
) -> None:
    wall.server.forgets = forgets
    site.publish(make_card(title="First", metrics=(ORDERS,), dimensions=()))
    give(wall)
    for title in ("Second", "Third"):
        assert site.publish(make_card(title=title, metrics=(ORDERS,), dimensions=())).notes == ()
        assert list_given(wall) == GIVEN
        assert title in wall.says("kpi_page")
    assert sum(each.startswith("ticket-to-") for each in wall.server.workbooks()["kpi_page"].tags) == 1


def test_what_can_not_be_given_back_is_told(wall: TableauWall, site: TableauSite, card: Card) -> None:
    wall.server.forgets = True
    site.publish(card)
    give(wall)
    wall.server.workbooks()["kpi_page"].views["Gone"] = {"id": "gone", "opened": 0, "tags": {"x"}}
    wall.server.faults = [Fault("PUT /workbooks/[^/]*$", "403004")]
    gone, owner = site.publish(card).notes
    assert gone == "View Gone of kpi_page is no more; it had 1 tags of people."
    assert owner.startswith("Restore owner, description and tabs of kpi_page: not done (")


def test_what_hung_on_views_and_is_gone_after_an_overwrite_is_told_by_name(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    site.publish(card)
    give(wall)
    assert site.publish(card).notes == ()
    wall.server.renews = True
    told = site.publish(card).notes
    assert told[0] == (
        "View Dashboard of kpi_page is another one for the site since it was published again: people's favourites and "
        "links to it are lost."
    )
    gone = [each for each in told if each.startswith("Since kpi_page was published again it has no more ")]
    assert len(gone) == 3
    for words in (
        "a subscription, “My subscriptions”",
        "an alert, “My dataAlerts”",
        "a custom view, “My custom",
    ):
        assert any(words in each for each in gone)


def test_what_a_user_may_not_list_ends_no_publishing(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    site.publish(card)
    give(wall)
    wall.server.faults = [
        Fault("GET /(subscriptions|dataAlerts|customviews|dataQualityWarnings)", "403004", times=99)
    ]
    assert site.publish(card).notes == ()
    wall.server.requests.clear()
    changed(site, token=None, app=APP).publish(card)  # which has no scope for them
    asked = " ".join(wall.server.requests)
    assert not [each for each in ("subscriptions", "dataAlerts", "customviews", "Quality") if each in asked]


@pytest.mark.parametrize("overwrites", [False, True])
def test_killed_after_any_request_the_next_run_knows_its_own_and_loses_nothing(
    wall: TableauWall, site: TableauSite, make_card: Make, overwrites: bool
) -> None:
    """The worst server: an overwrite forgets all, tags are set after publishing only, and no history is kept."""
    wall.server.forgets = True
    wall.server.faults = [Fault("GET .*/revisions", "403000", times=999)]
    cards = [
        make_card(title=title, metrics=(ORDERS,), dimensions=()) for title in ("First", "Second", "Third")
    ]
    site.publish(cards[0])
    give(wall)
    asked = list(wall.server.requests)
    first = next(
        n for n, each in enumerate(asked, 1) if each.startswith("POST /data")
    )  # nothing changes before it
    for after in range(first, 100):
        if not overwrites:
            wall.server.items["workbooks"].clear()
            wall.server.items["datasources"].clear()
            shutil.rmtree(site.folder)
        wall.server.dies_after = after
        try:
            site.publish(cards[1 + after % 2])
            break
        except Unavailable:
            wall.server.dies_after = None
        published = site.publish(cards[2 - after % 2])
        assert published.notes == (), after
        assert wall.names() == ["kpi_page"], after
        assert cards[2 - after % 2].dashboard.title in wall.says("kpi_page")
        assert not overwrites or list_given(wall) == GIVEN, after
    assert after > 10


def test_a_worker_that_lost_its_folder_knows_its_workbook_by_its_signature(
    wall: TableauWall, site: TableauSite, make_card: Make
) -> None:
    wall.server.faults = [Fault("GET .*/revisions", "403000", times=9)]  # no history is kept
    site.publish(make_card(title="First", metrics=(ORDERS,), dimensions=()))
    wall.server.workbooks()["kpi_page"].tags.clear()
    shutil.rmtree(site.folder)
    assert site.publish(make_card(title="Second", metrics=(ORDERS,), dimensions=())).notes == ()
    wall.server.workbooks()["kpi_page"].tags.clear()
    shutil.rmtree(site.folder)
    wall.server.edit("kpi_page")
    assert "kpi_page-ours" in site.publish(make_card(metrics=(ORDERS,), dimensions=())).notes[0]


def test_views_since_the_last_time_are_told(wall: TableauWall, site: TableauSite, card: Card) -> None:
    assert site.publish(card).views is None
    wall.server.open("kpi_page", 7)
    assert site.publish(card).views == 7
    assert site.publish(card).views == 0
    wall.server.open("kpi_page", -7)  # a server that forgot its counts
    wall.server.open("kpi_page", 2)
    assert site.publish(card).views == 2


def test_how_often_a_dashboard_was_opened_can_be_asked_for(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    site.publish(card)
    wall.server.open("kpi_page", 7)
    assert site.read_use("kpi_page").opened == 7
    wall.server.edit("kpi_page")
    site.publish(card)
    wall.server.open("kpi_page-ours", 2)
    assert site.read_use("kpi_page").opened == 9


# data sources of dashboards that are gone


def test_a_data_source_whose_dashboard_is_gone_is_listed_and_removed_after_a_grace(
    wall: TableauWall, site: TableauSite, make_card: Make, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = wall.server.items["datasources"]
    for name in ("gone", "here"):
        site.publish(make_card(name=name, metrics=(ORDERS,), dimensions=()))
    theirs = next(each for each in sources.values() if each.name == "gone-sales")
    sources["theirs"] = Item("theirs", "gone-theirs", theirs.project, "hyper", theirs.data, "theirs")
    assert "gone" not in site.check()
    books = wall.server.items["workbooks"]
    removed = books.pop(next(key for key, each in books.items() if each.name == "gone"))
    assert "whose dashboard is gone: gone-sales (read by 0 workbooks)" in site.check()
    tidy, never = changed(site, gone_days=30), changed(site, gone_days=None)
    index(tidy, card, monkeypatch, "2026-01-01")
    index(tidy, card, monkeypatch, "2026-01-30")
    assert "gone-sales (read by 0 workbooks, removed from 2026-01-31 on)" in tidy.check()
    assert "gone-sales (read by 0 workbooks)" in never.check()
    assert sorted(wall.server.sources()) == ["gone-sales", "gone-theirs", "here-sales"]
    wall.server.counts = False  # a server that does not say who reads it
    index(tidy, card, monkeypatch, "2026-02-01")
    assert "gone-sales (not known who reads it, so it stays)" in tidy.check()
    wall.server.counts = True
    removed.name, books["copy"] = "People's copy", removed
    index(tidy, card, monkeypatch, "2026-02-01")
    assert "gone-sales (read by 1 workbooks)" in site.check()
    del books["copy"]
    index(never, card, monkeypatch, "2030-01-01")
    index(site, card, monkeypatch, "2026-03-31")  # the default: 90 days
    wall.server.faults = [Fault("DELETE /datasources", "403004")]
    index(tidy, card, monkeypatch, "2026-02-01")  # it may not be removed: the run goes on
    assert "gone-sales" in wall.server.sources()
    wall.server.faults = [Fault("DELETE /datasources", "lose")]
    with pytest.raises(Unavailable):
        index(tidy, card, monkeypatch, "2026-02-01")
    index(tidy, card, monkeypatch, "2026-02-01")
    assert sorted(wall.server.sources()) == ["gone-theirs", "here-sales"]


def test_a_dashboard_that_comes_back_is_gone_no_more(
    wall: TableauWall, site: TableauSite, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidy = changed(site, gone_days=30)
    tidy.publish(card)
    wall.server.items["workbooks"].clear()
    index(tidy, card, monkeypatch, "2026-01-01")
    tidy.publish(card)
    (source,) = wall.server.sources().values()
    assert source.tags == {"ticket-to-dashboard.source.kpi_page"}


def test_data_of_an_archived_dashboard_is_not_that_of_one_that_is_gone(
    wall: TableauWall, site: TableauSite, card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish(card)
    site.archive("kpi_page")
    index(site, card, monkeypatch, "2026-01-01")
    assert "gone" not in site.check()
    (source,) = wall.server.sources().values()
    assert source.tags == {"ticket-to-dashboard.source.kpi_page"}


def index(site: TableauSite, card: Card, monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    """The end of a run on that day, in which something was published."""

    class Clock(datetime):
        @classmethod
        def now(cls, zone: Any = None) -> Clock:
            return cls.fromisoformat(day).replace(tzinfo=zone)

    monkeypatch.setattr(tableau_site, "datetime", Clock)
    site.index([card], [])


# the canary


def test_a_view_that_is_stale_for_a_while_is_asked_again(
    wall: TableauWall, site: TableauSite, card: Card, quick: None
) -> None:
    wall.server.stale = ["Rows: 3, newest: 2025-11-29"] * 3
    assert changed(site, canary_seconds=5).publish(card).canary
    assert sum(each.endswith("/data") for each in wall.server.requests) == 4


def test_a_view_that_stays_stale_fails_the_dashboard(
    wall: TableauWall, site: TableauSite, card: Card, quick: None
) -> None:
    card = card.model_copy(
        update={"summaries": (DatasetSummary(rows=len(wall_rows(card)), newest="2025-11-30"),)}
    )
    wall.server.stale = [f"Rows: {len(wall_rows(card))}, newest: 2025-11-29"] * 100
    with pytest.raises(Unavailable, match="the newest of 2025-11-29, the release has"):
        changed(site, canary_seconds=0.1).publish(card)


def wall_rows(card: Card) -> list[Any]:
    return duckdb.sql(f"SELECT * FROM read_parquet('{card.extracts[0]}')").fetchall()


# jobs and refreshes


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("plan", "kind", "words"),
    [
        ("failed", Rejected, "The data could not be read"),
        ("cancelled", Rejected, "job"),
        ("odd", Rejected, "not known"),
        ("never", TimedOut, "deadline"),
    ],
)
def test_jobs_that_do_not_end_well(
    wall: TableauWall, site: TableauSite, card: Card, plan: str, kind: type[Exception], words: str, place: int
) -> None:
    wall.server.plans = [*["done"] * place, plan]
    with pytest.raises(kind, match=words):
        changed(site, job_seconds=0.3).publish(card)
    assert wall.names() == []
    assert sum(each.startswith("GET /jobs") for each in wall.server.requests) <= place + 2


OWN_EXTRACT = (
    '<connection class="federated"><named-connections><named-connection name="x"><connection class="{}"/>'
    '</named-connection></named-connections><extract enabled="true"/></connection>'
)


def own_workbook(wall: TableauWall, site: TableauSite, card: Card, driver: str = "") -> TableauSite:
    """The generated workbook as a person took it, changed and kept in the repository; driver: its own extract's."""
    site.publish(card)
    kept = wall.site.folder / "kpi_page" / "kpi_page.twbx"
    root, others = files.workbook_of(kept.read_bytes())
    next(root.iter("run")).text = "Drawn by hand"
    if driver:
        source = root.find("datasources/datasource")
        source.replace(source.find("connection"), etree.fromstring(OWN_EXTRACT.format(driver)))
        for sheet in root.iter("worksheet"):
            sheet.set("name", sheet.get("name").replace("Release check", "Nothing to check"))
    folder = wall.site.folder / "own"
    folder.mkdir()
    (folder / "kpi_page.twbx").write_bytes(files.packed(root, others))
    wall.server.items["workbooks"].clear()
    wall.server.jobs.clear()
    return changed(site, workbooks=folder, live_user=READER, live_password=PASSWORD)


def test_a_workbook_of_the_project_is_published_as_it_is(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    own = own_workbook(wall, site, card)
    published = own.publish(card)
    assert "Drawn by hand" in wall.says("kpi_page")
    assert published.canary
    assert published.notes == ()
    assert [job["kind"] for job in wall.server.jobs.values()] == ["PublishDatasource", "PublishWorkbook"]
    assert own.publish(card).notes == ()
    assert wall.names() == ["kpi_page"]


def test_an_own_workbook_that_was_not_marked_after_publishing_was_marked_before(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    """It has no signature; the worker's folder is lost, and the site keeps no history."""
    own = own_workbook(wall, site, card)
    own.publish(card)
    wall.server.requests.clear()
    own.publish(card)
    asked = list(wall.server.requests)
    draw_anew(own, "Drawn again")
    wall.server.faults = [Fault("GET .*/revisions", "403000", times=9)]
    wall.server.dies_after = max(n for n, each in enumerate(asked, 1) if "/jobs/" in each)
    with pytest.raises(Unavailable):
        own.publish(card)
    wall.server.dies_after = None
    assert "Drawn again" in wall.says("kpi_page")
    shutil.rmtree(wall.site.folder / "kpi_page")
    draw_anew(own, "Drawn once more")
    assert own.publish(card).notes == ()
    assert wall.names() == ["kpi_page"]


def draw_anew(own: TableauSite, words: str) -> None:
    """A change of the workbook that the repository keeps."""
    assert own.workbooks
    path = own.workbooks / "kpi_page.twbx"
    root, others = files.workbook_of(path.read_bytes())
    next(root.iter("run")).text = words
    path.write_bytes(files.packed(root, others))


def test_a_workbook_with_its_own_extract_is_connected_and_refreshed(
    wall: TableauWall, site: TableauSite, card: Card
) -> None:
    own = own_workbook(wall, site, card, driver="snowflake")
    published = own.publish(card)
    item = wall.server.workbooks()["kpi_page"]
    assert item.login == (READER, PASSWORD)
    assert item.refreshed == 1
    assert published.canary is None
    assert "was not read back" in published.notes[0]


def test_a_published_source_of_others_that_it_shows_is_refreshed_too(
    wall: TableauWall, site: TableauSite, card: Card, warehouse: Path
) -> None:
    own = own_workbook(wall, site, card)
    (source,) = wall.server.sources().values()
    theirs = Item(
        "their-id", "Theirs", source.project, "tds", THEIR_TDS.encode(), "theirs", login=("they", "know")
    )
    wall.server.items["datasources"]["their-id"] = theirs
    wall.server.live = warehouse
    path = own.workbooks / "kpi_page.twbx"
    root, others = files.workbook_of(path.read_bytes())
    root.find("datasources/datasource/connection").set("dbname", "theirs")
    path.write_bytes(files.packed(root, others))
    assert own.publish(card).canary
    assert theirs.refreshed == 1
    assert source.refreshed == 0  # it was published a moment ago


THEIR_TDS = (
    '<datasource><connection class="federated"><named-connections><named-connection name="x">'
    '<connection class="snowflake"/></named-connection></named-connections>'
    f"<relation>{escape(QUERY.replace('<', '<<').replace('>', '>>'))}</relation>"
    "<extract/></connection></datasource>"
)


def test_a_refresh_that_is_queued_already_is_waited_out_and_made_again(
    wall: TableauWall, site: TableauSite, card: Card, quick: None
) -> None:
    own = own_workbook(wall, site, card, driver="snowflake")
    own.publish(card)
    item = wall.server.workbooks()["kpi_page"]
    wall.server.queued[item.id] = 3
    own.publish(card)
    assert item.refreshed == 2
    assert wall.server.queued[item.id] == 0
    wall.server.queued[item.id] = 10_000
    with pytest.raises(Busy, match="still queued"):
        changed(own, workbooks=own.workbooks, job_seconds=0.2).publish(card)


# faults


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("400000", BadInput),
        ("400006", Unavailable),  # a page that is no longer there
        ("403004", Forbidden),
        ("403131", Busy),
        ("403132", Misconfigured),
        ("404005", NotFound),
        ("409004", Busy),
        ("429000", RateLimited),
        ("500000", Unavailable),
        ("503000", Unavailable),
        ("drop", Unavailable),
        ("lose", Unavailable),
        ("html", BadAnswer),
    ],
)
@pytest.mark.parametrize("request_", ["POST /auth/signin", "GET /projects", "POST /workbooks", "GET /views/"])
def test_faults_say_whether_trying_again_helps(
    wall: TableauWall, site: TableauSite, card: Card, answer: str, kind: type[Exception], request_: str
) -> None:
    if answer == "html" and request_ == "GET /views/":
        pytest.skip("the client takes any answer as a view's data")
    wall.server.faults = [Fault(request_, answer, headers={"Retry-After": "17"})]
    with pytest.raises(PlatformError) as raised:
        site.publish(card)
    assert type(raised.value) is kind
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None  # it would carry the request, with its secrets
    if kind is RateLimited:
        assert raised.value.retry_after == 17
    assert site.publish(card).canary
    assert wall.names() == ["kpi_page"]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ("403132", Misconfigured, "no missing right: the server can't reach the data"),
        ("403007", Forbidden, "Publish on the project"),
        ("403039", Misconfigured, "permissions are locked"),
        ("404005", NotFound, "project was deleted or moved"),
        ("404015", Unavailable, "upload has expired"),
        ("409987", Busy, "409987 Refused. Something else"),  # in no list
        ("html413", BadInput, "not Tableau, answered 413 with a page. .*TSC_CHUNK_SIZE_MB"),
        ("html403", Forbidden, "not Tableau, answered 403 with a page. .*sign-on page"),
        ("html504", Unavailable, "not Tableau, answered 504. .*raise its time-out"),
        ("html", BadAnswer, "not XML"),
    ],
)
def test_each_code_has_its_own_remedy_and_a_proxy_is_told_from_tableau(
    wall: TableauWall, site: TableauSite, card: Card, answer: str, kind: type[Exception], words: str
) -> None:
    wall.server.faults = [Fault("POST /workbooks$", answer)]
    with pytest.raises(kind, match=words) as raised:
        site.publish(card)
    for hidden in ("as the test asked", "s3cr3t", "<html"):  # details may hold names and rows
        assert hidden not in f"{raised.value!r}"


def test_codes_are_of_the_status_they_begin_with() -> None:
    for code, refusal in CODES.items():
        assert code.isdecimal()
        assert len(code) == 6
        assert 400 <= int(code[:3]) < 500
        assert refusal.error
        assert refusal.remedy.endswith(".")


def test_no_server_and_no_address(site: TableauSite, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="refused or dropped"):
        changed(site, server="http://127.0.0.1:9").check()
    for wrong in ("https://", "bi.example.com", "ftp://bi", "https://bi.example.com/#/site/acme"):
        with pytest.raises(ValidationError, match="server"):
            changed(site, server=wrong)


CHANGES = [
    "POST /projects",
    "POST /datasources",
    "POST /workbooks",
    "GET /jobs",
    "PUT .*/tags",
    "DELETE .*/tags",
    "GET .*/content",
    "GET .*/image",
    "GET .*/data",
]


@pytest.mark.parametrize("answer", ["drop", "lose"])
@pytest.mark.parametrize("request_", CHANGES)
def test_interrupted_anywhere_and_run_again_nothing_is_there_twice(
    wall: TableauWall, site: TableauSite, make_card: Make, request_: str, answer: str
) -> None:
    """lose: the server did it, and its answer did not arrive. The second round changes what there is."""
    for title in ("First", "Second"):
        card = make_card(title=title, metrics=(ORDERS,), dimensions=())
        wall.server.faults = [Fault(request_, answer)]
        try:
            site.publish(card)
        except Unavailable:
            assert site.publish(card).notes == ()
        wall.server.faults = []
        assert wall.names() == ["kpi_page"]
        assert list(wall.server.sources()) == ["kpi_page-sales"]
        assert title in wall.says("kpi_page")
        assert len(wall.server.workbooks()["kpi_page"].tags) == 1
    assert [each for each, _ in wall.server.projects.values()].count("Team") == 1


@pytest.fixture
def chunked(make_card: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    """A card whose extract takes several chunks: the client's limits are lowered by its own variables."""
    monkeypatch.setenv("TSC_FILESIZE_LIMIT_MB", "1")
    monkeypatch.setenv("TSC_CHUNK_SIZE_MB", "1")
    card = make_card(metrics=(ORDERS,), dimensions=("country",))
    rows = "date '2025-01-01' + (i % 300)::int AS day, md5(i::varchar) AS country, i AS orders"
    duckdb.sql(f"COPY (SELECT {rows} FROM range(60000) r(i)) TO '{tmp_path / 'many.parquet'}'")
    return card.model_copy(update={"extracts": (tmp_path / "many.parquet",)})


def test_large_files_go_in_chunks(wall: TableauWall, site: TableauSite, chunked: Card) -> None:
    site.publish(chunked)
    assert sum(each.startswith("PUT /fileUploads") for each in wall.server.requests) > 1
    assert len(wall.rows("kpi_page")["Extract"]) == 60_000


def test_an_upload_that_breaks_for_good_leaves_nothing_and_is_made_again(
    wall: TableauWall, site: TableauSite, chunked: Card, quick: None
) -> None:
    wall.server.faults = [Fault("PUT /fileUploads", "drop", times=99)]
    with pytest.raises(Unavailable):
        site.publish(chunked)
    assert wall.server.sources() == {}
    wall.server.faults = []
    assert len(wall_rows(chunked)) == site.publish(chunked).rows


@pytest.mark.parametrize("answer", ["drop", "lose", "502000"])
def test_a_part_that_got_lost_does_not_end_the_publishing(
    wall: TableauWall, site: TableauSite, chunked: Card, quick: None, answer: str
) -> None:
    """These parts are too small to see whether one is there twice: the upload is begun again."""
    wall.server.faults = [Fault("PUT /fileUploads", answer)]
    assert site.publish(chunked).notes == ()
    assert len(wall.rows("kpi_page")["Extract"]) == 60_000


@pytest.mark.parametrize(
    ("answer", "begun", "parts"),
    [("drop", 1, 5), ("502000", 1, 5), ("lose", 2, 6), ("swallow", 2, 5), ("fine", 1, 4)],
)
def test_an_upload_in_parts_goes_on_and_has_each_byte_once(
    wall: TableauWall,
    site: TableauSite,
    tmp_path: Path,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    begun: int,
    parts: int,
) -> None:
    """drop: a part did not arrive, and it alone is sent again. lose: it did, but nobody knows. swallow: it did not."""
    monkeypatch.setenv("TSC_CHUNK_SIZE_MB", "4")
    path = tmp_path / "large.hyper"
    path.write_bytes(bytes(range(256)) * (4 * 3_500_000 // 256))
    with site._connect() as session:
        wall.server.faults = [Fault("PUT /fileUploads", answer)] if answer != "fine" else []
        upload = session.call("Upload", lambda server: server.fileuploads.upload(path))
    assert wall.server.uploads[upload] == path.read_bytes()
    assert sum(each.startswith("POST /fileUploads") for each in wall.server.requests) == begun
    assert sum(each.startswith("PUT /fileUploads") for each in wall.server.requests) == parts


def test_a_server_that_loses_every_part_is_refused(
    wall: TableauWall, site: TableauSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TSC_CHUNK_SIZE_MB", "4")
    path = tmp_path / "large.hyper"
    path.write_bytes(b"x" * (7 << 20))
    wall.server.faults = [Fault("PUT /fileUploads", "swallow", times=99)]
    with site._connect() as session, pytest.raises(Unavailable, match="3 times not all of it arrived"):
        session.call("Upload", lambda server: server.fileuploads.upload(path))


def test_a_chunk_that_the_server_lost_is_found_out(
    wall: TableauWall, site: TableauSite, chunked: Card
) -> None:
    wall.server.faults = [Fault("PUT /fileUploads", "swallow")]
    with pytest.raises(Rejected, match="not all of it arrived"):
        site.publish(chunked)
    assert wall.server.sources() == {}


# secrets


def test_secrets_are_in_no_log_no_error_and_no_file(
    wall: TableauWall,
    site: TableauSite,
    live_card: Card,
    warehouse: Path,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    wall.server.live = warehouse
    told = {"data": "live", "live_user": READER, "live_password": PASSWORD}
    sites = [changed(site, **told), changed(site, **told, token=None, app=APP)]
    message = []
    with caplog.at_level(logging.DEBUG):
        for each in sites:
            message += [repr(each), str(each), each.model_dump_json()]
            each.publish(live_card)
            for request in ("POST /auth/signin", "POST /datasources", "GET /jobs"):
                for answer in ("drop", "500000", "401001", "400006"):
                    wall.server.faults = [Fault(request, answer)]
                    with pytest.raises(PlatformError) as raised:
                        each.publish(live_card)
                    message += [
                        "".join(traceback.format_exception(raised.value)),
                        repr(raised.value.__context__),
                    ]
                    wall.server.faults = []
    message += [path.read_text(errors="replace") for path in site.folder.rglob("*") if path.is_file()]
    everything = "\n".join([caplog.text, *message])
    assert "POST" in caplog.text.upper()
    for secret in (TOKEN[1], APP["secret"], PASSWORD):
        assert secret not in everything
    assert not list(tmp_path.rglob("hyperd*"))


# the live suite


@pytest.mark.parametrize(
    "run",
    [
        test_site_live.test_tags_of_people_and_the_owner_outlive_an_overwrite,
        test_site_live.test_the_days_that_changed_are_taken_in_and_shown,
    ],
)
def test_the_live_suite_asks_for_what_there_is(
    site: TableauSite, make_card: Make, run: Callable[[TableauSite, Make], None]
) -> None:
    """Nobody runs it often: a name of ours that it has wrong would be seen on somebody's site first."""
    with site._connect():
        run(site, make_card)
