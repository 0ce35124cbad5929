"""The whole main job from the command line, as a newcomer runs it."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.flows.conftest import Place

BUILT = {
    "AN-1": "revenue_trend",
    "AN-2": "product_comparison",
    "AN-3": "customer_composition",
    "AN-4": "sales_pipeline_kpis",
}


def test_the_first_run_tells_its_story(delivered: Place) -> None:
    message = (delivered.state.parent / "first.txt").read_text()
    for stage in ("requirements", "extract_load", "transform", "validate", "promote", "publish", "feedback"):
        assert re.search(rf"✓ {stage} +\d+\.\d s  \S", message), message
    assert "Traceback" not in message
    for line in message.splitlines():
        if line.startswith("file://"):
            assert Path(line.removeprefix("file://")).is_file()


def test_every_complete_ticket_has_its_dashboard_and_one_answer(delivered: Place) -> None:
    for key, name in BUILT.items():
        assert delivered.status(key) == "done"
        folder = delivered.page(name).parent
        assert delivered.page(name).stat().st_size > 100_000
        assert {f"{name}.hyper", "dashboard.png", "index.html"} <= {path.name for path in folder.iterdir()}
        assert delivered.ticket(key).count("author: analytics-bot") == 1
        assert list((delivered.state / "tickets" / "attachments" / key).glob("*.png"))


def test_the_incomplete_ticket_has_one_comment_and_no_dashboard(delivered: Place) -> None:
    assert delivered.status("AN-5") == "incomplete"
    text = delivered.ticket("AN-5")
    assert text.count("author: analytics-bot") == 1
    assert "did you mean `net_revenue`" in text
    assert "were not looked for" in text  # nothing was served when it was read


def test_readers_see_the_run_and_its_numbers(delivered: Place) -> None:
    marts = {row[0] for row in delivered.rows("select mart from serving._release")}
    assert marts == {"daily_revenue", "customer_value", "product_performance", "sales_pipeline"}
    for mart in marts:
        assert delivered.rows(f"select count(*) > 0 from serving.{mart}") == [(True,)]
    raw = delivered.rows("select count(*) from raw_erp.invoice_lines")[0][0]
    csvs = (delivered.state / "demo" / "erp").glob("*.csv")
    quarantined = delivered.rows("select count(*) from raw_erp.invoice_lines__quarantine")[0][0]
    import csv

    lines = 0
    for path in csvs:
        with path.open(newline="", encoding="utf-8") as file:
            lines += sum(1 for _ in csv.reader(file)) - 1
    assert raw + quarantined == lines  # type: ignore[operator]


def test_no_ticket_text_reaches_prefect(delivered: Place) -> None:
    """Titles, descriptions and comments are nowhere in the server's database: no parameter, log or artifact."""
    import os

    databases = [
        path for path in Path(os.environ["PREFECT_HOME"]).parent.rglob("*.db") if path.stat().st_size
    ]
    databases.append(Path((delivered.state.parent / "database.txt").read_text()))
    content = b"".join(path.read_bytes() for path in databases if path.is_file())
    for suffix in ("-wal",):
        content += b"".join(
            Path(f"{p}{suffix}").read_bytes() for p in databases if Path(f"{p}{suffix}").is_file()
        )
    assert b"revenue_trend" in content  # it is the right database
    for words in (b"copy numbers out of three reports", b"How is revenue going", b"net_revenu`"):
        assert words not in content


def test_a_second_run_loads_nothing_and_refreshes_what_is_scheduled(place: Place) -> None:
    before, first = place.ticket("AN-2"), place.read_served()
    message = place.run()
    assert re.search(r"extract_load .* 0 rows from", message)
    assert re.search(r"transform .* 0 models built, \d+ shown again, 0 tests", message)
    assert place.read_served() != first
    assert place.ticket("AN-2") == before
    assert "revenue_trend" in message
    assert place.ticket("AN-5").count("author: analytics-bot") == 1
    picture = (place.page("revenue_trend").parent / "dashboard.png").stat().st_mtime_ns
    assert re.search(r"revenue_trend .* unchanged *\n", place.run("--select", "revenue_trend"))
    assert "checked again" in place.page("revenue_trend").read_text()
    assert (place.page("revenue_trend").parent / "dashboard.png").stat().st_mtime_ns == picture


