"""The two walks of docs/adopting.md, from a folder of files and from a dbt project as it is: no hand edits."""

from __future__ import annotations

import io
import json
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from blocks.dbt.worker_client import suggest_remedy
from blocks.errors import BuildFailed
from flows.flags import read_flags
from flows.init import show_init
from flows.local import read_locations
from flows.terminal import Terminal
from tasks.adoption import Adopter
from tests.flows.conftest import Place, Run

PROJECT = """name: stall
version: "1.0"
profile: default  # as dbt wrote it
models: {stall: {+materialized: table}}
"""
SOURCES = """version: 2

sources:
    # what the till exports
    - name: till
      schema: raw
      tables:
          - name: raw_sales  # one row a receipt
            columns:
                - name: id
                  data_tests: [unique, not_null]
          - name: raw_stands
"""
MARTS = """
models:
  - name: sales   # the mart
    columns:
      - name: sale_id
        data_tests:
          - unique
          - not_null
      - name: product
        data_tests:
          - accepted_values: {arguments: {values: [tea, cake, iced tea]}}
      - name: stand
        data_tests:
          - not_null: {config: {where: "sale_id > 0"}}

exposures:
  - name: stall_board
    type: dashboard   # drawn elsewhere until now
    owner: {name: Ada}
    depends_on: [ref('sales')]
"""
SALES = """select s.id as sale_id, s.sold_at, s.product, s.amount, s.pieces, t.name as stand
from {{ source('till', 'raw_sales') }} as s
left join {{ source('till', 'raw_stands') }} as t on s.stand_id = t.id
"""
RECEIPTS = """semantic_models:
  - name: receipts
    model: ref('receipts')
    defaults: {agg_time_dimension: sold_at}
    entities: [{name: receipt, type: primary, expr: receipt_no}]
    dimensions:
      - {name: sold_at, type: time, type_params: {time_granularity: day}}
      - {name: stand_no, type: categorical}
      - {name: pieces, type: categorical}
      - {name: product, type: categorical}
      - {name: is_large, type: categorical, expr: pieces > 2}
    measures: [{name: receipt_rows, agg: sum, expr: "1"}]
metrics:
  - {name: receipts, label: Receipts, type: simple, type_params: {measure: receipt_rows}}
"""


def write_files(folder: Path, prefix: str = "") -> Path:
    folder.mkdir(parents=True)
    lines = ["id,stand_id,sold_at,product,amount,pieces,Post Code"]
    for number in range(1, 61):
        product = ("tea", "cake", "iced tea")[number % 3]
        lines.append(
            f"{number},{number % 3 + 1},2026-03-{number % 28 + 1:02} 09:{number % 60:02}:00,{product},"
            f"{number % 7}.50,{number % 4},0{1000 + number % 5}"
        )
    (folder / f"{prefix}sales.csv").write_text("\n".join(lines) + "\n")
    stands = "id,name,district\n1,Park,north\n2,Pier,south\n3,Plaza,north\n"
    (folder / f"{prefix}stands.csv").write_text(stands)
    return folder


