"""Answers in Jira's rich text look as meant whatever is in them; people's rich text is read."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from blocks.tracker.rich_text.adf import from_adf, to_adf
from blocks.tracker.rich_text.wiki import escape, from_wiki, to_wiki
from tasks.markdown import bullets, code, link, table
from tests.blocks.tracker.rich_text.adf_rules import adf_fault
from tests.tasks.test_requirements import HOSTILE

URL = "https://bi.example/a b|c?x=1&y=2"
ANSWER = f"""### Your dashboard is ready

It shows the release of run {code("run_2")}, **not** *more*.

{table(["dashboard", "rows"], [(link("Open revenue", URL), 1100), ("net_revenue", None)])}

{bullets(["one", "**two**"])}"""


def test_an_answer_in_wiki_text() -> None:
    assert to_wiki(ANSWER) == (
        "h3. Your dashboard is ready\n\n"
        "It shows the release of run {{run\\_2}}, *not* _more_.\n\n"
        "|| dashboard || rows ||\n"
        "| [Open revenue|https://bi.example/a%20b%7Cc?x=1&y=2] | 1,100 |\n"
        "| net\\_revenue |  |\n\n"
        "* one\n* *two*"
    )


def test_an_answer_in_document_format() -> None:
    doc = to_adf(ANSWER)
    assert adf_fault(doc) is None
    heading, paragraph, tabled, listed = doc["content"]
    assert heading["attrs"] == {"level": 3}
    assert {"type": "text", "text": "run_2", "marks": [{"type": "code"}]} in paragraph["content"]
    assert [row["content"][0]["type"] for row in tabled["content"]] == [
        "tableHeader",
        "tableCell",
        "tableCell",
    ]
    cell = tabled["content"][1]["content"][0]["content"][0]["content"][0]
    assert cell["marks"] == [{"type": "link", "attrs": {"href": "https://bi.example/a%20b%7Cc?x=1&y=2"}}]
    assert [item["type"] for item in listed["content"]] == ["listItem", "listItem"]


def test_both_read_back_as_what_people_see() -> None:
    seen = (
        "### Your dashboard is ready\n\nIt shows the release of run run_2, not more.\n\n"
        "| dashboard | rows |\n| --- | --- |\n| Open revenue (https://bi.example/a%20b%7Cc?x=1&y=2) | 1,100 |\n"
        "| net_revenue |  |\n\n- one\n- two"
    )
    assert from_adf(to_adf(ANSWER)) == seen
    assert from_wiki(to_wiki(ANSWER)) == seen


def nodes(node: Any) -> list[dict[str, Any]]:
    return [node, *(each for child in node.get("content", []) for each in nodes(child))]


@pytest.mark.parametrize(
    "text", [*HOSTILE, "{code}", "h1. x", "\\\\", "&#92;", "!http://evil/x.png!", "[~admin]"]
)
def test_a_hostile_value_stays_text(text: str) -> None:
    markdown = f"{bullets([code(text, 2_000)])}\n\n{table(['a', 'b'], [(text, 1)])}"
    found = nodes(to_adf(markdown))
    assert adf_fault(found[0]) is None
    kinds = {mark["type"] for node in found for mark in node.get("marks", [])}
    assert kinds <= {"code"}
    assert len([node for node in found if node["type"] == "tableCell"]) == 2
    wiki = to_wiki(markdown)
    bare = re.sub(r"\\[^A-Za-z0-9\s]|&\w+;|&#\d+;", "", wiki)
    assert re.findall(r"[{}]{2}", bare) in (["{{", "}}"], ["{{", "}}", "{{", "}}"])
    assert not re.search(r"[\[\]!~\\]|https?://|^h1\.", bare, re.MULTILINE)
    assert sum(line.count("|") for line in bare.splitlines()) == 6 + 3
    shown = code(text, 2_000).strip("`")
    assert shown in from_wiki(wiki)
    assert shown in from_adf(to_adf(markdown))


@pytest.mark.parametrize(
    ("wiki", "plain"),
    [
        ("net\\_revenue, orders", "net_revenue, orders"),
        ("h3. Metrics\r\n* net_revenue\r\n** orders\r\n# one", "### Metrics\n- net_revenue\n- orders\n- one"),
        (
            "*Bold* and _soft_ and {{mono}} 2*3*4 snake_case_name",
            "Bold and soft and mono 2*3*4 snake_case_name",
        ),
        (
            "[the report|https://x.example/a_b?b=1] [https://y.example] [https://z.example|https://z.example/]",
            "the report (https://x.example/a_b?b=1) https://y.example https://z.example",
        ),
        ("[~accountid:5b10:dana] see !shot.png|thumbnail! here", "@5b10:dana see  here"),
        ("{color:red}late{color} {noformat}a *b*{noformat}", "late a *b*"),
        ("{*}Bold{*}: {_}soft{_}, {-}gone{-}2027 and {+}under{+}", "Bold: soft, 2027 and under"),
        (
            "{status:colour=Green|title=orders} {toc}{section}{column:width=50%}a{column}{section}",
            "orders  a",
        ),
        ("{code:yaml}a: -b- *c* [d|e]{code}", "a: -b- *c* [d|e]"),
        ("{quote}{code}a\nb{code}{quote}c", "> a\n> b\n\nc"),
        ("|a|{code}b\nc{code}|", "| a | b, c |"),
        (
            '{adf:display=block}\n{"type":"expand","attrs":{"title":"More"},"content":[{"type":"paragraph",'
            '"content":[{"type":"text","text":"a -b-"}]}]}\n{adf}\nc',
            "### More\n\na -b-\n\n\nc",
        ),
        ("{adf}no{adf} {adf}{no}{adf}", "{adf}no{adf} {adf}{no}{adf}"),
        ("one\\\\two", "one\ntwo"),
        ("||a||b||\n|1|2|", "| a | b |\n| --- | --- |\n|1|2|"),
        ("&lt;b&gt; &#92;", "<b> \\"),
        ("", ""),
        ("{panel:title=The plan|bgColor=#eee}soon{panel}", "### The plan\n\nsoon"),
        (
            "{expand:More}soon{expand} {code:title=q.sql|borderStyle=solid}x{code}",
            "### More\n\nsoon\n### q.sql\n\nx",
        ),
        ("a\n{quote}\nb *c*\n\nd\n{quote}\ne", "a\n\n> b c\n>\n> d\n\ne"),
        ("bq. said\nmine", "> said\nmine"),
        ("-gone- +under+ ??cited?? well-known -5 and 3 - 4", "under cited well-known -5 and 3 - 4"),
        ("|-|5|-|", "|-|5|-|"),
        ("|a|b\nc\n* d|", "| a | b, c, d |"),
        ("||a\\\\b||c||", "| a, b | c |\n| --- | --- |"),
    ],
)
def test_wiki_text_of_people(wiki: str, plain: str) -> None:
    assert from_wiki(wiki) == plain


def test_documents_of_people() -> None:
    doc = {
        "type": "doc",
        "version": 1,
        "content": [
            {
                "type": "panel",
                "content": [
                    {
                        "type": "paragraph",
                        "content": [
                            {"type": "mention", "attrs": {"id": "1", "text": "@Dana"}},
                            {"type": "hardBreak"},
                            {"type": "date", "attrs": {"timestamp": "1803600000000"}},
                            {"type": "emoji", "attrs": {"shortName": ":x:"}},
                            {"type": "inlineCard", "attrs": {"url": "https://x.example"}},
                            {"type": "new thing"},
                        ],
                    }
                ],
            },
            {
                "type": "taskList",
                "content": [{"type": "taskItem", "content": [{"type": "text", "text": "do"}]}],
            },
            {"type": "mediaSingle", "content": [{"type": "media", "attrs": {}}]},
        ],
    }
    assert from_adf(doc) == "@Dana\n2027-02-26:x:https://x.example\n\n- do"
    assert from_adf("plain") == "plain"
    assert from_adf(None) == ""
    assert from_adf({"type": "doc", "content": ["odd", 7, {"content": 3}]}) == ""


def test_titles_cards_and_items_of_documents_are_kept_and_struck_out_text_is_not() -> None:
    def words(text: str, *marks: str) -> dict[str, Any]:
        return {"type": "text", "text": text, "marks": [{"type": mark} for mark in marks]}

    doc = {
        "type": "doc",
        "content": [
            {
                "type": "expand",
                "attrs": {"title": "More"},
                "content": [{"type": "paragraph", "content": [words("in")]}],
            },
            {"type": "embedCard", "attrs": {"url": "https://x.example", "layout": "wide"}},
            {"type": "paragraph", "content": [{"type": "inlineCard", "attrs": {"data": {"name": "Report"}}}]},
            {
                "type": "taskList",
                "content": [{"type": "taskItem", "content": [words("do "), words("it", "strong")]}],
            },
            {"type": "blockquote", "content": [{"type": "paragraph", "content": [words("old")]}]},
            {"type": "paragraph", "content": [words("gone", "em", "strike"), words("kept", "strong", "em")]},
        ],
    }
    assert from_adf(doc) == "### More\n\nin\n\nhttps://x.example\n\nReport\n\n- do it\n\n> old\n\nkept"


def test_a_document_nested_without_end_is_cut() -> None:
    doc: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(900):
        doc = {"type": "panel", "content": [doc]}
    assert from_adf({"type": "doc", "content": [{"type": "text", "text": "top"}, doc]}) == "top"


@pytest.mark.parametrize(
    "sign", ["*", "_a", "[~", "{{", "|", "[a|", "!a", "\\", "{code:", "h1. ", "((", "&", "\n* "]
)
def test_a_megabyte_of_signs_is_no_burden(sign: str) -> None:
    text, start = sign * (200_000 // len(sign)), time.monotonic()
    from_wiki(text)
    escape(text)
    assert time.monotonic() - start < 30


def test_a_link_to_a_file_is_its_words_and_its_path() -> None:
    """No tracker opens one, and CommonMark's parser would leave its signs as text."""
    text = "See [the page](<file:///srv/a%20b/index.html>), **now**."
    found = to_adf(text)["content"][0]["content"]
    assert [part["text"] for part in found] == [
        "See ",
        "the page",
        " (file:///srv/a b/index.html)",
        ", ",
        "now",
        ".",
    ]
    assert [each["type"] for part in found for each in part.get("marks", [])] == ["strong"]
    assert to_wiki(text).startswith("See the page (")
    assert "javascript" in str(to_adf("[x](<javascript:alert(1)>)"))  # is text, as before
    assert "'link'" not in str(to_adf("[x](<javascript:alert(1)>)"))
