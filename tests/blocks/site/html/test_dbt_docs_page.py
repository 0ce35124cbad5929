"""dbt's own documentation as one page: it shows the project, asks for nothing, and no text of it runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from blocks.dbt.project import DbtProject
from blocks.dictionary import Dictionary, write_dictionary
from blocks.manifest import Node
from blocks.site.html import dbt_docs_page
from blocks.site.html.site import FolderSite
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tests.conftest import TINY

HOSTILE = (
    "<img src=x onerror=\"document.title='ran'\"></script><script>document.title='ran'</script>"
    "[x](javascript:alert(1))"
)
TYPES = {"ride_day": "DATE", "station": "VARCHAR", "rides": "BIGINT", "minutes": "HUGEINT"}


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Node, Dictionary]:
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(TINY / "dbt", folder / "dbt")
    warehouse = DuckDBWarehouse(database=str(folder / "house.duckdb"))
    dbt = DbtProject(folder=folder / "dbt", state=folder / "state").open(warehouse, "rel_d")
    try:
        found = write_dictionary(
            dbt.manifest, dbt.catalogue, dbt.remember_columns(), "r1", {"station_days": TYPES}
        )
        return dict(dbt.manifest), found
    finally:
        dbt.close()


def test_a_model_is_shown_offline_and_no_description_runs(
    browser: Any, tmp_path: Path, parsed: tuple[Node, Dictionary]
) -> None:
    manifest, dictionary = parsed
    node = dictionary.marts[0].node
    model = {**manifest["nodes"][node], "description": f"Rides per day. {HOSTILE}"}
    site = FolderSite(folder=tmp_path)
    manifest = {**manifest, "nodes": {**manifest["nodes"], node: model}}
    assert site.publish_dbt_docs(manifest, dictionary)
    site.publish_dictionary(dictionary)
    page = browser.new_page()
    asked: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    try:
        page.goto((tmp_path / "dashboards" / "dictionary.html").as_uri())
        page.click("text=In dbt docs")
        page.wait_for_selector("text=Rides per day.")
        shown = page.inner_text("body")
        title = page.title()
        page.screenshot(path=str(tmp_path / "docs.png"))
    finally:
        page.close()
    assert "station_days" in shown
    assert "ride_day" in shown
    assert "HUGEINT".lower() in shown.lower()
    assert title != "ran"
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]
    assert failed == []


def test_who_ran_it_is_not_told(parsed: tuple[Node, Dictionary]) -> None:
    manifest, dictionary = parsed
    about = {**manifest["metadata"], "user_id": "somebody-4711", "env": {"TEAM": "team-4712"}}
    page = dbt_docs_page.render_dbt_docs({**manifest, "metadata": about}, dictionary)
    assert page
    assert "somebody-4711" not in page
    assert "team-4712" not in page


def test_a_site_can_leave_it_out(tmp_path: Path, parsed: tuple[Node, Dictionary]) -> None:
    site = FolderSite(folder=tmp_path)
    site.publish_dbt_docs(*parsed)
    site.publish_dictionary(parsed[1])
    assert "dbt_docs.html" in (tmp_path / "dashboards" / "dictionary.html").read_text()
    bare = FolderSite(folder=tmp_path, dbt_docs=False)
    assert bare.publish_dbt_docs(*parsed) is None
    bare.publish_dictionary(parsed[1])
    assert not (tmp_path / "dashboards" / "dbt_docs.html").exists()
    assert "dbt_docs.html" not in (tmp_path / "dashboards" / "dictionary.html").read_text()


def test_a_dbt_without_such_a_page_has_none(
    monkeypatch: pytest.MonkeyPatch, parsed: tuple[Node, Dictionary]
) -> None:
    monkeypatch.setattr(dbt_docs_page, "_read_page", lambda: "<html>another page</html>")
    assert dbt_docs_page.render_dbt_docs(*parsed) is None
