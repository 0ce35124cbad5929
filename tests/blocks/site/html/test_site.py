"""Files in a folder: whole or absent, overwritten by name, listed for good; no name or text is trusted."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from blocks.errors import Busy, Misconfigured
from blocks.records import Check, Comment, GateReport, Publication
from blocks.site import number_format
from blocks.site.extract import Extract
from blocks.site.html.dashboard_view import DashboardView
from blocks.site.html.kpis import Snapshot
from blocks.site.html.picture_charts import make_panels
from blocks.site.html.site import FolderSite
from tests.blocks.site.conftest import LABELS, NET, ORDERS

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def site(tmp_path):
    return FolderSite(folder=tmp_path / "bi", project="dashboards")


def failed(name, error="The warehouse did not answer.", run="r1"):
    return Publication(dashboard=name, ticket=None, run=run, url="", rows=0, error=error)


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


def test_check_says_where_it_publishes(site, tmp_path):
    assert str(tmp_path / "bi" / "dashboards") in site.check()
    assert "\n" not in site.check()


def test_a_folder_that_cannot_be_made_is_a_setting(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misconfigured, match="folder"):
        FolderSite(folder=tmp_path / "file").check()


def test_a_date_that_stands_for_open_is_no_obstacle(site, make_card, tmp_path):
    card = make_card()
    path = tmp_path / "open.parquet"
    with duckdb.connect() as connection:
        last = "CASE WHEN day = (SELECT max(day) FROM rows) THEN DATE '9999-12-31' ELSE day END"
        connection.execute(f"CREATE VIEW rows AS FROM '{card.extracts[0]}'")
        connection.execute(f"COPY (SELECT * REPLACE ({last} AS day) FROM rows) TO '{path}'")
    published = site.publish(card.model_copy(update={"extracts": (path,)}))
    assert published.image.read_bytes().startswith(b"\x89PNG")


def test_a_dashboard_is_three_files_and_nothing_else(site, make_card, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    card = make_card()
    published = site.publish(card)
    place = tmp_path / "bi" / "dashboards"
    assert sorted(os.listdir(place)) == ["kpi_page"]
    assert sorted(os.listdir(place / "kpi_page")) == ["dashboard.png", "index.html", "kpi_page.hyper"]
    assert not list(tmp_path.rglob("hyperd*"))
    assert published.url == (place / "kpi_page" / "index.html").as_uri()
    assert published.extract == place / "kpi_page" / "kpi_page.hyper"
    assert published.image == place / "kpi_page" / "dashboard.png"
    assert published.rows > 10_000
    assert (published.dashboard, published.ticket, published.run) == ("kpi_page", "AN-1", "r1")
    assert published.error is None


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "A", "a b", ".hidden", "x" * 101, "ü", "a\n"])
def test_only_slugs_become_paths(site, make_card, name, tmp_path):
    card = make_card(name=name, metrics=(ORDERS,), dimensions=())
    for act in (lambda: site.publish(card), lambda: site.index([card], [])):
        with pytest.raises(Misconfigured, match="can't be a folder"):
            act()
    assert not (tmp_path / "evil").exists()


def test_a_project_of_several_folders_and_none_that_climbs_out(tmp_path, make_card):
    card = make_card(metrics=(ORDERS,), dimensions=())
    published = FolderSite(folder=tmp_path, project="team/sales").publish(card)
    assert published.image == tmp_path / "team" / "sales" / "kpi_page" / "dashboard.png"
    with pytest.raises(Misconfigured):
        FolderSite(folder=tmp_path, project="../up").publish(card)


def test_a_served_folder_gives_web_addresses(tmp_path, make_card):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.html").write_text("docs")
    docs = GateReport(run="r1", passed=True, checks=(), data_docs=tmp_path / "docs" / "index.html")
    card = make_card(metrics=(ORDERS,), dimensions=(), gate=docs)
    site = FolderSite(folder=tmp_path, address="https://bi.example.com/x/")
    published = site.publish(card)
    assert published.url == "https://bi.example.com/x/dashboards/kpi_page/index.html"
    assert site.index([card], [published]) == "https://bi.example.com/x/dashboards/index.html"
    page = (published.image.parent / "index.html").read_text()
    assert 'href="https://bi.example.com/x/docs/index.html#checks-of-sales"' in page
    elsewhere = docs.model_copy(update={"docs_url": "https://checks.example.com/r1/index.html"})
    site.publish(card.model_copy(update={"gate": elsewhere}))
    page = (published.image.parent / "index.html").read_text()
    assert 'href="https://checks.example.com/r1/index.html#checks-of-sales"' in page
    with pytest.raises(Misconfigured, match="https"):
        FolderSite(folder=tmp_path, address="javascript:alert(1)").publish(card)


def test_the_index_keeps_dashboards_of_earlier_runs(site, make_card, tmp_path):
    old = make_card(name="old_one", title="Published before", metrics=(ORDERS,), dimensions=())
    site.index([old], [site.publish(old)])
    new = make_card(name="new_one", title="Published now", metrics=(ORDERS,), dimensions=())
    url = site.index([new], [site.publish(new)])
    page = (tmp_path / "bi" / "dashboards" / "index.html").read_text()
    assert url.endswith("/dashboards/index.html")
    linked = re.findall(r'<h2[^>]*><a href="([^"]*)"', page)
    assert sorted(linked) == ["new_one/index.html", "old_one/index.html"]
    assert "7 of 7 checks passed" in page
    assert page.count("2025-11-30") >= 2


def test_the_index_says_what_people_said_since(site, make_card, tmp_path):
    when = datetime(2026, 11, 2, tzinfo=UTC)
    message = tuple(
        Comment(author="Dana <b>", created=when.replace(hour=hour), body=body)
        for hour, body in ((9, "<script>alert(1)</script> by week please"), (8, "first"))
    )
    card = make_card(metrics=(ORDERS,), dimensions=()).model_copy(update={"feedback": message})
    site.index([card], [site.publish(card)])
    page = (tmp_path / "bi" / "dashboards" / "index.html").read_text()
    assert "<b>2 new comments.</b> Dana &lt;b&gt;, 2026-11-02: &lt;script&gt;" in page
    assert "<script>alert" not in page
    site.index([card.model_copy(update={"feedback": ()})], [site.publish(card)])
    assert "new comments" not in (tmp_path / "bi" / "dashboards" / "index.html").read_text()


def test_a_failed_publication_is_shown_beside_the_page_that_still_stands(site, make_card, tmp_path):
    card = make_card(metrics=(ORDERS,), dimensions=())
    site.index([card], [site.publish(card)])
    broken = make_card(name="never_out", title="Never out", metrics=(ORDERS,), dimensions=())
    again = card.model_copy(update={"run": "r2"})
    site.index([again, broken], [failed("kpi_page", run="r2"), failed("never_out")])
    page = (tmp_path / "bi" / "dashboards" / "index.html").read_text()
    assert "2 failed in the last run" in page
    assert "Not updated by run r2." in page
    assert "The warehouse did not answer." in page
    assert 'href="kpi_page/index.html"' in page
    assert 'href="never_out/index.html"' not in page
    site.index([again], [site.publish(again)])
    assert "Not updated by run r2." not in (tmp_path / "bi" / "dashboards" / "index.html").read_text()


def test_a_broken_list_is_not_thrown_away(site, make_card, tmp_path):
    card = make_card(metrics=(ORDERS,), dimensions=())
    site.index([card], [site.publish(card)])
    state = tmp_path / "bi" / "dashboards" / "published.json"
    assert json.loads(state.read_text())["kpi_page"]["title"] == "Sales"
    state.write_text(state.read_text()[:40])
    with pytest.raises(Misconfigured, match=r"published\.json"):
        site.index([card], [])
    assert len(state.read_text()) == 40
    state.write_text('{"../../evil": {"name": "../../evil", "title": "t", "analysis": "kpi"}}')
    with pytest.raises(Misconfigured):
        site.index([card], [])


def test_a_list_of_an_earlier_version_is_carried_on(site, make_card, tmp_path):
    site.check()
    state = tmp_path / "bi" / "dashboards" / "published.json"
    old = {
        "name": "old",
        "title": "Old",
        "analysis": "kpi",
        "run": "r0",
        "comments": 1,
        "said": "Maria: more",
    }
    state.write_text(json.dumps({"old": old}))
    site.index([], [])
    entry = json.loads(state.read_text())["old"]
    assert entry["latest_comment"] == "Maria: more"
    assert "said" not in entry
    assert "Maria: more" in (state.parent / "index.html").read_text()
    site.index([], [])


def test_two_runs_do_not_write_the_list_at_once(site, make_card, tmp_path, monkeypatch):
    from filelock import FileLock

    from blocks.site.html import site as html_site

    monkeypatch.setattr(html_site, "LOCK_SECONDS", 0.1)
    site.check()
    with FileLock(tmp_path / "bi" / "dashboards" / ".lock"), pytest.raises(Busy, match="another run"):
        site.index([], [])


def test_hostile_texts_are_only_text(site, make_card, tmp_path):
    bad = "<img src=x onerror=alert(1)>{{7*7}}\u202e" + "x" * 1_000_000
    card = make_card(
        title=bad,
        description=bad,
        ticket='"><script>alert(1)</script>',
        ticket_url="javascript:alert(1)",
        metrics=(ORDERS,),
        dimensions=(),
    )
    published = site.publish(card)
    site.index([card], [published.model_copy(update={"error": bad})])
    for page in (published.image.parent / "index.html", tmp_path / "bi" / "dashboards" / "index.html"):
        text = page.read_text()
        assert "<img src=x" not in text
        assert "<script>alert" not in text
        assert "49" not in re.search(r"<title>(.*?)</title>", text).group(1)
        assert "javascript:" not in text
        assert "\u202e" not in text
        assert "x" * 2001 not in text


def test_a_killed_run_leaves_the_page_that_was_there(site, make_card, tmp_path):
    """A process that publishes over and over is killed at many moments; every file is always whole."""
    card = make_card(metrics=(ORDERS,), dimensions=("country",))
    folder = site.publish(card).image.parent
    (tmp_path / "card.json").write_text(card.model_dump_json())
    program = (
        "import sys; from pathlib import Path; from blocks.site.base import Card; "
        "from blocks.site.html.site import FolderSite; "
        "card = Card.model_validate_json(Path(sys.argv[2]).read_text()); "
        "site = FolderSite(folder=sys.argv[1])\n"
        "print('ready', flush=True)\nwhile True:\n    site.index([card], [site.publish(card)])"
    )
    for pause in (0.3, 1.2, 1.9):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "bi"), str(tmp_path / "card.json")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout.readline() == b"ready\n"
        time.sleep(pause)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=120)
        process.stdout.close()
        page = (folder / "index.html").read_text()
        assert page.rstrip().endswith("</html>")
        assert size_of((folder / "dashboard.png").read_bytes())[0] > 1000
    published = site.publish(card)
    assert site.index([card], [published]).endswith("index.html")
    left = [path for path in folder.parent.iterdir() if path.name.startswith(".kpi")]
    for path in left:
        os.utime(path, (0, 0))
    site.publish(card)
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".kpi")]


def test_the_gate_is_shown_as_it_was(site, make_card):
    checks = tuple(Check(scope="s", name=name, passed=name == "b", kind="k") for name in "ab")
    no = GateReport(run="r", passed=False, checks=checks)
    for gate, words in ((no, "1 of 2 checks failed"), (None, "Not checked")):
        published = site.publish(make_card(metrics=(ORDERS,), dimensions=(), gate=gate))
        assert words in (published.image.parent / "index.html").read_text()


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (None, "number", "–"),
        (float("nan"), "number", "–"),
        (0, "number", "0"),
        (1234, "number", "1,234"),
        (9999, "number", "9,999"),
        (12345, "number", "12.3K"),
        (999999, "number", "1.00M"),
        (0.5, "number", "0.50"),
        (1234567.8, "currency:GBP", "£1.23M"),
        (-48123, "currency:EUR", "-€48.1K"),
        (12.5, "currency:CHF", "CHF\u00a012.50"),
        (0.1234, "percent", "12.3%"),
        (3, "currency:'+alert(1)+'", "3"),
    ],
)
def test_figures_are_short(value, form, text):
    assert number_format.write_compact(value, form) == text


@pytest.mark.parametrize(
    ("now", "then", "form", "goal", "text", "tone"),
    [
        (110, 100, "number", "up", "+10.0%", "good"),
        (90, 100, "number", "up", "-10.0%", "bad"),
        (90, 100, "number", "down", "-10.0%", "good"),
        (90, 100, "number", "none", "-10.0%", "even"),
        (1, 0, "number", "up", None, "even"),
        (1, None, "number", "up", None, "even"),
        (0.15, 0.1, "percent", "down", "+5.0 pp", "bad"),
        (-5, -10, "number", "up", "+50.0%", "good"),
        (100, 100, "number", "up", "0.0%", "even"),
    ],
)
def test_a_change_knows_its_goal(now, then, form, goal, text, tone):
    assert number_format.write_change(now, then, form) == text
    assert number_format.judge_change(text, goal) == tone


def test_a_page_opens_with_finished_time_only(make_card, tmp_path):
    """A mart by month whose sources end on the 9th: its last month is shown, and neither opened with nor compared."""
    card = make_card(metrics=(NET,), dimensions=("country",))
    path = tmp_path / "monthly.parquet"
    with duckdb.connect() as connection:
        month = "date_trunc('month', day)::DATE AS day"
        connection.execute(f"COPY (SELECT * REPLACE ({month}) FROM '{card.extracts[0]}') TO '{path}'")
    data = card.datasets[0].model_copy(update={"grain": "month", "labels": LABELS | {"day": "Month of sale"}})
    update = {"extracts": (path,), "datasets": (data,), "ends": (date(2025, 11, 9),)}
    with Extract(data, path) as extract:
        view = DashboardView(card.model_copy(update=update), [extract])
        assert (view.opening.begin, view.opening.end) == (date(2025, 5, 1), date(2025, 10, 31))
        assert view.whole.end == date(2025, 11, 30)
        assert view.before.begin == date(2024, 11, 1)
        assert view.time_label == "Month of sale"
        assert view.find_period_before(NET) == view.before
        assert view.find_period_before(NET.model_copy(update={"grows": True})) is None
        assert view.find_period_before(NET.model_copy(update={"maturity_days": 30})) is None


def test_a_date_far_ahead_sets_no_window(make_card, tmp_path):
    card = make_card(metrics=(ORDERS,), dimensions=())
    path = tmp_path / "open.parquet"
    with duckdb.connect() as connection:
        last = "CASE WHEN day = (SELECT max(day) FROM rows) THEN DATE '9999-12-31' ELSE day END"
        connection.execute(f"CREATE VIEW rows AS FROM '{card.extracts[0]}'")
        connection.execute(f"COPY (SELECT * REPLACE ({last} AS day) FROM rows) TO '{path}'")
    with Extract(card.datasets[0], path) as extract:
        view = DashboardView(card, [extract])
        assert view.whole.end == date(2025, 11, 29)
        assert [
            n
            for n in view.write_notes()
            if n.startswith("Rows that are dated after") and "left out: Orders " in n
        ]


def test_charts_of_pictures_are_as_altair_has_them(make_card):
    """Where pictures are drawn for real, Altair does not look at its schema, which takes long."""
    card = make_card(metrics=(NET,), dimensions=("country",))
    with Extract(card.datasets[0], card.extracts[0]) as extract:
        view = DashboardView(card, [extract])
        shot = Snapshot(extract, NET, view.opening, view.find_period_before(NET), view.latest)
        panels = make_panels(view, shot)
        assert panels
        for panel in panels:
            assert panel.chart.to_dict(validate=True)["$schema"]
