"""What the demo's four tickets ask, sentence by sentence, against what page and workbook show: docs/dashboards.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.catalogue import Catalogue
from blocks.records import Check, Dashboard, GateReport
from blocks.site.base import Card
from blocks.site.tableau.workbook.connections import PackedExtract
from blocks.site.tableau.workbook.datasource import make_source
from blocks.site.tableau.workbook.workbook import Workbook, make_workbook
from tests.blocks.site.tableau.draw_layout import draw_workbook, fill_in
from tests.blocks.site.tableau.test_workbook import parsed
from tests.blocks.site.test_plan import list_drawn, list_unlike
from tests.conftest import ROOT
from tests.dbt_project.conftest import Project

CHECKS = tuple(Check(scope="x", name=f"c{number}", passed=True, kind="dbt") for number in range(40))
TICKETS = ("AN-1", "AN-2", "AN-3", "AN-4")
TABLES = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")


def read_ticket(key: str) -> dict[str, Any]:
    text = (ROOT / "demo" / "tickets" / f"{key}.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def make_card(catalogue: Catalogue, ticket: dict[str, Any]) -> Card:
    """The card of a ticket without rows: a plan is made of names alone."""
    datasets = catalogue.datasets(tuple(ticket["metrics"]), tuple(ticket["dimensions"]))
    return Card(
        dashboard=Dashboard(
            name=ticket["key"].lower().replace("-", "_"),
            title=ticket["title"],
            analysis=ticket["analysis"],
            metrics=tuple(ticket["metrics"]),
            dimensions=tuple(ticket["dimensions"]),
            marts=tuple(dataset.mart for dataset in datasets),
            ticket=ticket["key"],
        ),
        run="r1",
        datasets=datasets,
        extracts=tuple(Path(f"{dataset.name}.parquet") for dataset in datasets),
        gate=GateReport(run="r1", passed=True, checks=CHECKS, docs_url="https://checks.example.com/r1"),
        as_of=None,
        ticket_url=f"https://jira.example.com/browse/{ticket['key']}",
    )


def make_workbook_of(card: Card) -> Workbook:
    sources = []
    for dataset in card.datasets:
        types = {dataset.time: "DATE"} if dataset.time else {}
        types |= dict.fromkeys(dataset.dimensions, "TEXT")
        types |= {measure.name: "NUMERIC(18, 2)" for measure in dataset.measures}
        way = PackedExtract(f"Data/{dataset.name}.hyper")
        sources.append(make_source(card.dashboard.name, dataset, types, way, dataset.name))
    return make_workbook(card, sources)


def read_table(key: str) -> list[tuple[str, str, str]]:
    """A ticket's table: sentence, page, workbook."""
    part = TABLES.split(f"## {key}", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return [(cells[0], cells[1], cells[2]) for cells in rows[1:]]


def list_words(made: Workbook) -> set[str]:
    """What a reader of a workbook finds by its words: titles of sheets, choices, filters, actions, figures."""
    root = made.xml()
    words = {sheet.name for sheet in made.layout.head}
    for sheet in (*made.kpis, *made.charts):
        words.add(fill_in(root, sheet.title) + (f" ({sheet.note})" if sheet.note else ""))
    words |= {parameter.caption for parameter in made.layout.parameters}
    words |= {value for parameter in made.layout.parameters for value in parameter.values}
    words |= {str(each.get("caption")) for each in root.iter("action")}  # type: ignore[call-arg,attr-defined]
    words |= {f"Filter {one.field.caption}" for sheet in made.charts for one in sheet.list_filters()}
    return words


@pytest.mark.parametrize("key", TICKETS)
def test_the_table_has_every_sentence_and_what_answers_it(built: Project, key: str) -> None:
    ticket = read_ticket(key)
    card = make_card(built.catalogue, ticket)
    made, table = make_workbook_of(card), read_table(key)
    sentences = re.split(r"(?<=[.?!]) (?=[A-Z])", " ".join(ticket["description"].split()))
    assert [sentence for sentence, _, _ in table] == [" ".join(ticket["title"].split()), *sentences]
    words = list_words(made)
    for _, _, workbook in table:
        assert set(re.findall(r"`([^`]+)`", workbook)) <= words
    labels = {metric.label for dataset in card.datasets for metric in dataset.metrics}
    labels |= {dataset.labels[name] for dataset in card.datasets for name in dataset.dimensions}
    panels = {str(panel.chart) for section in card.plan.sections for panel in section.panels}
    grains = {grain for section in card.plan.sections for panel in section.panels for grain in panel.grains}
    for _, page, _ in table:
        assert set(re.findall(r"`([^`]+)`", page)) <= labels | panels | grains


@pytest.mark.parametrize("key", TICKETS)
def test_page_and_workbook_leave_out_nothing_of_a_ticket(built: Project, key: str) -> None:
    ticket = read_ticket(key)
    card = make_card(built.catalogue, ticket)
    made = make_workbook_of(card)
    assert [metric for _, metric in card.plan.figures] == ticket["metrics"]
    assert set(card.plan.filters) == set(ticket["dimensions"])
    drawn = [each for source in made.sources for each in list_drawn(made, source)]
    planned = [panel for section in card.plan.sections for panel in section.panels]
    assert drawn == [(str(p.chart), set(p.metrics), set(p.dimensions), set(p.grains)) for p in planned]
    assert set.union(*(metrics for _, metrics, _, _ in drawn)) == set(ticket["metrics"])
    assert set.union(*(dimensions for _, _, dimensions, _ in drawn)) == set(ticket["dimensions"])
    assert list_unlike(made, card) == []


def test_the_picture_of_a_workbook_is_of_the_one_that_is_made_now(built: Project, tmp_path: Path) -> None:
    made = make_workbook_of(make_card(built.catalogue, read_ticket("AN-1")))
    drawn = tmp_path / "tableau-workbook.svg"
    drawn.write_text(draw_workbook(parsed(made.xml())), encoding="utf-8")
    kept = ROOT / "docs" / drawn.name
    assert kept.read_bytes() == drawn.read_bytes(), (
        f"the layout has changed: look at {drawn}, copy it to {kept}"
    )
