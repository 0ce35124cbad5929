"""Requests in the layouts that people make in Jira's editor; what can't be placed comes along, and is not dropped."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from blocks.tracker.description_template import read_request, read_template
from blocks.tracker.rich_text.adf import from_adf
from blocks.tracker.rich_text.wiki import from_wiki
from tests.blocks.tracker.test_description_template import (
    BOTH,
    bullet_list,
    heading,
    paragraph,
    table,
    text_node,
)


def document(*blocks: dict[str, Any]) -> str:
    return from_adf({"type": "doc", "version": 1, "content": list(blocks)})


def block(kind: str, *content: dict[str, Any], **attrs: Any) -> dict[str, Any]:
    return {"type": kind, "attrs": attrs, "content": list(content)}


def linked(text: str, href: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "marks": [{"type": "link", "attrs": {"href": href}}]}


def name(text: str) -> dict[str, Any]:
    return paragraph(text_node(text, "strong"))


VALUES, SOURCES = [paragraph("net_revenue"), paragraph("orders")], paragraph("Sources: erp")
QUOTE = {"type": "blockquote", "content": [paragraph("Metrics: gross")]}
STATUS = {"type": "status", "attrs": {"text": "orders", "color": "blue"}}
CARD = {"type": "blockCard", "attrs": {"url": "https://x.example/report"}}
HINT = {"type": "placeholder", "attrs": {"text": "Type your metrics here"}}
SPANNED = block(
    "table",
    block("tableRow", block("tableCell", paragraph("Metrics"), rowspan=2), block("tableCell", VALUES[0])),
    block("tableRow", block("tableCell", VALUES[1])),
    block("tableRow", block("tableCell", paragraph("Sources")), block("tableCell", paragraph("erp"))),
)
LAYOUTS = {
    "names in bold, a paragraph for each value": document(
        name("Metrics"), *VALUES, name("Data sources"), paragraph("erp")
    ),
    "names with a colon, a paragraph for each value": document(
        paragraph("Metrics:"), *VALUES, paragraph("Data sources:"), paragraph("erp")
    ),
    "questions as headings": document(
        heading("Which metrics do you need?"),
        paragraph("net_revenue, orders"),
        heading("Data source(s) *"),
        paragraph("erp"),
    ),
    "a table of two columns without a head": document(
        table(["Metrics", "Sources"], ["net_revenue", "erp"], ["orders", ""])
    ),
    "a table with a column of remarks": document(
        table(["Metrics", "Notes"], ["net_revenue", "x"], ["orders", ""], head=True), SOURCES
    ),
    "a plain row as head": document(
        table(["Field", "Value", "Comment"], ["Metrics", VALUES, "please"], ["Sources", "erp", "x"])
    ),
    "a name that reaches over two rows": document(SPANNED),
    "two names in a row": document(table(["Metrics", VALUES, "Sources", "erp"])),
    "a list in a list": document(
        block(
            "bulletList",
            block("listItem", paragraph("Metrics:"), bullet_list("net_revenue", "orders")),
            block("listItem", SOURCES),
        )
    ),
    "links and cards": document(
        paragraph("Metrics: ", linked("net_revenue", "https://x.example/a,b"), ", orders"), SOURCES
    ),
    "a status and a hint": document(paragraph("Metrics: net_revenue, ", STATUS, HINT), SOURCES),
    "a quotation in a panel": document(
        block("panel", QUOTE), paragraph("Metrics: net_revenue, orders"), SOURCES
    ),
    "heads of rows in wiki text": from_wiki("||Metrics|* net_revenue\n* orders|\n||Sources|erp|"),
    "heads of columns in wiki text": from_wiki("||Metrics||Sources||\n|net_revenue|erp|\n|orders| |"),
    "links in wiki text": from_wiki(
        "Metrics: [net_revenue|https://x.example/a], orders\nSources: [erp|https://x.example/b]"
    ),
    "struck out in wiki text": from_wiki("Metrics: net_revenue, -gross_revenue-, orders\nSources: erp"),
    "icons in wiki text": from_wiki("(*) Metrics: net_revenue, orders\n(/) Sources: erp"),
    "panels in wiki text": from_wiki(
        "{panel:title=Metrics}\nnet_revenue\norders\n{panel}\n{panel:title=Sources}\nerp\n{panel}"
    ),
    "two parts on a line": "Metrics: net_revenue, orders; Sources: erp",
    "equal signs": "metrics = net_revenue, orders\nsources=erp",
    "tabs": "Metrics\tnet_revenue, orders\nSources\terp",
    "emoji": "📊 KPIs: net_revenue, orders\n🗄️ Data sources: erp",
    "an apostrophe": "KPI's: net_revenue, orders\nSource (optional): erp",
    "letters and numbers": "a) Metrics: net_revenue, orders\nII. Sources: erp",
    "wide letters": "Ｍｅｔｒｉｃｓ： net_revenue, orders\nＳources: erp",
    "numbers and dashes": "1 - Metrics: net_revenue, orders\n2 – Sources: erp",
    "numbers and dashes before values": "Metrics:\n1 - net_revenue\n2 - orders\nSources: erp",
    "numbered questions": "Q1: Metrics: net_revenue, orders\n1.2 Sources: erp",
    "a quotation in a list": "- > Metrics: gross\n- Metrics: net_revenue, orders\n- Sources: erp",
    "a quotation with blanks": "  > Metrics: gross\nMetrics: net_revenue, orders\nSources: erp",
    "the mail before": (
        "Metrics: net_revenue, orders\nSources: erp\n-----Original Message-----\nMetrics: gross"
    ),
    "invisible signs": "Met\u00adrics: net_\u200brevenue, ord\u00aders\n\u202bSources\u202c: erp",
    "other blanks and line ends": (
        "Metrics\u00a0:\u00a0net_revenue,\u202forders\u2028Data\u00a0sources: erp\r\n"
    ),
    "underlined headings": "Metrics\n-------\nnet_revenue\norders\n\nSources\n-------\nerp",
    "advice behind the values": (
        "metrics: net_revenue, orders  # more of: a, b\ndata_sources: erp\ndeadline:   # a date, as 2026-07-31"
    ),
    "other bullets": "Metrics:\n● net_revenue\n→ orders\nSources:\n[x] erp",
    "boxes, some of them ticked": "Metrics:\n- [x] net_revenue\n- [ ] refunds\n- [X] orders\nSources: ☐ crm ☑ erp",
    "boxes, none of them ticked": "Metrics:\n[ ] net_revenue\n[ ] orders\nSources: [] erp",
    "German names": "Kennzahlen (Pflichtfeld): net_revenue, orders\nDatenquelle: erp",
    "German headings": "### Gewünschte Kennzahlen\n- net_revenue\n- orders\n### Quellen\n- erp\n### Grund\nSo.",
    "a German table": "|Feld|Wert|Bemerkung|\n|---|---|---|\n|Metriken|net_revenue, orders|a|\n|Quelle|erp|b|",
    "steps as headings": "### Step 1: Metrics\nnet_revenue, orders\n### Step 2 - Data sources\nerp",
    "names with numbers": "| Metric 1 | net_revenue |\n| Metric 2 | orders |\n| Source | erp |",
    "aligned names": "Metrics      net_revenue, orders\nSources      erp",
    "a table of one column": document(table(["Metrics"], ["net_revenue"], ["orders"]), SOURCES),
    "a heading that is struck out": document(
        paragraph("Metrics: net_revenue, orders"),
        SOURCES,
        heading("Metrics"),
        {**heading("x"), "content": [text_node("More", "strike")]},
        paragraph("refunds"),
    ),
    "bold names of Jira's editor": from_wiki(
        "{*}Metrics{*}: net_revenue, {-}gross{-}, orders\n{*}Sources:{*} erp"
    ),
    "a code block of YAML": document(
        block("codeBlock", text_node("metrics:\n  - net_revenue\n  - orders\ndata_sources: erp"))
    ),
    "two columns of a layout": document(
        block(
            "layoutSection",
            block("layoutColumn", heading("Metrics"), *VALUES),
            block("layoutColumn", heading("Sources"), paragraph("erp")),
        )
    ),
    "dashes and arrows for colons": "Metrics – net_revenue, orders\nSources → erp",
    "letters below numbers": "1) Metrics\n\n   a) net_revenue\n\n   b) orders\n\n2) Sources\n\n   a) erp",
    "titles that expand in wiki text": from_wiki(
        "{expand:Metrics}\nnet_revenue\norders\n{expand}\n{expand:Sources}\nerp\n{expand}"
    ),
    "underlined bold names in wiki text": from_wiki("+*Metrics*+\nnet_revenue\norders\n+*Sources*+\nerp"),
    "colours in wiki text": from_wiki(
        "{color:red}Metrics:{color} net_revenue, orders\n{color:#f00}*Sources:*{color} erp"
    ),
    "thanks below a heading": document(
        heading("Metrics"),
        *VALUES,
        heading("Sources"),
        paragraph("erp"),
        block("rule"),
        paragraph("Thanks, Ann"),
    ),
    "a closing below values": "### Metrics\nnet_revenue\n\norders\n\n### Sources\nerp\n\nBest regards,\nAnn Lee",
    "struck out as HTML": "Metrics: <s>gross</s> net_revenue, orders\nSources: erp",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read(layout: str) -> None:
    found = read_request(LAYOUTS[layout])
    assert {field: re.findall("[^,\n ]+", value) for field, value in found.fields.items()} == BOTH
    assert found.unplaced == ()


BOXES = {
    "Analysis:\n[ ] kpi\n[x] trend\n[ ] comparison\nMetrics: orders": "trend",
    "Analysis: [ ] kpi [x] trend [ ] comparison\nMetrics: orders": "trend",
    "Analysis: ☐ kpi ☒ trend\nMetrics: orders": "trend",
    "* Analysis type\n  * [ ] kpi\n  * [x] comparison\n\nMetrics: orders": "comparison",
    "Analysis:\n[ ] kpi\n[ ] trend\nMetrics: orders": None,
    "Analysis: [ ] kpi [ ] trend\nMetrics: orders": None,
    "Analysis:\n[x] kpi\n[x] trend\nMetrics: orders": "kpi\ntrend",  # which is asked back
}


@pytest.mark.parametrize(("text", "meant"), BOXES.items(), ids=range(len(BOXES)))
def test_of_boxes_the_ticked_one_counts(text: str, meant: str | None) -> None:
    found = read_request(text)
    assert (found.fields.get("analysis"), found.fields["metrics"], found.unplaced) == (meant, "orders", ())


@pytest.mark.parametrize(("state", "read"), [("DONE", "trend"), ("TODO", None)])
def test_a_task_of_jira_counts_once_it_is_done(state: str, read: str | None) -> None:
    def task(words: str, state: str) -> dict[str, object]:
        return {"type": "taskItem", "attrs": {"state": state}, "content": [{"type": "text", "text": words}]}

    tasks = {"type": "taskList", "content": [task("kpi", "TODO"), task("trend", state)]}
    name = {"type": "paragraph", "content": [{"type": "text", "text": "Analysis:"}]}
    assert read_request(from_adf({"type": "doc", "content": [name, tasks]})).fields.get("analysis") == read


@pytest.mark.parametrize("kind", ["taskItem", "blockTaskItem"])
def test_of_tasks_with_paragraphs_the_ones_that_are_done_count(kind: str) -> None:
    content = paragraph if kind == "blockTaskItem" else text_node
    tasks = [
        block(kind, content(words), state=state) for words, state in (("orders", "DONE"), ("units", "TODO"))
    ]
    found = read_request(document(paragraph("Metrics:"), block("taskList", *tasks)))
    assert found.fields == {"metrics": "orders"}


@pytest.mark.parametrize(
    "name",
    [
        "Aufgeschlüsselt nach",
        "Dimensionen",
        "Dims",
        "per",
        "Split",
        "Split on",
        "Slicers",
        "Segments",
        "Segmentation",
        "Attributes",
        "Drill down",
        "View by",
        "Aufgeschluesselt nach",
        "Dimensionen oder Aufteilung",
        "pro",
        "je",
    ],
)
def test_other_names_of_dimensions_are_known(name: str) -> None:
    found = read_request(f"Metrics: orders\n{name}: country\nSources: erp")
    assert (found.fields["dimensions"], found.unplaced) == ("country", ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Metrics: orders\nMetrics: refunds", ("metrics", "refunds", "twice")),
        ("Deadline: 2026-01-02\nDue: 2026-01-03", ("deadline", "2026-01-03", "twice")),
        ("Metrics: orders\nColour: red\nSources: erp", (None, "red", "unknown")),
        ("Metrcs: orders", ("metrics", "orders", "unknown")),
        ("Metrics:\n- orders\n\nrefunds\n\nthe rest", ("metrics", "refunds", "below")),
        ("| Metrics | orders | refunds |", ("metrics", "refunds", "beside")),
        ("| Colour | red |\n| Metrics | orders |", (None, "red", "unknown")),
        ("Metrics: orders\nOnly: France", (None, "France", "unknown")),
        ("Metrics: orders\n\nOnly: France", (None, "France", "after")),
        ("Metrics: orders\nBy country", ("dimensions", "country", "after")),
        (
            "Metrics: orders\nsplit per country, region\nSources: erp",
            ("dimensions", "country, region", "after"),
        ),
        ("Metrics: orders\nRegards: Dana", (None, "Dana", "after")),
        ("Columns: country\nMetrics: orders", (None, "country", "after")),
        ("| Metrics | Colour |\n| --- | --- |\n| orders | red |\n| Sources | erp |", None),
    ],
)
def test_what_can_not_be_placed_comes_along(text: str, message: tuple[str | None, str, str] | None) -> None:
    unplaced = [(each.field, each.text, each.reason) for each in read_request(text).unplaced]
    assert unplaced == ([message] if message else unplaced)


@pytest.mark.parametrize(
    "text",
    [
        "Metrics:\n- orders\n\nsee the old report\n- refunds\n- returns\nSources: erp",
        "Metrics:\n1. orders\n\nThis sentence has more than four words in it.\n\n2. refunds\n3. returns",
        "Metrics: orders\nrefunds\nreturns\nSources: erp",
        "Metrics:\n- orders\n\nand also:\n\n- refunds\n- returns\n\n## Sources\nerp",
        document(paragraph("Metrics:"), bullet_list("orders"), CARD, bullet_list("refunds", "returns")),
    ],
)
def test_a_list_that_goes_on_behind_other_text_comes_along(text: str) -> None:
    found = read_request(text)
    below = [each.text for each in found.unplaced if (each.field, each.reason) == ("metrics", "below")]
    assert (found.fields["metrics"], below[-2:]) == ("orders", ["refunds", "returns"])


def test_free_text_pushes_no_unknown_part_out_of_what_is_asked() -> None:
    remarks = "".join(f"- remark {number}\n" for number in range(60))
    found = read_request(f"Metrics: orders\n{remarks}Metrics: refunds\nColour: red\nSources: erp")
    assert [each.text for each in found.unplaced[:2]] == ["refunds", "red"]


def test_boxes_that_are_not_ticked_stay_out_where_free_text_follows() -> None:
    text = "Metrics:\n- [x] orders\n- [ ] refunds\n\nThat is what we need for the board."
    assert read_template(text) == {"metrics": "orders"}


@pytest.mark.parametrize(
    "words", ["nach country", "pro country", "je country", "aufgeschlüsselt nach country"]
)
def test_a_bare_line_that_splits_in_german_comes_along(words: str) -> None:
    (each,) = read_request(f"Metrics: orders\n{words}").unplaced
    assert (each.field, each.text, each.reason) == ("dimensions", "country", "after")


@pytest.mark.parametrize(
    "text",
    [
        "Metrics: orders\nMetrics: Orders",
        "Metrics: orders\n\nAnything else: what it is for\n\nThanks, Dana",
        "Because: metrics matter.\n\nMetrics: orders",
        "Metrics: orders\n\n## Background\n\nNote: this is old.\n\nColour: red\n\n## Sources\n\nerp",
    ],
)
def test_free_text_is_no_trouble(text: str) -> None:
    assert [each for each in read_request(text).unplaced if each.reason != "after"] == []


def test_links_keep_their_address_and_cards_theirs() -> None:
    parts = [linked("the ", "https://x.example"), linked("report", "https://x.example"), text_node(" here")]
    assert document(paragraph(*parts)) == "the report (https://x.example) here"
    assert document(paragraph(linked("https://x.example", "https://x.example/"))) == "https://x.example"
    assert document(paragraph(linked("click", "javascript:alert(1)"))) == "click"
    card = {"type": "inlineCard", "attrs": {"data": {"name": "Report", "url": "https://x.example"}}}
    assert document(paragraph(card)) == "Report (https://x.example)"


def test_a_title_in_a_cell_is_a_value_without_the_sign_of_headings() -> None:
    cell = block("nestedExpand", paragraph("orders"), title="of the shop")
    text = document(table(["Metrics", [cell]], ["Sources", "erp"]))
    assert read_template(text)["metrics"] == "of the shop, orders"


def test_a_pipe_in_a_cell_is_no_other_cell() -> None:
    assert read_template(document(table(["Metrics", "a|b"]))) == {"metrics": "a|b"}
    assert read_template(from_wiki("||Metrics|a\\|b|")) == {"metrics": "a|b"}


@pytest.mark.parametrize("sign", ["a: ", "|", "| a ", "- ", "(", "# ", "by: x ", "?", " \t", "> ", "~~a"])
def test_the_time_for_a_description_is_bounded(sign: str) -> None:
    text, start = sign * (1_000_000 // len(sign)), time.process_time()
    read_request(text)
    read_request(text.replace(" ", "\n"))
    assert time.process_time() - start < 20
