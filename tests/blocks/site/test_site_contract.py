"""What every site promises, whoever shows the dashboards."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from blocks.errors import BadInput, Misconfigured, NotFound, Unavailable
from blocks.records import Analysis, Publication
from blocks.site.base import Card, DataAsk
from blocks.site.readback import DatasetSummary
from tests.blocks.site.conftest import CUSTOMERS, EVERY, NET, ORDERS, RATE
from tests.blocks.site.harness import WALLS, Rows, Wall

Make = Callable[..., Card]


@pytest.fixture(params=sorted(WALLS))
def wall(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Wall]:
    wall = WALLS[request.param](tmp_path)
    yield wall
    wall.close()


def rows_of(path: Path) -> Rows:
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT * FROM read_parquet('{path}')").fetchall()
    return sorted(found, key=repr)


def failed(name: str) -> Publication:
    return Publication(dashboard=name, ticket=None, run="r1", url="", rows=0, error="No answer.")


def test_check_says_where_it_publishes_in_one_line(wall: Wall) -> None:
    message = wall.site.check()
    assert "dashboards" in message
    assert "\n" not in message


def test_a_publication_says_what_went_out_and_where(wall: Wall, make_card: Make) -> None:
    card = make_card()
    published = wall.site.publish(card)
    assert wall.names() == ["kpi_page"]
    assert (published.dashboard, published.ticket, published.run) == ("kpi_page", "AN-1", "r1")
    assert published.rows == len(rows_of(card.extracts[0]))
    assert "://" in published.url
    assert published.error is None
    assert published.notes == ()
    assert "Sales" in wall.says("kpi_page")


def test_a_candidate_is_shown_apart_and_says_that_it_is_not_live(wall: Wall, make_card: Make) -> None:
    live = wall.site.publish(make_card())
    before = wall.says("kpi_page")
    card = make_card(where="country = 'Malta'").model_copy(update={"run": "r2"})
    for _ in range(2):  # safe to repeat
        shown = wall.site.publish_candidate(card)
    assert (shown.dashboard, shown.rows) == ("kpi_page-r2", len(rows_of(card.extracts[0])))
    assert shown.url != live.url
    assert wall.says("kpi_page") == before
    assert "Candidate, not live" in wall.says_candidate("kpi_page-r2")


def test_a_candidate_is_removed_and_nothing_else(wall: Wall, make_card: Make) -> None:
    wall.site.remove_candidate("kpi_page", "r2")  # where there never was one
    wall.site.publish(make_card(metrics=(ORDERS,), dimensions=()))
    before = wall.says("kpi_page")
    for name in ("kpi_page", "kpi_page_too"):
        card = make_card(name=name, metrics=(ORDERS,), dimensions=()).model_copy(update={"run": "r2"})
        wall.site.publish_candidate(card)
    for _ in range(2):
        wall.site.remove_candidate("kpi_page", "r2")
        assert wall.candidates() == ["kpi_page_too-r2"]
    assert wall.says("kpi_page") == before


def test_what_is_archived_is_found_by_nobody_and_comes_back_as_it_was(wall: Wall, make_card: Make) -> None:
    wall.site.archive("kpi_page")
    wall.site.restore("kpi_page")  # where there never was one
    cards = [make_card(name=name, metrics=(ORDERS,), dimensions=()) for name in ("kpi_page", "other")]
    wall.site.index(cards, [wall.site.publish(card) for card in cards])
    before = wall.says("kpi_page")
    for _ in range(2):
        wall.site.archive("kpi_page")
        assert wall.names() == ["other"]
    for _ in range(2):
        wall.site.restore("kpi_page")
        assert wall.names() == ["kpi_page", "other"]
    assert wall.says("kpi_page") == before
    wall.site.publish(cards[0])
    assert wall.names() == ["kpi_page", "other"]


def test_live_data_that_can_not_be_had_is_said(wall: Wall) -> None:
    assert not wall.site.choose_data(DataAsk(rows=1), None).live
    chosen = wall.site.choose_data(DataAsk(rows=1, live_wanted=True), None)
    assert not chosen.live
    assert chosen.reason.startswith("live data was asked for, but ")


def test_every_value_behind_a_dashboard_is_the_warehouses(wall: Wall, make_card: Make) -> None:
    card = make_card(metrics=EVERY)
    wall.site.publish(card)
    assert wall.rows("kpi_page") == {"Extract": rows_of(card.extracts[0])}


def test_how_a_dashboard_is_used_is_told_or_why_it_is_not(wall: Wall, make_card: Make) -> None:
    with pytest.raises(NotFound):
        wall.site.read_use("kpi_page")
    wall.site.publish(make_card(metrics=(ORDERS,), dimensions=("country",)))
    use = wall.site.read_use("kpi_page")
    assert use.comments is None  # no site that there is gives them
    assert "comments" in use.missing
    assert use.opened == 0 if use.opened is not None else "not counted" in use.missing


def test_what_was_read_back_is_told(wall: Wall, make_card: Make) -> None:
    card = make_card(metrics=(ORDERS,), dimensions=("country",))
    rows = len(rows_of(card.extracts[0]))
    card = card.model_copy(update={"summaries": (DatasetSummary(rows=rows, newest="2025-11-30"),)})
    assert f"{rows:,} rows" in str(wall.site.publish(card).canary)


def test_what_is_read_back_but_not_the_releases_is_a_failure(wall: Wall, make_card: Make) -> None:
    card = make_card(metrics=(ORDERS,), dimensions=())
    card = card.model_copy(update={"summaries": (DatasetSummary(rows=7, newest="2025-11-30"),)})
    with pytest.raises(Unavailable, match="7 rows"):
        wall.site.publish(card)


def test_a_mark_tells_every_change_of_what_was_published(wall: Wall, make_card: Make) -> None:
    assert wall.site.read_marks(["kpi_page", "other"]) == {}
    cards = [make_card(name=name, metrics=(ORDERS,), dimensions=()) for name in ("kpi_page", "other")]
    wall.site.index(cards, [wall.site.publish(card) for card in cards])
    first = wall.site.read_marks(["kpi_page", "other", "none"])
    assert sorted(first) == ["kpi_page", "other"]
    assert wall.site.read_marks(["kpi_page", "other"]) == first
    wall.change("kpi_page")
    changed = wall.site.read_marks(["kpi_page", "other"])
    assert changed["kpi_page"] != first["kpi_page"]
    assert changed["other"] == first["other"]
    wall.site.publish(cards[1])
    assert wall.site.read_marks(["other"])["other"] != first["other"]


def test_publishing_again_overwrites(wall: Wall, make_card: Make) -> None:
    first = wall.site.publish(make_card(title="Old title", metrics=(ORDERS,), dimensions=("country",)))
    second = make_card(title="New title", metrics=(ORDERS,), dimensions=("segment",))
    with wall.site.session():
        again = wall.site.publish(second)
    assert first.url == again.url
    assert wall.names() == ["kpi_page"]
    assert "New title" in wall.says("kpi_page")
    assert "Old title" not in wall.says("kpi_page")
    assert wall.rows("kpi_page") == {"Extract": rows_of(second.extracts[0])}


def test_one_session_serves_many(wall: Wall, make_card: Make) -> None:
    cards = [make_card(name=name, metrics=(ORDERS,), dimensions=()) for name in ("one", "two")]
    with wall.site.session():
        out = [wall.site.publish(card) for card in cards]
        index = wall.site.index(cards, out)
    assert wall.names() == ["one", "two"]
    assert "://" in index
    assert len({each.url for each in out} | {index}) == 3


def test_the_list_goes_out_where_nothing_else_did(wall: Wall, make_card: Make) -> None:
    card = make_card(metrics=(ORDERS,), dimensions=())
    assert "://" in wall.site.index([card], [failed("kpi_page")])
    assert "://" in wall.site.index([], [])
    assert wall.names() == []


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "A", "a b", ".hidden", "x" * 101, "ü", "a\n"])
def test_only_slugs_become_names(wall: Wall, make_card: Make, name: str) -> None:
    with pytest.raises(Misconfigured, match="can't be a"):
        wall.site.publish(make_card(name=name, metrics=(ORDERS,), dimensions=()))
    assert wall.names() == []


@pytest.mark.parametrize(
    ("analysis", "shape"),
    [(analysis, "full") for analysis in Analysis]
    + [(analysis, shape) for analysis in ("trend", "composition") for shape in ("timeless", "flat", "empty")],
)
def test_every_analysis_has_a_dashboard_and_a_picture(
    wall: Wall, make_card: Make, analysis: str, shape: str
) -> None:
    kinds = {
        "full": {"metrics": EVERY},
        "timeless": {"timed": False, "dimensions": ("segment",)},
        "flat": {"dimensions": ()},
        "empty": {"where": "false"},
    }
    published = wall.site.publish(make_card(Analysis(analysis), **kinds[shape]))
    assert wall.names() == [f"{analysis}_page"]
    picture = published.image.read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">I", picture[16:20])[0] > 100


def test_two_marts_are_two_tables_and_one_dashboard(wall: Wall, make_card: Make) -> None:
    one, two = make_card(metrics=(NET, RATE)), make_card(metrics=(CUSTOMERS,), dimensions=("segment",))
    other = two.datasets[0].model_copy(update={"mart": "people"})
    both = {"datasets": (one.datasets[0], other), "extracts": (one.extracts[0], two.extracts[0])}
    published = wall.site.publish(one.model_copy(update=both))
    assert wall.rows("kpi_page") == {"sales": rows_of(one.extracts[0]), "people": rows_of(two.extracts[0])}
    assert published.rows == sum(map(len, wall.rows("kpi_page").values()))


def test_datasets_and_extracts_that_do_not_pair_are_refused(wall: Wall, make_card: Make) -> None:
    one = make_card(metrics=(ORDERS,), dimensions=())
    with pytest.raises(BadInput, match="pair"):
        wall.site.publish(one.model_copy(update={"datasets": one.datasets * 2}))


def test_a_card_without_metrics_is_refused(wall: Wall, make_card: Make) -> None:
    card = make_card(metrics=(ORDERS,), dimensions=())
    bare = card.datasets[0].model_copy(update={"metrics": ()})
    with pytest.raises(BadInput, match="no metric"):
        wall.site.publish(card.model_copy(update={"datasets": (bare,)}))
    assert wall.names() == []


def test_hostile_texts_are_only_text(wall: Wall, make_card: Make) -> None:
    bad = "<img src=x onerror=alert(1)>\u202e\x00\ufffe" + "x" * 1_000_000
    card = make_card(title=bad, description=bad, metrics=(ORDERS,), dimensions=())
    wall.site.publish(card)
    message = wall.says("kpi_page")
    assert "<img src=x" not in message
    assert not {"\u202e", "\x00", "\ufffe"} & set(message)
    assert "x" * 2001 not in message