def write_stall(folder: Path) -> Path:
    files = {
        "dbt_project.yml": PROJECT,
        "models/_sources.yml": SOURCES,
        "models/marts.yml": MARTS,
        "models/sales.sql": SALES,
        "models/receipts.yml": RECEIPTS,
        "models/receipts.sql": "select sale_id as receipt_no, sold_at, product, pieces, stand_no"
        " from (select *, sale_id % 3 as stand_no from {{ ref('sales') }})",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    write_files(folder / "exports", "raw_")
    return folder


def init(*flags: object) -> str:
    parsed = read_flags(["init", *map(str, flags)])
    with redirect_stdout(io.StringIO()) as message:
        show_init(parsed, read_locations(parsed), Terminal(quiet=True))
    return message.getvalue()


def last_command(message: str) -> list[str]:
    """The flags of the last command that init tells to type."""
    return shlex.split(message.strip().splitlines()[-1])[2:]


def adopt_files(folder: Path, command_line: Any, *flags: object) -> None:
    """From a folder of files to its dashboard by what `init` prints, without an edit. flags: of a warehouse."""
    begun = command_line("init", "--project", folder, "--ticket", "EX-1", "--apply", *flags)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    assert "still to mend" not in begun.stdout
    command = last_command(begun.stdout)
    assert "--warehouse" in command
    for words in (["check", *command], command):
        done = command_line(*words, *flags[2:], timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "status: done" in (folder / "dbt" / "tickets" / "EX-1.yaml").read_text()


def test_from_a_folder_of_files_to_a_dashboard(tmp_path: Path, command_line: Run) -> None:
    folder = write_files(tmp_path / "shop")
    message = init("--project", folder, "--ticket", "SH-1", "--apply")
    assert "still to mend" not in message
    assert "could not" not in message
    source = yaml.safe_load((folder / "dbt/models/staging/shop/_shop__sources.yml").read_text())["sources"][0]
    sales = {column["name"]: column for column in source["tables"][0]["columns"]}
    kinds = ["integer", "integer", "timestamp", "varchar", "decimal(18,2)", "integer", "varchar"]
    assert [column["data_type"] for column in sales.values()] == kinds  # codes keep their zeros
    assert sales["post_code"]["config"]["meta"] == {"origin": "Post Code"}
    assert "left join stands" in (folder / "dbt/models/marts/sales.sql").read_text()
    done = command_line("--state", tmp_path / "state", *last_command(message))
    assert done.returncode == 0, done.stdout + done.stderr
    place = Place(tmp_path / "state", command_line)
    assert place.rows("select count(*), sum(amount), count(stand_district) from serving.sales") == [
        (60, 208, 60)
    ]
    assert place.page("sales_overview").is_file()
    assert "status: done" in (folder / "dbt/tickets/SH-1.yaml").read_text()


def test_nothing_is_written_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def adopt(self: Adopter, root: Path, locations: dict[str, str]) -> None:
        self.found.files[root / "dbt" / "dbt_project.yml"] = "name: shop\n"
        self.found.locations["shop"] = "postgresql://ada:secret@db/shop"

    monkeypatch.setattr(Adopter, "adopt", adopt)
    message = init("--project", tmp_path)
    assert "+name: shop" in message
    assert "run this again with --apply" in message
    assert "secret" not in message
    assert not list(tmp_path.iterdir())
    assert "1 files written" in init("--project", tmp_path, "--apply")
    assert (tmp_path / "dbt" / "dbt_project.yml").read_text() == "name: shop\n"
    assert "nothing to add" in init("--project", tmp_path, "--apply")


def test_an_error_names_a_log_that_is_still_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def adopt(self: Adopter, root: Path, locations: dict[str, str]) -> None:
        log = self._state / "logs" / "dbt.log"
        log.parent.mkdir(parents=True)
        log.write_text("what dbt said")
        raise BuildFailed("dbt make", "it ended", suggest_remedy("no", log))

    monkeypatch.setattr(Adopter, "adopt", adopt)
    with pytest.raises(BuildFailed) as failed:
        init("--project", tmp_path, "--state", tmp_path / "state")
    (named,) = re.findall(r"See (.*)\.$", failed.value.remedy)
    assert Path(named).read_text() == "what dbt said"


def test_an_extension_that_cannot_be_fetched_is_named_with_what_to_do() -> None:
    answer = 'IO Error: Failed to download extension "httpfs" at URL "http://x/httpfs.duckdb_extension.gz"'
    assert "extension httpfs, which can't be fetched" in suggest_remedy(answer, Path("dbt.log"))


@pytest.fixture(scope="module")
def stall(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = write_stall(tmp_path_factory.mktemp("adopted") / "stall")
    return folder, init("--project", folder, "--ticket", "ST-1", "--apply")


def test_a_dbt_project_is_adopted_in_place(stall: tuple[Path, str]) -> None:
    folder, message = stall
    assert "still to mend" not in message
    sources = (folder / "models" / "_sources.yml").read_text()
    for comment in ("# what the till exports", "# one row a receipt", "data_tests: [unique, not_null]"):
        assert comment in sources
    (source,) = yaml.safe_load(sources)["sources"]
    assert (source["loader"], source["config"]["meta"]["kind"]) == ("dlt", "files")
    assert source["tables"][0]["columns"][0]["data_type"] == "integer"
    marts = (folder / "models" / "marts.yml").read_text()
    assert "# drawn elsewhere until now" in marts
    meta = yaml.safe_load(marts)["exposures"][0]["config"]["meta"]
    assert meta["ticket"] == "ST-1"
    assert meta["metrics"][:2] == ["sales_count", "sales_amount"]
    assert (folder / "tickets" / "ST-1.yaml").is_file()
    again = init("--project", folder, "--ticket", "ST-1", "--apply")
    assert "nothing to add" in again
    assert "+++" not in again


def test_what_is_no_number_splits_known_metrics(stall: tuple[Path, str]) -> None:
    """Numbers are dimensions to many projects; a page that is split by one says little.

    The project has semantic models and no time spine, which dbt refuses to parse: one is proposed first.
    """
    assert (stall[0] / "models" / "time_spine.sql").is_file()
    proposed = yaml.safe_load((stall[0] / "models" / "receipts__dashboard.yml").read_text())
    (exposure,) = proposed["exposures"]
    assert exposure["config"]["meta"]["metrics"] == ["receipts"]
    assert exposure["config"]["meta"]["dimensions"] == ["product", "is_large"]


def test_dbts_tests_become_expectations_and_the_rest_is_unreviewed(stall: tuple[Path, str]) -> None:
    suite = json.loads((stall[0] / "expectations" / "sales.json").read_text())
    translated = [each for each in suite["expectations"] if "dbt_test" in each["meta"]]
    assert [(each["type"], each["kwargs"]) for each in translated] == [
        ("expect_column_values_to_be_unique", {"column": "sale_id"}),
        ("expect_column_values_to_not_be_null", {"column": "sale_id"}),
        (
            "expect_column_values_to_be_in_set",
            {"column": "product", "value_set": ["tea", "cake", "iced tea"]},
        ),
    ]
    others = [each["meta"] for each in suite["expectations"] if "dbt_test" not in each["meta"]]
    assert others
    assert all(meta["unreviewed"] is True and "60 rows" in meta["evidence"] for meta in others)


@pytest.mark.soak
def test_from_a_dbt_project_to_a_dashboard(
    stall: tuple[Path, str], tmp_path: Path, command_line: Run
) -> None:
    done = command_line("--state", tmp_path / "state", *last_command(stall[1]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert Place(tmp_path / "state", command_line).page("stall_board").is_file()
