"""The same promises on a real Tableau site; runs where TABLEAU_SERVER and a token are set. See docs/tableau.md.

It publishes into a project of its own below TABLEAU_PROJECT, and deletes that project when it is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest

from blocks.records import Analysis
from blocks.site.base import Card
from blocks.site.readback import DatasetSummary
from blocks.site.tableau.client import content, views
from blocks.site.tableau.client.permissions import _read_rules
from blocks.site.tableau.client.projects import find_or_make_project
from blocks.site.tableau.site import TableauSite
from tests.blocks.site.conftest import EVERY, ORDERS
from tests.blocks.site.tableau import files
from tests.blocks.site.test_site_contract import rows_of

NEEDED = ("TABLEAU_SERVER", "TABLEAU_TOKEN_NAME", "TABLEAU_TOKEN_SECRET")
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]
Make = Callable[..., Card]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TableauSite]:
    above = os.environ.get("TABLEAU_PROJECT", "default")
    site = TableauSite(
        server=os.environ["TABLEAU_SERVER"],
        site=os.environ.get("TABLEAU_SITE", ""),
        token={"name": os.environ["TABLEAU_TOKEN_NAME"], "secret": os.environ["TABLEAU_TOKEN_SECRET"]},
        project=f"{above}/live-test-{uuid4().hex[:8]}",
        folder=tmp_path_factory.mktemp("kept"),
    )
    with site._connect() as session:
        yield site
        made = find_or_make_project(session, site.project)
        session.call("Delete the test's project", lambda server: server.projects.delete(made))


def as_title(card: Card, newest: str = "2025-11-30") -> Card:
    """The card with what its views have to show."""
    there = tuple(DatasetSummary(rows=len(rows_of(path)), newest=newest) for path in card.extracts)
    return card.model_copy(update={"summaries": there})


def test_check_says_where_and_as_whom(site: TableauSite) -> None:
    assert site.project in site.check()


@pytest.mark.parametrize("data", ["published", "packed"])
@pytest.mark.parametrize("analysis", list(Analysis))
def test_a_generated_workbook_opens_and_shows_the_release(
    site: TableauSite, make_card: Make, analysis: Analysis, data: Any, tmp_path: Path
) -> None:
    card = as_title(make_card(analysis, metrics=EVERY, name=f"{analysis}_{data}"))
    published = share(site, data=data).publish(card)
    assert published.canary == f"{card.summaries[0].rows:,} rows, the newest of 2025-11-30"
    assert published.image.read_bytes().startswith(b"\x89PNG")


def test_publishing_again_is_no_edit(site: TableauSite, make_card: Make) -> None:
    for title in ("First", "Second", "Third"):
        published = site.publish(as_title(make_card(name="again", title=title, metrics=(ORDERS,))))
        assert published.notes == ()
    assert published.views is not None


@pytest.mark.parametrize("data", ["published", "packed"])
def test_readers_are_given_what_they_need_and_it_is_read_back(
    site: TableauSite, make_card: Make, data: Any
) -> None:
    """The grant itself is read back by the site; here the raw rules are, of workbook and data source."""
    group = os.environ.get("TABLEAU_GROUP", "All Users")
    other = share(site, data=data, readers=(group,))
    other.publish(as_title(make_card(name=f"readers_{data}", metrics=(ORDERS,))))
    with other._connect() as session:
        readers = other._find_readers(session, find_or_make_project(session, site.project))
        if readers.locked:
            pytest.skip(f"the project is locked: {readers.description}")
        (identity,) = (each.id for each in readers.groups)
        kinds = [("workbooks", f"readers_{data}", {"Read"})]
        kinds += (
            [("datasources", f"readers_{data}-sales", {"Read", "Connect"})] if data == "published" else []
        )
        for kind, name, needed in kinds:
            item = content.find(session, kind, name, find_or_make_project(session, site.project))
            rules = [each for each in _read_rules(session, kind, item) if each.grantee.id == identity]
            allowed = {name for each in rules for name, mode in each.capabilities.items() if mode == "Allow"}
            assert needed <= allowed, (kind, allowed)


def test_tags_of_people_and_the_owner_outlive_an_overwrite(site: TableauSite, make_card: Make) -> None:
    card = as_title(make_card(name="kept", title="First", metrics=(ORDERS,)))
    site.publish(card)
    with site._connect() as session:
        project = find_or_make_project(session, site.project)
        item = content.find(session, "workbooks", "kept", project)
        owner = item.owner_id
        view = views.find_main_view(views.list_views(session, item))
        identity = view.id
        session.call("Tag", lambda server: server.workbooks.add_tags(item, ["Board, Q4 & more"]))
        session.call("Tag", lambda server: server.views.add_tags(view, ["monthly"]))
        again = as_title(make_card(name="kept", title="Second", metrics=(ORDERS,)))
        assert site.publish(again).notes == ()
        item = content.find(session, "workbooks", "kept", project)
        assert "Board, Q4 & more" in item.tags
        assert item.owner_id == owner
        view = views.find_main_view(views.list_views(session, item))
        assert "monthly" in view.tags
        assert view.id == identity  # what favourites, subscriptions, alerts and custom views hang on
    assert site.read_use("kept").opened is not None


def test_the_days_that_changed_are_taken_in_and_shown(site: TableauSite, make_card: Make) -> None:
    """By the Hyper Update API: deleted and inserted again, in one job, of a data source that stays."""
    large = share(site, large_mb=0)
    first = as_title(make_card(name="days", metrics=(ORDERS,), where="day < '2025-11-28'"), "2025-11-27")
    assert large.publish(first).data_notes[0].startswith("Data of sales: an extract, all of it")
    second = as_title(make_card(name="days", metrics=(ORDERS,), where="day <> '2025-03-01'"))
    published = large.publish(second)
    assert published.data_notes[0].startswith(
        "Data of sales: an extract, of which what changed was sent: 4 days"
    )
    assert published.canary == f"{second.summaries[0].rows:,} rows, the newest of 2025-11-30"
    assert "none of its days has changed" in large.publish(second).data_notes[0]


def test_the_click_that_filters_is_still_there_and_the_file_is_ready_for_desktop(
    site: TableauSite, make_card: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the site serves has the actions that were sent. Whether Desktop opens it only a person can say."""
    site.publish(as_title(make_card(Analysis.comparison, name="clicks", metrics=EVERY)))
    with site._connect() as session, TemporaryDirectory() as folder:
        item = content.find(session, "workbooks", "clicks", find_or_make_project(session, site.project))
        served = session.call(
            "Download", lambda server: server.workbooks.download(item.id, folder, include_extract=False)
        )
        sent = site.folder / "clicks" / "clicks.twbx"
        found = [list_actions(Path(str(each))) for each in (served, sent)]
    assert found[0] == found[1] != []
    with capsys.disabled():
        print(DESKTOP.format(sent))


DESKTOP = """
Open {0}
in Tableau Desktop 2025.1 or later (File > Open): with data `packed` it needs no server; with `published` it asks to
sign in to the site. It must open without an error (as D2E8DA72), show every sheet, and a click on a bar must filter
the rest.
"""


def list_actions(path: Path) -> list[str]:
    """The expressions of a workbook's actions: what is clicked, and what it filters."""
    root = files.workbook_of(path.read_bytes())[0]
    return sorted(str(each.get("expression")) for each in root.iterfind("actions/action/link"))


def share(site: TableauSite, **fields: Any) -> TableauSite:
    """The same site with other settings, on the same session."""
    other = site.model_copy(update=fields)
    other._session = site._session
    return other
