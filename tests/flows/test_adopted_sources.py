"""Sources as projects have them: a service's name as a label, schemas that seeds land in, declared by packages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from blocks.dbt.project import DbtProject
from blocks.findings import Severity
from blocks.loader.dlt.loader import DltLoader
from blocks.quality.suites import Suites
from blocks.warehouse.duckdb.warehouse import DuckDBWarehouse
from flows.check import look_over
from tests.flows.conftest import Place, Run
from tests.flows.test_adopting import init, last_command

FILES = {
    "dbt_project.yml": """name: label
version: "1.0"
profile: label
model-paths: [transform]
models: {label: {+materialized: table}, crm_source: {+materialized: table}}
seeds: {label: {+schema: raw, codes: {+column_types: {code: varchar}}}}
vars: {crm_schema: crm_of_old}
""",
    "packages.yml": "packages: [{local: vendored/crm_source}]\n",
    "transform/sources.yml": """sources:
  - name: lists  # as a service has them in production
    schema: raw
    loader: fivetran
    tables: [{name: kinds, identifier: codes}]
  - name: made
    schema: "{{ target.schema }}_raw"
    loader: stitch
    tables: [{name: shops}]
  - name: till
    schema: till_live
    loader: Stitch
    tables: [{name: sales}]
models:
  - name: receipts
    columns: [{name: sale_id, data_tests: [unique, not_null]}]
""",
    "transform/receipts.sql": """select s.id as sale_id, s.sold_on, s.amount, c.client, k.label, o.city
from {{ source('till', 'sales') }} s
left join {{ ref('stg_clients') }} c on c.id = s.client_id
left join {{ source('lists', 'kinds') }} k on k.code = c.code
left join {{ source('made', 'shops') }} o on o.id = s.shop
""",
    "dbt_packages/crm_source/dbt_project.yml": "name: crm_source\nversion: 1.0.0\n",
    "dbt_packages/crm_source/models/src.yml": """sources:
  - name: crm
    schema: "{{ var('crm_schema', 'crm') }}"
    database: "{{ var('crm_database', target.database) }}"
    loader: fivetran
    tables:
      - name: clients
        columns: [{name: id, description: Key, data_tests: [unique]}]
""",
    "dbt_packages/crm_source/models/stg_clients.sql": "select * from {{ source('crm', 'clients') }}",
    "seeds/codes.csv": "code,label\n00,zero\n01,one\n02,two\n",
    "seeds/shops.csv": "id,city\n1,Rome\n2,Bonn\n",
}


def write_project(folder: Path) -> tuple[Path, Path]:
    for name, text in FILES.items():
        (folder / "dbt" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "dbt" / name).write_text(text)
    sales = "".join(f"{n},{n % 9 + 1},{n % 2 + 1},2026-10-{n % 28 + 1:02},{n}.25\n" for n in range(1, 101))
    clients = "".join(f"{n},client {n},0{n % 3}\n" for n in range(1, 10))
    files = {
        "till/sales.csv": f"id,client_id,shop,sold_on,amount\n{sales}",
        "crm/clients.csv": f"id,client,code\n{clients}",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)
    return folder / "till", folder / "crm"


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("labels")
    till, crm = write_project(folder)
    given = ["--source", f"till={till}", "--source", f"crm={crm}"]
    return folder, init("--project", folder / "dbt", *given, "--ticket", "LB-1", "--apply")


def read_sources(path: Path) -> dict[str, dict[str, object]]:
    return {each["name"]: each for each in yaml.safe_load(path.read_text())["sources"]}


def test_a_service_s_name_is_a_label_where_a_place_is_given(adopted: tuple[Path, str]) -> None:
    folder, message = adopted
    declared = read_sources(folder / "dbt/transform/sources.yml")
    assert declared["till"]["loader"] == "dlt"
    assert (
        "source till: its `loader: Stitch` is taken for a label, as its tables are where --source says"
        in message
    )
    suite = json.loads((folder / "dbt/expectations/receipts.json").read_text())["expectations"]
    sets = {each["kwargs"].get("column"): set(each["kwargs"].get("value_set") or ()) for each in suite}
    assert sets["city"] == {"Rome", "Bonn"}
    assert sets["label"] == {"zero", "one", "two"}
    assert all("100 rows" in each["meta"]["evidence"] for each in suite if "evidence" in each["meta"])


def test_what_seeds_make_is_read_from_them_whatever_schema_and_loader_it_names(
    adopted: tuple[Path, str],
) -> None:
    folder, message = adopted
    declared = read_sources(folder / "dbt/transform/sources.yml")
    assert declared["lists"]["schema"] == "{{ target.schema }}_raw"
    assert (
        "source lists names schema raw, and seeds of its tables' names are in {{ target.schema }}_raw"
        in message
    )
    assert "# as a service has them in production" in (folder / "dbt/transform/sources.yml").read_text()
    assert (declared["made"]["loader"], declared["made"]["schema"]) == ("stitch", "{{ target.schema }}_raw")


def test_a_package_s_source_is_overridden_with_its_columns_and_tests(adopted: tuple[Path, str]) -> None:
    folder, _ = adopted
    (source,) = read_sources(folder / "dbt/transform/crm__source.yml").values()
    assert (source["overrides"], source["loader"], source["meta"]) == ("crm_source", "dlt", {"kind": "files"})
    (table,) = source["tables"]  # type: ignore[misc]
    key = {"name": "id", "description": "Key", "data_tests": ["unique"], "data_type": "integer"}
    assert table["columns"][0] == key
    assert (folder / "dbt/transform/time_spine.sql").is_file()
    for name, text in FILES.items():
        if name.startswith("dbt_packages"):
            assert (folder / "dbt" / name).read_text() == text


def test_check_finds_nothing_to_mend_then_and_says_what_labels_are(
    adopted: tuple[Path, str], tmp_path: Path
) -> None:
    folder, message = adopted
    assert "still to mend" not in message
    assert "could not" not in message
    loader = DltLoader(
        locations={"till": str(folder / "till"), "crm": str(folder / "crm")},
        workdir=tmp_path,
        deadline_seconds=60,
    )

    def look(project: Path) -> dict[tuple[str, Severity], str]:
        found = look_over(
            DbtProject(folder=project, state=tmp_path / "state"),
            DuckDBWarehouse(database=str(tmp_path / "house.duckdb")),
            Suites(folder=folder / "dbt/expectations", docs=tmp_path / "docs"),
            [loader],
            None,
            [],
        )
        return {(each.about, each.severity): each.problem + each.fix for each in found}

    after = look(folder / "dbt")
    assert not [about for about, severity in after if severity is Severity.error], after
    assert "its loader `stitch` is a label" in after["source made.shops", Severity.warning]
    sources = shutil.copytree(folder / "dbt", tmp_path / "dbt") / "transform/sources.yml"
    sources.write_text(sources.read_text().replace("loader: dlt", "loader: fivetran"))
    before = look(tmp_path / "dbt")
    assert (
        "no such loader is given: no load of it, so nothing of receipts"
        in before["source till", Severity.error]
    )


@pytest.mark.soak
def test_readers_see_what_seeds_and_files_hold(
    adopted: tuple[Path, str], tmp_path: Path, command_line: Run
) -> None:
    done = command_line("--state", tmp_path / "state", *last_command(adopted[1]))
    assert done.returncode == 0, done.stdout + done.stderr
    place = Place(tmp_path / "state", command_line)
    rows = "select sum(amount), count(client), count(label), count(city) from serving.receipts"
    assert [tuple(map(float, row)) for row in place.rows(rows)] == [(5075, 100, 100, 100)]
