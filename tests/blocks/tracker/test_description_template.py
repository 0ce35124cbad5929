"""Requests written in a description are read in whatever layout people choose."""

from __future__ import annotations

import pytest

from blocks.tracker.description_template import read_template
from blocks.tracker.rich_text.adf import from_adf, to_adf
from blocks.tracker.rich_text.wiki import from_wiki

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
