"""A dashboard is left alone only while all that it shows is as it was published, and it still stands there so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blocks.hashing import hash_value
from blocks.quality.check_pages import write_pages
from blocks.records import Check, Comment, Dashboard, GateReport, Publication, Release
from blocks.site.base import Guides
from blocks.site.html.site import FolderSite
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from blocks.warehouse.last_publications import read_last_publications, write_last_publications
from blocks.wishes import Target, Wishes
from tasks import left_alone
from tasks.left_alone import LeftAlone
from tasks.planning import list_dashboards
from tasks.publication import make_card, publish_card
from tests.tasks.test_planning import catalogue

URL = "https://tracker.example.com/AN-1"
SAID = Comment(author="Dana", created=datetime(2026, 11, 1, 8, 0, tzinfo=UTC), body="Nice.")


class Shop:
    """A served mart of calls by line, and the dashboard over it, published as the stage does it, run after run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.house = DuckDBWarehouse(database=str(folder / "w.duckdb"))
        with self.house.session() as session:
            session.rows("create schema serving")
            session.rows("create table serving.calls as from (values ('a', 3), ('b', 4)) t(line, minutes)")
        self.site = FolderSite(folder=folder / "bi")
        self.catalogue = catalogue(page=["minutes"])
        self.relation, self.guides, self.comments, self.url = "rel_r1.calls", Guides(), (), URL
        self.checks: Sequence[Check] = (Check(scope="calls", name="c1", passed=True, kind="gx"),)
        (self.dashboard,) = list_dashboards(self.catalogue, self.release(1))
        self.runs = 0

    comments: tuple[Comment, ...]
    dashboard: Dashboard

    def release(self, run: int) -> Release:
        return Release(run=f"r{run}", marts={"calls": self.relation})

    def run(self) -> Publication:
        self.runs += 1
        release, built = self.release(self.runs), {"calls": datetime.now(UTC)}
        gate = GateReport(run=release.run, passed=True, checks=tuple(self.checks))
        gate = gate.model_copy(update={"data_docs": write_pages(self.folder / "docs", gate, {})})
        left = LeftAlone(self.site, self.house, self.catalogue, release, self.guides, built)
        found, cards = left.find(self.dashboard, gate, self.url, self.comments), []
        if found is None:
            work = self.folder / f"work{self.runs}"
            work.mkdir()
            card = make_card.fn(
                self.site,
                self.house,
                self.catalogue,
                self.dashboard,
                release,
                gate,
                work,
                self.url,
                self.comments,
                None,
                built,
            )
            found, cards = publish_card.fn(self.site, card), [card]
            left.remember(card, found)
        left.confirm()
        self.site.index(cards, [found])
        left.finish()
        return found

    def is_left(self) -> bool:
        return self.run().unchanged_since != ""

    @property
    def page(self) -> str:
        return (self.site.place / "page" / "index.html").read_text(encoding="utf-8")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    import logging

    for module in ("tasks.left_alone", "tasks.publication"):
        monkeypatch.setattr(f"{module}.get_run_logger", logging.getLogger)
    shop = Shop(tmp_path)
    assert not shop.is_left()
    return shop


def test_it_is_left_as_it_is_and_says_that_it_was_checked_again(shop: Shop) -> None:
    first = shop.page
    picture = (shop.site.place / "page" / "dashboard.png").stat().st_mtime_ns
    shop.checks = (*shop.checks, Check(scope="calls", name="c2", passed=True, kind="gx"))
    for run in (2, 3):
        found = shop.run()
        assert (found.run, found.unchanged_since, found.rows) == (f"r{run}", "r1", 2)
        assert found.data_notes[-1].endswith("has changed since run r1: it was left as it is.")
    assert (shop.site.place / "page" / "dashboard.png").stat().st_mtime_ns == picture
    page = shop.page
    assert "checked again" in page
    assert "checked again" not in first
    assert "1 of 1 checks passed" in first
    assert "2 of 2 checks passed" in page
    assert '"Checks","2 of 2 of calls passed"' in page
    assert "Run r1<" in page
    assert not re.search("docs/r[12]/", page)  # those pages of checks are gone one day
    assert "docs/r3/index.html#checks-of-calls" in page
    index = (shop.site.place / "index.html").read_text(encoding="utf-8")
    assert "checked again" in index
    assert "docs/r3/" in index


