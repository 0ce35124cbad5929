"""The pages of checks: what they say, and that nothing of what they show runs or asks for anything."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from blocks.quality.check_pages import DAYS_KEPT, RUNS_LISTED
from blocks.quality.suites import Suites
from blocks.records import Check, GateReport, MartDiff
from blocks.site.html.site import FolderSite

HOSTILE = (
    "<img src=x onerror=\"document.title='ran'\">",
    "<script>document.title='ran'</script>",
    '"><svg onload="document.title=\'ran\'">',
    "javascript:document.title='ran'",
    "</style><iframe src=\"javascript:parent.document.title='ran'\"></iframe>",
    "<link rel=stylesheet href=http://192.0.2.1/x.css>{{ 7 * 7 }}${7*7}<base href=http://192.0.2.1/>",
    "<meta http-equiv=refresh content='0;url=http://192.0.2.1/'>",
)


def hostile_gate(text: str, run: str = "r1") -> GateReport:
    """A report with the same text in every place, once for each status."""
    kinds: list[dict[str, bool]] = [
        {"passed": False},
        {"passed": False, "not_run": True},
        {"passed": True, "warned": True},
        {"passed": True},
    ]
    checks = [
        Check(scope=scope, name=f"{text} {at}", kind=text, observed=text, evidence=(text, text), **kind)
        for at, kind in enumerate(kinds)
        for scope in (text, "sales")
    ]
    diff = MartDiff(mart=text, rows_before=1, rows_after=1)
    return GateReport(run=run, passed=False, checks=tuple(checks), diffs=(diff,))


def suites(folder: Path, notes: str = "") -> Suites:
    content = {
        "name": notes,
        "notes": notes,
        "meta": {"notes": {"format": "markdown", "content": [notes]}},
        "expectations": [
            {
                "type": "expect_column_to_exist",
                "kwargs": {"column": "k"},
                "meta": {"name": f"{notes} 0", "notes": notes},
            }
        ],
    }
    folder.mkdir(exist_ok=True)
    (folder / "sales.json").write_text(json.dumps(content))
    return Suites(folder=folder, docs=folder / "docs")


def open_quietly(browser: Any, address: str) -> Any:
    """The page, and what it did that a page of text does not: requests, messages, errors, dialogs."""
    context = browser.new_context(offline=True)
    page, faults = context.new_page(), []
    page.on("console", lambda message: faults.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (faults.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: faults.append(request.url) if request.url != address else None)
    page.goto(address)
    page.wait_for_timeout(100)
    return page, faults


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_page_shows_runs_or_is_asked_for(browser: Any, tmp_path: Path, text: str) -> None:
    page_file = suites(tmp_path / "s", text).show(hostile_gate(text))
    assert page_file is not None
    for path in (page_file, page_file.parents[1] / "index.html"):
        page, faults = open_quietly(browser, path.as_uri())
        assert faults == []
        assert page.title() in {"Checks of run r1", "Checks"}
        assert (
            page.locator(
                "img, iframe, svg[onload], base, link[rel=stylesheet], meta[http-equiv=refresh]"
            ).count()
            == 0
        )
        assert "Content-Security-Policy" in path.read_text()
        shown = page.locator("main").inner_text()
        assert " ".join(text.split())[:12] in " ".join(shown.split())
        page.context.close()


def test_a_dashboards_warnings_run_nothing(browser: Any, make_card: Any, tmp_path: Path) -> None:
    gate = GateReport(
        run="r1",
        passed=True,
        checks=tuple(
            Check(scope=text, name=text, kind=text, observed=text, evidence=(text,), passed=True, warned=True)
            for text in HOSTILE
        ),
    )
    published = FolderSite(folder=tmp_path).publish(make_card(gate=gate))
    context = browser.new_context(offline=True)
    page, faults = context.new_page(), []
    page.on("console", lambda message: faults.append(message.text))
    page.on("request", lambda request: faults.append(request.url) if request.url.startswith("http") else None)
    page.goto(published.url)
    page.wait_for_function("document.documentElement.dataset.ready === 'true'")
    assert page.title() == "Sales"
    assert faults == []
    assert f"{len(HOSTILE)} checks with a warning" in page.locator("details.warnings summary").inner_text()
    page.locator("details.warnings summary").click()
    assert "onerror" in page.locator("details.warnings").inner_text()
    context.close()


def test_a_page_says_every_check_and_leads_to_those_of_a_mart(browser: Any, tmp_path: Path) -> None:
    made = suites(tmp_path / "s", "Ask Ada")
    gate = hostile_gate("plain")
    page_file = made.show(gate)
    assert page_file is not None
    page, _ = open_quietly(browser, page_file.as_uri())
    section = page.locator("#checks-of-sales")
    statuses = section.locator(".badge").all_inner_texts()
    assert statuses == ["failed", "not run", "warned", "passed"]
    assert page.locator("tbody tr").count() == len(gate.checks)
    assert "Ask Ada" in section.inner_text()
    page.context.close()


def test_the_last_runs_are_listed_and_older_ones_go(tmp_path: Path) -> None:
    made = suites(tmp_path / "s")
    for at in range(RUNS_LISTED + 2):
        made.show(hostile_gate("plain", f"r{at:02}"))
    for name, days in (("r00", DAYS_KEPT + 1), ("r01", DAYS_KEPT - 1), ("r10", DAYS_KEPT + 1)):
        then = time.time() - days * 86_400
        os.utime(made.docs / name, (then, then))
    (made.docs / "r11" / "gate.json").write_text("{half")
    made.show(hostile_gate("plain", "r12"))
    listed = re.findall(r'<h2><a href="(r\d+)/index.html"', (made.docs / "index.html").read_text())
    assert listed == [f"r{at:02}" for at in (12, *range(10, 2, -1))]
    assert not (made.docs / "r00").exists()
    assert (made.docs / "r01" / "index.html").exists()  # a dashboard of a month ago may lead there
    assert (made.docs / "r10").exists()


def test_a_folder_that_cannot_be_written_decides_nothing(tmp_path: Path) -> None:
    made = suites(tmp_path / "s")
    made.docs.write_text("a file")
    assert made.show(hostile_gate("plain")) is None
