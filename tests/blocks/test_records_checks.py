"""A check's name is a claim: what is not met is told as not being so, wherever people read it before what was found."""

from __future__ import annotations

import pytest

from blocks.records import Check


@pytest.mark.parametrize(
    ("name", "state", "told"),
    [
        ("net_revenue is as usual", {}, "net_revenue is as usual"),
        ("net_revenue is as usual", {"warned": True}, "net_revenue is not as usual"),
        ("figures together are as usual", {"passed": False}, "figures together are not as usual"),
        ("country is made up as usual", {"passed": False}, "country is not made up as usual"),
        ("members come as usual", {"warned": True}, "not met: members come as usual"),
        ("Every row has a country", {"passed": False}, "not met: Every row has a country"),
        (
            "net_revenue is as usual",
            {"passed": False, "not_run": True},
            "not evaluated: net_revenue is as usual",
        ),
        (
            "net_revenue is as usual",
            {"warned": True, "not_run": True},
            "not evaluated: net_revenue is as usual",
        ),
    ],
)
def test_a_claim_that_is_not_met_is_told_as_that(name: str, state: dict[str, bool], told: str) -> None:
    assert Check(**{"scope": "sales", "name": name, "kind": "history", "passed": True, **state}).told == told
