"""What the data do not have becomes one task for the modeller, with the columns that look like it and a draft."""

from __future__ import annotations

import shutil

import pytest

from blocks.catalogue import Catalogue, DeclaredColumn
from blocks.dbt.project import DbtProject
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.elaboration.columns import find_likely_columns, write_draft
from tasks.elaboration.proposal import Missing
from tasks.missing_metrics import ask_modeller, choose_for_task, describe_task, name_task
from tests.blocks.tracker.desks import Desk
from tests.conftest import ROOT

COLUMNS = [
    DeclaredColumn(place="erp.lines", name="unit_cost", description="What a unit costs us.", is_mart=False),
    DeclaredColumn(place="daily", name="adjustments", description="Bookkeeping, bad debt.", is_mart=True),
    DeclaredColumn(place="daily", name="units_refunded", description="Units returned.", is_mart=True),
]


@pytest.mark.parametrize(
    ("words", "likely"),
    [
        ("adjustments", "daily.adjustments"),
        ("adjustment", "daily.adjustments"),
        ("ajustments", ""),
        ("cost per unit", "erp.lines.unit_cost"),
        ("refunded units", "daily.units_refunded"),
        ("zebra", ""),
        ("average", ""),
    ],
)
def test_columns_that_look_like_what_is_missing(words: str, likely: str) -> None:
    found = find_likely_columns(Missing(kind="metric", words=words), COLUMNS)
    assert next((f"{each.column.place}.{each.column.name}" for each in found), "") == likely


def test_the_same_words_are_the_same_task() -> None:
    first, second = Missing(kind="metric", words="Profit margin"), Missing(kind="dimension", words="region")
    assert name_task([first, second]) == name_task([second, Missing(kind="metric", words="margin, profit")])
    assert name_task([first]) != name_task([second])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[DbtProject, DuckDBWarehouse, Catalogue]:
    folder = tmp_path_factory.mktemp("drafts")
    shutil.copytree(ROOT / "tests" / "tiny" / "dbt", folder / "dbt")
    warehouse = DuckDBWarehouse(database=str(folder / "warehouse.duckdb"))
    project = DbtProject(folder=folder / "dbt", state=folder / "state")
    return project, warehouse, parse(project, warehouse)


def parse(project: DbtProject, warehouse: DuckDBWarehouse) -> Catalogue:
    dbt = project.open(warehouse, "rel_draft")
    try:
        return dbt.catalogue
    finally:
        dbt.close()


def test_drafts_parse_with_dbt_beside_what_is_there(
    tiny: tuple[DbtProject, DuckDBWarehouse, Catalogue],
) -> None:
    project, warehouse, catalogue = tiny
    columns = {each.name: each for each in catalogue.list_columns() if each.is_mart}
    models = project.folder / "models"
    for kind, name in (("metric", "minutes"), ("dimension", "rides")):
        draft = write_draft(kind, columns[name], catalogue)
        assert draft
        (models / f"draft_{kind}.yml").write_text(draft)
    with_drafts = parse(project, warehouse)
    assert with_drafts.metric("minutes_total").mart == "station_days"
    assert set(catalogue.metric_names()) < set(with_drafts.metric_names())


def test_a_draft_is_only_made_of_a_marts_column(
    tiny: tuple[DbtProject, DuckDBWarehouse, Catalogue],
) -> None:
    catalogue = tiny[2]
    for column in (
        COLUMNS[0],
        DeclaredColumn(place="station_days", name="a: {b}", description="", is_mart=True),
        DeclaredColumn(place="gone", name="fine", description="", is_mart=True),
    ):
        assert write_draft("metric", column, catalogue) is None


def test_one_linked_task_with_a_draft_and_its_state(
    desk: Desk, tiny: tuple[DbtProject, DuckDBWarehouse, Catalogue]
) -> None:
    _, warehouse, catalogue = tiny
    for key in ("AN-1", "AN-2"):
        desk.file(key)
    missing = choose_for_task(
        [Missing(kind="metric", words="minute"), Missing(kind="dimension", words="weather")], catalogue
    )
    assert [each.words for each in missing] == ["minute"]  # for the weather there is no column

    def ask(key: str) -> str:
        return ask_modeller.fn(desk.tracker, key, missing, catalogue, warehouse, None)

    task = ask("AN-1")
    assert {ask("AN-1"), ask("AN-2")} == {task}
    assert desk.requests(task)[0] == "AN-1"
    assert b"expr: minutes" in desk.attachments(task)["draft.yml"]
    assert task not in [each.key for each in desk.tracker.list_open_tickets()]
    (found,) = desk.tracker.read_tickets([task])
    text = str(found.fields["description"])
    assert "station_days.minutes" in text
    assert "Operations" in text  # who owns the dashboard over it
    assert f"{task}" in describe_task(desk.tracker, task)
    assert describe_task(desk.tracker, task).endswith(": open.")
    desk.tracker.move(task, "done")
    assert describe_task(desk.tracker, task).endswith("done: it will be read again.")