def test_one_more_day_loads_that_day_alone(place: Place, erp: Path) -> None:
    last = sorted(erp.glob("*.csv"))[-1]
    lines = last.read_text().splitlines(keepends=True)
    day = erp / "2011-12-12.csv"
    day.write_text(lines[0] + "".join(f"99{line}".replace(last.stem, day.stem) for line in lines[1:11]))
    message = place.run("--source", f"erp={erp}", "--tickets", "AN-1")
    assert re.search(r"extract_load .* 10 rows from", message), message
    assert (
        place.rows("select max(cast(invoiced_at as date)) from raw_erp.invoice_lines")[0][0].isoformat()
        == day.stem
    )
    assert day.stem in place.page("revenue_trend").read_text()


def test_a_comment_comes_back_as_feedback(place: Place) -> None:
    path = place.state / "tickets" / "AN-3.yaml"
    message = "comments:\n  - author: Dana\n    created: '2099-01-01T00:00:00+00:00'\n    body: Show <b>weeks</b> too\n"
    text = path.read_text().replace("status: done", "status: changes_requested")
    path.write_text(text.replace("comments:\n", message))
    place.run()
    page = place.page("customer_composition").read_text()
    assert "Show <b>weeks</b>" not in page
    assert "weeks" in page
    assert place.status("AN-3") == "done"
    assert place.ticket("AN-3").count("author: analytics-bot") == 3  # two answers, and who has this comment


def test_rollback_shows_the_release_before_and_says_so(place: Place) -> None:
    first = place.read_served()
    message = place.run("--tickets", "AN-1", "--full-build")
    assert "shown again" not in message
    assert place.read_served() != first
    message = place.run("rollback")
    assert place.read_served() == first
    assert re.search(rf"Rolled back in [\d.]+ s; readers see run {first}", message)
    assert "revenue_trend         AN-1" in message
    assert "Traceback" not in message
    assert "rollback" in place.ticket("AN-1")
    assert str(first) in place.page("revenue_trend").read_text()


def test_dry_run_prints_the_plan_and_touches_nothing(place: Place, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in place.state.rglob("*")}
    message = place.run("plan", "--tickets", "AN-1,AN-5")
    assert {path: path.stat().st_mtime_ns for path in place.state.rglob("*")} == before
    for word in ("AN-1", "AN-5: incomplete", "+daily_revenue", "daily_revenue.json", "revenue_trend", "erp"):
        assert word in message
    assert "AN-2" not in message
    shutil.rmtree(place.state)
    place.run("--dry-run")
    assert not place.state.exists()


def test_a_run_of_incomplete_tickets_alone_builds_nothing_and_is_no_failure(place: Place) -> None:
    before = place.read_served()
    message = place.run("--tickets", "AN-5")
    assert "Nothing to build" in message
    assert "extract_load" not in message
    assert place.read_served() == before
    assert place.status("AN-5") == "incomplete"


def test_status_says_what_is_served_and_what_was_loaded(place: Place) -> None:
    message = place.run("status")
    assert f"run {place.read_served()}" in message
    assert "erp.invoice_lines" in message


def test_unknown_ticket_is_a_clear_error(place: Place) -> None:
    before = place.read_served()
    message = place.run("--tickets", "AN-99", expect=2)
    assert "AN-99" in message
    assert "There are AN-1, AN-2" in message
    assert "Traceback" not in message
    assert place.read_served() == before


def test_a_run_dirties_nothing_in_the_project(delivered: Place) -> None:
    import subprocess

    done = subprocess.run(
        ["git", "status", "--porcelain", "--", "demo", "dbt", "expectations", "flows"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    made = [line for line in done.stdout.splitlines() if re.search(r"dbt/(target|logs)|\.db|\.duckdb", line)]
    assert not made


def test_works_from_any_directory(place: Place, tmp_path: Path) -> None:
    done = place.command("status", "--state", place.state, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_sqlite_source_is_only_read(delivered: Place) -> None:
    with sqlite3.connect(delivered.state / "demo" / "crm.sqlite") as crm:
        assert crm.execute("select count(*) from accounts").fetchone()[0] > 1000


@pytest.mark.parametrize("flags", [["--source", "erp"], ["--scale", "many"], ["--nonsense"]])
def test_wrong_flags_are_explained(command_line, flags: list[str], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = command_line("--state", tmp_path / "s", *flags)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stdout + done.stderr
