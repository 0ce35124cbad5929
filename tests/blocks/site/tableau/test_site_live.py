"""The same promises on a real Tableau site; runs where TABLEAU_SERVER and a token are set. See docs/tableau.md.

It publishes into a project of its own below TABLEAU_PROJECT, and deletes that project when it is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from blocks.records import Analysis
from blocks.site.base import Card
from blocks.site.readback import DatasetSummary
from blocks.site.tableau.client.projects import find_or_make_project
from blocks.site.tableau.site import TableauSite
from tests.blocks.site.conftest import EVERY, ORDERS
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
    with site.session():
        yield site
        session = site._open()
        made = find_or_make_project(session, site.project)
        session.call("Delete the test's project", lambda server: server.projects.delete(made))


def as_title(card: Card) -> Card:
    """The card with what its views have to show."""
    there = tuple(DatasetSummary(rows=len(rows_of(path)), newest="2025-11-30") for path in card.extracts)
    return card.model_copy(update={"summaries": there})


def test_check_says_where_and_as_whom(site: TableauSite) -> None:
    assert site.project in site.check()


@pytest.mark.parametrize("data", ["published", "packed"])
@pytest.mark.parametrize("analysis", list(Analysis))
def test_a_generated_workbook_opens_and_shows_the_release(
    site: TableauSite, make_card: Make, analysis: Analysis, data: Any, tmp_path: Path
) -> None:
    card = as_title(make_card(analysis, metrics=EVERY, name=f"{analysis}_{data}"))
    other = site.model_copy(update={"data": data})
    other._session = site._session
    published = other.publish(card)
    assert published.canary == f"{card.summaries[0].rows:,} rows, the newest of 2025-11-30"
    assert published.image.read_bytes().startswith(b"\x89PNG")


def test_publishing_again_is_no_edit(site: TableauSite, make_card: Make) -> None:
    for title in ("First", "Second", "Third"):
        published = site.publish(as_title(make_card(name="again", title=title, metrics=(ORDERS,))))
        assert published.notes == ()
    assert published.views is not None
