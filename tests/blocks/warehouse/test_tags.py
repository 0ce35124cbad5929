"""Query tags and what is read from them."""

from __future__ import annotations

import json
from contextvars import copy_context

from blocks.query_tags import MOST_CHARACTERS, QueryTag, query_tag, read_tag, tag_queries
from blocks.warehouse.costs import CostLine, Costs


def test_a_stage_keeps_the_runs_tickets_and_another_run_does_not() -> None:
    def stages() -> list[str]:
        tag_queries("deliver", "r1", ["AN-1", "AN-2"])
        tag_queries("validate")
        first = query_tag()
        tag_queries("validate", "r2")
        return [first, query_tag()]

    first, second = (json.loads(text) for text in copy_context().run(stages))
    assert first == {"run": "r1", "stage": "validate", "tickets": ["AN-1", "AN-2"]}
    assert second == {"run": "r2", "stage": "validate", "tickets": []}


def test_a_tag_of_very_many_tickets_still_fits_and_is_read_back() -> None:
    def long() -> str:
        tag_queries("deliver", "r1", [f"AN-{at}" for at in range(1000)])
        return query_tag()

    text = copy_context().run(long)
    assert len(text) <= MOST_CHARACTERS
    read = read_tag(text)
    assert read is not None
    assert read.tickets[0] == "AN-0"
    assert read_tag("somebody else's") is None
    assert read_tag(None) is None


def test_costs_are_shared_out_and_the_rest_is_named() -> None:
    both, none = QueryTag(run="r1", stage="transform", tickets=("AN-1", "AN-2")), QueryTag(run="r2")
    costs = Costs(
        days=30,
        unit="credits",
        total=10.0,
        lines=(
            CostLine(tag=both, queries=3, seconds=1, amount=4.0),
            CostLine(tag=none, queries=1, seconds=1, amount=1.0),
        ),
    )
    assert costs.by_ticket() == {"": 1.0, "AN-1": 2.0, "AN-2": 2.0}
    assert costs.by_run() == {"r1": 4.0, "r2": 1.0}
    assert costs.rest == 5.0
