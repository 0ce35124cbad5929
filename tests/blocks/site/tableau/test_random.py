"""Random dashboards, each held to Tableau's schema, to our table of elements, and to four programs of other people.

A few here; tests/soak/test_workbooks.py has them by the thousand.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from blocks.errors import Misconfigured
from blocks.site.base import PAIRED, Card
from blocks.site.labels import label_metric
from blocks.site.tableau.workbook.workbook import pack_workbook
from tests.blocks.site.tableau.checkers import list_findings
from tests.blocks.site.tableau.random_dashboards import Drawn, dashboards
from tests.blocks.site.tableau.random_rows import FILLED, Filled, list_wrong
from tests.blocks.site.tableau.test_elements import TABLE, list_unknown
from tests.blocks.site.tableau.test_workbook import (
    CONNECTIONS,
    SHAPES,
    Make,
    faults,
    parsed,
    schema,
    schema_faults,
    two_marts,
    workbook,
)
from tests.blocks.site.test_plan import list_drawn, list_unlike

__all__ = ["schema"]
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


def list_all(drawn: Drawn, schema: Any, folder: Path) -> list[str]:
    """Everything that anybody finds in a random dashboard's workbook, and what it draws unlike its plan."""
    whole = drawn
    try:
        drawn, notes = whole.leave_out()
    except Misconfigured as error:  # none of its metrics can be computed
        labels = [label_metric(metric) for dataset in whole.card.datasets for metric in dataset.metrics]
        return [f"{label} is not explained" for label in labels if label not in str(error)]
    made = drawn.make()
    root = parsed(made.xml())
    found = [*schema_faults(schema, root), *faults(root), *list_unknown(root, TABLE["workbook"])]
    for source, section in zip(made.sources, drawn.card.plan.sections, strict=True):
        planned = [(str(p.chart), set(p.metrics), set(p.dimensions), set(p.grains)) for p in section.panels]
        found += [] if list_drawn(made, source) == planned else [f"{list_drawn(made, source)} for {planned}"]
    found += list_unlike(made, drawn.card, root)
    path = folder / "random.twbx"
    pack_workbook(path, made, {})
    left = {metric.name for dataset in drawn.card.datasets for metric in dataset.metrics}
    gone = [label_metric(m) for dataset in whole.card.datasets for m in dataset.metrics if m.name not in left]
    found += [
        f"{label} is left out unsaid" for label in gone if not any(each.startswith(label) for each in notes)
    ]
    return [*found, *list_findings(path)]


@pytest.mark.parametrize("shape", [*sorted(SHAPES), "two", "linked"])
def test_other_peoples_programs_find_nothing_wrong(make_card: Make, tmp_path: Path, shape: str) -> None:
    made = {
        "two": lambda: two_marts(make_card),
        "linked": lambda: make_card(ticket_url="https://jira.example.com/browse/AN-1"),
    }
    card = made[shape]() if shape in made else make_card(**SHAPES[shape])
    for kind in CONNECTIONS if shape == "linked" else ["packed"]:
        path = tmp_path / f"{kind}.twbx"
        pack_workbook(path, workbook(card, CONNECTIONS[kind]), {})
        assert list_findings(path) == []


def test_they_do_find_what_is_wrong(make_card: Make, tmp_path: Path) -> None:
    class Broken:
        """A workbook with a name that means nothing, a function that Tableau has not, and a sheet out of place."""

        def xml(self) -> Any:
            root = parsed(workbook(make_card()).xml())
            root.find("worksheets/worksheet/table/view/datasource-dependencies/column").set("name", "[none]")
            root.find("datasources/datasource/column/calculation").set("formula", "SUMM([gone])")
            root.find("dashboards/dashboard/zones/zone/zone[@name]").set("name", "Nowhere")
            return root

    path = tmp_path / "broken.twbx"
    pack_workbook(path, Broken(), {})  # type: ignore[arg-type]
    message = list_findings(path)
    assert {each.split(":")[0] for each in message} >= {"cwtwb", "py-tbparse"}
    assert any("SUMM" in each for each in message)
    assert any("Nowhere" in each for each in message)


@settings(max_examples=15, suppress_health_check=QUIET)
@given(drawn=dashboards())
def test_a_random_dashboard_is_a_workbook_without_fault(schema: Any, tmp_path: Path, drawn: Drawn) -> None:
    assert list_all(drawn, schema, tmp_path) == []


@settings(max_examples=8, suppress_health_check=QUIET, deadline=None)
@given(filled=FILLED)
def test_axes_colours_and_figures_of_random_rows_say_what_the_rows_do(filled: Filled) -> None:
    """Read live, as an extract, or as one of which days change; of a real .hyper file."""
    with TemporaryDirectory() as folder, suppress(Misconfigured):  # none of its metrics can be computed
        assert list_wrong(filled, Path(folder)) == []


def test_what_pairs_with_datasets_goes_along_where_one_is_left_out() -> None:
    fields = {name for name, field in Card.model_fields.items() if str(field.annotation).startswith("tuple[")}
    assert fields - {"datasets", "feedback"} == set(PAIRED)
