"""Every document that we write is one by Atlassian's own schema (npm: @atlaskit/adf-schema)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.records import Incomplete
from blocks.tracker.rich_text.adf import to_adf
from tasks.markdown import bullets, code, table
from tasks.requirements import check_ticket, write_gap_comment
from tests.blocks.tracker.rich_text.test_rich_text import ANSWER, HOSTILE
from tests.peers.prism import NODE_MODULES
from tests.tasks.test_requirements import Shop, ticket

SCHEMA = NODE_MODULES / "@atlaskit" / "adf-schema" / "dist" / "json-schema" / "v1" / "full.json"
pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason="Atlassian's schema is not installed: make peers")
NESTED = [
    "> # head\n> - [ ] a\n>\n> | a |\n> | --- |\n> | 1 |",
    "- # head in an item\n- > quotation\n- | a |\n  | --- |\n  | 1 |\n- ---",
    "- \n- - a",
    "> ",
    "# h\n\n1. a\n   - b\n\n    code\n\n---\n\n```\n```",
    "a\\\nb **x `c`** [l](http://x) [](http://x) [x](<>) ![i](x.png) <b>x</b>",
    "| |\n| --- |\n| |",
    "<div>x</div>",
    "",
]


@pytest.fixture(scope="module")
def validator() -> Any:
    from jsonschema import Draft4Validator

    return Draft4Validator(json.loads(SCHEMA.read_bytes()))


def faults(validator: Any, markdown: str) -> list[str]:
    return [error.message[:300] for error in validator.iter_errors(to_adf(markdown))]


@pytest.mark.parametrize("markdown", [ANSWER, *NESTED])
def test_what_we_write_is_a_document(validator: Any, markdown: str) -> None:
    assert faults(validator, markdown) == []


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:12] for text in HOSTILE])
def test_a_hostile_value_makes_a_document(validator: Any, text: str) -> None:
    assert faults(validator, f"{bullets([code(text, 2_000)])}\n\n{table(['a'], [(text,)])}") == []
    assert faults(validator, text[:5_000]) == []


def test_the_comment_on_gaps_is_a_document(validator: Any) -> None:
    found = check_ticket(ticket(metrics="ordrs", deadline="01/02/2026"), Shop())
    assert isinstance(found, Incomplete)
    assert faults(validator, write_gap_comment(found)) == []


def test_a_document_that_is_none_is_found(validator: Any) -> None:
    assert list(validator.iter_errors({"type": "doc", "version": 1, "content": [{"type": "listItem"}]}))


LINES = st.sampled_from(
    [
        "# a",
        "- b",
        "  - c",
        "1. d",
        "> e",
        "```",
        "    f",
        "---",
        "| g |",
        "| --- |",
        "h *i* `j`",
        "",
        "- ",
        ">",
    ]
)


@given(st.lists(LINES, max_size=12))
def test_any_markdown_makes_a_document(validator: Any, lines: list[str]) -> None:
    assert faults(validator, "\n".join(lines)) == []
