"""Thousands of random dashboards as workbooks, a thousand with rows, as in tests/blocks/site/tableau/test_random.py.

`SOAK` scales them (1: all). The counts are printed: workbooks, sheets, faults.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from blocks.errors import Misconfigured
from tests.blocks.site.tableau.random_dashboards import Drawn, dashboards
from tests.blocks.site.tableau.random_rows import FILLED, Filled, list_wrong
from tests.blocks.site.tableau.test_random import QUIET, list_all
from tests.blocks.site.tableau.test_workbook import schema

__all__ = ["schema"]
WORKBOOKS = 5_000
ROWS_OF_THEM = 1_000


@pytest.mark.soak
def test_no_random_dashboard_makes_a_faulty_workbook(schema: Any, tmp_path: Path) -> None:
    most = max(1, round(WORKBOOKS * float(os.environ.get("SOAK", "1"))))
    seen, wrong = Counter[str](), dict[str, int]()

    @settings(
        max_examples=most,
        phases=[Phase.generate],
        suppress_health_check=QUIET,
    )
    @given(drawn=dashboards())
    def look(drawn: Drawn) -> None:
        seen[str(drawn.card.dashboard.analysis)] += 1
        seen.update(f"metrics of {kind}" for kind in drawn.list_kinds())
        with suppress(Misconfigured):  # none of its metrics can be computed, which it says
            made = drawn.leave_out()[0].make()
            seen["workbooks"] += 1
            seen["sheets"] += len(made.layout.sheets) + len(made.checks)
        for fault in list_all(drawn, schema, tmp_path):
            wrong[fault] = wrong.get(fault, 0) + 1

    look()
    print(f"{dict(seen)}: {sum(wrong.values())} faults", *wrong, sep="\n")
    assert wrong == {}


@pytest.mark.soak
def test_no_random_rows_are_told_otherwise_than_they_are() -> None:
    most = max(1, round(ROWS_OF_THEM * float(os.environ.get("SOAK", "1"))))
    seen, wrong = Counter[str](), dict[str, int]()

    @settings(max_examples=most, phases=[Phase.generate], suppress_health_check=QUIET, deadline=None)
    @given(filled=FILLED)
    def look(filled: Filled) -> None:
        with TemporaryDirectory() as folder, suppress(Misconfigured):
            faults = list_wrong(filled, Path(folder))
            seen[filled.way] += 1
            for fault in faults:
                wrong[fault] = wrong.get(fault, 0) + 1

    look()
    print(f"{dict(seen)}: {sum(wrong.values())} faults", *wrong, sep="\n")
    assert wrong == {}
