"""Which charts a dashboard has, whoever draws them."""

from __future__ import annotations

import pytest

from blocks.records import Analysis
from blocks.site.plan import CHARTS, Chart, plan_charts


def test_every_analysis_has_a_plan() -> None:
    assert set(CHARTS) == set(Analysis)


@pytest.mark.parametrize(
    ("analysis", "timed", "sliced", "adds", "charts"),
    [
        ("kpi", True, True, True, ["trend", "bars"]),
        ("comparison", True, True, False, ["bars", "trend"]),
        ("composition", True, True, True, ["shares", "bars", "stacked", "trend"]),
        ("composition", False, True, True, ["shares", "bars"]),
        ("composition", True, True, False, ["trend", "bars"]),
        ("composition", True, False, True, ["trend"]),
        ("detail", True, True, True, ["table", "bars", "trend"]),
        ("trend", False, True, True, ["bars"]),
        ("trend", False, False, True, []),
    ],
)
def test_a_chart_is_planned_where_the_data_has_what_it_needs(
    analysis: str, timed: bool, sliced: bool, adds: bool, charts: list[str]
) -> None:
    found = plan_charts(Analysis(analysis), timed=timed, sliced=sliced, adds=adds)
    assert found == tuple(map(Chart, charts))
