"""A large extract is changed by days: what is sent, what the site has then, and when the whole is sent after all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blocks.errors import TimedOut, Unavailable
from blocks.http.polling import Pauses
from blocks.site.base import Card
from blocks.site.tableau.client import content, uploads
from blocks.site.tableau.site import TableauSite
from tests.blocks.site.conftest import ORDERS
from tests.blocks.site.harness import Rows, TableauWall
from tests.blocks.site.tableau.server import Fault, Item

Make = Callable[..., Card]
ROWS = """
    SELECT DATE '2025-01-01' + (i % 20)::int AS day, ['Spain', 'Italy', NULL][1 + i % 3] AS country, i % 7 + 1 AS orders
    FROM range(600) AS numbers(i)
"""


@pytest.fixture
def wall(tmp_path: Path) -> Iterator[TableauWall]:
    wall = TableauWall(tmp_path, large_mb=0)
    yield wall
    wall.close()


@pytest.fixture
def site(wall: TableauWall) -> TableauSite:
    return wall.site  # type: ignore[return-value]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (content, uploads):
        monkeypatch.setattr(module, "PAUSES", Pauses(0.01, 0.01))


@pytest.fixture
def write(make_card: Make, tmp_path: Path) -> Callable[..., Card]:
    """A card over the rows of a query; more: what else the card has."""
    base = make_card(metrics=(ORDERS,), dimensions=("country",))

    def make(query: str = ROWS, **more: Any) -> Card:
        path = tmp_path / "rows.parquet"
        duckdb.sql(f"COPY ({query}) TO '{path}'")
        return base.model_copy(update={"extracts": (path,), **more})

    return make


def rows_of(card: Card) -> Rows:
    return sorted(duckdb.read_parquet(str(card.extracts[0])).fetchall(), key=repr)


def count(wall: TableauWall, request: str) -> int:
    return sum(each.startswith(request) for each in wall.server.requests)


CHANGES = {
    "a day more": (f"{ROWS} UNION ALL SELECT DATE '2025-01-21', 'Spain', 5", 1),
    "a day less": (f"SELECT * FROM ({ROWS}) WHERE day > DATE '2025-01-01'", 1),
    "a late row": (f"{ROWS} UNION ALL SELECT DATE '2025-01-05', 'Malta', 1", 1),
    "a value": (
        f"SELECT * REPLACE (CASE WHEN day = DATE '2025-01-09' THEN orders + 1 ELSE orders END AS orders) "
        f"FROM ({ROWS})",
        1,
    ),
    "two days": (
        f"{ROWS} UNION ALL SELECT DATE '2025-01-05', NULL, 1 UNION ALL SELECT DATE '2025-02-01', NULL, 1",
        2,
    ),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_only_the_days_that_changed_are_sent(
    wall: TableauWall, site: TableauSite, write: Callable[..., Card], change: str
) -> None:
    query, days = CHANGES[change]
    first = site.publish(write())
    assert first.data_notes == ("Data of sales: an extract, all of it: the site has none of it yet.",)
    whole = count(wall, "POST /datasources")
    card = write(query)
    published = site.publish(card)
    assert wall.rows("kpi_page")["Extract"] == rows_of(card)
    assert published.rows == len(rows_of(card))
    assert published.canary
    assert count(wall, "POST /datasources") == whole
    assert count(wall, "PATCH /datasources") == 1
    (note,) = published.data_notes
    assert note.startswith("Data of sales: an extract, of which what changed was sent: 2")
    assert ("2 days" in note) == (days == 2)
    again = site.publish(card)
    assert again.data_notes == ("Data of sales: an extract, nothing sent: none of its days has changed.",)
    assert count(wall, "PATCH /datasources") == 1
    assert again.canary == published.canary


def edit_source(item: Item) -> None:
    item.changed += 1


REASONS: dict[str, tuple[str, Callable[[TableauWall], None], str]] = {
    "half": (f"SELECT * REPLACE (orders + 1 AS orders) FROM ({ROWS})", lambda wall: None, "more than half"),
    "columns": (f"SELECT *, 1::DOUBLE AS more FROM ({ROWS})", lambda wall: None, "its columns or how"),
    "undated": (f"{ROWS} UNION ALL SELECT NULL, 'Spain', 1", lambda wall: None, "rows without a day"),
    "others": (
        CHANGES["a day more"][0],
        lambda wall: edit_source(*wall.server.sources().values()),
        "is not known",
    ),
    "lost folder": (
        CHANGES["a day more"][0],
        lambda wall: (wall.site.folder / "kpi_page" / "extracts.json").write_text("{"),
        "is not known to be ours",
    ),
    "refused": (
        CHANGES["a day more"][0],
        lambda wall: wall.server.faults.append(Fault("PATCH /datasources", "400011")),
        "did not take the days that changed (Tableau answered 400 400011",
    ),
    "failed": (
        CHANGES["a day more"][0],
        lambda wall: wall.server.plans.append("failed"),
        "did not take the days that changed (the server's job failed: ",
    ),
}


@pytest.mark.parametrize("case", sorted(REASONS))
def test_the_whole_is_sent_where_days_would_not_do(
    wall: TableauWall, site: TableauSite, write: Callable[..., Card], case: str
) -> None:
    query, happens, reason = REASONS[case]
    site.publish(write())
    happens(wall)
    card = write(query)
    (note,) = site.publish(card).data_notes
    assert note.startswith("Data of sales: an extract, all of it: ")
    assert reason in note
    assert wall.rows("kpi_page")["Extract"] == rows_of(card)


def test_a_small_extract_goes_as_a_whole(
    wall: TableauWall, site: TableauSite, write: Callable[..., Card]
) -> None:
    small = site.model_copy(update={"large_mb": 64})
    for query in (ROWS, CHANGES["a day more"][0]):
        (note,) = small.publish(write(query)).data_notes
        assert note == "Data of sales: an extract, all of it: 0.0 MB are sent as a whole at once."
    assert count(wall, "PATCH") == 0


@pytest.mark.parametrize("answer", ["drop", "lose"])
@pytest.mark.parametrize("request_", ["PATCH /datasources", "PUT /fileUploads", "GET /jobs", "GET /views"])
def test_interrupted_anywhere_the_site_ends_with_the_new_rows(
    wall: TableauWall, site: TableauSite, write: Callable[..., Card], request_: str, answer: str
) -> None:
    site.publish(write())
    wall.server.faults = [Fault(request_, answer)]
    card = write(CHANGES["two days"][0])
    try:
        site.publish(card)
    except Unavailable:
        wall.server.faults = []
        site.publish(card)
    assert wall.rows("kpi_page")["Extract"] == rows_of(card)
    third = write(CHANGES["a value"][0])
    site.publish(third)
    assert wall.rows("kpi_page")["Extract"] == rows_of(third)


def test_a_job_that_hangs_is_cancelled_and_the_whole_is_sent_next(
    wall: TableauWall, site: TableauSite, write: Callable[..., Card]
) -> None:
    site.publish(write())
    wall.server.plans = ["never"]
    card = write(CHANGES["a day more"][0])
    with pytest.raises(TimedOut):
        site.model_copy(update={"job_seconds": 0.2}).publish(card)
    assert [job["plan"] for job in wall.server.jobs.values()][-1] == "cancelled"
    (note,) = site.publish(card).data_notes
    assert "is not known to be ours" in note
    assert wall.rows("kpi_page")["Extract"] == rows_of(card)


def test_a_release_that_is_not_read_back_is_not_taken_as_a_base(
    wall: TableauWall, site: TableauSite, write: Callable[..., Card]
) -> None:
    site.publish(write())
    wall.server.stale = ["Rows: 1"] * 5
    card = write(CHANGES["a day more"][0])
    from blocks.site.readback import DatasetSummary

    with pytest.raises(Unavailable, match="it shows 1 rows"):
        site.publish(write(CHANGES["a day more"][0], summaries=(DatasetSummary(rows=601),)))
    wall.server.stale = []
    (note,) = site.publish(card).data_notes
    assert "is not known to be ours" in note
    assert wall.rows("kpi_page")["Extract"] == rows_of(card)
