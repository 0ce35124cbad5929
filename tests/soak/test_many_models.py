"""A project of a thousand models: its second parse goes on from the first, and a check of it takes no minutes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from blocks.dbt.project import DbtProject
from blocks.quality.suites import Suites
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from tasks.project_check import check_project

pytestmark = pytest.mark.soak
MODELS = 1000


def write_models(folder: Path) -> Path:
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: many\nversion: '1.0'\nprofile: many\n")
    lines = ["models:"]
    for number in range(MODELS):
        parent = f"{{{{ ref('m{number // 2}') }}}}" if number else "(select 1 as id, 2 as amount)"
        (folder / "models" / f"m{number}.sql").write_text(
            f"select id, amount from {parent} as p where id > 0\n"
        )
        lines += [f"  - name: m{number}", "    columns: [{name: id, data_tests: [unique, not_null]}]"]
    (folder / "models" / "all.yml").write_text("\n".join(lines))
    return folder


def test_a_thousand_models_are_parsed_once(tmp_path: Path) -> None:
    project = DbtProject(folder=write_models(tmp_path / "dbt"), state=tmp_path / "state")
    warehouse = DuckDBWarehouse(database=str(tmp_path / "house.duckdb"))
    seconds = []
    for schema in ("rel_one", "rel_two"):
        begun = time.monotonic()
        dbt = project.open(warehouse, schema)
        try:
            models = dbt.catalogue.models
            seconds.append(time.monotonic() - begun)
            assert len(models) == MODELS
            assert {mart.schema_name for mart in models.values()} == {schema}
            if schema == "rel_two":
                lineage = dbt.trace_columns()
        finally:
            dbt.close()
    assert seconds[1] < seconds[0] * 0.7, seconds
    last = f"model.many.m{MODELS - 1}"
    assert lineage.model(last)
    assert set(lineage.columns(last)) == {"id", "amount"}


def test_a_thousand_models_are_checked(tmp_path: Path) -> None:
    """What a check costs beside dbt's own parse; a misspelt key in the last of them is found."""
    folder = write_models(tmp_path / "dbt")
    with (folder / "models" / "all.yml").open("a") as file:
        file.write("\n    descripton: The last one\n")
    warehouse = DuckDBWarehouse(database=str(tmp_path / "house.duckdb"))
    dbt = DbtProject(folder=folder, state=tmp_path / "state").open(warehouse, "rel_one")
    try:
        begun = time.process_time()  # of this process: not dbt's, which parses
        found = check_project(dbt, "rel_one", Suites(folder=tmp_path / "suites", docs=tmp_path / "docs"), [])
        seconds = time.process_time() - begun
    finally:
        dbt.close()
    (misspelt,) = [each for each in found if "`descripton`" in each.problem]
    assert misspelt.about == f"model m{MODELS - 1}"
    assert seconds < 30, seconds
