"""Pages beside the dashboards, with the same hostile text in every place: nothing of it runs, or is asked for.

The list of dashboards, a page that is held back, the data dictionary, and the HTML of a message, which has no policy of
its own. The dashboards' own are in test_page.py, those of checks and of dbt in their files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blocks.dictionary import Dictionary, DictionaryColumn, DictionaryMart, DictionaryMetric
from blocks.notifier.base import Message
from blocks.notifier.mail_text import write_mail
from blocks.site.html.site import FolderSite
from tests.blocks.site.conftest import SAID
from tests.blocks.site.html.test_check_pages import HOSTILE

POLICY = 'http-equiv="Content-Security-Policy"'
MADE_OF_TEXT = (
    "iframe, svg[onload], base, link[rel=stylesheet], meta[http-equiv=refresh], [onerror], [onclick]"
)


def describe_hostile(text: str) -> Dictionary:
    """A dictionary whose every text is this one."""
    column = DictionaryColumn(name=text, data_type=text, description=text, tests=(text,), made_of=(text,))
    mart = DictionaryMart(
        name=text,
        node=text,
        description=text,
        owner=text,
        columns=(column,),
        metrics=(DictionaryMetric(name=text, label=text, description=text),),
        tests=(text,),
        sources=(text,),
        dashboards=(("kpi_page", text),),
    )
    return Dictionary(run=text, marts=(mart, mart.model_copy(update={"name": "sales"})))


def write_pages(folder: Path, make_card: Any, text: str) -> dict[str, Path]:
    """The pages, by what they are."""
    site, said = FolderSite(folder=folder), SAID.model_copy(update={"author": text, "body": text})
    words = {"title": text, "description": text, "ticket": text, "ticket_url": text, "owner": text}
    card = make_card(feedback=(said,), **words)
    failed = make_card(name="failed", **words)
    done = site.publish(card)
    fault = done.model_copy(update={"dashboard": "failed", "error": text})
    site.publish_dbt_docs({"metadata": {}, "nodes": {}}, Dictionary(run="r1", marts=()))
    site.publish_dictionary(describe_hostile(text))
    site.index([card, failed], [done, fault])
    site.mark_held([card.dashboard.name], text)
    message = Message(name="m", subscriber=text, subject=text, lines=(text, text), foot=text, url=text)
    html = write_mail(message, "bot@example.com").get_body(("html",))
    assert html is not None
    place = site.place
    (place / "mail.html").write_text(html.get_content(), encoding="utf-8")
    return {
        "index": place / "index.html",
        "held": place / card.dashboard.name / "index.html",
        "dictionary": place / "dictionary.html",
        "mail": place / "mail.html",
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_people_wrote_runs(browser: Any, make_card: Any, tmp_path: Path, text: str) -> None:
    pages = write_pages(tmp_path, make_card, text)
    titles = {"index": "Dashboards", "dictionary": "Data dictionary"}
    context, faults, own = (
        browser.new_context(offline=True),
        list[str](),
        (tmp_path.as_uri(), "data:", "blob:"),
    )
    for name, path in pages.items():
        page = context.new_page()
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (faults.append("dialog"), dialog.dismiss()))
        page.on("request", lambda asked: None if asked.url.startswith(own) else faults.append(asked.url))
        page.goto(path.as_uri())
        page.wait_for_timeout(100)
        assert faults == [], name
        assert page.title() != "ran"
        assert page.title() == titles.get(name, page.title())
        assert page.locator(MADE_OF_TEXT).count() == 0, name
        assert page.locator("a[href^=javascript]").count() == 0, name
        assert " ".join(text.split())[:12] in " ".join(page.locator("body").inner_text().split()), name
        assert (POLICY in path.read_text(encoding="utf-8")) is (name != "mail")
        page.close()
    context.close()