def other_rows(shop: Shop) -> None:
    shop.relation = "rel_r2.calls"


def other_words(shop: Shop) -> None:
    shop.dashboard = shop.dashboard.model_copy(update={"description": "How long they are."})


def another_title(shop: Shop) -> None:
    shop.dashboard = shop.dashboard.model_copy(update={"title": "Calls, by line"})


def a_target(shop: Shop) -> None:
    wishes = Wishes(targets=(Target(metric="minutes", value=9),))
    shop.dashboard = shop.dashboard.model_copy(update={"wishes": wishes})


def another_label(shop: Shop) -> None:
    shop.catalogue = catalogue({"page": []}, page=["minutes"])
    (shop.dashboard,) = list_dashboards(shop.catalogue, shop.release(1))


def a_comment(shop: Shop) -> None:
    shop.comments = (SAID,)


def another_tracker(shop: Shop) -> None:
    shop.url = "https://elsewhere.example.com/AN-1"


def a_warning(shop: Shop) -> None:
    shop.checks = (*shop.checks, Check(scope="calls", name="c3", passed=True, kind="gx", warned=True))


def a_dictionary(shop: Shop) -> None:
    shop.guides = Guides(dictionary="https://bi.example.com/dictionary.html")


def another_place(shop: Shop) -> None:
    shop.site = FolderSite(folder=shop.folder / "bi", address="https://bi.example.com")


def a_page_gone(shop: Shop) -> None:
    (shop.site.place / "page" / "index.html").unlink()


def a_picture_gone(shop: Shop) -> None:
    (shop.site.place / "page" / "dashboard.png").unlink()


def a_page_edited(shop: Shop) -> None:
    path = shop.site.place / "page" / "index.html"
    path.write_text(shop.page.replace("minutes", "hours"))


def held_back(shop: Shop) -> None:
    shop.site.mark_held(["page"], "a check did not pass")


def a_list_gone(shop: Shop) -> None:
    (shop.site.place / "published.json").unlink()


CHANGES = (
    other_rows,
    other_words,
    another_title,
    a_target,
    another_label,
    a_comment,
    another_tracker,
    a_warning,
    a_dictionary,
    another_place,
    a_page_gone,
    a_picture_gone,
    a_page_edited,
    held_back,
    a_list_gone,
)


def test_whatever_changes_it_is_published_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for change in CHANGES:
        change(shop)
        assert not shop.is_left(), change.__name__
        assert shop.is_left(), change.__name__
    monkeypatch.setattr(left_alone, "hash_code", lambda: "newer")
    assert not shop.is_left()


def test_after_a_week_it_is_published_again_whatever_is_known(shop: Shop) -> None:
    assert shop.is_left()
    place = hash_value(shop.site.get_block_type_slug(), repr(shop.site))
    (known,) = read_last_publications(shop.house, place).values()
    assert known.at is not None
    aged = known.model_copy(update={"at": known.at - timedelta(days=8)})
    write_last_publications(shop.house, [aged])
    assert not shop.is_left()
    assert shop.is_left()


def test_data_that_end_with_today_are_published_each_day(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with shop.house.session() as session:
        session.rows("alter table serving.calls add column day date default date '2026-01-05'")
    shop.catalogue = catalogue(timed=True, page=["minutes"])
    (shop.dashboard,) = list_dashboards(shop.catalogue, shop.release(1))
    assert not shop.is_left()
    assert shop.is_left()

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(tz) + timedelta(days=1)  # type: ignore[arg-type]

    monkeypatch.setattr(left_alone, "datetime", Tomorrow)
    assert not shop.is_left()
