"""Requests written in a description are read in whatever layout people choose."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.tracker.description_template import NAMES, read_template
from blocks.tracker.rich_text.adf import from_adf, to_adf
from blocks.tracker.rich_text.wiki import escape, from_wiki

TEMPLATE = """\
We want this each Monday.

**Analysis:** trend
**Metrics:** net_revenue, `orders`
**Dimensions:** country
**Data sources:** erp
**Deadline:** 2027-02-26

## Why
Because: metrics matter.
"""
READ = {
    "analysis": "trend",
    "metrics": "net_revenue, orders",
    "dimensions": "country",
    "data_sources": "erp",
    "deadline": "2027-02-26",
}


@pytest.mark.parametrize(
    "text",
    [
        TEMPLATE,
        from_adf(to_adf(TEMPLATE.replace("\n**", "\n\n**"))),
        from_wiki(
            "||Part||Value||\n|*Analysis type*|trend|\n|Metrics|net\\_revenue, orders|\n|Dimensions|country|\n"
            "|Data sources|erp|\n|Needed by|2027-02-26|"
        ),
        from_wiki(
            "* Analysis: trend\n* Metrics: net_revenue, orders\n* Dimensions: country\n"
            "* Sources: erp\n* Due: 2027-02-26"
        ),
    ],
)
def test_the_template_is_read_in_every_layout(text: str) -> None:
    assert read_template(text) == READ


@pytest.mark.parametrize("name", ["List of dimensions", "Dimension name(s)", "The following dimensions"])
def test_words_around_a_name_do_not_hide_it(name: str) -> None:
    assert read_template(f"{name}: country") == {"dimensions": "country"}


def test_values_below_their_names() -> None:
    headed = to_adf("### Metrics\n\n- net_revenue\n- orders\n\n### Deadline\n\n2027-02-26\n\nThanks, all.")
    assert read_template(from_adf(headed)) == {"metrics": "net_revenue\norders", "deadline": "2027-02-26"}
    assert read_template("Metrics:\n- net_revenue\n- orders\n\nmore") == {"metrics": "net_revenue\norders"}


@pytest.mark.parametrize(
    "text", ["", "Deadline:\n\nI would like it soon.", "### Metrics\n\n### Why\nfor fun", "a: b\n" * 99]
)
def test_what_is_not_filled_in_is_not_there(text: str) -> None:
    assert read_template(text) == {}


def test_the_first_of_a_name_counts() -> None:
    assert read_template("Metrics: a\nMetrics: b\n### Metrics\n\nc") == {"metrics": "a"}


def text_node(text: str, *marks: str) -> dict[str, Any]:
    return {"type": "text", "text": text, **({"marks": [{"type": mark} for mark in marks]} if marks else {})}


def paragraph(*parts: str | dict[str, Any]) -> dict[str, Any]:
    content = [text_node(part) if isinstance(part, str) else part for part in parts]
    return {"type": "paragraph", "content": content}


def heading(text: str) -> dict[str, Any]:
    return {"type": "heading", "attrs": {"level": 3}, "content": [text_node(text)]}


def bullet_list(*items: str) -> dict[str, Any]:
    return {
        "type": "bulletList",
        "content": [{"type": "listItem", "content": [paragraph(item)]} for item in items],
    }


def table(*rows: list[str | list[dict[str, Any]]], head: bool = False) -> dict[str, Any]:
    kinds = ["tableHeader" if head and number == 0 else "tableCell" for number in range(len(rows))]
    cells = [
        [{"type": kind, "content": [paragraph(cell)] if isinstance(cell, str) else cell} for cell in row]
        for kind, row in zip(kinds, rows, strict=True)
    ]
    return {"type": "table", "content": [{"type": "tableRow", "content": row} for row in cells]}


def read_document(*blocks: dict[str, Any]) -> dict[str, list[str]]:
    found = read_template(from_adf({"type": "doc", "version": 1, "content": list(blocks)}))
    return {field: [word.strip() for word in re.split("[,\n]", value)] for field, value in found.items()}


BOTH = {"metrics": ["net_revenue", "orders"], "data_sources": ["erp"]}


def test_each_paragraph_below_a_heading_is_a_value() -> None:
    blocks = [heading("Metrics"), paragraph("net_revenue"), paragraph("orders"), heading("Data sources")]
    found = read_document(*blocks, paragraph("erp"), paragraph("crm"), heading("Notes"), paragraph("soon"))
    assert found == {"metrics": ["net_revenue", "orders"], "data_sources": ["erp", "crm"]}


def test_an_empty_line_or_a_picture_does_not_end_a_list() -> None:
    wiki = "Metrics:\n* net_revenue\n\n* orders\n\nSources: erp"
    assert read_template(from_wiki(wiki)) == {"metrics": "net_revenue\norders", "data_sources": "erp"}
    picture = {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"id": "1", "type": "file"}}]}
    name, source = paragraph("Metrics:"), paragraph("Sources: erp")
    assert read_document(name, bullet_list("net_revenue"), picture, bullet_list("orders"), source) == BOTH


def test_what_is_struck_out_or_quoted_is_none_of_the_writers_words() -> None:
    struck = paragraph("Metrics: net_revenue, ", text_node("gross, ", "strike"), "orders")
    assert (
        read_document(struck, paragraph(text_node("Sources: fx", "strike")), paragraph("Sources: erp"))
        == BOTH
    )
    quoted = {"type": "blockquote", "content": [paragraph("Metrics: gross_revenue")]}
    assert read_document(quoted, paragraph("Metrics: net_revenue, orders"), paragraph("Sources: erp")) == BOTH
    for text in (
        "> Metrics: gross_revenue\n\nMetrics: net_revenue",
        "Metrics: ~~gross_revenue~~ net_revenue",
        from_wiki("bq. Metrics: gross_revenue\nMetrics: net\\_revenue"),
        from_wiki("{quote}\nMetrics: gross_revenue\n{quote}\nMetrics: net\\_revenue"),
        from_wiki("-Metrics: gross_revenue-\nMetrics: net\\_revenue"),
    ):
        assert read_template(text) == {"metrics": "net_revenue"}, text


def test_a_value_may_be_spelled_like_a_part_of_the_request() -> None:
    found = read_template("Dimensions:\n- country\n- source\n- segment\nData sources: erp")
    assert found == {"dimensions": "country\nsource\nsegment", "data_sources": "erp"}
    assert read_template("### Analysis\n\nkpi\n\n### Metrics\n\norders") == {
        "analysis": "kpi",
        "metrics": "orders",
    }
    assert read_template("- Metrics\n- orders\n- Sources\n- erp") == {
        "metrics": "orders",
        "data_sources": "erp",
    }


@pytest.mark.parametrize(
    "line",
    [
        "1. Metrics: orders",
        "1) Metrics: orders",
        "📊 Metrics: orders",
        ":bar_chart: Metrics: orders",
        "Metric(s): orders",
        "Metrics (required): orders",
        "Metrics (as in: dbt): orders",
        "Metrics*: orders",
        "\u200bMetrics: orders",
        "\ufeffMetrics: orders",
        "Metrics：orders",
        "Metrics\u00a0: orders",
        "KPIs: orders",
        "Metrics / KPIs: orders",
        "Required metrics: orders",
        "Metrics needed: orders",
        "Metrics - orders",
        "__Metrics__: orders",
        "[x] Metrics: orders",
        "Metrics:\norders",
        "Metrics:\n1. orders",
        "Metrics:\n• orders",
    ],
)
def test_names_as_people_write_them(line: str) -> None:
    assert read_template(line) == {"metrics": "orders"}
    assert read_template(from_wiki(f"+{line}+" if "\n" not in line else line)) == {"metrics": "orders"}


@pytest.mark.parametrize("line", ["Metrics: customer__orders", "__Metrics__: __customer__orders__"])
def test_the_underscores_within_a_name_are_no_emphasis(line: str) -> None:
    assert read_template(line) == {"metrics": "customer__orders"}
    assert read_template(from_wiki("Metrics: customer__orders")) == {"metrics": "customer__orders"}


def test_a_date_with_points_below_its_name_is_no_numbered_list() -> None:
    assert read_template("### Deadline\n\n12. 3. 2027\n\nThanks") == {"deadline": "12. 3. 2027"}


def test_tables_with_a_part_in_each_row_or_column() -> None:
    several = [paragraph("net_revenue"), paragraph("orders")]
    assert read_document(table(["Metrics", several], ["Data sources", [bullet_list("erp")]])) == BOTH
    remarks = (
        ["Part", "Value", "Notes"],
        ["1", "x", "y"],
        ["Metrics", several, "both, please"],
        ["Source", "erp", ""],
    )
    assert read_document(table(*remarks, head=True)) == BOTH
    assert read_document(table(["1", "Metrics", several], ["2", "Sources", "erp"])) == BOTH
    assert (
        read_document(table(["Metrics", "Sources"], ["net_revenue", "erp"], ["orders", ""], head=True))
        == BOTH
    )
    wide = table(["Metrics", "Sources", "Deadline"], [several, "erp", "2027-02-26"])
    assert read_document(wide) == {**BOTH, "deadline": ["2027-02-26"]}
    wiki = "|Metrics|* net\\_revenue\n* orders|\n|Sources|erp\\\\crm|"
    found = {"metrics": "net_revenue, orders", "data_sources": "erp, crm"}
    assert read_template(from_wiki(wiki)) == found


EDITED = {
    "analysis": "trend",
    "metrics": "net_revenue\norders",
    "dimensions": "country",
    "data_sources": "erp",
}
LAYOUTS = {
    "line": lambda name, values: [paragraph(f"{name}: {', '.join(values)}")],
    "bold": lambda name, values: [paragraph(text_node(name, "strong"), ": ", text_node(", ".join(values)))],
    "bullets": lambda name, values: [paragraph(f"{name}:"), bullet_list(*values)],
    "headed bullets": lambda name, values: [heading(name), bullet_list(*values)],
    "headed lines": lambda name, values: [heading(name), *map(paragraph, values)],
    "row": lambda name, values: [table([name, [paragraph(each) for each in values]])],
    "item": lambda name, values: [bullet_list(f"{name}: {', '.join(values)}")],
    "expand": lambda name, values: [
        {"type": "expand", "attrs": {"title": name}, "content": [bullet_list(*values)]}
    ],
}
WIKI_LAYOUTS = {
    "line": lambda name, values: f"{name}: {', '.join(values)}",
    "bold": lambda name, values: f"*{name}:* {', '.join(values)}",
    "bullets": lambda name, values: "\n".join([f"{name}:", *(f"* {each}" for each in values)]),
    "numbers": lambda name, values: "\n".join([f"*{name}*:", *(f"# {each}" for each in values)]),
    "heading": lambda name, values: f"h3. {name}\n\n" + "\n\n".join(values),
    "row": lambda name, values: f"|{name}|" + "\n".join(values) + "|",
    "panel": lambda name, values: f"{{panel:title={name}|bgColor=#eee}}\n" + "\n".join(values) + "\n{panel}",
    "color": lambda name, values: f"{{color:red}}{name}{{color}}: {', '.join(values)}",
}
NOISE = [
    None,
    {"type": "rule"},
    {"type": "mediaSingle", "content": [{"type": "media", "attrs": {}}]},
    {"type": "blockquote", "content": [paragraph("Metrics: gross_revenue")]},
    heading("Background"),
]
FIELD_NAMES = {field: st.sampled_from(NAMES[field]) for field in EDITED}
WRAPPERS = st.sampled_from(["panel", "layoutSection", "layoutColumn", "nestedExpand", None])


@given(
    data=st.data(),
    layouts=st.lists(st.sampled_from(sorted(LAYOUTS)), min_size=len(EDITED), max_size=len(EDITED)),
    noise=st.lists(st.sampled_from(NOISE), min_size=len(EDITED), max_size=len(EDITED)),
)
def test_every_document_that_names_the_parts_in_order_gives_the_same_values(
    data: st.DataObject, layouts: list[str], noise: list[dict[str, Any] | None]
) -> None:
    blocks: list[dict[str, Any]] = []
    for (field, text), layout, between in zip(EDITED.items(), layouts, noise, strict=True):
        name = data.draw(FIELD_NAMES[field]).capitalize()
        part = LAYOUTS[layout](name, text.split("\n"))
        wrapper = data.draw(WRAPPERS)
        blocks += [{"type": wrapper, "content": part}] if wrapper else part
        blocks += [between] if between else []
    found = read_document(*blocks)
    assert found == {field: text.split("\n") for field, text in EDITED.items()}


@given(data=st.data(), layouts=st.lists(st.sampled_from(sorted(WIKI_LAYOUTS)), min_size=4, max_size=4))
def test_every_wiki_text_that_names_the_parts_in_order_gives_the_same_values(
    data: st.DataObject, layouts: list[str]
) -> None:
    parts = [
        WIKI_LAYOUTS[layout](
            data.draw(FIELD_NAMES[field]).capitalize(), [escape(e) for e in text.split("\n")]
        )
        for (field, text), layout in zip(EDITED.items(), layouts, strict=True)
    ]
    separator = data.draw(
        st.sampled_from(["\n\n", "\r\n\r\n", "\n----\n", "\n\n{quote}\nMetrics: gross\n{quote}\n\n"])
    )
    found = read_template(from_wiki(separator.join(parts)))
    assert {field: re.split("[,\n] ?", value) for field, value in found.items()} == {
        field: text.split("\n") for field, text in EDITED.items()
    }


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.fixed_dictionaries(
            {
                "type": st.sampled_from(
                    [*"abc", "text", "paragraph", "table", "tableRow", "tableCell", "expand", "date"]
                )
            },
            optional={"content": inner, "attrs": inner, "marks": inner, "text": inner},
        )
    ),
    max_leaves=30,
)


@given(JSON_VALUES)
def test_no_document_breaks_the_readers(document: Any) -> None:
    assert isinstance(read_template(from_adf(document)), dict)


@given(st.text(alphabet=st.sampled_from("ab \n\\|*_-+?!~{}[]#:>." + "é📊\u200b"), max_size=200))
def test_no_text_breaks_the_readers(text: str) -> None:
    assert isinstance(read_template(from_wiki(text)), dict)
    assert isinstance(read_template(text), dict)
